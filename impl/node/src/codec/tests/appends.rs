//! What is written and read without serde is what serde writes and reads.

use super::*;
use crate::codec::serial::{self, PREFIX, Payload};

/// Numbers on both sides of where one more byte is needed.
const EDGES: [u64; 8] = [0, 250, 251, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, u64::MAX];

/// A number of any length in bytes.
fn number(random: &mut StdRng) -> u64 {
    match random.random() {
        true => EDGES[random.random_range(0..EDGES.len())],
        false => random.next_u64() >> random.random_range(0..64),
    }
}

fn random_message(random: &mut StdRng) -> Packet {
    let message = match random.random_range(0..4) {
        0 => append_reply(AppendResult::Success { match_index: Index(number(random)) }).message,
        1 => append_reply(AppendResult::StaleTerm).message,
        _ => {
            let entries = (0..random.random_range(0..5)).map(|_| {
                let length = [0, 1, 250, 251, 300, 70_000][random.random_range(0..6)];
                Entry { term: Term(number(random)), command: vec![7; length].into() }
            });
            let entries = entries.collect();
            Message::AppendEntries(AppendEntries {
                term: Term(number(random)),
                prev_log_index: Index(number(random)),
                prev_log_term: Term(number(random)),
                entries,
                leader_commit: Index(number(random)),
            })
        }
    };
    packet(random.random_range(0..3), random.random_range(0..3), message)
}

/// As serde writes it.
fn by_serde(message: &Packet) -> Bytes {
    let (head, payload) = Head::split(message.clone(), &cluster()).unwrap();
    let head = serial::write(MESSAGE_FORMAT, FIRST_VERSION, &head, 0).unwrap();
    Frame { head, payload }.into_bytes()
}

/// As serde reads it.
fn read_by_serde(cluster: Option<&Cluster>, bytes: &[u8]) -> Result<Packet, CodecError> {
    let begun = serial::begin(MESSAGE_FORMAT, Versions::KNOWN, bytes.into())?;
    let (head, mut payload) = begun.read::<Head>()?;
    let envelope = head.join(&mut payload, cluster)?;
    payload.end()?;
    Ok(envelope)
}

/// Without serde; none where it is left to serde.
fn read_without(cluster: Option<&Cluster>, bytes: &[u8]) -> Option<Packet> {
    let mut begun = serial::begin(MESSAGE_FORMAT, Versions::KNOWN, bytes.into()).ok()?;
    let (head, payload) = begun.parts();
    let following = bytes.len() - PREFIX - head.len();
    let read = append::read(cluster, head, payload, following);
    if read.is_none() {
        assert_eq!(left(payload), following, "what serde is to read was taken");
    }
    read.map(Result::unwrap)
}

fn left(payload: &mut Payload) -> usize {
    match core::mem::take(payload).end() {
        Ok(()) => 0,
        Err(CodecError::TrailingBytes(left)) => left,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_bytes_are_those_of_serde() {
    let mut random = StdRng::seed_from_u64(13);
    let (mut by_hand, total) = (0, 2_000);
    for _ in 0..total {
        let message = random_message(&mut random);
        let bytes = encode_message(&message).unwrap();
        assert_eq!(bytes, by_serde(&message), "{message:?}");
        assert_eq!(decode_message(&bytes).as_ref(), Ok(&message));
        if let Some(read) = read_without(Some(&cluster()), &bytes) {
            assert_eq!(read, message);
            by_hand += 1;
        }
    }
    // All but the refusals.
    assert!((total / 2..total).contains(&by_hand), "{by_hand} of {total} were read without serde");
}

/// Whatever is changed on the way: what is read without serde is what serde would read.
#[test]
fn what_serde_refuses_is_refused() {
    let mut random = StdRng::seed_from_u64(14);
    let (mut by_hand, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = encode_message(&random_message(&mut random)).unwrap().to_vec();
        let end = bytes.len().min(60);
        match random.random_range(0..3) {
            0 => bytes[random.random_range(PREFIX..end)] = random.random(),
            1 => {
                // A byte more or less in the head, whose length is said to be that.
                let at = random.random_range(PREFIX..end);
                let more = random.random();
                if more {
                    bytes.insert(at, random.random_range(0..4))
                } else {
                    _ = bytes.remove(at)
                };
                bytes[2] = if more { bytes[2].wrapping_add(1) } else { bytes[2].wrapping_sub(1) };
            }
            _ => bytes.push(1),
        }
        for cluster in [Some(cluster()), None] {
            let expected = read_by_serde(cluster.as_ref(), &bytes);
            refused += usize::from(expected.is_err());
            if let Some(read) = read_without(cluster.as_ref(), &bytes) {
                assert_eq!(Ok(read), expected);
                by_hand += 1;
            }
        }
    }
    assert!(by_hand > 1_000 && refused > 1_000, "{by_hand} read without serde, {refused} refused");
}

/// To bincode a variant is a number of 32 bits: a longer one is none, whatever its value.
#[test]
fn a_variant_of_64_bits_is_refused() {
    let message = packet(0, 1, append_reply(AppendResult::Success { match_index: Index(7) }).message);
    let mut bytes = encode_message(&message).unwrap().to_vec();
    // After the group and the ids 10 and 300.
    let at = PREFIX + 1 + 1 + 3;
    assert_eq!(bytes[at], 3);
    bytes.splice(at..=at, [253, 3, 0, 0, 0, 0, 0, 0, 0]);
    bytes[2] += 8;
    assert!(read_by_serde(Some(&cluster()), &bytes).is_err());
    assert!(decode_message(&bytes).is_err());
}
