//! Profiles of what goes beyond Figure 2: PreVote, CheckQuorum and leadership transfer (thesis, sections 9.6, 6.2, 4.2.3 and
//! 3.10), each alone, and among servers that differ in them.

use super::{BASE, Profile, new};
use crate::cluster::bounds::{Bounds, Budget};
use crate::properties::{Safety, Witness};
use figure2_core::{Extensions, Rule};

/// PreVote alone.
const PRE_VOTE: Extensions = Extensions { pre_vote: true, ..Extensions::NONE };
/// CheckQuorum alone.
const CHECK_QUORUM: Extensions = Extensions { check_quorum: true, ..Extensions::NONE };

fn extended(name: &str, description: &str, bounds: Bounds) -> Profile {
    Profile { always: Safety::ALL.to_vec(), ..new(name, description, bounds) }
}

pub fn pre_vote() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit, Witness::RecoveredCrash],
        rules: vec![Rule::PV1, Rule::PV1R, Rule::PV2, Rule::PV2C, Rule::PV2U, Rule::PV3],
        ..extended(
            "pre-vote",
            "Servers ask whether they would win before they stand: elections of 2 terms, a command that some lack, and a crash.",
            Bounds { client_requests: 1, crashes: 1, extensions: PRE_VOTE, ..BASE },
        )
    }
}

pub fn check_quorum() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit, Witness::RecoveredCrash],
        rules: vec![Rule::CQ1, Rule::CQ2],
        ..extended(
            "check-quorum",
            "Leaders that no majority answers step down, and servers in contact with a leader disregard candidates.",
            Bounds { client_requests: 1, crashes: 1, extensions: CHECK_QUORUM, ..BASE },
        )
    }
}

pub fn transfer() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit],
        rules: vec![Rule::CQ2, Rule::LT1, Rule::LT2, Rule::LT3, Rule::LT4, Rule::LT5],
        ..extended(
            "transfer",
            "A leader hands over to a follower that has its log, or lacks a command; all have PreVote and CheckQuorum.",
            Bounds {
                client_requests: 1,
                transfers: 1,
                duplications: Budget::AtMost(0),
                extensions: Extensions::ALL,
                ..BASE
            },
        )
    }
}

pub fn mixed_rules() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders],
        rules: vec![Rule::PV3, Rule::CQ1],
        ..extended(
            "mixed-rules",
            "Two servers have PreVote and CheckQuorum, the third has neither, and they elect leaders of 2 terms; answers to the first \
             arrive in the second.",
            Bounds {
                in_flight: 3,
                duplications: Budget::AtMost(0),
                extensions: Extensions::ALL,
                plain_servers: 1,
                ..BASE
            },
        )
    }
}

pub fn quorum_of_4() -> Profile {
    Profile {
        rules: vec![Rule::PV3, Rule::CQ1],
        ..extended(
            "quorum-of-4",
            "4 servers with PreVote and CheckQuorum: two are a majority neither of pre-votes nor of a leader's answers.",
            Bounds { servers: 4, terms: 1, in_flight: 3, extensions: Extensions::ALL, ..BASE },
        )
    }
}
