//! A snapshot's file: a head, then blocks, each with a checksum. Of the block's place, too: no block is taken for another.

use super::bytes::Reader;
use super::files::BadHead;
use super::{DiskId, VERSION, checksum};
use std::hash::Hasher as _;
use twox_hash::XxHash3_64;

/// Length of the head.
pub(crate) const HEAD: usize = 56;

/// Bytes before a block's data.
pub(crate) const BLOCK_HEAD: usize = 16;

/// Data of a block, at most.
pub(crate) const BLOCK: usize = 64 << 10;

const MAGIC: &[u8; 16] = b"figure2 snap\0\0\0\n";

pub(crate) fn head(disk: DiskId, number: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&disk.0.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    let sum = checksum(disk.seed(), &bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// Whether this is the head of this disk's snapshot of this number.
pub(crate) fn check_head(bytes: &[u8], disk: DiskId, number: u64) -> Result<(), BadHead> {
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len()) == Some(MAGIC) {
        match reader.u32() {
            Some(VERSION) => {}
            Some(found) => return Err(BadHead::Version(found)),
            None => {}
        }
    }
    if bytes == head(disk, number) {
        return Ok(());
    }
    Err(BadHead::Damaged(0, "it does not begin as this snapshot does"))
}

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    pub(crate) checksum: u64,
    pub(crate) length: usize,
    pub(crate) last: bool,
}

impl BlockHead {
    pub(crate) fn decode(bytes: &[u8; BLOCK_HEAD]) -> Option<BlockHead> {
        let mut reader = Reader::new(bytes);
        let checksum = reader.u64()?;
        let length = usize::try_from(reader.u32()?).ok().filter(|length| *length <= BLOCK)?;
        let last = match reader.u32()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        // Only the last one may be shorter than the others.
        (last || length == BLOCK).then_some(BlockHead { checksum, length, last })
    }

    /// Fills in the head of a block, whose data follows the place for it.
    pub(crate) fn seal(block: &mut [u8], disk: DiskId, number: u64, place: u64, last: bool) -> u64 {
        let length = block.len().saturating_sub(BLOCK_HEAD) as u32;
        block[8..12].copy_from_slice(&length.to_le_bytes());
        block[12..16].copy_from_slice(&u32::from(last).to_le_bytes());
        let sum = block_checksum([&block[8..], &[]], disk, number, place);
        block[..8].copy_from_slice(&sum.to_le_bytes());
        sum
    }
}

/// The checksum of a block, given its bytes after the checksum, in two pieces.
pub(crate) fn block_checksum(bytes: [&[u8]; 2], disk: DiskId, number: u64, place: u64) -> u64 {
    let mut hasher = XxHash3_64::with_seed(disk.seed());
    hasher.write(&number.to_le_bytes());
    hasher.write(&place.to_le_bytes());
    bytes.into_iter().for_each(|piece| hasher.write(piece));
    hasher.finish()
}

/// The seal of a file whose blocks so far have the seal `before`, with one block more.
pub(crate) fn seal(before: u64, block: u64) -> u64 {
    checksum(before, &block.to_le_bytes())
}
