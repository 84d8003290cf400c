//! The profiles that take too long for every change.

use super::{BASE, Profile, REPLICATION_RULES, SNAPSHOT_RULES, new};
use crate::cluster::bounds::{Apply, Bounds, Budget};
use crate::properties::Witness;
use figure2_core::Rule;

pub fn disk() -> Profile {
    Profile {
        sometimes: vec![Witness::Commit, Witness::InstalledSnapshot, Witness::RecoveredCrash],
        rules: [&SNAPSHOT_RULES[..], &[Rule::P1, Rule::P2, Rule::P3]].concat(),
        ..new(
            "nightly-disk",
            "Snapshots, crashes and writes that lag, all at once.",
            Bounds {
                client_requests: 2,
                snapshots: 1,
                crashes: 1,
                unwritten: 1,
                duplications: Budget::AtMost(1),
                apply: Apply::Separately,
                ..BASE
            },
        )
    }
}

/// The largest one: for `--engine timely`, which keeps in files what does not fit the memory, and goes on where it was interrupted
/// (docs/scale.md).
pub fn billion() -> Profile {
    let disk = disk();
    Profile {
        name: "nightly-billion".to_owned(),
        description: "As nightly-disk, with a second crash: more than a billion states.".to_owned(),
        bounds: Bounds { crashes: 2, ..disk.bounds },
        ..disk
    }
}

pub fn crash() -> Profile {
    Profile {
        sometimes: vec![Witness::OlderCommitted, Witness::RecoveredCrash],
        rules: [&REPLICATION_RULES[..], &[Rule::P1, Rule::P2, Rule::P3, Rule::AE3]].concat(),
        ..new(
            "nightly-crash",
            "Three terms, two commands, a crash, and writes that lag or fail.",
            Bounds { terms: 3, client_requests: 2, crashes: 1, unwritten: 1, failed_writes: 1, ..BASE },
        )
    }
}
