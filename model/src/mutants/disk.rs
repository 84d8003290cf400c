//! Nodes that handle the effects of a step wrongly: what must be durable, and what may be sent before it is.

use super::Mutant;
use super::spaces::{ALONE, Needs, POWER_LOSS, one_term};
use crate::cluster::System;
use crate::cluster::durability::DurabilityPolicy;
use crate::cluster::node::Unwritten;
use crate::cluster::prefix::{Command, Prefix};
use crate::profiles::Profile;
use crate::properties::Safety;
use figure2_core::{Change, Log, Persistent, Rule};

type Disk = Persistent<Command, Prefix>;
type Saved = Change<Command, Prefix>;

/// Messages leave before the record that they wait for is durable.
struct TellsEarly;

impl DurabilityPolicy for TellsEarly {
    fn releases_before_durable(&self, _: &Unwritten) -> bool {
        true
    }
}

/// Messages leave before the entries that they acknowledge are durable; votes wait.
struct AcknowledgesEarly;

impl DurabilityPolicy for AcknowledgesEarly {
    fn releases_before_durable(&self, step: &Unwritten) -> bool {
        step.record().changes().iter().any(|change| matches!(change, Change::Append { .. }))
    }
}

/// A failed write is ignored.
struct IgnoresFailure;

impl DurabilityPolicy for IgnoresFailure {
    fn goes_on_after_failed_write(&self) -> bool {
        true
    }
}

/// The vote is written first, and the term after it.
struct VoteBeforeTerm;

impl DurabilityPolicy for VoteBeforeTerm {
    fn torn_write(&self, disk: &Disk, change: &Saved) -> Option<Disk> {
        match change {
            Change::TermAndVote { voted_for, .. } => Some(Disk { voted_for: *voted_for, ..disk.clone() }),
            _ => None,
        }
    }
}

/// The log is trimmed first, and the snapshot saved after it.
struct TrimBeforeSnapshot;

impl DurabilityPolicy for TrimBeforeSnapshot {
    fn torn_write(&self, disk: &Disk, change: &Saved) -> Option<Disk> {
        let Change::Snapshot { snapshot, .. } = change else { return None };
        let entries = disk.log.entries_from(snapshot.last_included_index.next(), usize::MAX).to_vec();
        let log = Log::from_parts(disk.log.snapshot().cloned(), entries);
        Some(Disk { log, ..disk.clone() })
    }
}

/// The snapshot is saved first, the log trimmed after it, and nothing says where the log begins.
struct SnapshotBeforeTrim;

impl DurabilityPolicy for SnapshotBeforeTrim {
    fn torn_write(&self, disk: &Disk, change: &Saved) -> Option<Disk> {
        let Change::Snapshot { snapshot, .. } = change else { return None };
        let log = Log::from_parts(Some(snapshot.clone()), disk.log.entries().to_vec());
        Some(Disk { log, ..disk.clone() })
    }
}

pub fn mutants() -> Vec<Mutant> {
    let mutant = |id, bug, killed_by, profile: Needs, durability: System| {
        Mutant::new(
            id,
            Rule::P2,
            bug,
            killed_by,
            Profile::from(profile),
            (durability, include_str!("disk.rs")),
        )
    };
    vec![
        mutant(
            "V4",
            "term and vote reach the disk separately",
            Safety::OneVote,
            POWER_LOSS,
            System::with_durability(VoteBeforeTerm),
        ),
        mutant(
            "V5",
            "a vote is answered before it is durable",
            Safety::ElectionSafety,
            Needs { terms: 1, ..POWER_LOSS },
            System::with_durability(TellsEarly),
        ),
        mutant(
            "D1",
            "an acknowledgement leaves before the entries are durable",
            Safety::CommittedOnMajority,
            Needs { unwritten: 1, ..one_term(1) },
            System::with_durability(AcknowledgesEarly),
        ),
        mutant(
            "D2",
            "a failed write is ignored",
            Safety::CommittedOnMajority,
            Needs { unwritten: 1, failed_writes: 1, client_requests: 1, ..ALONE },
            System::with_durability(IgnoresFailure),
        ),
        mutant(
            "D2-vote",
            "a failed write of a vote is ignored",
            Safety::OneVote,
            Needs { unwritten: 1, failed_writes: 1, crashes: 1, terms: 1, ..POWER_LOSS },
            System::with_durability(IgnoresFailure),
        ),
        mutant(
            "S3",
            "the log is trimmed, and a power loss comes before the snapshot is saved",
            Safety::CommittedOnMajority,
            Needs { crashes: 1, unwritten: 1, snapshots: 1, client_requests: 1, ..ALONE },
            System::with_durability(TrimBeforeSnapshot),
        ),
        mutant(
            "S3-snapshot",
            "the snapshot is saved, and a power loss comes before the log is trimmed",
            Safety::CommittedOnMajority,
            Needs { crashes: 1, unwritten: 1, snapshots: 1, client_requests: 2, ..ALONE },
            System::with_durability(SnapshotBeforeTrim),
        ),
    ]
}
