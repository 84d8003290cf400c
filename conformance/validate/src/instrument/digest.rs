//! Digests that distinguish runs, and seeds derived from several numbers.

/// FNV-1a, 64 bits: enough to tell runs apart, and the same on every platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.add(bytes);
        digest.0
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    /// Adds bytes, eight at a time: another digest than that of [`add`](Self::add), and much faster.
    pub fn add_words(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            // The rotation brings what the product has mixed to where the next word is mixed in.
            self.mix(word.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
            self.0 = self.0.rotate_left(29);
        }
        self.add(words.remainder());
    }

    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3);
    }
}

/// One seed out of several numbers.
#[must_use]
pub fn mix(parts: &[u64]) -> u64 {
    let mut digest = Digest::default();
    for part in parts {
        digest.add(&part.to_le_bytes());
    }
    digest.0
}
