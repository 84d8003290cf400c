//! Every rule of the list fires somewhere: a rule that nothing reaches would be text, not code.

use crate::common::*;
use figure2_core::{Config, Extensions, Index, Input, Rule, RuleSet};

/// Rules that a starting server follows before there is a step to record them in.
pub const BEFORE_ANY_STEP: [Rule; 1] = [Rule::P1];

#[test]
fn every_rule_fires_in_a_short_life_of_a_cluster() {
    let mut seen = RuleSet::EMPTY;
    let mut see = |effects: &Effects| seen = seen.union(effects.rules());

    // S0 as a follower: votes, entries, snapshots.
    let mut s = follower(3, disk(3, None, &[1, 1, 2]));
    for message in [
        request_vote(2, (9, 1)),          // RV1
        request_vote(3, (9, 1)),          // RV2U
        request_vote(4, (9, 3)),          // A2, RV2, P2
        vote(1, true),                    // R1
        append(3, (0, 0), &[], 0),        // AE1
        append(4, (9, 3), &[], 0),        // AE2
        append(4, (2, 1), &[4, 4, 4], 3), // AE3, AE4, AE5
        install(3, snapshot(9, 3)),       // IS1
        install(4, snapshot(4, 4)),       // IS5
    ] {
        see(&receive(&mut s, S1, message));
    }
    see(&receive(&mut s, S2, request_vote(4, (9, 3)))); // RV2F
    see(&receive(&mut s, S0, vote(4, true))); // V1
    see(&s.step(Input::Applied { index: Index(2) })); // A1
    see(&s.step(Input::SnapshotTaken { index: Index(2), data: 0 })); // S1
    see(&s.step(Input::CondInstallSnapshot(snapshot(2, 1)))); // IS8R
    see(&s.step(Input::CondInstallSnapshot(snapshot(4, 4)))); // IS6, IS8
    see(&s.step(Input::CondInstallSnapshot(snapshot(9, 4)))); // IS7

    // Then as a candidate, and as the leader.
    see(&s.step(Input::ElectionTimeout)); // F2, C1
    see(&s.step(Input::ElectionTimeout)); // C4
    see(&receive(&mut s, S1, append(6, (9, 4), &[], 0))); // C3
    see(&s.step(Input::ElectionTimeout));
    see(&s.step(persisted(7, 9))); // P3
    see(&s.step(Input::HeartbeatTimeout)); // C1R
    see(&receive(&mut s, S1, vote(7, true))); // C2, L1
    see(&s.step(Input::HeartbeatTimeout)); // L1R
    see(&receive(&mut s, S1, success(7, 9))); // L3S
    see(&s.step(Input::Propose(command(7, 10)))); // L2
    see(&s.step(Input::Replicate)); // L3
    see(&s.step(persisted(7, 10)));
    see(&receive(&mut s, S1, success(7, 10))); // L4
    see(&s.step(Input::SendCommit)); // L4C
    see(&receive(&mut s, S2, conflict(7, 9, 3, None))); // L3F, S2
    see(&receive(&mut s, S2, install_reply(7, Some(9)))); // S3
    see(&receive(&mut s, S2, conflict(7, 9, 3, None))); // S3F
    for _ in 0..s.config().snapshot_patience {
        see(&s.step(Input::HeartbeatTimeout)); // S2W
    }

    // A leader at its limits, whose disk hangs.
    let config = Config {
        max_command_bytes: 1,
        max_message_bytes: 0,
        max_in_flight_bytes: 0,
        max_uncommitted_bytes: 50,
        max_retained_bytes: 50,
        ..Config::new(3)
    };
    let mut s = leader_of(config, disk(1, None, &[]));
    see(&receive(&mut s, S1, success(2, 0)));
    see(&s.step(Input::Propose(1)));
    see(&s.step(Input::Propose(2)));
    see(&s.step(Input::Propose(3))); // L2B
    see(&s.step(Input::Replicate)); // L3B
    see(&s.step(Input::Replicate)); // L3W
    see(&s.step(persisted(2, 1)));
    see(&receive(&mut s, S1, success(2, 1)));
    see(&s.step(Input::SnapshotTaken { index: Index(1), data: 0 })); // S1K
    see(&s.step(Input::ElectionTimeout));
    see(&s.step(Input::ElectionTimeout)); // L1D
    let mut s = leader_of(Config { max_command_bytes: 0, ..config }, disk(1, None, &[]));
    see(&s.step(Input::Propose(1))); // L2L

    // A server with all extensions: it answers and asks, leads, hands over, and is told to lead.
    let mut s = follower_with(extended(3, Extensions::ALL), S1, disk(1, None, &[1]));
    see(&receive(&mut s, S2, pre_vote(2, (1, 1)))); // PV2C
    see(&receive(&mut s, S2, request_vote(2, (1, 1)))); // CQ2
    see(&s.step(Input::ElectionTimeout)); // PV1
    see(&receive(&mut s, S2, pre_vote(2, (1, 1)))); // PV2
    see(&receive(&mut s, S2, pre_vote(2, (0, 0)))); // PV2U
    see(&s.step(Input::HeartbeatTimeout)); // PV1R
    see(&receive(&mut s, S2, pre_vote_reply(2, true))); // PV3
    see(&s.step(persisted(2, 1)));
    see(&receive(&mut s, S2, vote(2, true)));
    see(&receive(&mut s, S2, success(2, 1)));
    see(&s.step(Input::TransferLeadership { to: S2 })); // LT1, LT2
    see(&s.step(Input::Propose(1))); // LT4
    see(&s.step(Input::ElectionTimeout)); // LT5
    see(&s.step(Input::ElectionTimeout)); // CQ1
    see(&receive(&mut s, S2, timeout_now(2))); // LT3

    let missing: Vec<&str> = Rule::ALL
        .iter()
        .filter(|rule| !seen.contains(**rule) && !BEFORE_ANY_STEP.contains(rule))
        .map(|rule| rule.id())
        .collect();
    assert!(missing.is_empty(), "never fired: {missing:?}");
    for rule in BEFORE_ANY_STEP {
        assert!(!seen.contains(rule), "{} is recorded in steps after all", rule.id());
    }
}
