//! What recovery did.

use crate::scan::Cut;
use std::fmt;

/// What recovery found and did. Its text is for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Number of the last write; 0 when nothing was ever written.
    pub writes: u64,
    /// Segments that were read.
    pub segments: usize,
    /// Entries that are stored, those that the snapshot covers left out.
    pub entries: usize,
    /// Writes that no later one proved to be durable, and that were made durable again.
    pub written_anew: usize,
    /// What was cut off at the end.
    pub cut: Vec<Cut>,
    /// Files that a crash had left, and that were removed.
    pub removed: Vec<String>,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recovery { writes, segments, entries, written_anew, cut, removed } = self;
        write!(f, "recovered {writes} writes from {segments} segments: {entries} entries")?;
        write!(f, "; {written_anew} of the writes were made durable again")?;
        for cut in cut {
            write!(f, "; cut off: {cut}, which no later write proves to have been durable")?;
        }
        if !removed.is_empty() {
            write!(f, "; removed what a crash had left: {}", removed.join(", "))?;
        }
        Ok(())
    }
}
