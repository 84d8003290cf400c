//! Profiles in which a leader sends entries and its commit_index by actions of their own, as a node does. What was
//! proposed waits, is sent together, or is sent while the leader's own write is in progress.

use super::{BASE, Profile, REPLICATION_RULES, new};
use crate::cluster::bounds::{Bounds, Budget, Sending};
use crate::properties::Witness;
use figure2_core::Rule;

pub fn sending() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit, Witness::OlderCommitted],
        rules: [&REPLICATION_RULES[..], &[Rule::AE3, Rule::L3B, Rule::L4C]].concat(),
        ..new(
            "sending",
            "Three commands wait at leaders of 2 terms and are sent one or two at a time; followers are told what is committed.",
            Bounds {
                client_requests: 3,
                entries_per_message: 2,
                sending: Sending::Separately,
                duplications: Budget::AtMost(0),
                ..BASE
            },
        )
    }
}

pub fn sending_lag() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::OlderCommitted, Witness::RecoveredCrash],
        rules: [&REPLICATION_RULES[..], &[Rule::F2, Rule::P1, Rule::P2, Rule::P3, Rule::L1D, Rule::L4C]]
            .concat(),
        ..new(
            "sending-lag",
            "2 servers whose writes lag: entries and word of a commit leave while the leader's own write is under way, and a \
             leader whose write stalls steps down.",
            Bounds {
                servers: 2,
                client_requests: 2,
                crashes: 1,
                unwritten: 2,
                entries_per_message: 2,
                sending: Sending::Separately,
                duplications: Budget::AtMost(0),
                ..BASE
            },
        )
    }
}
