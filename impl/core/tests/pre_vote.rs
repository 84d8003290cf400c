//! PreVote (thesis, section 9.6): a server asks whether it would win before it raises its term.

use crate::common::*;
use figure2_core::{Input, Role, Rule, ServerId, ServerSet, Term};

/// S0 as a follower in a cluster where servers ask first.
fn asks_first(servers: u8, disk: Disk) -> Server {
    Server::new(S0, extended(servers, PRE_VOTE), disk).unwrap()
}

/// The same, once its election timer has elapsed.
fn pre_candidate(servers: u8, disk: Disk) -> Server {
    let mut server = asks_first(servers, disk);
    let _ = server.step(Input::ElectionTimeout);
    server
}

/// The pre-votes that a pre-candidate has.
fn pre_votes(server: &Server) -> ServerSet {
    let Role::PreCandidate { votes } = server.role() else { panic!("{:?}", server.role()) };
    *votes
}

/// Whom the step asks for a pre-vote, each with this request.
fn asked(effects: Effects, request: &Msg) -> Vec<ServerId> {
    let sent = sent(effects);
    assert!(sent.iter().all(|envelope| envelope.message == *request), "{sent:?}");
    sent.into_iter().map(|envelope| envelope.to).collect()
}

/// "A candidate only increments its term if it first learns from a majority of the cluster that they would be willing to
/// grant the candidate their votes."
///
/// Rules: PV1, F2.
#[test]
fn a_follower_whose_timer_elapses_asks_first_and_keeps_its_term_and_vote() {
    let mut server = asks_first(3, disk(4, Some(S2), &[1, 3]));
    let before = server.persistent().clone();
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::F2) && fired(&effects, Rule::PV1) && !fired(&effects, Rule::C1));
    assert!(effects.reset_election_timer(), "it asks again, should nobody answer");
    assert!(effects.record().is_empty(), "nothing of it need survive a crash");
    assert_eq!(*server.persistent(), before);
    assert_eq!(pre_votes(&server).iter().collect::<Vec<_>>(), [S0]);
    assert_eq!((server.leader(), server.is_in_contact()), (None, false));
    assert_eq!(asked(effects, &pre_vote(5, (2, 3))), [S1, S2]);
}

/// Rules: PV1.
#[test]
fn a_pre_candidate_whose_timer_elapses_asks_everybody_anew() {
    let mut server = pre_candidate(5, disk(4, None, &[1]));
    let _ = receive(&mut server, S1, pre_vote_reply(5, true));
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::PV1) && !fired(&effects, Rule::F2) && !fired(&effects, Rule::C4));
    assert!(effects.reset_election_timer());
    assert_eq!(pre_votes(&server).iter().collect::<Vec<_>>(), [S0], "S1 may have heard from a leader since");
    assert_eq!(asked(effects, &pre_vote(5, (1, 1))), [S1, S2, S3, S4]);
    assert_eq!(server.current_term(), Term(4));
}

/// Rules: PV1, C4.
#[test]
fn a_candidate_that_is_not_elected_asks_before_it_stands_again() {
    let mut server = pre_candidate(3, disk(4, None, &[]));
    let effects = receive(&mut server, S1, pre_vote_reply(5, true));
    let _ = settle(&mut server, effects);
    assert_eq!(server.current_term(), Term(5));
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::C4) && fired(&effects, Rule::PV1) && !fired(&effects, Rule::C1));
    assert_eq!((server.current_term(), server.voted_for()), (Term(5), Some(S0)));
    assert_eq!(asked(effects, &pre_vote(6, (0, 0))), [S1, S2]);
}

/// Rules: PV1R.
#[test]
fn a_pre_candidate_asks_again_whoever_has_not_granted_a_pre_vote() {
    let mut server = pre_candidate(5, disk(4, None, &[]));
    let _ = receive(&mut server, S1, pre_vote_reply(5, true));
    let before = server.clone();
    let effects = server.step(Input::HeartbeatTimeout);
    assert!(fired(&effects, Rule::PV1R) && !fired(&effects, Rule::C1R) && !fired(&effects, Rule::L1R));
    assert!(!effects.reset_election_timer());
    assert_eq!(server, before);
    assert_eq!(asked(effects, &pre_vote(5, (0, 0))), [S2, S3, S4]);
}

