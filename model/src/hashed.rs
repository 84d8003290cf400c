//! A value with its hash, computed once. Most of a cluster's state is the same before and after a step; hashing it
//! anew for every state would be most of the work.

use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Seeds of the hash: fixed, so that a run can be repeated exactly.
const SEEDS: [u64; 4] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// An immutable value and the hash of all of its content, by the value's own (derived) `Hash`.
///
/// Equality is the content's. The hash only stands in for the content when the whole is hashed, so that equal
/// contents always hash alike; two contents that differ collide with probability 2^-64.
#[derive(Clone, Debug)]
pub struct Hashed<T> {
    hash: u64,
    value: T,
}

impl<T: Hash> Hashed<T> {
    /// Takes the value in and hashes it.
    pub fn new(value: T) -> Self {
        Hashed { hash: digest(&value), value }
    }
}

impl<T> Hashed<T> {
    /// Takes the value in with a key of the caller's, which must be a function of the content.
    pub fn with_key(value: T, key: u64) -> Self {
        Hashed { hash: key, value }
    }

    /// The hash of the content.
    pub fn digest(&self) -> u64 {
        self.hash
    }
}

impl<T: PartialEq> PartialEq for Hashed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.value == other.value
    }
}

impl<T: Eq> Eq for Hashed<T> {}

impl<T> Hash for Hashed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<T> Deref for Hashed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The hash of a value, the same in every run.
pub fn digest<T: Hash>(value: &T) -> u64 {
    let [a, b, c, d] = SEEDS;
    ahash::RandomState::with_seeds(a, b, c, d).hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_have_equal_hashes_and_others_do_not() {
        let (one, same, other) = (Hashed::new(vec![1, 2]), Hashed::new(vec![1, 2]), Hashed::new(vec![2, 1]));
        assert_eq!(one, same);
        assert_eq!(digest(&one), digest(&same));
        assert_ne!(one, other);
        assert_ne!(digest(&one), digest(&other));
    }
}
