//! Hashes of values, with fixed seeds: a run can be repeated exactly, and, with another seed, with other hashes.

use std::hash::Hash;

/// Seeds of the hash: fixed, so that a run can be repeated exactly.
const SEEDS: [u64; 4] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// The hash of a value, the same in every run.
pub fn digest<T: Hash>(value: &T) -> u64 {
    digest_by(0, value)
}

/// The hash of a value by a seed, the same in every run with that seed. Two values whose hashes are equal by one seed have
/// different ones by another, but for a chance of one in 2^64.
pub fn digest_by<T: Hash>(seed: u64, value: &T) -> u64 {
    let [a, b, c, d] = SEEDS;
    ahash::RandomState::with_seeds(a ^ seed, b, c ^ seed.rotate_left(32), d).hash_one(value)
}

/// Spreads the bits of a sum of hashes, so that sums of the results are hashes again.
pub fn mix(hash: u64) -> u64 {
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_have_equal_hashes_and_others_do_not() {
        assert_eq!(digest(&vec![1, 2]), digest(&vec![1, 2]));
        assert_ne!(digest(&vec![1, 2]), digest(&vec![2, 1]));
        assert_ne!(digest_by(1, &[1, 2]), digest_by(2, &[1, 2]));
        assert_eq!(digest_by(0, &[1, 2]), digest(&[1, 2]));
        assert_ne!(mix(1), mix(2));
    }
}