/// Rules: PV1R.
#[test]
fn nobody_but_a_pre_candidate_has_pre_votes_to_ask_for_again() {
    let mut candidate = pre_candidate(3, disk(4, None, &[]));
    let _ = receive(&mut candidate, S1, pre_vote_reply(5, true));
    assert!(matches!(candidate.role(), Role::Candidate { transfer: false, .. }));
    for mut server in
        [asks_first(3, disk(4, None, &[])), candidate, leader_of(extended(3, PRE_VOTE), disk(4, None, &[]))]
    {
        let effects = server.step(Input::HeartbeatTimeout);
        assert!(!fired(&effects, Rule::PV1R));
        assert!(sent(effects).iter().all(|envelope| !matches!(envelope.message, Msg::PreVote(_))));
    }
}

/// "They would be willing to grant the candidate their votes": to say so changes nothing. It is no vote (the server can
/// still give its vote to anybody), no news of a term, and no reason to wait longer for the own election.
///
/// Rules: PV2, A2.
#[test]
fn a_granted_pre_vote_changes_neither_term_nor_vote_nor_timer() {
    for voted_for in [None, Some(S2)] {
        let mut server = follower(3, disk(4, voted_for, &[1]));
        let before = server.clone();
        let effects = receive(&mut server, S1, pre_vote(9, (1, 1)));
        assert!(fired(&effects, Rule::PV2) && !fired(&effects, Rule::A2) && !fired(&effects, Rule::RV2));
        assert!(!effects.reset_election_timer() && effects.record().is_empty());
        assert_eq!(server, before);
        assert_eq!(only(effects), (S1, pre_vote_reply(9, true)), "for the term that was asked for");
    }
}

/// Rules: PV2.
#[test]
fn several_servers_get_a_pre_vote_for_one_term() {
    let mut server = follower(3, disk(4, None, &[]));
    for from in [S1, S2, S1] {
        let effects = receive(&mut server, from, pre_vote(5, (0, 0)));
        assert_eq!(only(effects), (from, pre_vote_reply(5, true)));
    }
}

/// "The voters have not received heartbeats from a valid leader for at least a baseline election timeout": contact with a
/// leader lasts from its message to the elapse of the own timer.
///
/// Rules: PV2C.
#[test]
fn a_pre_vote_is_refused_while_in_contact_with_a_leader() {
    for mut server in [
        follower_of(S2, 3, disk(4, None, &[1])),
        leader(3, disk(3, None, &[1])),
        follower_with(extended(3, PRE_VOTE), S1, disk(4, None, &[1])),
    ] {
        let before = server.clone();
        let effects = receive(&mut server, S1, pre_vote(9, (9, 8)));
        assert!(fired(&effects, Rule::PV2C) && !fired(&effects, Rule::PV2U) && !fired(&effects, Rule::PV2));
        assert!(!effects.reset_election_timer() && effects.record().is_empty());
        assert_eq!(server, before);
        assert_eq!(reply(effects), pre_vote_reply(4, false), "with the own term");
    }
}

/// Rules: PV2C, PV2.
#[test]
fn contact_ends_when_the_own_election_timer_elapses() {
    let mut server = follower_with(extended(3, PRE_VOTE), S2, disk(4, None, &[]));
    assert!(server.is_in_contact());
    let _ = server.step(Input::ElectionTimeout);
    assert!(!server.is_in_contact());
    let before = server.clone();
    let effects = receive(&mut server, S1, pre_vote(5, (0, 0)));
    assert!(fired(&effects, Rule::PV2), "a pre-candidate says yes to another");
    assert_eq!(server, before);
    let effects = receive(&mut server, S2, append(4, (0, 0), &[], 0));
    assert!(fired(&effects, Rule::C3) && effects.reset_election_timer(), "the leader was only slow");
    assert_eq!(*server.role(), Role::Follower { leader: Some(S2) });
    let effects = receive(&mut server, S1, pre_vote(5, (0, 0)));
    assert!(fired(&effects, Rule::PV2C));
}

