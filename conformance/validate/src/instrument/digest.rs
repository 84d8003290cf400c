//! Digests that distinguish runs, and seeds derived from several numbers.

use twox_hash::XxHash3_64;

/// A digest of bytes that are added piece by piece: enough to tell runs apart, and the same on every platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot(bytes)
    }

    /// Adds bytes. In other pieces, the same bytes give another digest.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0 = XxHash3_64::oneshot_with_seed(self.0, bytes);
    }
}

/// One seed out of several numbers, by FNV-1a: with another function, each seed that a test or a report names would mean
/// another run.
#[must_use]
pub fn mix(parts: &[u64]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
