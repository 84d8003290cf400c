//! A *frame*: the bytes of one write to the log, with a checksum over all of it. It is there or it is not.

use super::bytes::{Reader, padded};
use super::checksum;

/// Bytes before a frame's body.
pub(crate) const FRAME_HEAD: usize = 48;

/// Frames begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// The epoch of its segment.
    pub(crate) epoch: u64,
    /// Which write it is: 1, 2, 3 and so on, as long as the disk has this name. It never goes back, and is never used twice
    /// for what was durable.
    pub(crate) number: u64,
    /// The last write that was known to be durable when this one began.
    pub(crate) proven: u64,
    /// The group whose state it changes.
    pub(crate) group: u64,
}

/// A frame that was read, with a checksum that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) head: FrameHead,
    pub(crate) body: &'a [u8],
    /// All of its bytes.
    pub(crate) bytes: &'a [u8],
}

impl Frame<'_> {
    /// Whether all is zero that this version leaves zero. A crash does not do that to a frame whose checksum fits: if it is
    /// not, another version wrote it.
    pub(crate) fn is_known(&self) -> bool {
        let padding = &self.bytes[FRAME_HEAD + self.body.len()..];
        self.bytes[12..16].iter().chain(padding).all(|byte| *byte == 0)
    }
}

/// Writes a frame into the buffer, in place of what is there. None when its body is longer than its length can say.
pub(crate) fn encode(
    buffer: &mut Vec<u8>,
    seed: u64,
    head: &FrameHead,
    body: impl FnOnce(&mut Vec<u8>),
) -> Option<()> {
    buffer.clear();
    buffer.resize(FRAME_HEAD, 0);
    body(buffer);
    let length = u32::try_from(buffer.len() - FRAME_HEAD).ok()?;
    buffer.resize(padded(buffer.len()), 0);
    let fields = [head.epoch, head.number, head.proven, head.group];
    buffer[8..12].copy_from_slice(&length.to_le_bytes());
    for (field, place) in fields.iter().zip(buffer[16..FRAME_HEAD].chunks_exact_mut(8)) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    let sum = checksum(seed, &buffer[8..]);
    buffer[..8].copy_from_slice(&sum.to_le_bytes());
    Some(())
}

/// Reads the frame at the beginning of the bytes, which may be more. None when there is none, or its checksum does not fit.
pub(crate) fn decode(seed: u64, bytes: &[u8]) -> Option<Frame<'_>> {
    let mut reader = Reader::new(bytes);
    let sum = reader.u64()?;
    let length = usize::try_from(reader.u32()?).ok()?;
    reader.u32()?;
    let (epoch, number, proven, group) = (reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?);
    let total = FRAME_HEAD.checked_add(length)?.checked_next_multiple_of(ALIGNMENT)?;
    let bytes = bytes.get(..total)?;
    (sum == checksum(seed, &bytes[8..])).then(|| Frame {
        head: FrameHead { epoch, number, proven, group },
        body: &bytes[FRAME_HEAD..FRAME_HEAD + length],
        bytes,
    })
}

/// Whether a field of the head stands there that a write of this epoch and number would have: then it may be what is left
/// of such a write.
pub(crate) fn resembles(bytes: &[u8], epoch: u64, number: u64) -> bool {
    let mut reader = Reader::new(bytes);
    let mut fields = || {
        reader.take(16)?;
        Some((reader.u64()?, reader.u64()?))
    };
    fields().is_some_and(|(its_epoch, its_number)| its_epoch == epoch || its_number == number)
}
