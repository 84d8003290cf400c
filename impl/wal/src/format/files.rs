//! What stands at the beginning of a file: of a segment, and of the identity.

use super::bytes::Reader;
use super::{DiskId, VERSION, checksum};
use crate::error::WalError;

/// Length of a segment's head: a block of its own, so that no write of the log touches it again.
pub(crate) const SEGMENT_HEAD: usize = 4096;

/// Length of its fields. Zeros follow, and the checksum.
const SEGMENT_FIELDS: usize = 56;

const SEGMENT_MAGIC: &[u8; 16] = b"figure2 log\0\0\0\0\n";
const IDENTITY_MAGIC: &[u8; 16] = b"figure2 disk\0\0\0\n";

/// Where the voters begin in an identity.
const VOTERS: u64 = 56;

/// What is wrong with bytes that should be a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadHead {
    /// Another version.
    Version(u32),
    /// The byte at which it is known to be damaged, and what is wrong.
    Damaged(u64, &'static str),
}

impl BadHead {
    pub(crate) fn of(self, file: &str) -> WalError {
        match self {
            BadHead::Version(found) => WalError::Version { file: file.to_owned(), found },
            BadHead::Damaged(offset, what) => WalError::damaged(file, offset, what),
        }
    }
}

const CHANGED: &str = "its checksum does not fit";

/// The checksum fits: nothing changed it, and no server of this version writes it.
const UNKNOWN: &str = "it is sealed, and is not what this version writes: update this server";

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    /// The segment's place in the log: 1, 2, 3 and so on.
    pub(crate) place: u64,
    /// Random, drawn each time a file becomes a segment. Each write in it carries it: what an earlier segment left in the
    /// same file has another one.
    pub(crate) epoch: u64,
    /// The disk that it was made on.
    pub(crate) disk: DiskId,
    /// Whether the file was a segment before: else what was not written yet is zero.
    pub(crate) recycled: bool,
}

impl SegmentHead {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SEGMENT_HEAD);
        bytes.extend_from_slice(SEGMENT_MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.recycled).to_le_bytes());
        bytes.extend_from_slice(&self.disk.0.to_le_bytes());
        bytes.extend_from_slice(&self.place.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.resize(SEGMENT_HEAD - 8, 0);
        let sum = checksum(self.disk.seed(), &bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the head of a file that may be longer.
    pub(crate) fn decode(file: &[u8]) -> Result<SegmentHead, BadHead> {
        let early = BadHead::Damaged(file.len() as u64, "the head of the segment ends early");
        let (head, _) = file.split_at_checked(SEGMENT_HEAD).ok_or(early.clone())?;
        let mut reader = begin(head, SEGMENT_MAGIC)?;
        let mut read = || {
            let recycled = reader.u32()?;
            let disk = DiskId(reader.u128()?);
            let (place, epoch) = (reader.u64()?, reader.u64()?);
            Some((recycled, SegmentHead { place, epoch, disk, recycled: recycled == 1 }))
        };
        let (recycled, decoded) = read().ok_or(early)?;
        if !sealed(head, decoded.disk) {
            return Err(BadHead::Damaged(0, CHANGED));
        }
        let zeros = &head[SEGMENT_FIELDS..SEGMENT_HEAD - 8];
        if recycled > 1 || zeros.iter().any(|byte| *byte != 0) {
            return Err(BadHead::Damaged(0, UNKNOWN));
        }
        Ok(decoded)
    }
}

/// Whose directory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskIdentity {
    /// The disk's name.
    pub disk: DiskId,
    /// The group of the cluster.
    pub group: u64,
    /// The server's id.
    pub server: u64,
    /// The ids of the voters, in ascending order.
    pub voters: Vec<u64>,
}

impl DiskIdentity {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(IDENTITY_MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(self.voters.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.disk.0.to_le_bytes());
        bytes.extend_from_slice(&self.group.to_le_bytes());
        bytes.extend_from_slice(&self.server.to_le_bytes());
        for voter in &self.voters {
            bytes.extend_from_slice(&voter.to_le_bytes());
        }
        let sum = checksum(self.disk.seed(), &bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<DiskIdentity, BadHead> {
        let early = || BadHead::Damaged(bytes.len() as u64, "it ends early");
        let mut reader = begin(bytes, IDENTITY_MAGIC)?;
        let count = reader.u32().ok_or_else(early)?;
        let disk = DiskId(reader.u128().ok_or_else(early)?);
        if !sealed(bytes, disk) {
            return Err(BadHead::Damaged(0, CHANGED));
        }
        let mut read = || {
            let (group, server) = (reader.u64()?, reader.u64()?);
            if reader.left() as u64 != 8 * (u64::from(count) + 1) {
                return None;
            }
            let voters = (0..count).map(|_| reader.u64()).collect::<Option<Vec<_>>>()?;
            Some(DiskIdentity { disk, group, server, voters })
        };
        let identity = read().ok_or_else(early)?;
        // The places of the voters stand for their ids.
        if !identity.voters.is_sorted_by(|one, next| one < next) {
            return Err(BadHead::Damaged(VOTERS, UNKNOWN));
        }
        Ok(identity)
    }
}

/// Checks what the file is and of which version.
fn begin<'a>(bytes: &'a [u8], magic: &[u8; 16]) -> Result<Reader<'a>, BadHead> {
    let mut reader = Reader::new(bytes);
    if reader.take(magic.len()) != Some(magic) {
        return Err(BadHead::Damaged(0, "it does not begin as such a file does"));
    }
    match reader.u32() {
        Some(VERSION) => Ok(reader),
        Some(found) => Err(BadHead::Version(found)),
        None => Err(BadHead::Damaged(16, "it ends early")),
    }
}

/// Whether the last 8 bytes are the checksum of the rest.
fn sealed(bytes: &[u8], disk: DiskId) -> bool {
    let Some((rest, sum)) = bytes.split_last_chunk() else { return false };
    checksum(disk.seed(), rest) == u64::from_le_bytes(*sum)
}
