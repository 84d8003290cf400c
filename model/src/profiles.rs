//! The named profiles: what is explored, from where, and what a complete search of it must have seen.

use crate::bounds::{Apply, Bounds, Budget};
use crate::properties::{Safety, Witness};
use crate::script::Scene;
use figure2_core::Rule;

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
    pub script: Vec<Scene>,
    /// What must hold in every state.
    pub always: Vec<Safety>,
    /// What some state must show.
    pub sometimes: Vec<Witness>,
    /// Rules of the core that the search must have reached.
    pub rules: Vec<Rule>,
}

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

const SNAPSHOT_RULES: [Rule; 9] =
    [Rule::S1, Rule::S2, Rule::S3, Rule::IS1, Rule::IS5, Rule::IS6, Rule::IS7, Rule::IS8, Rule::IS8R];

/// All profiles, in the order in which `all` runs them.
pub fn profiles() -> Vec<Profile> {
    vec![election(), election_5(), replication(), crash(), snapshot(), snapshot_crash(), figure8()]
}

/// The profile of that name.
pub fn profile(name: &str) -> Option<Profile> {
    profiles().into_iter().find(|profile| profile.name == name)
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
    apply: Apply::AtOnce,
    clients: false,
};

fn new(name: &str, description: &str, bounds: Bounds) -> Profile {
    Profile {
        name: name.to_owned(),
        description: description.to_owned(),
        bounds,
        symmetry: true,
        script: Vec::new(),
        always: Safety::ALL.to_vec(),
        sometimes: vec![Witness::Leader],
        rules: Vec::new(),
    }
}

fn election() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::RecoveredCrash],
        rules: ELECTION_RULES.to_vec(),
        ..new(
            "election",
            "Elections among 3 servers over 3 terms; messages are lost, duplicated and reordered, servers crash and restart.",
            Bounds { terms: 3, crashes: 1, in_flight: 3, ..BASE },
        )
    }
}

fn election_5() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders],
        rules: vec![Rule::C2, Rule::C3, Rule::RV2F, Rule::AE1],
        ..new(
            "election-5",
            "Elections among 5 servers; messages are lost, duplicated and reordered.",
            Bounds { servers: 5, in_flight: 4, ..BASE },
        )
    }
}

fn replication() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit, Witness::OlderCommitted],
        rules: [&REPLICATION_RULES[..], &[Rule::AE3]].concat(),
        ..new(
            "replication",
            "Leaders of 3 terms replicate two commands; messages are lost, duplicated and reordered.",
            Bounds { terms: 3, client_requests: 2, ..BASE },
        )
    }
}

fn crash() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::RecoveredCrash],
        rules: [&REPLICATION_RULES[..], &[Rule::P1, Rule::AE3]].concat(),
        ..new(
            "crash",
            "Replication with servers that crash and restart from their disks.",
            Bounds { client_requests: 2, crashes: 1, ..BASE },
        )
    }
}

fn snapshot() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::InstalledSnapshot],
        rules: SNAPSHOT_RULES.to_vec(),
        ..new(
            "snapshot",
            "Services take snapshots, leaders send them to followers that lag behind, services take them in or refuse them.",
            Bounds {
                client_requests: 2,
                snapshots: 1,
                duplications: Budget::AtMost(0),
                apply: Apply::Separately,
                ..BASE
            },
        )
    }
}

fn snapshot_crash() -> Profile {
    Profile {
        sometimes: vec![Witness::Commit, Witness::InstalledSnapshot, Witness::RecoveredCrash],
        rules: [&SNAPSHOT_RULES[..], &[Rule::P1]].concat(),
        ..new(
            "snapshot-crash",
            "Snapshots, with servers that crash and restart from them, and with duplicated messages.",
            Bounds { client_requests: 1, snapshots: 1, crashes: 1, apply: Apply::Separately, ..BASE },
        )
    }
}

pub(crate) fn figure8() -> Profile {
    use Scene::{Crash, Exchange, LoseAll, Request, Restart, Timeout};
    Profile {
        script: vec![
            // (a) S0 leads term 1, and its entry c1 reaches nobody.
            Timeout(0),
            Exchange(0, 1),
            Exchange(0, 2),
            Request(0),
            LoseAll,
            // (b) S0 crashes; S2 leads term 2 by the vote of S1, and takes in c2 at the same index.
            Crash(0),
            Timeout(2),
            Exchange(2, 1),
            Request(2),
            LoseAll,
            // Towards (c): S2 crashes; S0 restarts and asks for votes, in vain in term 2, and then in term 3.
            Crash(2),
            Restart(0),
            Timeout(0),
            LoseAll,
            Timeout(0),
        ],
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::Figure8, Witness::OlderCommitted],
        rules: vec![Rule::L4, Rule::RV2U],
        ..new(
            "figure8",
            "The case of Figure 8, from the middle of the paper's history: scripted steps of the core lead almost to (c), with 3 \
             servers for the paper's 5 (S0 is its S1, S2 its S5).",
            Bounds { terms: 4, client_requests: 3, crashes: 1, ..BASE },
        )
    }
}
