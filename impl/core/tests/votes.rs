//! Giving a vote: Figure 2, RequestVote, receiver implementation.

use crate::common::*;
use figure2_core::{Change, Role, Rule, Term};

/// Rules: RV1. Pitfalls 4, 7.
#[test]
fn a_candidate_of_an_older_term_is_refused_and_told_the_term() {
    let mut server = follower(3, disk(4, None, &[]));
    let before = server.clone();
    let effects = receive(&mut server, S1, request_vote(3, (9, 2)));
    assert!(fired(&effects, Rule::RV1));
    assert!(!effects.reset_election_timer());
    assert_eq!(server, before);
    assert_eq!(reply(effects), vote(4, false));
}

/// Rules: RV2, P2. Pitfalls 4, 29, 42.
#[test]
fn a_granted_vote_is_in_the_record_before_the_reply_and_restarts_the_timer() {
    let mut server = follower(3, disk(4, None, &[]));
    let effects = receive(&mut server, S1, request_vote(4, (0, 0)));
    assert!(fired(&effects, Rule::RV2));
    assert!(effects.reset_election_timer());
    assert_eq!(changes(&effects), [Change::TermAndVote { current_term: Term(4), voted_for: Some(S1) }]);
    assert_eq!(server.voted_for(), Some(S1));
    assert_eq!(only(effects), (S1, vote(4, true)));
}

/// Rules: A2, RV2. Pitfalls 6, 42.
#[test]
fn a_newer_term_frees_the_vote_before_the_request_is_judged() {
    let mut server = follower(3, disk(4, Some(S2), &[]));
    let effects = receive(&mut server, S1, request_vote(5, (0, 0)));
    assert!(fired(&effects, Rule::A2) && fired(&effects, Rule::RV2));
    assert_eq!((server.current_term(), server.voted_for()), (Term(5), Some(S1)));
    let mut stored = disk(4, Some(S2), &[]);
    for change in changes(&effects) {
        stored.apply(change);
    }
    assert_eq!(stored, *server.persistent(), "term and vote reach the disk with the same record");
    assert_eq!(reply(effects), vote(5, true));
}

/// Rules: RV2F. Pitfall 4.
#[test]
fn a_second_candidate_of_the_term_is_refused_and_the_timer_runs_on() {
    let mut server = follower(3, disk(4, Some(S2), &[]));
    let before = server.clone();
    let effects = receive(&mut server, S1, request_vote(4, (9, 3)));
    assert!(fired(&effects, Rule::RV2F));
    assert!(!effects.reset_election_timer());
    assert_eq!(server, before);
    assert_eq!(reply(effects), vote(4, false));
}

/// Rules: RV2. Pitfall 38.
#[test]
fn the_candidate_that_has_the_vote_gets_the_same_answer_again() {
    let mut server = follower(3, disk(4, Some(S1), &[]));
    let effects = receive(&mut server, S1, request_vote(4, (0, 0)));
    assert!(effects.record().is_empty(), "the vote is durable already");
    assert!(effects.reset_election_timer());
    assert_eq!(reply(effects), vote(4, true));
}

/// Rules: RV2F.
#[test]
fn a_candidate_and_a_leader_keep_their_vote_for_themselves() {
    for mut server in [candidate(3, disk(4, None, &[])), leader(3, disk(4, None, &[]))] {
        let before = server.clone();
        let effects = receive(&mut server, S2, request_vote(5, (9, 4)));
        assert!(fired(&effects, Rule::RV2F));
        assert_eq!(server, before);
        assert_eq!(reply(effects), vote(5, false));
    }
}

/// Rules: RV2U, RV2. Pitfall 11.
#[test]
fn logs_are_compared_by_last_term_first_and_then_by_last_index() {
    // Ours ends with an entry of term 3 at index 4. The candidate's end: (index, term), and whether it gets the vote.
    let cases = [
        ((4, 3), true),
        ((5, 3), true),
        ((3, 3), false),
        ((9, 2), false),
        ((0, 0), false),
        ((1, 4), true),
        ((4, 4), true),
    ];
    for (last, granted) in cases {
        let mut server = follower(3, disk(5, None, &[1, 1, 3, 3]));
        let effects = receive(&mut server, S1, request_vote(5, last));
        assert_eq!(fired(&effects, Rule::RV2U), !granted, "{last:?}");
        assert_eq!(effects.reset_election_timer(), granted, "{last:?}");
        assert_eq!(server.voted_for(), granted.then_some(S1), "{last:?}");
        assert_eq!(reply(effects), vote(5, granted), "{last:?}");
    }
}

/// Rules: RV2U. Pitfall 11.
#[test]
fn a_log_that_is_all_snapshot_is_compared_by_the_snapshots_end() {
    for (last, granted) in [((6, 3), false), ((7, 3), true), ((9, 2), false), ((1, 4), true)] {
        let mut server = follower(3, disk_after(5, snapshot(7, 3), &[]));
        let effects = receive(&mut server, S1, request_vote(5, last));
        assert_eq!(reply(effects), vote(5, granted), "{last:?}");
    }
}

/// Rules: A2, RV2U. Pitfalls 4, 6.
#[test]
fn a_refused_candidate_still_passes_on_its_newer_term_but_not_its_timer() {
    let mut server = follower(3, disk(5, Some(S2), &[5]));
    let effects = receive(&mut server, S1, request_vote(8, (0, 0)));
    assert_eq!((server.current_term(), server.voted_for()), (Term(8), None));
    assert_eq!(*server.role(), Role::Follower { leader: None });
    assert!(!effects.reset_election_timer());
    assert_eq!(reply(effects), vote(8, false));
}

/// Rules: P1, RV2F. Pitfall 42.
#[test]
fn a_restarted_server_remembers_whom_it_voted_for() {
    let mut server = follower(3, disk(4, None, &[]));
    let effects = receive(&mut server, S1, request_vote(4, (0, 0)));
    let mut stored = disk(4, None, &[]);
    stored.apply_record(effects.record().clone());
    let mut restarted = follower(3, stored);
    let effects = receive(&mut restarted, S2, request_vote(4, (0, 0)));
    assert!(fired(&effects, Rule::RV2F));
    assert_eq!(reply(effects), vote(4, false));
}
