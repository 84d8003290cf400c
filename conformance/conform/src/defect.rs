//! Defects of the node's surroundings. The harness must find each of them; otherwise its verdict is worth nothing.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is wrong with what surrounds the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A save returns before its record is durable, so that what waited for it leaves too early.
    SentBeforeSync,
    /// Every third record is not written.
    RecordForgotten,
    /// A snapshot is written, and the log under it not trimmed.
    SnapshotWithoutTrim,
    /// The first entry handed over after a restart is handed over again.
    ApplyRepeated,
    /// The last request before a crash leaves again after the restart.
    StaleOutbox,
    /// A write that failed is reported as durable. Only a profile whose writes fail can show it.
    FailureIgnored,
}

impl Defect {
    /// All of them.
    pub const ALL: [Defect; 6] = [
        Defect::SentBeforeSync,
        Defect::RecordForgotten,
        Defect::SnapshotWithoutTrim,
        Defect::ApplyRepeated,
        Defect::StaleOutbox,
        Defect::FailureIgnored,
    ];
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Defect::SentBeforeSync => "an effect sent before the sync",
            Defect::RecordForgotten => "a record forgotten",
            Defect::SnapshotWithoutTrim => "a snapshot saved without the log's trim",
            Defect::ApplyRepeated => "an apply repeated after a restart",
            Defect::StaleOutbox => "a stale outbox after a restart",
            Defect::FailureIgnored => "a failed write ignored",
        })
    }
}
