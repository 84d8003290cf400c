//! Taking in snapshots: section 7 and Figure 13.

use crate::common::*;
use figure2_core::{Apply, Change, Index, Input, Outcome, Rule, SnapshotIgnored, Term};

/// S0 follows in term 4 with five entries, of which three are committed.
fn committed_three() -> Server {
    let mut server = follower(3, disk(4, None, &[1, 1, 2, 2, 3]));
    let _ = receive(&mut server, S1, append(4, (5, 3), &[], 3));
    assert_eq!(server.commit_index(), Index(3));
    server
}

/// Rules: S1. Pitfalls 19, 20, 45.
#[test]
fn the_services_snapshot_takes_the_place_of_the_prefix_in_one_change() {
    let mut server = committed_three();
    let data = command(2, 3);
    let effects = server.step(Input::SnapshotTaken { index: Index(3), data });
    assert!(fired(&effects, Rule::S1));
    assert_eq!(*effects.outcome(), Outcome::SnapshotTaken);
    assert_eq!(changes(&effects), [Change::Snapshot { snapshot: snapshot(3, 2), keep_suffix: true }]);
    assert_eq!((server.log().base_index(), server.log().base_term()), (Index(3), Term(2)));
    assert_eq!(server.log().entries(), entries(4, &[2, 3]), "indexes do not depend on what is gone");
    assert_eq!((server.log().last_index(), server.commit_index()), (Index(5), Index(3)));
    assert_eq!(server.last_applied(), Index(3), "the service has what it took a snapshot of");
}

/// Rules: S1. Pitfall 19.
#[test]
fn a_snapshot_of_what_is_not_committed_is_ignored() {
    for index in [4, 5, 6] {
        let mut server = committed_three();
        let before = server.clone();
        let effects = server.step(Input::SnapshotTaken { index: Index(index), data: 0 });
        assert_eq!(*effects.outcome(), Outcome::SnapshotIgnored(SnapshotIgnored::NotCommitted));
        assert_eq!(server, before);
    }
}

/// Rules: S1. Pitfall 47.
#[test]
fn a_snapshot_of_what_is_covered_already_is_ignored() {
    for index in [0, 4, 5] {
        let mut server = follower(3, disk_after(4, snapshot(5, 2), &[3]));
        let before = server.clone();
        let effects = server.step(Input::SnapshotTaken { index: Index(index), data: 0 });
        assert_eq!(*effects.outcome(), Outcome::SnapshotIgnored(SnapshotIgnored::AlreadyCovered));
        assert_eq!(server, before);
    }
}

/// Rules: IS1. Pitfalls 4, 7.
#[test]
fn a_snapshot_of_an_older_term_is_refused() {
    let mut server = committed_three();
    let before = server.clone();
    let effects = receive(&mut server, S1, install(3, snapshot(9, 3)));
    assert!(fired(&effects, Rule::IS1));
    assert!(!effects.reset_election_timer());
    assert_eq!(server, before);
    assert_eq!(only(effects), (S1, install_reply(4, None)));
}

/// Rules: IS5. Pitfall 4.
#[test]
fn a_snapshot_is_offered_to_the_service_before_the_log_changes() {
    let mut server = committed_three();
    let effects = receive(&mut server, S1, install(4, snapshot(9, 4)));
    assert!(fired(&effects, Rule::IS5));
    assert!(effects.reset_election_timer());
    assert_eq!(server.leader(), Some(S1));
    assert!(effects.record().is_empty());
    assert_eq!(server.log().last_index(), Index(5));
    assert_eq!(server.offered(), Some(&snapshot(9, 4)));
    assert_eq!(reply(effects), install_reply(4, Some(9)));
}

/// Rules: IS5, A1. Pitfall 46.
#[test]
fn no_entries_are_applied_while_a_snapshot_waits_for_the_service() {
    let mut server = committed_three();
    let _ = receive(&mut server, S1, install(4, snapshot(9, 4)));
    assert_eq!(server.next_apply(8), Some(Apply::Snapshot(snapshot(9, 4))));
    let _ = server.step(Input::CondInstallSnapshot(snapshot(9, 4)));
    assert_eq!((server.offered(), server.next_apply(8)), (None, None));
}

/// Rules: IS5. Pitfall 47.
#[test]
fn only_the_newest_snapshot_is_offered_and_none_that_the_log_covers() {
    let mut server = committed_three();
    for (index, term, offered, is_new) in [
        (3, 2, None, false),
        (2, 1, None, false),
        (6, 3, Some(6), true),
        (6, 3, Some(6), false),
        (5, 3, Some(6), false),
        (8, 4, Some(8), true),
    ] {
        let effects = receive(&mut server, S1, install(4, snapshot(index, term)));
        assert_eq!(server.offered().map(|s| s.last_included_index.0), offered);
        assert_eq!(fired(&effects, Rule::IS5), is_new);
        assert_eq!(reply(effects), install_reply(4, Some(index)));
    }
}

/// Rules: IS8, IS6. Pitfalls 45, 46.
#[test]
fn a_snapshot_that_matches_an_entry_keeps_what_follows_it() {
    let mut server = committed_three();
    let _ = receive(&mut server, S1, install(4, snapshot(4, 2)));
    let effects = server.step(Input::CondInstallSnapshot(snapshot(4, 2)));
    assert!(fired(&effects, Rule::IS8) && fired(&effects, Rule::IS6) && !fired(&effects, Rule::IS7));
    assert_eq!(*effects.outcome(), Outcome::Installed);
    assert_eq!(changes(&effects), [Change::Snapshot { snapshot: snapshot(4, 2), keep_suffix: true }]);
    assert_eq!(server.log().entries(), entries(5, &[3]));
    assert_eq!((server.commit_index(), server.last_applied()), (Index(4), Index(4)));
}

