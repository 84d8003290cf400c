use super::*;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Entry, Index, InstallSnapshot, InstallSnapshotReply,
    Log, Message, RequestVote, RequestVoteReply, ServerId, Snapshot, Term,
};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

mod newer;

type Packet = Envelope<Command, SnapshotData>;

/// Group 5 with the servers 10, 300 and 70,000: ids of one, three and five bytes.
fn cluster() -> Cluster {
    Cluster::new(5, &[10, 300, 70_000].into())
}

fn me() -> Identity {
    Identity { server: 300, cluster: cluster() }
}

fn encode_message(message: &Packet) -> Result<Bytes, CodecError> {
    encode(&cluster(), FIRST_VERSION, message).map(Frame::into_bytes)
}

fn decode_message(bytes: &[u8]) -> Result<Packet, CodecError> {
    decode(&cluster(), bytes)
}

fn decode_state(bytes: &[u8]) -> Result<Persistent<Command, ()>, CodecError> {
    super::decode_state(&Bytes::copy_from_slice(bytes)).map(|(identity, state)| {
        assert_eq!(identity, me());
        state
    })
}

fn encode_state(state: &Persistent<Command, SnapshotData>) -> Result<Bytes, CodecError> {
    super::encode_state(&me(), state)
}

/// The bytes of a hexadecimal number; spaces are left out.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<char> = digits.chars().filter(|digit| !digit.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

fn packet(from: u8, to: u8, message: Message<Command, SnapshotData>) -> Packet {
    Envelope { from: ServerId(from), to: ServerId(to), message }
}

fn entry(term: u64, command: &'static [u8]) -> Entry<Command> {
    Entry { term: Term(term), command: Bytes::from_static(command) }
}

fn append_reply(result: AppendResult) -> Packet {
    packet(1, 0, Message::AppendEntriesReply(AppendEntriesReply { term: Term(3), result }))
}

fn append(entries: Vec<Entry<Command>>) -> Packet {
    packet(
        0,
        1,
        Message::AppendEntries(AppendEntries {
            term: Term(3),
            prev_log_index: Index(7),
            prev_log_term: Term(2),
            entries,
            leader_commit: Index(6),
        }),
    )
}

/// A head of version 1 and what follows it, with what stands in front.
fn framed(format: u8, head: &str, payload: &[u8]) -> Vec<u8> {
    let head = hex(head);
    let length = u32::try_from(head.len()).unwrap().to_le_bytes();
    [&[format, 1], &length[..], &head, payload].concat()
}

/// Every kind of message, and its head and payload: a change of format must be meant, and is a new version.
fn golden_messages() -> Vec<(Packet, Vec<u8>)> {
    let conflict = |conflict_term, installing| AppendResult::Conflict {
        prev_log_index: Index(7),
        conflict_index: Index(4),
        conflict_term,
        installing,
    };
    let snapshot = Snapshot {
        last_included_index: Index(8),
        last_included_term: Term(2),
        data: SnapshotData::from("xyz"),
    };
    let vote = RequestVote { term: Term(3), last_log_index: Index(300), last_log_term: Term(2) };
    let granted = RequestVoteReply { term: Term(3), vote_granted: true };
    let installed = InstallSnapshotReply { term: Term(3), last_included_index: Some(Index(8)) };
    let refused = InstallSnapshotReply { term: Term(0x1_0000), last_included_index: None };
    let golden = |message, head, payload: &[u8]| (message, framed(MESSAGE_FORMAT, head, payload));
    vec![
        // Group 5, from, to, the kind. 300 does not fit one byte: tag FB, then two bytes, the lower first.
        golden(packet(1, 2, Message::RequestVote(vote)), "05 FB2C01 FC70110100 00 03 FB2C01 02", b""),
        golden(packet(2, 1, Message::RequestVoteReply(granted)), "05 FC70110100 FB2C01 01 03 01", b""),
        golden(append(vec![]), "05 0A FB2C01 02 03 07 02 06 00", b""),
        // Of each entry its term, what it carries, and how many bytes.
        golden(
            append(vec![entry(2, b"ab"), entry(3, b"")]),
            "05 0A FB2C01 02 03 07 02 06 02 020002 030000",
            b"ab",
        ),
        golden(
            append_reply(AppendResult::Success { match_index: Index(9) }),
            "05 FB2C01 0A 03 03 00 09",
            b"",
        ),
        golden(append_reply(AppendResult::StaleTerm), "05 FB2C01 0A 03 03 01", b""),
        golden(append_reply(conflict(Some(Term(2)), None)), "05 FB2C01 0A 03 03 02 07 04 0102 00", b""),
        golden(append_reply(conflict(None, Some(Index(8)))), "05 FB2C01 0A 03 03 02 07 04 00 0108", b""),
        // Index, term, the servers that vote, the length.
        golden(
            packet(0, 1, Message::InstallSnapshot(InstallSnapshot { term: Term(3), snapshot })),
            "05 0A FB2C01 04 03 08 02 03 0A FB2C01 FC70110100 03",
            b"xyz",
        ),
        golden(packet(1, 0, Message::InstallSnapshotReply(installed)), "05 FB2C01 0A 05 03 0108", b""),
        // 0x10000 takes four bytes after the tag FC.
        golden(packet(1, 0, Message::InstallSnapshotReply(refused)), "05 FB2C01 0A 05 FC00000100 00", b""),
    ]
}

