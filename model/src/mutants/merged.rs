//! One write for several steps: nodes that write something else than the merged record, or that report something else
//! than what is durable then.

use super::Mutant;
use super::spaces::{ALONE, NEEDS, Needs};
use crate::cluster::System;
use crate::cluster::durability::DurabilityPolicy;
use crate::cluster::node::Unwritten;
use crate::cluster::prefix::{Command, Prefix};
use crate::profiles::{CONFLICT_AND_WRITES, Profile};
use crate::properties::Safety;
use figure2_core::{Change, Persisted, Record, Rule};

type Saved = Change<Command, Prefix>;
type Merged = Record<Command, Prefix>;

/// A node that does something else with the changes of one write for several steps.
struct Rewrites(fn(Vec<Vec<Saved>>) -> Vec<Saved>);

impl DurabilityPolicy for Rewrites {
    fn written(&self, steps: &[Unwritten], merged: Merged) -> Vec<Saved> {
        let parts: Vec<Vec<Saved>> = steps
            .iter()
            .map(|step| step.record().changes().to_vec())
            .filter(|part| !part.is_empty())
            .collect();
        if parts.len() < 2 { merged.into_iter().collect() } else { self.0(parts) }
    }
}

/// A node that tells the server more than what a write for several steps made durable.
struct TellsMore;

impl DurabilityPolicy for TellsMore {
    fn persisted(&self, steps: &[Unwritten], merged: Option<Persisted>) -> Option<Persisted> {
        let more = |told: Persisted| Persisted { last_log_index: told.last_log_index.next(), ..told };
        if steps.len() < 2 { merged } else { merged.map(more) }
    }
}

/// All of one kind behind the others, in their order.
fn last(parts: Vec<Vec<Saved>>, kind: fn(&Saved) -> bool) -> Vec<Saved> {
    let (behind, mut all): (Vec<Saved>, Vec<Saved>) = parts.into_iter().flatten().partition(kind);
    all.extend(behind);
    all
}

/// Only the last of one kind, where it stands.
fn only_last(parts: Vec<Vec<Saved>>, kind: fn(&Saved) -> bool) -> Vec<Saved> {
    let all: Vec<Saved> = parts.into_iter().flatten().collect();
    let place = all.iter().rposition(kind);
    all.into_iter()
        .enumerate()
        .filter(|(at, change)| !kind(change) || Some(*at) == place)
        .map(|(_, change)| change)
        .collect()
}

fn is_ballot(change: &Saved) -> bool {
    matches!(change, Change::TermAndVote { .. })
}

fn is_append(change: &Saved) -> bool {
    matches!(change, Change::Append { .. })
}

fn is_truncate(change: &Saved) -> bool {
    matches!(change, Change::Truncate { .. })
}

/// A server that is alone, and two commands whose writes wait.
const TWO_COMMANDS: Needs = Needs { client_requests: 2, unwritten: 2, ..ALONE };

/// S0 led term 1 and has c1 and c2; S1 leads term 2 by the vote of S2, and its c3 is on its way to S0.
const CONFLICT: Needs = Needs {
    client_requests: 4,
    unwritten: 2,
    in_flight: 3,
    lossy: false,
    script: CONFLICT_AND_WRITES,
    ..NEEDS
};

pub fn mutants() -> Vec<Mutant> {
    let mutant = |id, bug, killed_by, profile: Needs, durability: System| {
        Mutant::new(
            id,
            Rule::P2,
            bug,
            killed_by,
            Profile::from(profile),
            (durability, include_str!("merged.rs")),
        )
    };
    let rewrites = |rewrite| System::with_durability(Rewrites(rewrite));
    vec![
        mutant(
            "M-first",
            "of several steps that share a write only the first one's record reaches the disk",
            Safety::CommittedOnMajority,
            TWO_COMMANDS,
            rewrites(|parts| parts.into_iter().take(1).flatten().collect()),
        ),
        mutant(
            "M-last",
            "of several steps that share a write only the last one's record reaches the disk",
            Safety::CommittedOnMajority,
            TWO_COMMANDS,
            rewrites(|parts| parts.into_iter().last().unwrap_or_default()),
        ),
        mutant(
            "M-reversed",
            "the records of steps that share a write are written last first",
            Safety::CommittedOnMajority,
            TWO_COMMANDS,
            rewrites(|parts| parts.into_iter().rev().flatten().collect()),
        ),
        mutant(
            "M-append",
            "of several appends in one write the last takes the place of the others",
            Safety::CommittedOnMajority,
            TWO_COMMANDS,
            rewrites(|parts| only_last(parts, is_append)),
        ),
        mutant(
            "M-told",
            "after a write for several steps the server is told that one entry more is durable",
            Safety::CommittedOnMajority,
            Needs { unwritten: 3, client_requests: 3, ..ALONE },
            System::with_durability(TellsMore),
        ),
        mutant(
            "M-ballot",
            "of several terms and votes in one write the first stands",
            Safety::ElectionDurable,
            Needs { unwritten: 2, terms: 2, ..ALONE },
            rewrites(|parts| {
                let mut seen = false;
                let is_first = |change: &Saved| !is_ballot(change) || !std::mem::replace(&mut seen, true);
                parts.into_iter().flatten().filter(is_first).collect()
            }),
        ),
        mutant(
            "M-truncate",
            "deletions are written after the appends that share their write",
            Safety::CommittedOnMajority,
            CONFLICT,
            rewrites(|parts| last(parts, is_truncate)),
        ),
        mutant(
            "M-trim",
            "a snapshot that shares a write with others throws the entries after it away",
            Safety::CommittedOnMajority,
            Needs { client_requests: 2, unwritten: 2, snapshots: 1, ..ALONE },
            rewrites(|parts| {
                let trim = |change| match change {
                    Change::Snapshot { snapshot, .. } => Change::Snapshot { snapshot, keep_suffix: false },
                    other => other,
                };
                parts.into_iter().flatten().map(trim).collect()
            }),
        ),
    ]
}
