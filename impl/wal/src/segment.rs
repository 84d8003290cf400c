//! The bytes of one segment: the writes in it, and what stands behind the last one.

use crate::format::files::SegmentHead;
use crate::format::frame::{self, ALIGNMENT, FRAME_HEAD, Frame, FrameHead};
use crate::rules::Rules;

/// A segment's bytes.
pub(crate) struct Segment<'a> {
    pub(crate) file: String,
    pub(crate) place: u64,
    /// With what the disk's checksums begin.
    pub(crate) seed: u64,
    pub(crate) head: SegmentHead,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The write of this segment's epoch that begins here.
    pub(crate) fn frame(&self, rules: &impl Rules, offset: usize) -> Option<Frame<'a>> {
        let frame = frame::decode(self.seed, self.bytes.get(offset..)?)?;
        rules.is_of_epoch(frame.head.epoch, self.head.epoch).then_some(frame)
    }

    /// Looks for writes of this epoch behind the place where one should begin. Of those, the one that proves most.
    pub(crate) fn behind(&self, rules: &impl Rules, from: usize) -> Option<FrameHead> {
        let mut found: Option<FrameHead> = None;
        let mut offset = from + ALIGNMENT;
        let epoch = self.head.epoch.to_le_bytes();
        while let Some(its_epoch) = self.bytes.get(offset + 16..offset + 24) {
            // Few places get past this comparison, so a large segment is searched in a moment.
            let frame = if its_epoch == epoch { self.frame(rules, offset) } else { None };
            if let Some(frame) = frame {
                if found.is_none_or(|found| found.proven <= frame.head.proven) {
                    found = Some(frame.head);
                }
                offset += frame.bytes.len();
            } else {
                offset += ALIGNMENT;
            }
        }
        found
    }

    /// How many bytes at the end may be left of a write. In a new file all that was not written is zero; in a recycled one
    /// older writes stand there, and only the head of a write can tell.
    pub(crate) fn remains(&self, offset: usize, expected: u64, behind: bool) -> Option<usize> {
        let rest = &self.bytes[offset..];
        if !self.head.recycled {
            return rest.iter().rposition(|byte| *byte != 0).map(|last| last + 1);
        }
        let remains = behind || frame::resembles(rest, self.head.epoch, expected);
        remains.then_some(rest.len().min(FRAME_HEAD)).filter(|length| *length > 0)
    }
}