/// States and their bytes.
fn golden_states() -> Vec<(Persistent<Command, ()>, Vec<u8>)> {
    let snapshot = Snapshot { last_included_index: Index(8), last_included_term: Term(2), data: () };
    vec![
        // Group 5, server 300, the servers that vote.
        (Persistent::default(), framed(STATE_FORMAT, "05 FB2C01 03 0A FB2C01 FC70110100 00 00 00 00", b"")),
        (
            Persistent {
                current_term: Term(5),
                voted_for: Some(ServerId(2)),
                log: Log::from_parts(Some(snapshot), vec![entry(3, b"ab"), entry(5, b"c")]),
            },
            framed(
                STATE_FORMAT,
                "05 FB2C01 03 0A FB2C01 FC70110100 05 01FC70110100
                 01 08 02 03 0A FB2C01 FC70110100 02 030002 050001",
                b"abc",
            ),
        ),
    ]
}

/// The state with some data in its snapshot: encoding must leave it out.
fn with_data(state: &Persistent<Command, ()>) -> Persistent<Command, SnapshotData> {
    let snapshot = state.log.snapshot().map(|s| Snapshot {
        last_included_index: s.last_included_index,
        last_included_term: s.last_included_term,
        data: SnapshotData::from("not in the state"),
    });
    Persistent {
        current_term: state.current_term,
        voted_for: state.voted_for,
        log: Log::from_parts(snapshot, state.log.entries().to_vec()),
    }
}

#[test]
fn messages_have_their_golden_bytes() {
    for (message, bytes) in golden_messages() {
        assert_eq!(encode_message(&message).as_deref(), Ok(&bytes[..]), "{message:?}");
        assert_eq!(decode_message(&bytes), Ok(message));
    }
}

#[test]
fn states_have_their_golden_bytes() {
    for (state, bytes) in golden_states() {
        assert_eq!(encode_state(&with_data(&state)).as_deref(), Ok(&bytes[..]), "{state:?}");
        assert_eq!(decode_state(&bytes), Ok(state));
    }
}

#[test]
fn what_is_cut_short_is_refused() {
    for (message, bytes) in golden_messages() {
        for length in 0..bytes.len() {
            assert!(decode_message(&bytes[..length]).is_err(), "{message:?} cut to {length} bytes");
        }
    }
    for (state, bytes) in golden_states() {
        for length in 0..bytes.len() {
            assert!(decode_state(&bytes[..length]).is_err(), "{state:?} cut to {length} bytes");
        }
    }
}

#[test]
fn what_follows_the_end_is_refused() {
    for (_, bytes) in golden_messages() {
        let longer = [&bytes[..], b"\x00\x00"].concat();
        assert_eq!(decode_message(&longer), Err(CodecError::TrailingBytes(2)));
    }
    for (_, bytes) in golden_states() {
        let longer = [&bytes[..], b"\x00"].concat();
        assert_eq!(decode_state(&longer), Err(CodecError::TrailingBytes(1)));
    }
}

#[test]
fn another_format_is_refused() {
    let (_, message) = golden_messages().swap_remove(0);
    let (_, state) = golden_states().swap_remove(0);
    assert_eq!(decode_message(&state), Err(CodecError::Format { found: Some(0x21), expected: 0x12 }));
    assert_eq!(decode_state(&message), Err(CodecError::Format { found: Some(0x12), expected: 0x21 }));
    assert_eq!(decode_message(b""), Err(CodecError::Format { found: None, expected: 0x12 }));
}

#[test]
fn an_unknown_version_is_refused_with_what_to_do() {
    let (_, mut message) = golden_messages().swap_remove(0);
    message[1] = 9;
    let refused = decode_message(&message).unwrap_err();
    assert_eq!(refused, CodecError::Version { found: 9, versions: Versions::KNOWN });
    assert_eq!(
        refused.to_string(),
        "version 9, and this build knows 1: update this server, or let the hello of both servers agree on a version that both \
         know"
    );
    let (message, _) = golden_messages().swap_remove(0);
    assert!(matches!(encode(&cluster(), 9, &message), Err(CodecError::Version { found: 9, .. })));
    let (_, mut state) = golden_states().swap_remove(0);
    state[1] = 0;
    assert!(matches!(decode_state(&state), Err(CodecError::Version { found: 0, .. })));
}

