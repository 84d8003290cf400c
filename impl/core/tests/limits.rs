//! Limits in bytes: of a command, of a message, of what is in flight to a follower, of what waits to be committed.

use crate::common::*;
use figure2_core::{Config, Index, Input, Outcome, Role, Rule, Term};

/// S0 leads term 2 with these limits, over one entry that S1 has.
fn limited(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config::new(3);
    change(&mut config);
    let mut server = leader_of(config, disk(1, None, &[1]));
    let _ = receive(&mut server, S1, success(2, 1));
    server
}

fn propose(server: &mut Server, indexes: std::ops::RangeInclusive<u64>) {
    for index in indexes {
        propose_durably(server, command(2, index));
    }
}

/// The outcome of a proposal, and whether the rule fired.
fn outcome_of(server: &mut Server, rule: Rule) -> (Outcome, bool) {
    let effects = server.step(Input::Propose(0));
    (effects.outcome().clone(), fired(&effects, rule))
}

/// Rules: L2L.
#[test]
fn a_command_above_the_limit_is_refused_and_changes_nothing() {
    let mut server = limited(|config| config.max_command_bytes = 1);
    assert!(matches!(outcome_of(&mut server, Rule::L2L), (Outcome::Proposed { .. }, false)));
    let mut server = limited(|config| config.max_command_bytes = 0);
    let before = server.clone();
    assert_eq!(outcome_of(&mut server, Rule::L2L), (Outcome::TooLarge { size: 1, limit: 0 }, true));
    assert_eq!(server, before);
}

/// Rules: L2B.
#[test]
fn what_waits_to_be_committed_is_limited_and_one_command_always_fits() {
    let mut server = limited(|config| config.max_uncommitted_bytes = bytes(3));
    // The entry of term 1 is not committed yet, and counts.
    propose(&mut server, 2..=3);
    let busy = Outcome::Busy { uncommitted: bytes(3), limit: bytes(3) };
    assert_eq!(outcome_of(&mut server, Rule::L2B), (busy, true));
    assert_eq!(server.log().last_index(), Index(3));
    let _ = receive(&mut server, S1, success(2, 3));
    assert_eq!(server.commit_index(), Index(3));
    propose(&mut server, 4..=6);
    assert!(outcome_of(&mut server, Rule::L2B).1, "what is committed has left, what came has not");
    let mut alone = leader_of(Config { max_uncommitted_bytes: 0, ..Config::new(3) }, disk(1, None, &[]));
    assert!(!outcome_of(&mut alone, Rule::L2B).1, "with nothing uncommitted, one fits whatever its size");
    assert!(outcome_of(&mut alone, Rule::L2B).1);
}

/// Rules: L2B, L1.
#[test]
fn a_new_leader_counts_what_it_inherits_but_takes_one_command_that_commits_it() {
    let config = Config { max_uncommitted_bytes: bytes(2), ..Config::new(3) };
    let mut server = leader_of(config, disk(1, None, &[1, 1]));
    assert!(!outcome_of(&mut server, Rule::L2B).1, "else what it inherited could never be committed");
    let busy = Outcome::Busy { uncommitted: bytes(3), limit: bytes(2) };
    assert_eq!(outcome_of(&mut server, Rule::L2B), (busy, true));
    let mut server = leader_of(config, disk_after(1, snapshot(5, 1), &[1]));
    assert!(!outcome_of(&mut server, Rule::L2B).1);
    let busy = Outcome::Busy { uncommitted: bytes(2), limit: bytes(2) };
    assert_eq!(outcome_of(&mut server, Rule::L2B), (busy, true), "what the snapshot covers is committed");
}

/// Rules: L3B.
#[test]
fn a_message_ends_at_its_limit_of_bytes_and_holds_one_entry_at_least() {
    for (limit, entries) in [(bytes(2), 2), (bytes(3) - 1, 2), (bytes(1), 1), (0, 1)] {
        let mut server = limited(|config| config.max_message_bytes = limit);
        propose(&mut server, 2..=4);
        let effects = server.step(Input::Replicate);
        assert!(fired(&effects, Rule::L3B), "it says that there is more");
        assert_eq!(only(effects), (S1, append(2, (1, 1), &vec![2; entries], 0)), "limit {limit}");
        assert!(server.has_entries_to_send());
    }
    let mut server = limited(|config| config.max_message_bytes = bytes(3));
    propose(&mut server, 2..=4);
    let effects = server.step(Input::Replicate);
    assert!(!fired(&effects, Rule::L3B) && !server.has_entries_to_send());
}

