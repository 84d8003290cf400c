//! What is committed (Figure 2, Leaders 4) and how it is applied (All Servers 1).

use crate::common::*;
use figure2_core::{Apply, Index, Input, Rule};

/// Rules: L4. Pitfalls 13, 16.
#[test]
fn an_entry_held_by_a_majority_is_committed_and_can_be_applied() {
    let mut server = leader(5, disk(1, None, &[]));
    propose_durably(&mut server, command(2, 1));
    let effects = receive(&mut server, S1, success(2, 1));
    assert!(!fired(&effects, Rule::L4));
    assert_eq!((server.commit_index(), server.next_apply(8)), (Index(0), None));
    let effects = receive(&mut server, S4, success(2, 1));
    assert!(fired(&effects, Rule::L4));
    assert_eq!(server.commit_index(), Index(1));
    let expected = Apply::Entries { first_index: Index(1), entries: entries(1, &[2]) };
    assert_eq!(server.next_apply(8), Some(expected));
}

/// Rules: L4. Pitfall 39.
#[test]
fn an_acknowledgement_that_arrives_twice_counts_once() {
    let mut server = leader(5, disk(1, None, &[]));
    propose_durably(&mut server, command(2, 1));
    for _ in 0..4 {
        let _ = receive(&mut server, S1, success(2, 1));
    }
    assert_eq!(server.commit_index(), Index(0));
}

/// Rules: L4.
#[test]
fn the_highest_index_that_a_majority_reaches_is_committed_whatever_the_order_of_the_servers() {
    for order in [[5, 1, 4, 2], [1, 2, 4, 5], [5, 4, 2, 1], [4, 1, 5, 2]] {
        let mut server = leader(5, disk(1, None, &[]));
        for index in 1..=6 {
            propose_durably(&mut server, command(2, index));
        }
        for (peer, matched) in [S1, S2, S3, S4].into_iter().zip(order) {
            let _ = receive(&mut server, peer, success(2, matched));
        }
        assert_eq!(server.commit_index(), Index(4), "{order:?}");
    }
}

/// Rules: L4. Pitfall 15.
#[test]
fn entries_of_earlier_terms_are_committed_only_together_with_one_of_the_current_term() {
    let mut server = leader(3, disk(3, None, &[1, 2]));
    let effects = receive(&mut server, S1, success(4, 2));
    assert!(!fired(&effects, Rule::L4));
    assert_eq!(server.commit_index(), Index(0), "held by a majority, but of an earlier term");
    propose_durably(&mut server, command(4, 3));
    assert_eq!(server.commit_index(), Index(0));
    let effects = receive(&mut server, S1, success(4, 3));
    assert!(fired(&effects, Rule::L4));
    assert_eq!(server.commit_index(), Index(3));
}

/// Rules: P3, L4. Pitfall 29.
#[test]
fn a_leader_counts_its_own_entries_only_once_they_are_durable() {
    let mut server = leader(3, disk(1, None, &[]));
    let _ = server.step(Input::Propose(command(2, 1)));
    let _ = server.step(Input::Propose(command(2, 2)));
    let _ = receive(&mut server, S1, success(2, 2));
    assert_eq!(server.commit_index(), Index(0));
    let effects = server.step(persisted(2, 1));
    assert!(fired(&effects, Rule::P3) && fired(&effects, Rule::L4));
    assert_eq!(server.commit_index(), Index(1), "one of the two writes is done");
    let _ = server.step(persisted(2, 2));
    assert_eq!(server.commit_index(), Index(2));
}

/// Rules: P3.
#[test]
fn a_late_word_from_the_disk_takes_nothing_back() {
    let mut server = leader(3, disk(1, None, &[1]));
    for index in 2..=3 {
        propose_durably(&mut server, command(2, index));
    }
    let before = server.clone();
    for late in [persisted(2, 2), persisted(1, 9), persisted(3, 9)] {
        let _ = server.step(late);
        assert_eq!(server, before);
    }
}