#[test]
fn a_message_of_another_cluster_is_refused() {
    let (_, message) = golden_messages().swap_remove(2);
    let with = |group, voters: &[u64]| {
        decode(&Cluster::new(group, &voters.iter().copied().collect()), &message[..]).map(|_| ())
    };
    assert_eq!(with(5, &[10, 300, 70_000]), Ok(()));
    assert_eq!(with(6, &[10, 300, 70_000]), Err(CodecError::Group { found: 5, expected: 6 }));
    assert_eq!(with(5, &[10, 301, 70_000]), Err(CodecError::UnknownServer(300)));
    let (_, snapshot) = golden_messages().swap_remove(8);
    let found = vec![10, 300, 70_000];
    let expected = vec![10, 300, 70_001];
    let cluster = Cluster::new(5, &[10, 300, 70_001].into());
    assert_eq!(decode(&cluster, snapshot), Err(CodecError::Configuration { found, expected }));
}

#[test]
fn what_an_entry_may_carry_one_day_is_refused_today() {
    for payload in ["01", "02 01 0A"] {
        let bytes = framed(MESSAGE_FORMAT, &format!("05 0A FB2C01 02 03 07 02 06 01 02 {payload}"), b"");
        assert_eq!(decode_message(&bytes), Err(CodecError::NoCommand));
    }
}