/// Rules: L3W.
#[test]
fn what_is_in_flight_to_a_follower_is_limited_and_an_acknowledgement_makes_room() {
    let mut server = limited(|config| {
        config.max_in_flight_bytes = bytes(3);
        config.max_message_bytes = bytes(2);
    });
    propose(&mut server, 2..=6);
    assert_eq!(only(server.step(Input::Replicate)), (S1, append(2, (1, 1), &[2, 2], 0)));
    assert_eq!(only(server.step(Input::Replicate)), (S1, append(2, (3, 2), &[2], 0)), "one more fits");
    assert_eq!(in_flight(&server, S1), bytes(3));
    let effects = server.step(Input::Replicate);
    assert!(fired(&effects, Rule::L3W) && !fired(&effects, Rule::L3) && sent(effects).is_empty());
    assert!(!server.has_entries_to_send(), "there is no room");
    let heartbeat = sent(server.step(Input::HeartbeatTimeout)).remove(0).message;
    assert_eq!(heartbeat, append(2, (4, 2), &[], 0), "a heartbeat always may leave");
    let effects = receive(&mut server, S1, success(2, 3));
    assert_eq!(only(effects), (S1, append(2, (4, 2), &[2, 2], 3)));
    assert_eq!(in_flight(&server, S1), bytes(3));
    let _ = receive(&mut server, S1, success(2, 6));
    assert_eq!((in_flight(&server, S1), progress(&server, S1)), (0, (7, 6, true)));
}

/// Rules: L3W.
#[test]
fn an_entry_larger_than_all_that_may_be_in_flight_is_sent_alone() {
    let mut server = limited(|config| config.max_in_flight_bytes = 0);
    propose(&mut server, 2..=3);
    assert_eq!(only(server.step(Input::Replicate)), (S1, append(2, (1, 1), &[2], 0)));
    assert!(sent(server.step(Input::Replicate)).is_empty());
    let effects = receive(&mut server, S1, success(2, 2));
    assert_eq!(only(effects), (S1, append(2, (2, 2), &[2], 2)));
}

/// Rules: L3W, L3F.
#[test]
fn what_was_lost_is_no_longer_in_flight() {
    let mut server = limited(|config| config.max_in_flight_bytes = bytes(2));
    propose(&mut server, 2..=3);
    let _ = server.step(Input::Replicate);
    let effects = receive(&mut server, S1, conflict(2, 3, 2, None));
    assert_eq!(only(effects), (S1, append(2, (1, 1), &[], 0)));
    let effects = receive(&mut server, S1, success(2, 1));
    assert_eq!(only(effects), (S1, append(2, (1, 1), &[2, 2], 0)));
    assert_eq!(in_flight(&server, S1), bytes(2));
}

/// Rules: L3W, S1.
#[test]
fn what_the_leader_discards_is_in_flight_until_all_of_it_is_acknowledged() {
    let mut server = limited(|_| {});
    let _ = receive(&mut server, S2, success(2, 1));
    propose(&mut server, 2..=4);
    let _ = server.step(Input::Replicate);
    let _ = receive(&mut server, S2, success(2, 3));
    assert_eq!((server.commit_index(), in_flight(&server, S1)), (Index(3), bytes(3)));
    let _ = server.step(Input::SnapshotTaken { index: Index(3), data: 0 });
    assert_eq!(
        in_flight(&server, S1),
        bytes(3),
        "or a follower that is gone would be sent more with each snapshot"
    );
    let _ = receive(&mut server, S1, success(2, 2));
    assert_eq!(in_flight(&server, S1), bytes(3), "how much of it was entry 2 is not known any more");
    let _ = receive(&mut server, S1, success(2, 3));
    assert_eq!(in_flight(&server, S1), bytes(1));
    let _ = receive(&mut server, S1, success(2, 4));
    assert_eq!(in_flight(&server, S1), 0);
}

