//! Defects of a simulated cluster. The simulation must find each of them; otherwise its verdict is worth nothing.

use std::fmt;

/// Something that is wrong with a simulated cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The disk says that a write is durable when only the next one makes it so.
    LyingDisk,
    /// A server answers reads from what it has, without the log.
    StaleReads,
    /// The service forgets what it was asked before, and does a repeated request twice.
    DoneTwice,
    /// The service's snapshot lacks the last entry that it says it covers.
    SnapshotLacksEntry,
    /// The service does not switch to the snapshot that was installed.
    SnapshotNotLoaded,
    /// Servers wait longer for a leader than clients do.
    NoElections,
    /// A leader never steps down: while a server runs, its transport repeats its heartbeats, even when it leads no more.
    NeverStepsDown,
    /// The nodes have other limits than the plan says.
    LimitsIgnored,
    /// A leader sends its snapshot again with each heartbeat.
    SnapshotRepeated,
    /// A leader never hears that a follower's log differs from its own from the very first entry on.
    FirstEntryKept,
    /// A leader hears that a follower has what it sent only while it reaches all followers, and they it.
    AllMustAnswer,
    /// The log says that a write is durable, and does not sync it.
    LogNotSynced,
    /// The recovery of a log takes for durable what the system's cache shows.
    LogNotWrittenAnew,
    /// A log reads what an earlier use of a segment's file left in it.
    LogEpochIgnored,
    /// The log names a snapshot whose file it did not sync.
    SnapshotNotSynced,
    /// The transport takes a connection on which nothing arrives for a good one.
    HalfOpenUnnoticed,
}

impl Defect {
    /// All of them.
    pub const ALL: [Defect; 16] = [
        Defect::LyingDisk,
        Defect::StaleReads,
        Defect::DoneTwice,
        Defect::SnapshotLacksEntry,
        Defect::SnapshotNotLoaded,
        Defect::NoElections,
        Defect::NeverStepsDown,
        Defect::LimitsIgnored,
        Defect::SnapshotRepeated,
        Defect::FirstEntryKept,
        Defect::AllMustAnswer,
        Defect::LogNotSynced,
        Defect::LogNotWrittenAnew,
        Defect::LogEpochIgnored,
        Defect::SnapshotNotSynced,
        Defect::HalfOpenUnnoticed,
    ];
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Defect::LyingDisk => "lying-disk",
            Defect::StaleReads => "stale-reads",
            Defect::DoneTwice => "done-twice",
            Defect::SnapshotLacksEntry => "snapshot-lacks-entry",
            Defect::SnapshotNotLoaded => "snapshot-not-loaded",
            Defect::NoElections => "no-elections",
            Defect::NeverStepsDown => "never-steps-down",
            Defect::LimitsIgnored => "limits-ignored",
            Defect::SnapshotRepeated => "snapshot-repeated",
            Defect::FirstEntryKept => "first-entry-kept",
            Defect::AllMustAnswer => "all-must-answer",
            Defect::LogNotSynced => "log-not-synced",
            Defect::LogNotWrittenAnew => "log-not-written-anew",
            Defect::LogEpochIgnored => "log-epoch-ignored",
            Defect::SnapshotNotSynced => "snapshot-not-synced",
            Defect::HalfOpenUnnoticed => "half-open-unnoticed",
        })
    }
}
