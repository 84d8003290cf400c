//! The named profiles: what is explored, from where, and what a complete search must have reached.

use crate::cluster::bounds::{Apply, Bounds, Budget, Limits, Sending};
use crate::cluster::script::ScriptStep;
use crate::properties::{Safety, Witness};
use crate::recovery::Share;
use figure2_core::{Extensions, Rule};

mod blind_spots;
mod broken;
mod every_change;
mod extensions;
mod nightly;
mod scripted;
mod sending;

pub(crate) use scripted::{
    CONFLICT_AND_WRITES, CONFLICT_BEHIND_COMMITTED, CONFLICTING_SUFFIX, LATE_ACKNOWLEDGEMENT, ONE_COMMITTED,
    TWO_CANDIDATES, figure8,
};

/// A space to explore, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it is called.
    pub name: String,
    /// What it is for, in a sentence or two.
    pub description: String,
    /// What makes the space finite.
    pub bounds: Bounds,
    /// Whether states that differ only in the servers' names are taken for one.
    pub symmetry: bool,
    /// Steps before the search starts; empty when it starts with servers that never ran.
    pub script: Vec<ScriptStep>,
    /// What must hold in every state.
    pub always: Vec<Safety>,
    /// What some state must show.
    pub sometimes: Vec<Witness>,
    /// Rules of the core that the search must have reached.
    pub rules: Vec<Rule>,
}

/// A reason why fewer states are enough. docs/model.md argues each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// States that differ only in the servers' names are taken for one.
    Symmetry,
    /// Services get committed entries in the step that commits them.
    ApplyAtOnce,
}

impl Reduction {
    /// All of them.
    pub const ALL: [Reduction; 2] = [Reduction::Symmetry, Reduction::ApplyAtOnce];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::Symmetry => "symmetry",
            Reduction::ApplyAtOnce => "apply-at-once",
        }
    }
}

impl Profile {
    /// Whether a break of the rule is looked for in this profile: where it must fire. A rule that never fires is looked
    /// for where logs conflict.
    pub fn names(&self, rule: Rule) -> bool {
        let sought = if UNREACHABLE.contains(&rule) { Rule::AE3 } else { rule };
        self.rules.contains(&sought)
    }

    /// In which of its states it is judged whether the cluster recovers from there: in all, or in more than 100,000 of a
    /// space that is too large for that.
    pub fn recovery(&self) -> Share {
        let sampled = SAMPLED.iter().find(|(name, _)| *name == self.name);
        sampled.map_or(Share::All, |(_, states)| Share::OneIn { states: *states, seed: 1 })
    }

    /// The same profile without a reduction: more states, and the same verdict.
    #[must_use]
    pub fn without(mut self, reduction: Reduction) -> Profile {
        match reduction {
            Reduction::Symmetry => self.symmetry = false,
            Reduction::ApplyAtOnce => self.bounds.apply = Apply::Separately,
        }
        self
    }
}

/// Profiles in whose states recovery is judged by a sample: one in so many.
const SAMPLED: [(&str, u64); 8] = [
    ("election-5", 20),
    ("crash", 200),
    ("figure8", 150),
    ("snapshot", 180),
    ("snapshot-crash", 500),
    ("nightly-disk", 3_000),
    ("nightly-crash", 3_000),
    ("nightly-billion", 10_000),
];

/// Rules that no search can reach, and why none is missing: all peers are correct, so no message is rejected (and
/// [`Safety::NoRejection`] says so).
pub const UNREACHABLE: [Rule; 1] = [Rule::V1];

const ELECTION_RULES: [Rule; 17] = [
    Rule::P1,
    Rule::P2,
    Rule::P3,
    Rule::A2,
    Rule::F2,
    Rule::C1,
    Rule::C1R,
    Rule::C2,
    Rule::C3,
    Rule::C4,
    Rule::L1,
    Rule::L1R,
    Rule::RV1,
    Rule::RV2,
    Rule::RV2F,
    Rule::AE1,
    Rule::R1,
];

