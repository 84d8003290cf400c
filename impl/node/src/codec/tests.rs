use super::*;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, InstallSnapshot, InstallSnapshotReply, Message,
    RequestVote, RequestVoteReply,
};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

type Packet = Envelope<Command, SnapshotData>;

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

/// Every kind of message, and its bytes: a change of format must be meant.
fn golden_messages() -> Vec<(Packet, &'static [u8])> {
    let conflict = |conflict_term, installing| AppendResult::Conflict {
        prev_log_index: Index(7),
        conflict_index: Index(4),
        conflict_term,
        installing,
    };
    let snapshot = Snapshot {
        last_included_index: Index(8),
        last_included_term: Term(2),
        data: Bytes::from_static(b"xyz"),
    };
    let vote = RequestVote { term: Term(3), last_log_index: Index(300), last_log_term: Term(2) };
    let granted = RequestVoteReply { term: Term(3), vote_granted: true };
    let installed = InstallSnapshotReply { term: Term(3), last_included_index: Some(Index(8)) };
    let refused = InstallSnapshotReply { term: Term(0x1_0000), last_included_index: None };
    vec![
        // 300 does not fit one byte: tag 0xFB, then two bytes, the lower first.
        (packet(1, 2, Message::RequestVote(vote)), b"\x12\x01\x02\x00\x03\xFB\x2C\x01\x02"),
        (packet(2, 1, Message::RequestVoteReply(granted)), b"\x12\x02\x01\x01\x03\x01"),
        (append(vec![]), b"\x12\x00\x01\x02\x03\x07\x02\x00\x06"),
        (
            append(vec![entry(2, b"ab"), entry(3, b"")]),
            b"\x12\x00\x01\x02\x03\x07\x02\x02\x02\x02ab\x03\x00\x06",
        ),
        (append_reply(AppendResult::Success { match_index: Index(9) }), b"\x12\x01\x00\x03\x03\x00\x09"),
        (append_reply(AppendResult::StaleTerm), b"\x12\x01\x00\x03\x03\x01"),
        (append_reply(conflict(Some(Term(2)), None)), b"\x12\x01\x00\x03\x03\x02\x07\x04\x01\x02\x00"),
        (append_reply(conflict(None, Some(Index(8)))), b"\x12\x01\x00\x03\x03\x02\x07\x04\x00\x01\x08"),
        (
            packet(0, 1, Message::InstallSnapshot(InstallSnapshot { term: Term(3), snapshot })),
            b"\x12\x00\x01\x04\x03\x08\x02\x03xyz",
        ),
        (packet(1, 0, Message::InstallSnapshotReply(installed)), b"\x12\x01\x00\x05\x03\x01\x08"),
        // 0x10000 takes four bytes after the tag 0xFC.
        (packet(1, 0, Message::InstallSnapshotReply(refused)), b"\x12\x01\x00\x05\xFC\x00\x00\x01\x00\x00"),
    ]
}

/// States and their bytes.
fn golden_states() -> Vec<(Persistent<Command, ()>, &'static [u8])> {
    let snapshot = Snapshot { last_included_index: Index(8), last_included_term: Term(2), data: () };
    vec![
        (Persistent::default(), b"\x21\x00\x00\x00\x00"),
        (
            Persistent {
                current_term: Term(5),
                voted_for: Some(ServerId(2)),
                log: Log::from_parts(Some(snapshot), vec![entry(3, b"ab"), entry(5, b"c")]),
            },
            b"\x21\x05\x01\x02\x01\x08\x02\x02\x03\x02ab\x05\x01c",
        ),
    ]
}

