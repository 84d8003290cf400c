//! The snapshot of the later editions' service: its index and all commands up to it.
//!
//! Encoding: the index, then each command's length and bytes; numbers as 8 bytes, little-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use figure2::Index;
use std::collections::BTreeMap;

/// Encodes the commands from index 1 to `last`, which `log` must hold; none if it does not.
#[must_use]
pub fn encode(last: Index, log: &BTreeMap<Index, Bytes>) -> Option<Bytes> {
    let mut buffer = BytesMut::new();
    buffer.put_u64_le(last.0);
    for index in 1..=last.0 {
        let command = log.get(&Index(index))?;
        buffer.put_u64_le(command.len() as u64);
        buffer.put_slice(command);
    }
    Some(buffer.freeze())
}

/// The index and the commands; none when the bytes are no snapshot.
#[must_use]
pub fn decode(mut data: Bytes) -> Option<(Index, BTreeMap<Index, Bytes>)> {
    let last = data.try_get_u64_le().ok()?;
    let mut log = BTreeMap::new();
    for index in 1..=last {
        let length = usize::try_from(data.try_get_u64_le().ok()?).ok()?;
        if length > data.len() {
            return None;
        }
        log.insert(Index(index), data.split_to(length));
    }
    data.is_empty().then_some((Index(last), log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_survives_its_encoding_and_damage_is_seen() {
        let log: BTreeMap<_, _> =
            [(Index(1), Bytes::from_static(b"one")), (Index(2), Bytes::from_static(b""))].into();
        let data = encode(Index(2), &log).unwrap();
        assert_eq!(decode(data.clone()), Some((Index(2), log.clone())));
        assert_eq!(decode(data.slice(..data.len() - 1)), None);
        assert_eq!(decode([data.as_ref(), b"x"].concat().into()), None);
        assert_eq!(encode(Index(3), &log), None, "index 3 is not in the log");
    }
}