const REPLICATION_RULES: [Rule; 10] = [
    Rule::A1,
    Rule::L2,
    Rule::L3,
    Rule::L3S,
    Rule::L3F,
    Rule::L4,
    Rule::RV2U,
    Rule::AE2,
    Rule::AE4,
    Rule::AE5,
];

/// IS1 needs a third term, or room for an old leader's snapshot beside an election: not all profiles have that.
const SNAPSHOT_RULES: [Rule; 8] =
    [Rule::S1, Rule::S2, Rule::S3, Rule::IS5, Rule::IS6, Rule::IS7, Rule::IS8, Rule::IS8R];

/// The profiles that `all` runs, in this order: those of every change.
pub fn profiles() -> Vec<Profile> {
    use every_change::*;
    vec![
        election(),
        election_5(),
        servers_4(),
        replication(),
        crash(),
        figure8_from_start(),
        snapshot(),
        snapshot_crash(),
        power_loss_1(),
        power_loss(),
        power_loss_batch(),
        sending::sending(),
        sending::sending_lag(),
        clients(),
        scripted::reappearing_index(),
        blind_spots::batches(),
        blind_spots::limits(),
        blind_spots::too_large(),
        blind_spots::snapshot_batch(),
        blind_spots::snapshot_suffix(),
        blind_spots::snapshot_twice(),
        blind_spots::snapshot_retained(),
        blind_spots::power_loss_snapshots_1(),
        blind_spots::power_loss_snapshots(),
        blind_spots::shared_write(),
        blind_spots::late_acknowledgement(),
        blind_spots::split_votes(),
        blind_spots::more_room(),
        blind_spots::limits_of_one(),
        blind_spots::limits_and_snapshot(),
        blind_spots::snapshot_conflict(),
        blind_spots::snapshot_edge(),
        blind_spots::old_snapshot(),
        blind_spots::longer_log(),
        extensions::pre_vote(),
        extensions::check_quorum(),
        extensions::transfer(),
        extensions::mixed_rules(),
        extensions::quorum_of_4(),
    ]
}

/// Profiles for a night: larger than what a change can wait for.
pub fn nightly_profiles() -> Vec<Profile> {
    vec![nightly::disk(), nightly::crash(), nightly::billion()]
}

/// Profiles that break a property, and are there to show how: what Raft does not tolerate, whatever its rules. No group of
/// profiles contains them.
pub fn broken_profiles() -> Vec<Profile> {
    vec![broken::lost_disk()]
}

/// All profiles: those of every change, the nightly ones, and those that break a property.
pub fn known_profiles() -> Vec<Profile> {
    [profiles(), nightly_profiles(), broken_profiles()].concat()
}

/// The profile of that name, of whatever kind.
pub fn profile(name: &str) -> Option<Profile> {
    known_profiles().into_iter().find(|profile| profile.name == name)
}

/// Bounds that the profiles vary.
const BASE: Bounds = Bounds {
    servers: 3,
    terms: 2,
    client_requests: 0,
    crashes: 0,
    losses: Budget::Unlimited,
    duplications: Budget::Unlimited,
    snapshots: 0,
    unwritten: 0,
    failed_writes: 0,
    in_flight: 2,
    entries_per_message: 1,
    sending: Sending::AtOnce,
    limits: Limits::NONE,
    apply: Apply::AtOnce,
    clients: false,
    extensions: Extensions::NONE,
    plain_servers: 0,
    transfers: 0,
    lost_disks: false,
};

fn new(name: &str, description: &str, bounds: Bounds) -> Profile {
    Profile {
        name: name.to_owned(),
        description: description.to_owned(),
        bounds,
        symmetry: true,
        script: Vec::new(),
        always: Safety::FIGURE_2.to_vec(),
        sometimes: vec![Witness::Leader],
        rules: Vec::new(),
    }
}
