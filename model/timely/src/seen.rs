//! The states that a worker has seen, by their keys, each with the key of a state before it.

use hashbrown::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IsHash(u64);

impl Hasher for IsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Into so many parts the keys are divided: each grows by itself, so a copy of all of them is never needed.
const PARTS: usize = 256;

/// Keys, and the key of the state from which each was found: of several as near, the smallest.
pub(crate) struct Seen {
    parts: Vec<HashMap<u64, u64, BuildHasherDefault<IsHash>>>,
    len: u64,
}

impl Seen {
    pub(crate) fn new() -> Seen {
        Seen { parts: (0..PARTS).map(|_| HashMap::default()).collect(), len: 0 }
    }

    /// The part of a key: by bits that neither the table nor the choice of a worker uses.
    fn part(key: u64) -> usize {
        usize::from(key.to_be_bytes()[2])
    }

    /// Adds a key, found from `before`. Whether it is new.
    pub(crate) fn add(&mut self, key: u64, before: u64) -> bool {
        let Some(part) = self.parts.get_mut(Self::part(key)) else { return false };
        let mut is_new = false;
        part.entry(key).or_insert_with(|| {
            is_new = true;
            before
        });
        self.len += u64::from(is_new);
        is_new
    }

    /// A key that was found on this level was found again, from `before`.
    pub(crate) fn found_again(&mut self, key: u64, before: u64) {
        if let Some(known) = self.parts.get_mut(Self::part(key)).and_then(|part| part.get_mut(&key)) {
            *known = before.min(*known);
        }
    }

    /// The key before.
    pub(crate) fn before(&self, key: u64) -> Option<u64> {
        self.parts.get(Self::part(key))?.get(&key).copied()
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_key_is_new_once_and_keeps_its_smallest_predecessor_of_the_level() {
        let mut seen = Seen::new();
        let keys: Vec<u64> = (1..5000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        for key in &keys {
            assert!(seen.add(*key, 7));
            assert!(!seen.add(*key, 3));
            assert_eq!(seen.before(*key), Some(7), "another level's");
        }
        seen.found_again(keys[0], 9);
        assert_eq!(seen.before(keys[0]), Some(7));
        seen.found_again(keys[0], 2);
        assert_eq!((seen.before(keys[0]), seen.before(1), seen.len()), (Some(2), None, 4999));
    }
}