/// "If the candidate's log is sufficiently up-to-date": by the comparison of section 5.4.1.
///
/// Rules: PV2U, PV2.
#[test]
fn a_pre_vote_is_refused_to_a_log_that_is_less_up_to_date() {
    let cases =
        [((4, 3), true), ((5, 3), true), ((3, 3), false), ((9, 2), false), ((0, 0), false), ((1, 4), true)];
    for (last, granted) in cases {
        let mut server = follower(3, disk(5, None, &[1, 1, 3, 3]));
        let effects = receive(&mut server, S1, pre_vote(6, last));
        assert_eq!(fired(&effects, Rule::PV2U), !granted, "{last:?}");
        assert_eq!(fired(&effects, Rule::PV2), granted, "{last:?}");
        let term = if granted { 6 } else { 5 };
        assert_eq!(reply(effects), pre_vote_reply(term, granted), "{last:?}");
    }
}

/// Rules: PV2U.
#[test]
fn a_pre_vote_is_refused_for_a_term_that_has_begun_already() {
    for term in [3, 4, 5] {
        let mut server = follower(3, disk(5, None, &[]));
        let effects = receive(&mut server, S1, pre_vote(term, (0, 0)));
        assert!(fired(&effects, Rule::PV2U));
        assert_eq!(reply(effects), pre_vote_reply(5, false), "it learns of the term");
    }
}

/// Every server answers, whatever its own options.
///
/// Rules: PV2.
#[test]
fn a_server_without_the_option_answers_and_does_not_ask() {
    let mut server = follower(3, disk(4, None, &[]));
    let effects = receive(&mut server, S1, pre_vote(5, (0, 0)));
    assert_eq!(reply(effects), pre_vote_reply(5, true));
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::C1) && !fired(&effects, Rule::PV1));
}

/// "It first learns from a majority of the cluster."
///
/// Rules: PV3, C1.
#[test]
fn with_the_pre_votes_of_a_majority_it_stands_for_election() {
    let mut server = pre_candidate(5, disk(4, None, &[1]));
    let effects = receive(&mut server, S3, pre_vote_reply(5, true));
    assert!(!fired(&effects, Rule::PV3) && sent(effects).is_empty(), "two of five are no majority");
    assert_eq!(server.current_term(), Term(4));
    let effects = receive(&mut server, S1, pre_vote_reply(5, true));
    assert!(fired(&effects, Rule::PV3) && fired(&effects, Rule::C1) && !fired(&effects, Rule::A2));
    assert!(effects.reset_election_timer());
    assert_eq!((server.current_term(), server.voted_for()), (Term(5), Some(S0)));
    let request = request_vote(5, (1, 1));
    assert_eq!(asked(effects, &request), [S1, S2, S3, S4], "the election is one like any other");
    assert_eq!(*server.role(), Role::Candidate { votes: ServerSet::EMPTY, transfer: false });
}

/// Rules: PV3.
#[test]
fn half_of_an_even_cluster_would_not_elect_it() {
    let mut server = pre_candidate(4, disk(4, None, &[]));
    let _ = receive(&mut server, S1, pre_vote_reply(5, true));
    assert_eq!(server.current_term(), Term(4));
    let _ = receive(&mut server, S2, pre_vote_reply(5, true));
    assert_eq!(server.current_term(), Term(5));
}

/// Rules: PV3.
#[test]
fn a_pre_vote_that_arrives_twice_counts_once() {
    let mut server = pre_candidate(5, disk(4, None, &[]));
    for _ in 0..4 {
        let _ = receive(&mut server, S1, pre_vote_reply(5, true));
    }
    assert_eq!((pre_votes(&server).len(), server.current_term()), (2, Term(4)));
}

/// Rules: PV3, C2.
#[test]
fn a_pre_vote_is_no_vote() {
    let mut server = pre_candidate(3, disk(4, None, &[]));
    let effects = receive(&mut server, S1, pre_vote_reply(5, true));
    let _ = settle(&mut server, effects);
    for from in [S1, S2] {
        for term in [5, 6] {
            let before = server.clone();
            let _ = receive(&mut server, from, pre_vote_reply(term, true));
            assert_eq!(server, before, "a late reply, or one that was on its way twice");
        }
    }
    assert!(!server.is_leader());
    let mut server = pre_candidate(3, disk(4, None, &[]));
    let _ = receive(&mut server, S1, vote(4, true));
    assert_eq!(pre_votes(&server).len(), 1, "and a vote is no pre-vote");
}

