//! Taking entries from a leader: Figure 2, AppendEntries, receiver implementation.

use crate::common::*;
use figure2_core::{Apply, Change, Index, Rule, Term};

/// Rules: AE1. Pitfalls 2, 4, 7.
#[test]
fn a_leader_of_an_older_term_is_refused_at_once() {
    for entries in [&[][..], &[2, 2][..]] {
        let mut server = follower(3, disk(4, None, &[1, 1]));
        let before = server.clone();
        let effects = receive(&mut server, S1, append(3, (1, 1), entries, 2));
        assert!(fired(&effects, Rule::AE1));
        assert!(!effects.reset_election_timer() && server.leader().is_none());
        assert_eq!(server, before);
        assert_eq!(only(effects), (S1, stale_term(4)));
    }
}

/// Rules: AE2. Pitfalls 8, 21.
#[test]
fn a_prev_log_index_past_the_end_is_a_mismatch_and_tells_the_logs_end() {
    let mut server = follower_of(S1, 3, disk(4, None, &[1, 1]));
    let before = server.clone();
    let effects = receive(&mut server, S1, append(4, (5, 3), &[4], 6));
    assert!(fired(&effects, Rule::AE2));
    assert_eq!(server, before);
    assert_eq!(reply(effects), conflict(4, 5, 3, None));
}

/// Rules: AE2. Pitfall 21.
#[test]
fn a_mismatch_tells_the_conflicting_term_and_its_first_index() {
    let mut server = follower(3, disk(4, None, &[1, 2, 2, 2, 3]));
    let effects = receive(&mut server, S1, append(4, (4, 3), &[4], 0));
    assert!(fired(&effects, Rule::AE2));
    assert_eq!(reply(effects), conflict(4, 4, 2, Some(2)));
}

/// Rules: AE2. Pitfall 21.
#[test]
fn the_search_for_a_terms_first_index_ends_at_the_snapshot() {
    let mut server = follower(3, disk_after(4, snapshot(5, 2), &[2, 2, 2]));
    let effects = receive(&mut server, S1, append(4, (8, 3), &[], 0));
    assert_eq!(reply(effects), conflict(4, 8, 6, Some(2)));
}

/// Rules: AE2. Pitfalls 2, 9.
#[test]
fn a_heartbeat_is_checked_like_any_other_request() {
    let mut server = follower(3, disk(4, None, &[1, 1]));
    let effects = receive(&mut server, S1, append(4, (2, 3), &[], 2));
    assert!(fired(&effects, Rule::AE2));
    assert_eq!(server.commit_index(), Index(0), "what does not match is not committed");
    assert_eq!(reply(effects), conflict(4, 2, 1, Some(1)));
    let effects = receive(&mut server, S1, append(4, (3, 1), &[], 2));
    assert_eq!(reply(effects), conflict(4, 3, 3, None));
}

/// Rules: AE2. Pitfalls 4, 7.
#[test]
fn a_mismatch_changes_nothing_but_is_heard_from_the_current_leader() {
    let mut server = follower_of(S1, 3, disk(4, None, &[1, 1, 1]));
    let before = server.clone();
    let effects = receive(&mut server, S1, append(4, (2, 2), &[4], 3));
    assert_eq!(server, before);
    assert!(effects.record().is_empty());
    assert!(effects.reset_election_timer());
    // Heard for the first time, it is known from then on.
    let mut server = follower(3, disk(4, None, &[1, 1, 1]));
    let _ = receive(&mut server, S1, append(4, (2, 2), &[4], 3));
    assert_eq!(server.leader(), Some(S1));
}

/// Rules: AE3, AE4. Pitfall 3.
#[test]
fn a_conflicting_entry_goes_with_all_that_follow_and_nothing_before() {
    let mut server = follower(3, disk(4, None, &[1, 1, 2, 2, 2]));
    let effects = receive(&mut server, S1, append(4, (1, 1), &[1, 3], 0));
    assert!(fired(&effects, Rule::AE3) && fired(&effects, Rule::AE4));
    assert_eq!(terms(&server), [1, 1, 3]);
    let expected = [
        Change::Truncate { from: Index(3) },
        Change::Append { first_index: Index(3), entries: entries(3, &[3]) },
    ];
    assert_eq!(changes(&effects), expected);
    assert_eq!(reply(effects), success(4, 3));
}

/// Rules: AE3. Pitfalls 3, 38.
#[test]
fn a_stale_request_takes_no_entries_back() {
    let mut server = follower(3, disk(4, None, &[1, 1, 4, 4]));
    for (prev, entries, match_index) in [((1, 1), &[1][..], 2), ((1, 1), &[], 1), ((2, 1), &[4][..], 3)] {
        let effects = receive(&mut server, S1, append(4, prev, entries, 0));
        assert!(!fired(&effects, Rule::AE3));
        assert!(effects.record().is_empty());
        assert_eq!(terms(&server), [1, 1, 4, 4]);
        assert_eq!(reply(effects), success(4, match_index));
    }
}

/// Rules: AE4. Pitfall 38.
#[test]
fn only_entries_not_in_the_log_already_are_appended() {
    let mut server = follower(3, disk(4, None, &[1, 1]));
    let effects = receive(&mut server, S1, append(4, (0, 0), &[1, 1, 4], 0));
    assert!(fired(&effects, Rule::AE4) && !fired(&effects, Rule::AE3));
    assert_eq!(changes(&effects), [Change::Append { first_index: Index(3), entries: entries(3, &[4]) }]);
    let before = server.clone();
    let effects = receive(&mut server, S1, append(4, (0, 0), &[1, 1, 4], 0));
    assert!(!fired(&effects, Rule::AE4), "the same request again has nothing to append");
    assert_eq!(server, before);
    assert_eq!(reply(effects), success(4, 3));
}