#[test]
fn commands_are_shared_and_not_copied() {
    let command = Bytes::from(vec![7; 100]);
    let entries = vec![Entry { term: Term(3), command: command.clone() }; 2];
    let frame = encode(&cluster(), FIRST_VERSION, &append(entries)).unwrap();
    assert!(frame.chunks().skip(1).all(|chunk| chunk.as_ptr() == command.as_ptr()), "copied to be sent");
    let commands = |frame: Frame| match decode(&cluster(), frame).unwrap().message {
        Message::AppendEntries(message) => {
            message.entries.iter().map(|entry| entry.command.as_ptr()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(
        commands(frame.clone()),
        [command.as_ptr(); 2],
        "copied though in the pieces in which it was sent"
    );
    let arrived = frame.into_bytes();
    let there = arrived.as_ptr_range();
    assert!(
        commands(arrived.into()).iter().all(|command| there.contains(command)),
        "copied from what arrived"
    );
}

#[test]
fn a_frame_is_the_same_in_whatever_pieces_it_arrives() {
    let message = append(vec![entry(2, b"ab"), entry(3, b"cde"), entry(3, b"")]);
    let whole = encode_message(&message).unwrap();
    let head = whole.len() - 5;
    for first in head..whole.len() {
        for second in first..whole.len() {
            let frame = Frame {
                head: whole.slice(..first),
                payload: vec![whole.slice(first..second), Bytes::new(), whole.slice(second..)],
            };
            assert_eq!(decode(&cluster(), frame), Ok(message.clone()), "cut at {first} and {second}");
        }
    }
}

#[test]
fn huge_lengths_are_refused_before_they_are_allocated() {
    // Each ends with a length of 2^62: allocating it would end the process.
    let huge = "FD 0000000000000040";
    let heads = [
        "05 0A FB2C01 02 03 07 02 06",                      // the number of entries
        "05 0A FB2C01 02 03 07 02 06 01 02 00",             // the first command's length
        "05 0A FB2C01 04 03 08 02",                         // the number of servers
        "05 0A FB2C01 04 03 08 02 03 0A FB2C01 FC70110100", // the snapshot's length
    ];
    for head in heads {
        let bytes = framed(MESSAGE_FORMAT, &format!("{head} {huge}"), b"");
        assert!(matches!(decode_message(&bytes), Err(CodecError::Malformed(_))), "{head}");
    }
    let heads = [
        "05 FB2C01",                                           // the number of servers
        "05 FB2C01 03 0A FB2C01 FC70110100 00 00 00",          // the number of entries
        "05 FB2C01 03 0A FB2C01 FC70110100 00 00 00 01 01 00", // the first command's length
    ];
    for head in heads {
        let bytes = framed(STATE_FORMAT, &format!("{head} {huge}"), b"");
        assert!(matches!(decode_state(&bytes), Err(CodecError::Malformed(_))), "{head}");
    }
    // The length of the head itself.
    let bytes = [MESSAGE_FORMAT, 1, 0xFF, 0xFF, 0xFF, 0xFF, 5];
    assert!(matches!(decode_message(&bytes), Err(CodecError::Malformed(_))));
}

#[test]
fn random_bytes_never_panic() {
    let mut random = StdRng::seed_from_u64(1);
    let mut decoded = 0;
    for _ in 0..200_000 {
        let mut bytes = vec![0; random.random_range(1..40)];
        random.fill_bytes(&mut bytes);
        let head = u8::try_from(bytes.len().saturating_sub(serial::PREFIX)).unwrap();
        if let Some(prefix) = bytes.get_mut(..serial::PREFIX) {
            prefix.copy_from_slice(&[MESSAGE_FORMAT, 1, head, 0, 0, 0]);
        }
        // The group and two servers of the cluster: random ones are none of it.
        for (place, byte) in bytes.iter_mut().skip(serial::PREFIX).zip([5, 10, 10]) {
            *place = byte;
        }
        decoded += usize::from(decode_message(&bytes).is_ok());
        bytes[0] = STATE_FORMAT;
        decoded += usize::from(decode_state(&bytes).is_ok());
    }
    assert!(decoded > 0, "some random bytes are a message: the test reaches past the first byte");
}

#[test]
fn changed_bytes_never_panic() {
    let mut random = StdRng::seed_from_u64(2);
    let golden = golden_messages();
    for round in 0..100_000 {
        let mut bytes = golden[round % golden.len()].1.clone();
        let at = random.random_range(1..bytes.len());
        bytes[at] = random.random();
        if let Ok(message) = decode_message(&bytes) {
            assert_eq!(encode_message(&message).map(|again| decode_message(&again)), Ok(Ok(message)));
        }
    }
}

#[test]
fn honest_messages_of_every_size_pass_the_limit() {
    // Entries without a command claim the most memory per byte.
    for entries in [0, 1, 2040, 2044, 2048, 32_000, 32_768, 300_000, 600_000] {
        let message = append(vec![entry(3, b""); entries]);
        let bytes = encode_message(&message).unwrap();
        assert_eq!(decode_message(&bytes), Ok(message), "{entries} entries in {} bytes", bytes.len());
    }
}

#[test]
fn a_message_beyond_the_cap_is_neither_written_nor_read() {
    let command = Bytes::from(vec![0; MESSAGE_LIMIT]);
    let message = append(vec![Entry { term: Term(3), command: command.clone() }]);
    assert!(matches!(encode_message(&message), Err(CodecError::TooLong { limit: MESSAGE_LIMIT, .. })));
    // What another build may have sent.
    let head = format!("05 0A FB2C01 02 03 07 02 06 01 03 00 FC {:08X}", (MESSAGE_LIMIT as u32).swap_bytes());
    let bytes = framed(MESSAGE_FORMAT, &head, &command);
    let length = bytes.len();
    assert_eq!(decode_message(&bytes), Err(CodecError::TooLong { length, limit: MESSAGE_LIMIT }));
}

#[test]
fn a_snapshot_beyond_the_cap_of_other_messages_is_written_and_read() {
    let snapshot = Snapshot {
        last_included_index: Index(8),
        last_included_term: Term(2),
        data: SnapshotData::from(vec![7; MESSAGE_LIMIT + 1]),
    };
    let message = Message::InstallSnapshot(InstallSnapshot { term: Term(3), snapshot });
    let message = Envelope { from: ServerId(0), to: ServerId(1), message };
    let bytes = encode_message(&message).unwrap();
    assert!(decode_message(&bytes) == Ok(message));
    // Half of it: the length that it names is more than what follows.
    assert!(matches!(decode_message(&bytes[..bytes.len() / 2]), Err(CodecError::Malformed(_))));
}

/// The buffer is made large enough at once, whatever the numbers.
#[test]
fn an_encoding_is_no_longer_than_foreseen() {
    let large = |command: &'static [u8]| Entry { term: Term(u64::MAX), command: Bytes::from_static(command) };
    for entries in [vec![], vec![large(b"")], vec![large(&[0; 300]); 100], vec![large(&[0; 70_000]); 3]] {
        let mut message = append(entries.clone());
        if let Message::AppendEntries(message) = &mut message.message {
            let most = Index(u64::MAX);
            (message.term, message.prev_log_index, message.leader_commit) = (Term(u64::MAX), most, most);
        }
        let most = Cluster::new(u64::MAX, &[u64::MAX - 1, u64::MAX].into());
        let length = encode(&most, FIRST_VERSION, &message).unwrap().head.len();
        let room = serial::PREFIX + HEAD + ENTRY * entries.len();
        assert!(length <= room, "{length} bytes for {} entries", entries.len());
    }
}

#[test]
fn forty_small_commands_take_little_room() {
    let entries = (0..40).map(|_| entry(70, b"1234567890")).collect();
    let state = Persistent { current_term: Term(70), voted_for: None, log: Log::from_parts(None, entries) };
    let length = encode_state(&state).unwrap().len();
    assert!(length < 560, "{length} bytes");
}