/// Rules: IS8, IS7. Pitfall 46.
#[test]
fn a_snapshot_that_contradicts_the_log_or_goes_beyond_it_drops_the_entire_log() {
    for (index, term) in [(4, 3), (5, 4), (6, 4)] {
        let mut server = committed_three();
        let _ = receive(&mut server, S1, install(4, snapshot(index, term)));
        let effects = server.step(Input::CondInstallSnapshot(snapshot(index, term)));
        assert!(fired(&effects, Rule::IS7) && !fired(&effects, Rule::IS6));
        assert_eq!(
            changes(&effects),
            [Change::Snapshot { snapshot: snapshot(index, term), keep_suffix: false }]
        );
        assert!(server.log().entries().is_empty());
        assert_eq!((server.log().last_index(), server.log().last_term()), (Index(index), Term(term)));
        assert_eq!((server.commit_index(), server.last_applied()), (Index(index), Index(index)));
    }
}

/// Rules: IS8R. Pitfall 47.
#[test]
fn an_old_snapshot_is_refused_and_takes_nothing_back() {
    for (index, term) in [(1, 1), (2, 1), (3, 2)] {
        let mut server = committed_three();
        let _ = server.step(Input::Applied { index: Index(3) });
        let before = server.clone();
        let effects = server.step(Input::CondInstallSnapshot(snapshot(index, term)));
        assert!(fired(&effects, Rule::IS8R));
        assert_eq!(*effects.outcome(), Outcome::InstallRefused);
        assert!(effects.record().is_empty());
        assert_eq!(server, before);
    }
}

/// Rules: IS8R. A server is offered a snapshot by a peer that lies, and is elected before its service answers.
#[test]
fn a_leader_refuses_a_snapshot_that_its_log_contradicts() {
    for offered in [snapshot(3, 1), snapshot(9, 3)] {
        let mut server = follower(3, disk(4, None, &[1, 1, 2, 2, 3]));
        let _ = receive(&mut server, S1, install(4, offered.clone()));
        let effects = server.step(Input::ElectionTimeout);
        let _ = settle(&mut server, effects);
        let _ = receive(&mut server, S1, vote(5, true));
        assert!(server.is_leader());
        propose_durably(&mut server, command(5, 6));
        let mut expected = server.clone();
        let effects = server.step(Input::CondInstallSnapshot(offered));
        assert!(fired(&effects, Rule::IS8R));
        assert_eq!(*effects.outcome(), Outcome::InstallRefused);
        assert!(effects.is_empty());
        let _ = expected.step(Input::Replicate);
        let _ = server.step(Input::Replicate);
        assert_eq!((server.log(), server.role()), (expected.log(), expected.role()));
        assert_eq!(server.next_apply(9), None, "nothing is committed, and the offer is answered");
    }
}

/// Rules: IS8R, IS5. Pitfall 47.
#[test]
fn an_offer_overtaken_by_the_log_is_refused_and_entries_go_on() {
    let mut server = committed_three();
    let _ = receive(&mut server, S1, install(4, snapshot(4, 2)));
    let _ = receive(&mut server, S1, append(4, (5, 3), &[4], 6));
    assert_eq!(server.next_apply(8), Some(Apply::Snapshot(snapshot(4, 2))));
    let effects = server.step(Input::CondInstallSnapshot(snapshot(4, 2)));
    assert!(fired(&effects, Rule::IS8R));
    let Some(Apply::Entries { first_index, entries }) = server.next_apply(8) else { panic!("entries") };
    assert_eq!((first_index, entries.len()), (Index(1), 6));
}

/// Rules: IS8, IS5.
#[test]
fn a_newer_offer_outlives_the_install_of_an_older_snapshot() {
    let mut server = committed_three();
    let _ = receive(&mut server, S1, install(4, snapshot(6, 4)));
    let _ = receive(&mut server, S1, install(4, snapshot(8, 4)));
    let _ = server.step(Input::CondInstallSnapshot(snapshot(6, 4)));
    assert_eq!(server.last_applied(), Index(6));
    assert_eq!(server.next_apply(8), Some(Apply::Snapshot(snapshot(8, 4))));
}

/// Rules: A1, IS8. Pitfall 47.
#[test]
fn word_of_an_apply_from_before_the_install_does_not_rewind() {
    let mut server = committed_three();
    let _ = receive(&mut server, S1, install(4, snapshot(9, 4)));
    let _ = server.step(Input::CondInstallSnapshot(snapshot(9, 4)));
    let _ = server.step(Input::Applied { index: Index(3) });
    assert_eq!(server.last_applied(), Index(9));
}

/// Rules: IS8, AE4.
#[test]
fn replication_goes_on_after_an_installed_snapshot() {
    let mut server = committed_three();
    let _ = receive(&mut server, S1, install(4, snapshot(9, 4)));
    let effects = receive(&mut server, S1, append(4, (9, 4), &[4], 9));
    assert_eq!(reply(effects), conflict_while_installing(4, 9, 6, None, Some(9)), "offered is not installed");
    let _ = server.step(Input::CondInstallSnapshot(snapshot(9, 4)));
    let effects = receive(&mut server, S1, append(4, (9, 4), &[4], 10));
    assert_eq!(reply(effects), success(4, 10));
    let expected = Apply::Entries { first_index: Index(10), entries: entries(10, &[4]) };
    assert_eq!(server.next_apply(8), Some(expected));
}