/// Rules: PV3, R1.
#[test]
fn a_granted_reply_counts_for_the_term_that_was_asked_for_and_no_other() {
    for term in [3, 4, 6, 99] {
        let mut server = pre_candidate(3, disk(4, None, &[]));
        let before = server.clone();
        let effects = receive(&mut server, S1, pre_vote_reply(term, true));
        assert_eq!(fired(&effects, Rule::R1), term < 4, "{term}");
        assert!(!fired(&effects, Rule::A2), "{term}: nobody need have reached it");
        assert_eq!(server, before, "{term}");
    }
}

/// A granted reply names a term that only the one who asked would ever open.
///
/// Rules: A2, PV3.
#[test]
fn a_granted_reply_never_raises_a_term() {
    let with = |config| leader_of(config, disk(4, None, &[]));
    for mut server in [
        asks_first(3, disk(4, None, &[])),
        candidate(3, disk(4, None, &[])),
        with(extended(3, PRE_VOTE)),
        pre_candidate(3, disk(4, None, &[])),
    ] {
        let before = server.clone();
        let effects = receive(&mut server, S1, pre_vote_reply(9, true));
        assert!(!fired(&effects, Rule::A2));
        assert_eq!(server, before);
    }
}

/// Rules: A2, PV2U.
#[test]
fn a_refused_reply_tells_the_term_and_ends_the_attempt() {
    let mut server = pre_candidate(3, disk(4, None, &[]));
    let effects = receive(&mut server, S1, pre_vote_reply(6, false));
    assert!(fired(&effects, Rule::A2));
    assert_eq!((server.current_term(), server.role()), (Term(6), &Role::Follower { leader: None }));
    let mut server = pre_candidate(3, disk(4, None, &[]));
    let before = server.clone();
    for term in [3, 4] {
        let _ = receive(&mut server, S1, pre_vote_reply(term, false));
    }
    assert_eq!(server, before, "a refusal of no newer term is of no interest");
}

/// Rules: A2, RV2.
#[test]
fn a_pre_candidate_votes_for_a_candidate_and_follows_its_term() {
    let mut server = pre_candidate(3, disk(4, None, &[]));
    let effects = receive(&mut server, S1, request_vote(5, (0, 0)));
    assert!(fired(&effects, Rule::A2) && fired(&effects, Rule::RV2));
    assert_eq!(*server.role(), Role::Follower { leader: None });
    assert_eq!(reply(effects), vote(5, true));
    let late = receive(&mut server, S2, pre_vote_reply(5, true));
    assert!(!fired(&late, Rule::PV3), "it asks for nothing any more");
}

/// Rules: PV1, PV3, P3, C2.
#[test]
fn a_single_server_asks_itself_and_is_elected_once_its_vote_is_durable() {
    let mut server = asks_first(1, disk(4, None, &[]));
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::PV1) && fired(&effects, Rule::PV3) && fired(&effects, Rule::C1));
    assert!(!server.is_leader() && server.current_term() == Term(5));
    assert!(settle(&mut server, effects).is_empty());
    assert!(server.is_leader());
}

/// What became durable as a follower is no vote.
///
/// Rules: P3.
#[test]
fn a_write_that_ends_while_it_asks_is_no_vote() {
    let mut server = pre_candidate(3, disk(4, None, &[1]));
    let before = server.clone();
    let effects = server.step(persisted(4, 1));
    assert!(!fired(&effects, Rule::P3));
    assert_eq!(server, before);
}

/// "One downside of Raft's leader election algorithm is that a server that has been partitioned from the cluster is likely
/// to cause a disruption when it regains connectivity." With PreVote its term has not grown, and its leader leads on.
///
/// Rules: PV1, PV2C.
#[test]
fn a_server_that_was_cut_off_comes_back_without_a_new_term() {
    let mut server = follower_with(extended(3, PRE_VOTE), S1, disk(4, None, &[1]));
    for _ in 0..100 {
        let _ = server.step(Input::ElectionTimeout);
        let _ = server.step(Input::HeartbeatTimeout);
    }
    for from in [S1, S2] {
        let _ = receive(&mut server, from, pre_vote_reply(4, false));
    }
    assert_eq!(server.current_term(), Term(4));
    let effects = receive(&mut server, S1, append(4, (1, 1), &[4], 2));
    assert_eq!(reply(effects), success(4, 2));
    assert_eq!(server.leader(), Some(S1));
}
