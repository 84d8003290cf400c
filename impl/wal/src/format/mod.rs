//! The bytes on disk, version 1: docs/storage.md says them byte by byte, and golden files hold them fast.
//!
//! All numbers have a fixed length, the lowest byte first. What is read may be rotten: nothing here panics, and no more
//! memory is claimed than a small multiple of the input, whatever lengths it names.

pub(crate) mod bytes;
pub(crate) mod files;
pub(crate) mod frame;
pub(crate) mod item;
pub(crate) mod snapshot;

use twox_hash::XxHash3_64;

/// The version of the format, in every file's first block.
pub(crate) const VERSION: u32 = 1;

/// What counts up by one stays below this: the numbers of writes and of files, places, indexes. No server gets there, so a
/// file that says so was not written by one, and nothing that follows on it overflows.
pub(crate) const LIMIT: u64 = 1 << 63;

/// The disk's name: random, made once. It is part of every checksum, so what another disk's log wrote is nothing here; and
/// who does not know it cannot make a command whose bytes look like a write of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiskId(pub u128);

impl std::fmt::Display for DiskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl DiskId {
    /// With what the checksums on this disk begin.
    pub(crate) fn seed(self) -> u64 {
        checksum(0, &self.0.to_le_bytes())
    }
}

/// XXH3, 64 bits.
pub(crate) fn checksum(seed: u64, bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test fails by panicking
mod fuzz;
#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test fails by panicking
mod tests;