/// Rules: L4C.
#[test]
fn followers_learn_at_once_what_is_committed() {
    let mut server = limited(|_| {});
    propose(&mut server, 2..=2);
    let _ = server.step(Input::Replicate);
    let _ = receive(&mut server, S1, success(2, 2));
    let effects = server.step(Input::SendCommit);
    assert!(fired(&effects, Rule::L4C));
    assert_eq!(
        only(effects),
        (S1, append(2, (2, 2), &[], 2)),
        "S2 is being probed, and learns with the heartbeat"
    );
}

/// Rules: L4C, L3.
#[test]
fn word_of_a_commit_goes_with_the_entries_that_are_due() {
    let mut server = limited(|config| config.max_in_flight_bytes = bytes(1));
    propose(&mut server, 2..=2);
    let _ = server.step(Input::Replicate);
    let _ = receive(&mut server, S1, success(2, 2));
    propose(&mut server, 3..=4);
    let effects = server.step(Input::SendCommit);
    assert!(fired(&effects, Rule::L3) && !fired(&effects, Rule::L4C));
    assert_eq!(only(effects), (S1, append(2, (2, 2), &[2], 2)));
    let effects = server.step(Input::SendCommit);
    assert_eq!(only(effects), (S1, append(2, (3, 2), &[], 2)), "without room for entries, it goes alone");
}

/// Rules: L4C.
#[test]
fn whoever_does_not_lead_has_no_commit_to_tell() {
    let mut server = follower(3, disk(4, None, &[1]));
    assert!(sent(server.step(Input::SendCommit)).is_empty());
    assert_eq!(server.current_term(), Term(4));
}

/// Rules: IS8, L2B, L3W. A service may answer an offer that came while its server followed when it leads already.
#[test]
fn a_leader_that_installs_a_snapshot_counts_its_entries_no_longer() {
    let mut server = follower(3, disk(1, None, &[1, 1]));
    let _ = receive(&mut server, S1, install(1, snapshot(1, 1)));
    let effects = server.step(Input::ElectionTimeout);
    settle(&mut server, effects);
    let _ = receive(&mut server, S1, vote(2, true));
    let _ = receive(&mut server, S1, conflict(2, 2, 1, None));
    let _ = receive(&mut server, S1, success(2, 0));
    let uncommitted = |server: &Server| match server.role() {
        Role::Leader { uncommitted, .. } => *uncommitted,
        _ => panic!("it leads"),
    };
    assert_eq!((uncommitted(&server), in_flight(&server, S1)), (bytes(2), bytes(2)));
    let effects = server.step(Input::CondInstallSnapshot(snapshot(1, 1)));
    assert_eq!(*effects.outcome(), Outcome::Installed);
    assert_eq!((uncommitted(&server), in_flight(&server, S1)), (bytes(1), bytes(2)));
}

/// Rules: L3W, S2.
#[test]
fn a_follower_that_does_not_answer_gets_no_snapshot_for_what_is_discarded_until_it_does() {
    let mut server = limited(|config| config.max_in_flight_bytes = bytes(1));
    let _ = receive(&mut server, S2, success(2, 1));
    propose(&mut server, 2..=3);
    let _ = server.step(Input::Replicate);
    let _ = receive(&mut server, S2, success(2, 2));
    let _ = receive(&mut server, S2, success(2, 3));
    let _ = server.step(Input::SnapshotTaken { index: Index(3), data: 0 });
    assert!(!server.has_entries_to_send() && sent(server.step(Input::Replicate)).is_empty());
    let heartbeat = sent(server.step(Input::HeartbeatTimeout)).remove(0);
    assert_eq!(
        (heartbeat.to, heartbeat.message),
        (S1, append(2, (3, 2), &[], 3)),
        "where the leader's log begins"
    );
    let effects = receive(&mut server, S1, conflict(2, 3, 2, None));
    assert_eq!(only(effects), (S1, install(2, snapshot_of(3))));
}

/// What the service wrote in these tests.
fn snapshot_of(index: u64) -> figure2_core::Snapshot<u8> {
    figure2_core::Snapshot { data: 0, ..snapshot(index, 2) }
}
