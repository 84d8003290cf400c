use super::*;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Entry, Index, InstallSnapshot, InstallSnapshotReply,
    Log, Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply, ServerId, Snapshot, Term, TimeoutNow,
};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};

mod appends;
mod golden;
mod limits;
mod newer;
mod streamed;

use golden::{golden_messages, golden_states, with_data};

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
