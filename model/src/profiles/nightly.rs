//! The profiles for a night.

use super::{BASE, Profile, REPLICATION_RULES, SNAPSHOT_RULES, new};
use crate::bounds::{Apply, Bounds, Budget};
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
                duplications: Budget::AtMost(0),
                apply: Apply::Separately,
                ..BASE
            },
        )
    }
}

pub fn crash() -> Profile {
    Profile {
        sometimes: vec![Witness::Figure8, Witness::OlderCommitted, Witness::RecoveredCrash],
        rules: [&REPLICATION_RULES[..], &[Rule::P1, Rule::AE3]].concat(),
        ..new(
            "nightly-crash",
            "Figure 8 with a crash and writes that lag: 4 terms, two commands.",
            Bounds { terms: 4, client_requests: 2, crashes: 1, unwritten: 1, ..BASE },
        )
    }
}
