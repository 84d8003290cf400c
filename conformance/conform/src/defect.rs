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
    /// The log says that a write is durable, and does not sync it. Only nodes with the log can show it.
    LogNotSynced,
}

impl Defect {
    /// All of them.
    pub const ALL: [Defect; 7] = [
        Defect::SentBeforeSync,
        Defect::RecordForgotten,
        Defect::SnapshotWithoutTrim,
        Defect::ApplyRepeated,
        Defect::StaleOutbox,
        Defect::FailureIgnored,
        Defect::LogNotSynced,
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
            Defect::LogNotSynced => "a sync of the log left out",
        })
    }
}

/// What surrounds the rules of a node under test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// What is wrong with it.
    pub defect: Option<Defect>,
    /// Whether it has the log, on a simulated disk that loses whatever is not synced; else its state is in memory.
    pub log: bool,
}

/// In memory.
impl From<Option<Defect>> for Setup {
    fn from(defect: Option<Defect>) -> Setup {
        Setup { defect, log: false }
    }
}