/// Rules: P3.
#[test]
fn a_follower_has_no_use_for_word_from_the_disk() {
    let mut server = follower(3, disk(2, None, &[1]));
    let before = server.clone();
    let effects = server.step(persisted(2, 1));
    assert!(effects.rules().is_empty());
    assert_eq!(server, before);
}

/// Rules: L4. Pitfall 29.
#[test]
fn a_majority_without_the_leader_is_a_majority() {
    let mut server = leader(3, disk(1, None, &[]));
    let _ = server.step(Input::Propose(command(2, 1)));
    for peer in [S1, S2] {
        let _ = receive(&mut server, peer, success(2, 1));
    }
    assert_eq!(server.commit_index(), Index(1));
}

/// Rules: L4. Pitfall 16.
#[test]
fn neither_a_guess_nor_a_refusal_nor_a_snapshot_reply_commits_anything() {
    let mut server = leader(3, disk_after(1, snapshot(2, 1), &[1]));
    propose_durably(&mut server, command(2, 4));
    let _ = server.step(Input::HeartbeatTimeout);
    for answer in [install_reply(2, Some(2)), conflict(2, 3, 3, None), stale_term(2)] {
        let _ = receive(&mut server, S1, answer);
        assert_eq!(server.commit_index(), Index(2));
        assert_eq!(progress(&server, S1).1, 0);
    }
}

/// Rules: L4. Pitfall 38.
#[test]
fn late_acknowledgements_do_not_take_commit_index_back() {
    let mut server = leader(3, disk(1, None, &[]));
    for index in 1..=3 {
        propose_durably(&mut server, command(2, index));
    }
    let _ = receive(&mut server, S1, success(2, 3));
    for late in [success(2, 1), success(2, 2), success(2, 3)] {
        for peer in [S1, S2] {
            let effects = receive(&mut server, peer, late.clone());
            assert_eq!(server.commit_index(), Index(3));
            assert!(!fired(&effects, Rule::L4), "nothing new is committed");
        }
    }
}

/// Rules: A1. Pitfall 13.
#[test]
fn committed_entries_are_applied_in_order_from_last_applied_on_and_each_once() {
    let mut server = follower(3, disk(2, None, &[1, 1, 2, 2]));
    let _ = receive(&mut server, S1, append(2, (4, 2), &[], 3));
    let first = Apply::Entries { first_index: Index(1), entries: entries(1, &[1, 1]) };
    assert_eq!(server.next_apply(2), Some(first.clone()));
    assert_eq!(server.next_apply(2), Some(first), "last_applied moves after the delivery, not before");
    assert_eq!(server.last_applied(), Index(0));
    let effects = server.step(Input::Applied { index: Index(2) });
    assert!(fired(&effects, Rule::A1));
    assert_eq!(server.last_applied(), Index(2));
    let rest = Apply::Entries { first_index: Index(3), entries: entries(3, &[2]) };
    assert_eq!(server.next_apply(2), Some(rest), "entry 4 is not committed");
    let _ = server.step(Input::Applied { index: Index(3) });
    assert_eq!(server.next_apply(2), None);
}

/// Rules: A1. Pitfall 47.
#[test]
fn last_applied_never_goes_back_and_never_passes_commit_index() {
    let mut server = follower(3, disk(2, None, &[1, 1, 2, 2]));
    let _ = receive(&mut server, S1, append(2, (3, 2), &[], 3));
    for (told, expected, moves) in [(2, 2, true), (1, 2, false), (9, 3, true), (3, 3, false), (0, 3, false)] {
        let effects = server.step(Input::Applied { index: Index(told) });
        assert_eq!(server.last_applied(), Index(expected));
        assert_eq!(fired(&effects, Rule::A1), moves);
    }
}

/// Rules: A1.
#[test]
fn nothing_is_applied_when_the_limit_is_none() {
    let mut server = follower(3, disk(2, None, &[1]));
    let _ = receive(&mut server, S1, append(2, (1, 1), &[], 1));
    assert_eq!(server.next_apply(0), None);
}
