//! Values as fixed-size digests, so that a hundred thousand appends cost as much as their pieces and not as the values
//! they build.
//!
//! The digest of a text is its length and two polynomial hashes of its bytes modulo 2^61 - 1. The digest of a
//! concatenation follows from the digests of the parts. Two different texts of at most L bytes share both hashes for at
//! most (L / 2^61)^2 of the pairs of bases; with L = 10^6 and 10^12 comparisons that is below 10^-12. The search
//! relies on it, its verdicts do not: `holds` comes with an order that is replayed on the texts themselves, and a
//! violation's window is decided again without digests (`linearization_proof`, `exhaustive`).

use std::hash::{Hash, Hasher};

const MODULUS: u64 = (1 << 61) - 1;
/// Two bases below the modulus, drawn once.
const BASES: [u64; 2] = [0x0d6e_8feb_8665_9fd9, 0x165a_8c1b_41d9_2f63];
/// At most about this many hashes are kept for one observed text.
const TABLE: usize = 1 << 16;

/// A pair of hashes.
type Hashes = [u64; 2];

fn reduce(value: u64) -> u64 {
    if value >= MODULUS { value - MODULUS } else { value }
}

fn multiply(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    // 2^61 is 1 modulo 2^61 - 1: the high part counts as it stands. Both parts are below 2^61.
    let low = (product & u128::from(MODULUS)) as u64;
    let high = (product >> 61) as u64;
    reduce(low + high)
}

fn multiply_add(left: Hashes, right: Hashes, add: Hashes) -> Hashes {
    [reduce(multiply(left[0], right[0]) + add[0]), reduce(multiply(left[1], right[1]) + add[1])]
}

fn push(hash: Hashes, byte: u8) -> Hashes {
    let byte = u64::from(byte) + 1;
    multiply_add(hash, BASES, [byte, byte])
}

/// The bases to the power of `exponent`, by squaring.
fn power(mut exponent: usize) -> Hashes {
    let (mut result, mut square) = (Digest::EMPTY.power, BASES);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = multiply_add(result, square, [0, 0]);
        }
        square = multiply_add(square, square, [0, 0]);
        exponent /= 2;
    }
    result
}

/// What stands for a text. `power` is the bases to the length: it follows from the length and saves computing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest {
    length: usize,
    hash: Hashes,
    power: Hashes,
}

impl Hash for Digest {
    /// One of the hashes is enough for a table.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash[0]);
    }
}

impl Digest {
    pub(crate) const EMPTY: Self = Self { length: 0, hash: [0, 0], power: [1, 1] };

    pub(crate) fn of(text: &[u8]) -> Self {
        let mut digest = Self::EMPTY;
        digest.extend(text);
        digest
    }

    /// Bytes of the text.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The digest of the text with these bytes after it.
    pub(crate) fn extend(&mut self, text: &[u8]) {
        self.hash = text.iter().fold(self.hash, |hash, &byte| push(hash, byte));
        self.power = multiply_add(self.power, power(text.len()), [0, 0]);
        self.length += text.len();
    }

    /// The digest of this text followed by `other`.
    pub(crate) fn then(&self, other: &Self) -> Self {
        Self {
            length: self.length + other.length,
            hash: multiply_add(self.hash, other.power, other.hash),
            power: multiply_add(self.power, other.power, [0, 0]),
        }
    }
}

/// A text with enough hashes of its prefixes to tell quickly whether a digest is that of one of them.
#[derive(Clone, Debug)]
pub(crate) struct Prefixes<'a> {
    text: &'a [u8],
    stride: usize,
    hashes: Vec<Hashes>,
}

impl<'a> Prefixes<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        let stride = (text.len() / TABLE).next_power_of_two();
        let mut hashes = Vec::with_capacity(text.len() / stride + 1);
        let mut hash = Digest::EMPTY.hash;
        hashes.push(hash);
        for (index, &byte) in text.iter().enumerate() {
            hash = push(hash, byte);
            if (index + 1) % stride == 0 {
                hashes.push(hash);
            }
        }
        Self { text, stride, hashes }
    }

    /// Whether `digest` is that of a prefix of the text, or of the whole.
    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        if digest.length > self.text.len() {
            return false;
        }
        let kept = digest.length / self.stride;
        let mut hash = self.hashes[kept];
        for &byte in &self.text[kept * self.stride..digest.length] {
            hash = push(hash, byte);
        }
        hash == digest.hash
    }

    /// The digest of `length` bytes from `start`, if the text has them.
    pub(crate) fn slice(&self, start: usize, length: usize) -> Option<Digest> {
        self.text.get(start..start.checked_add(length)?).map(Digest::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concatenation_has_the_digest_of_the_whole() {
        let text: Vec<u8> = (0..20_000u32).map(|index| (index * 7 % 251) as u8).collect();
        for cut in [0, 1, 4095, 4096, 12_345, 20_000] {
            let (left, right) = text.split_at(cut);
            assert_eq!(Digest::of(left).then(&Digest::of(right)), Digest::of(&text));
        }
    }

    #[test]
    fn prefixes_are_told_from_other_texts() {
        let text: Vec<u8> = (0..300_000u32).map(|index| (index * 7 % 251) as u8).collect();
        let prefixes = Prefixes::of(&text);
        for length in [0, 1, 3, 4, 5, 70_001, 299_999, 300_000] {
            assert!(prefixes.contains(&Digest::of(&text[..length])));
            if length > 0 {
                let mut other = text[..length].to_vec();
                other[length / 2] ^= 1;
                assert!(!prefixes.contains(&Digest::of(&other)));
            }
        }
        let mut longer = text.clone();
        longer.push(0);
        assert!(!prefixes.contains(&Digest::of(&longer)));
        assert_eq!(prefixes.slice(5, 10), Some(Digest::of(&text[5..15])));
        assert_eq!(prefixes.slice(299_999, 2), None);
    }

    #[test]
    fn zero_bytes_count() {
        assert_ne!(Digest::of(b"\0"), Digest::of(b""));
        assert_ne!(Digest::of(b"\0\0"), Digest::of(b"\0"));
    }
}