/// The state with some data in its snapshot: encoding must leave it out.
fn with_data(state: &Persistent<Command, ()>) -> Persistent<Command, SnapshotData> {
    let snapshot = state.log.snapshot().map(|s| Snapshot {
        last_included_index: s.last_included_index,
        last_included_term: s.last_included_term,
        data: Bytes::from_static(b"not in the state"),
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
        assert_eq!(encode_message(&message).as_deref(), Ok(bytes), "{message:?}");
        assert_eq!(decode_message(bytes), Ok(message));
    }
}

#[test]
fn states_have_their_golden_bytes() {
    for (state, bytes) in golden_states() {
        assert_eq!(encode_state(&with_data(&state)).as_deref(), Ok(bytes), "{state:?}");
        assert_eq!(decode_state(bytes), Ok(state));
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
        let longer = [bytes, b"\x00\x00"].concat();
        assert_eq!(decode_message(&longer), Err(CodecError::TrailingBytes(2)));
    }
    for (_, bytes) in golden_states() {
        let longer = [bytes, b"\x00"].concat();
        assert_eq!(decode_state(&longer), Err(CodecError::TrailingBytes(1)));
    }
}

#[test]
fn another_format_is_refused() {
    let (_, message) = golden_messages().swap_remove(0);
    let (_, state) = golden_states().swap_remove(0);
    assert_eq!(decode_message(state), Err(CodecError::Format { found: Some(0x21), expected: 0x12 }));
    assert_eq!(decode_state(message), Err(CodecError::Format { found: Some(0x12), expected: 0x21 }));
    assert_eq!(decode_message(b""), Err(CodecError::Format { found: None, expected: 0x12 }));
}

#[test]
fn huge_lengths_are_refused_before_they_are_allocated() {
    // Each ends with a length of 2^62: allocating it would end the process.
    let huge = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0x40];
    let prefixes: [&[u8]; 3] = [
        b"\x12\x00\x01\x02\x03\x07\x02",         // the number of entries
        b"\x12\x00\x01\x02\x03\x07\x02\x02\x02", // the first command's length
        b"\x12\x00\x01\x04\x03\x08\x02",         // the snapshot's length
    ];
    for prefix in prefixes {
        let bytes = [prefix, &huge].concat();
        assert!(matches!(decode_message(&bytes), Err(CodecError::Malformed(_))), "{bytes:02x?}");
    }
    for prefix in [&b"\x21\x00\x00\x00"[..], b"\x21\x00\x00\x00\x01\x01"] {
        let bytes = [prefix, &huge].concat();
        assert!(matches!(decode_state(&bytes), Err(CodecError::Malformed(_))), "{bytes:02x?}");
    }
}

#[test]
fn a_length_far_beyond_the_input_is_over_the_limit() {
    // 64 KiB for the command of a message of 16 bytes: little enough to allocate, but not honest.
    let bytes = b"\x12\x00\x01\x02\x03\x07\x02\x01\x02\xFC\x00\x00\x01\x00abc";
    let Err(CodecError::Malformed(reason)) = decode_message(bytes) else { panic!("must be refused") };
    assert!(reason.contains("LimitExceeded"), "{reason}");
}

#[test]
fn random_bytes_never_panic() {
    let mut random = StdRng::seed_from_u64(1);
    let mut decoded = 0;
    for _ in 0..200_000 {
        let mut bytes = vec![0; random.random_range(1..40)];
        random.fill_bytes(&mut bytes);
        bytes[0] = MESSAGE_FORMAT;
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
        let mut bytes = golden[round % golden.len()].1.to_vec();
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
    let bytes = [&[MESSAGE_FORMAT], &command[..]].concat();
    let length = bytes.len();
    assert_eq!(decode_message(&bytes), Err(CodecError::TooLong { length, limit: MESSAGE_LIMIT }));
}

#[test]
fn a_snapshot_beyond_the_cap_of_other_messages_is_written_and_read() {
    let snapshot = Snapshot {
        last_included_index: Index(8),
        last_included_term: Term(2),
        data: Bytes::from(vec![7; MESSAGE_LIMIT + 1]),
    };
    let message = Message::InstallSnapshot(InstallSnapshot { term: Term(3), snapshot });
    let message = Envelope { from: ServerId(0), to: ServerId(1), message };
    let bytes = encode_message(&message).unwrap();
    assert_eq!(bytes[KIND], INSTALL_SNAPSHOT);
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
        let length = encode_message(&message).unwrap().len();
        assert!(length <= HEADER + room_for(&entries), "{length} bytes for {} entries", entries.len());
    }
}

#[test]
fn forty_small_commands_take_little_room() {
    let entries = (0..40).map(|_| entry(70, b"1234567890")).collect();
    let state = Persistent { current_term: Term(70), voted_for: None, log: Log::from_parts(None, entries) };
    let length = encode_state(&state).unwrap().len();
    assert!(length < 500, "{length} bytes");
}