/// Rules: AE5. Pitfall 10.
#[test]
fn commit_index_is_at_most_the_last_new_entry_even_when_the_log_is_longer() {
    let mut server = follower(3, disk(4, None, &[1, 2, 2, 2]));
    let effects = receive(&mut server, S1, append(4, (1, 1), &[2], 4));
    assert!(fired(&effects, Rule::AE5));
    assert_eq!(server.commit_index(), Index(2));
    let _ = receive(&mut server, S1, append(4, (3, 2), &[], 4));
    assert_eq!(server.commit_index(), Index(3), "a heartbeat vouches for its prev_log_index and no more");
}

/// Rules: AE5. Pitfall 10.
#[test]
fn commit_index_is_at_most_the_leaders() {
    let mut server = follower(3, disk(4, None, &[1, 1]));
    let _ = receive(&mut server, S1, append(4, (2, 1), &[4, 4], 3));
    assert_eq!(server.commit_index(), Index(3));
}

/// Rules: AE5. Pitfall 38.
#[test]
fn commit_index_never_goes_back() {
    let mut server = follower(3, disk(4, None, &[1, 1, 4]));
    let _ = receive(&mut server, S1, append(4, (3, 4), &[], 3));
    for late in [append(4, (3, 4), &[], 1), append(4, (1, 1), &[1], 3), append(4, (1, 1), &[], 0)] {
        let effects = receive(&mut server, S1, late);
        assert!(!fired(&effects, Rule::AE5));
        assert_eq!(server.commit_index(), Index(3));
    }
}

/// Rules: AE5, A1. Pitfall 13.
#[test]
fn what_a_heartbeat_commits_can_be_applied_at_once() {
    let mut server = follower(3, disk(4, None, &[1, 1]));
    assert_eq!(server.next_apply(8), None);
    let _ = receive(&mut server, S1, append(4, (2, 1), &[], 2));
    let expected = Apply::Entries { first_index: Index(1), entries: entries(1, &[1, 1]) };
    assert_eq!(server.next_apply(8), Some(expected));
}

/// Rules: AE4. Pitfall 18.
#[test]
fn success_reports_what_the_request_covered_and_not_the_logs_end() {
    let mut server = follower(3, disk(4, None, &[1, 1, 1, 1]));
    let effects = receive(&mut server, S1, append(4, (1, 1), &[1], 0));
    assert_eq!(reply(effects), success(4, 2));
}

/// Rules: A2, AE4. Pitfalls 2, 6.
#[test]
fn entries_of_a_newer_term_are_taken_by_a_follower_of_that_term() {
    let mut server = leader(3, disk(1, None, &[1]));
    let effects = receive(&mut server, S1, append(7, (1, 1), &[7], 0));
    assert!(fired(&effects, Rule::A2) && !server.is_leader());
    assert_eq!((server.current_term(), terms(&server)), (Term(7), vec![1, 7]));
    assert_eq!(reply(effects), success(7, 2));
}

/// Rules: AE4, P2. Pitfall 29.
#[test]
fn an_acknowledgement_leaves_with_the_record_of_what_it_acknowledges() {
    let mut server = follower(3, disk(4, None, &[]));
    let mut effects = receive(&mut server, S1, append(5, (0, 0), &[5], 0));
    assert!(effects.take_early().is_empty());
    let expected = [
        Change::TermAndVote { current_term: Term(5), voted_for: None },
        Change::Append { first_index: Index(1), entries: entries(1, &[5]) },
    ];
    assert_eq!(changes(&effects), expected);
    assert_eq!(reply(effects), success(5, 1));
}

/// Rules: AE2. Pitfall 8.
#[test]
fn the_snapshots_edge_is_checked_like_an_entry() {
    let mut server = follower(3, disk_after(4, snapshot(5, 2), &[3]));
    let effects = receive(&mut server, S1, append(4, (5, 2), &[3, 4], 0));
    assert_eq!(terms(&server), [3, 4]);
    assert_eq!(reply(effects), success(4, 7));
    let effects = receive(&mut server, S1, append(4, (6, 4), &[], 0));
    assert_eq!(reply(effects), conflict(4, 6, 6, Some(3)));
}

/// Rules: AE2, AE3, AE4. Pitfall 3.
#[test]
fn what_the_snapshot_covers_matches_and_is_not_stored_again() {
    // (prev, terms of the entries, the index reported, the entries then stored after the snapshot's index 5)
    let cases = [
        ((2, 1), &[1, 2, 2, 3][..], 6, &[3, 3][..]),
        ((2, 1), &[1, 2, 2, 3, 3, 4], 8, &[3, 3, 4]),
        ((2, 1), &[1, 2, 2, 4], 6, &[4]),
        ((1, 1), &[1, 1], 3, &[3, 3]),
        ((2, 1), &[], 2, &[3, 3]),
    ];
    for (prev, sent, match_index, stored) in cases {
        let mut server = follower(3, disk_after(4, snapshot(5, 2), &[3, 3]));
        let effects = receive(&mut server, S1, append(4, prev, sent, 0));
        assert_eq!(terms(&server), stored, "{prev:?} {sent:?}");
        assert_eq!(server.log().base_index(), Index(5));
        assert_eq!(reply(effects), success(4, match_index));
    }
}
