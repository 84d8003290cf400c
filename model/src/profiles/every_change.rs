//! The profiles that every change is checked with, except those with a scripted beginning.

use super::{BASE, ELECTION_RULES, Profile, REPLICATION_RULES, SNAPSHOT_RULES, new};
use crate::cluster::bounds::{Apply, Bounds, Budget};
use crate::properties::Witness;
use figure2_core::Rule;

pub fn election() -> Profile {
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

pub fn election_5() -> Profile {
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

pub fn servers_4() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit],
        rules: [&REPLICATION_RULES[..], &[Rule::C2, Rule::L1R]].concat(),
        ..new(
            "servers-4",
            "Elections and replication among 4 servers, where two are no majority; messages are duplicated any number of times.",
            Bounds { servers: 4, client_requests: 1, in_flight: 3, ..BASE },
        )
    }
}

pub fn replication() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit, Witness::OlderCommitted],
        rules: [&REPLICATION_RULES[..], &[Rule::AE3, Rule::L1]].concat(),
        ..new(
            "replication",
            "Leaders of 3 terms replicate two commands; messages are lost, duplicated and reordered.",
            Bounds { terms: 3, client_requests: 2, ..BASE },
        )
    }
}

pub fn crash() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::OlderCommitted, Witness::RecoveredCrash],
        rules: [&REPLICATION_RULES[..], &[Rule::P1, Rule::AE3]].concat(),
        ..new(
            "crash",
            "Replication over 3 terms with servers that crash and restart from their disks.",
            Bounds { terms: 3, client_requests: 2, crashes: 1, ..BASE },
        )
    }
}

pub fn figure8_from_start() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::Figure8, Witness::OlderCommitted],
        rules: vec![Rule::L4, Rule::RV2U, Rule::AE3],
        ..new(
            "figure8",
            "The case of Figure 8, from servers that never ran: 4 terms and two commands. 3 servers show it as well as the \
             paper's 5.",
            Bounds { terms: 4, client_requests: 2, ..BASE },
        )
    }
}

pub fn snapshot() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::InstalledSnapshot],
        rules: [&SNAPSHOT_RULES[..], &[Rule::IS1]].concat(),
        ..new(
            "snapshot",
            "Services take snapshots, leaders of 3 terms send them to followers that lag behind, services take them in or \
             refuse them.",
            Bounds {
                terms: 3,
                client_requests: 2,
                snapshots: 1,
                duplications: Budget::AtMost(0),
                apply: Apply::Separately,
                ..BASE
            },
        )
    }
}

pub fn snapshot_crash() -> Profile {
    Profile {
        sometimes: vec![
            Witness::Commit,
            Witness::InstalledSnapshot,
            Witness::RecoveredCrash,
            Witness::InstallerDown,
            Witness::SenderDown,
        ],
        rules: [&SNAPSHOT_RULES[..], &[Rule::P1]].concat(),
        ..new(
            "snapshot-crash",
            "Snapshots, with servers that crash and restart from them, and with duplicated messages.",
            Bounds { client_requests: 2, snapshots: 1, crashes: 1, apply: Apply::Separately, ..BASE },
        )
    }
}

pub fn power_loss_1() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::OlderCommitted, Witness::RecoveredCrash],
        rules: vec![Rule::P1, Rule::P2, Rule::P3, Rule::L2, Rule::L4, Rule::A1],
        ..new(
            "power-loss-1",
            "A single server whose writes lag by up to 3 steps, are lost in a crash but for any prefix, or fail.",
            Bounds {
                servers: 1,
                terms: 3,
                client_requests: 3,
                crashes: 2,
                unwritten: 3,
                failed_writes: 1,
                in_flight: 1,
                ..BASE
            },
        )
    }
}

pub fn power_loss() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit, Witness::RecoveredCrash],
        rules: [&REPLICATION_RULES[..], &[Rule::P1, Rule::P2, Rule::P3]].concat(),
        ..new(
            "power-loss",
            "3 servers whose writes lag: a leader's entries leave before its own write, an answer never does; what was not \
             durable is lost in a crash, and a failed write stops the server.",
            Bounds { client_requests: 1, crashes: 1, unwritten: 1, failed_writes: 1, ..BASE },
        )
    }
}

pub fn power_loss_batch() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::OlderCommitted, Witness::RecoveredCrash],
        rules: [&REPLICATION_RULES[..], &[Rule::P1, Rule::P2, Rule::P3]].concat(),
        ..new(
            "power-loss-batch",
            "2 servers, where two steps wait for one write or for one each, and a crash may keep the first only.",
            Bounds { servers: 2, client_requests: 2, crashes: 1, unwritten: 2, ..BASE },
        )
    }
}

pub fn clients() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::TwoLeaders, Witness::TwoAnswers],
        rules: vec![Rule::A1, Rule::L2, Rule::L4],
        ..new(
            "clients",
            "What clients see: each gives a command to a list and is answered with what was there before; servers crash, and \
             some clients never learn.",
            Bounds { client_requests: 2, crashes: 1, clients: true, duplications: Budget::AtMost(0), ..BASE },
        )
    }
}
