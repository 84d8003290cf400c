//! Running for leader: Figure 2, Rules for Servers, Followers and Candidates.

use crate::common::*;
use figure2_core::{
    Change, Config, Envelope, Index, Input, Outcome, Rejection, Role, Rule, ServerId, ServerSet, StartError,
    Term,
};

fn votes(server: &Server) -> ServerSet {
    let Role::Candidate { votes, .. } = server.role() else { panic!("not a candidate") };
    *votes
}

/// Rules: F2, C1, P2. Pitfall 1.
#[test]
fn a_follower_whose_timer_elapses_asks_all_others_for_their_vote_in_a_new_term() {
    let mut server = follower(3, disk(4, Some(S2), &[1, 3]));
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::F2) && fired(&effects, Rule::C1));
    assert!(effects.reset_election_timer());
    assert_eq!((server.current_term(), server.voted_for()), (Term(5), Some(S0)));
    let requests: Vec<_> = sent(effects).into_iter().map(|e| (e.from, e.to, e.message)).collect();
    let request = request_vote(5, (2, 3));
    assert_eq!(requests, [(S0, S1, request.clone()), (S0, S2, request)]);
}

/// Rules: C1. Pitfall 42.
#[test]
fn a_candidates_term_and_vote_are_one_change_of_the_record() {
    let mut server = follower(3, disk(4, None, &[]));
    let effects = server.step(Input::ElectionTimeout);
    assert_eq!(changes(&effects), [Change::TermAndVote { current_term: Term(5), voted_for: Some(S0) }]);
}

/// Rules: C4, C1. Pitfall 5.
#[test]
fn a_candidate_whose_timer_elapses_starts_another_election() {
    let mut server = candidate(5, disk(0, None, &[]));
    let _ = receive(&mut server, S1, vote(1, true));
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::C4) && !fired(&effects, Rule::F2));
    assert_eq!(server.current_term(), Term(2));
    assert!(votes(&server).is_empty(), "a vote of the former term is no vote in this one");
    assert!(effects.reset_election_timer());
    assert_eq!(sent(effects).len(), 4);
}

/// Rules: F2. Pitfall 36.
#[test]
fn a_leader_has_no_election_timer() {
    let mut server = leader(3, disk(0, None, &[]));
    let before = server.clone();
    let effects = server.step(Input::ElectionTimeout);
    assert_eq!((server, effects.rules().is_empty(), sent(effects).len()), (before, true, 0));
}

/// Rules: C1R. Pitfall 36.
#[test]
fn a_candidate_asks_again_whoever_has_not_voted_for_it() {
    let mut server = candidate(5, disk(0, None, &[]));
    let _ = receive(&mut server, S1, vote(1, true));
    let before = server.clone();
    let effects = server.step(Input::HeartbeatTimeout);
    assert!(fired(&effects, Rule::C1R));
    assert!(!effects.reset_election_timer(), "a retry is not a new election");
    assert_eq!(server, before);
    let asked: Vec<_> = sent(effects).into_iter().map(|e| (e.to, e.message)).collect();
    let request = request_vote(1, (0, 0));
    assert_eq!(asked, [(S2, request.clone()), (S3, request.clone()), (S4, request)]);
}

#[test]
fn a_follower_has_nothing_to_repeat() {
    let mut server = follower(3, disk(1, None, &[]));
    let effects = server.step(Input::HeartbeatTimeout);
    assert!(effects.rules().is_empty() && sent(effects).is_empty());
}

/// Rules: C2, L1.
#[test]
fn a_candidate_with_the_votes_of_a_majority_becomes_leader() {
    let mut server = candidate(5, disk(0, None, &[]));
    let _ = receive(&mut server, S3, vote(1, true));
    assert!(!server.is_leader(), "two of five are no majority");
    let effects = receive(&mut server, S1, vote(1, true));
    assert!(fired(&effects, Rule::C2) && fired(&effects, Rule::L1));
    assert!(server.is_leader());
    assert_eq!(server.leader(), Some(S0));
}

/// Rules: C2.
#[test]
fn half_of_an_even_cluster_is_no_majority() {
    let mut server = candidate(4, disk(0, None, &[]));
    let _ = receive(&mut server, S1, vote(1, true));
    assert!(!server.is_leader());
    let _ = receive(&mut server, S2, vote(1, true));
    assert!(server.is_leader());
}

/// Rules: C2. Pitfall 39.
#[test]
fn a_vote_that_arrives_twice_counts_once() {
    let mut server = candidate(5, disk(0, None, &[]));
    for _ in 0..4 {
        let _ = receive(&mut server, S1, vote(1, true));
    }
    assert!(!server.is_leader());
    assert_eq!(votes(&server).len(), 2);
}

/// Rules: R1. Pitfalls 17, 40.
#[test]
fn a_vote_of_an_older_term_is_not_counted() {
    let mut server = candidate(3, disk(0, None, &[]));
    let effects = server.step(Input::ElectionTimeout);
    let _ = settle(&mut server, effects);
    let before = server.clone();
    let effects = receive(&mut server, S1, vote(1, true));
    assert!(fired(&effects, Rule::R1));
    assert_eq!(server, before);
}

/// Rules: C2.
#[test]
fn a_refused_vote_is_not_counted() {
    let mut server = candidate(3, disk(0, None, &[]));
    let before = server.clone();
    let _ = receive(&mut server, S1, vote(1, false));
    assert_eq!(server, before);
}

/// Rules: A2. Pitfall 6.
#[test]
fn a_reply_of_a_newer_term_ends_the_candidacy_whatever_else_it_says() {
    for granted in [false, true] {
        let mut server = candidate(3, disk(0, None, &[]));
        let effects = receive(&mut server, S1, vote(2, granted));
        assert!(fired(&effects, Rule::A2));
        assert_eq!((server.current_term(), server.voted_for()), (Term(2), None));
        assert_eq!(*server.role(), Role::Follower { leader: None });
        assert!(!effects.reset_election_timer());
    }
}

/// Rules: P3. Pitfall 29.
#[test]
fn a_candidate_counts_its_own_vote_only_once_it_is_durable() {
    let mut server = follower(5, disk(0, None, &[]));
    let _ = server.step(Input::ElectionTimeout);
    for voter in [S1, S2] {
        let _ = receive(&mut server, voter, vote(1, true));
    }
    assert!(!server.is_leader());
    let effects = server.step(persisted(1, 0));
    assert!(fired(&effects, Rule::P3) && fired(&effects, Rule::C2));
    assert!(server.is_leader());
}

/// Rules: P3.
#[test]
fn what_became_durable_in_an_older_term_is_no_vote_in_this_one() {
    let mut server = follower(3, disk(0, None, &[]));
    let _ = server.step(Input::ElectionTimeout);
    let _ = server.step(Input::ElectionTimeout);
    let effects = server.step(persisted(1, 0));
    assert!(!fired(&effects, Rule::P3) && votes(&server).is_empty());
    let _ = server.step(persisted(2, 0));
    assert!(votes(&server).contains(S0));
}

/// Rules: C3. Pitfall 41.
#[test]
fn a_candidate_steps_down_on_append_entries_of_its_own_term() {
    let mut server = candidate(3, disk(0, None, &[]));
    let effects = receive(&mut server, S1, append(1, (0, 0), &[], 0));
    assert!(fired(&effects, Rule::C3));
    assert_eq!(*server.role(), Role::Follower { leader: Some(S1) });
    assert_eq!(server.voted_for(), Some(S0), "the vote of this term stays given");
    assert!(effects.reset_election_timer());
    assert_eq!(server.leader(), Some(S1));
}

/// Rules: C3. Pitfall 41.
#[test]
fn a_candidate_steps_down_on_a_snapshot_of_its_own_term() {
    let mut server = candidate(3, disk(1, None, &[]));
    let effects = receive(&mut server, S1, install(2, snapshot(3, 1)));
    assert!(fired(&effects, Rule::C3) && effects.reset_election_timer());
    assert_eq!(*server.role(), Role::Follower { leader: Some(S1) });
}

/// Rules: A2. Pitfalls 4, 6.
#[test]
fn a_newer_term_in_any_message_makes_a_leader_step_down_and_start_its_timer() {
    let messages = [
        request_vote(3, (0, 0)),
        vote(3, false),
        append(3, (0, 0), &[], 0),
        stale_term(3),
        install(3, snapshot(1, 2)),
        install_reply(3, None),
    ];
    for message in messages {
        let mut server = leader(3, disk(0, None, &[]));
        propose_durably(&mut server, 7);
        let effects = receive(&mut server, S2, message.clone());
        assert!(fired(&effects, Rule::A2), "{message:?}");
        let leads = matches!(message, Msg::AppendEntries(_) | Msg::InstallSnapshot(_));
        let leader = leads.then_some(S2);
        assert_eq!(
            (server.current_term(), server.role()),
            (Term(3), &Role::Follower { leader }),
            "{message:?}"
        );
        assert!(effects.reset_election_timer(), "{message:?}");
    }
}

/// Rules: P3, C2, L4, L2. Pitfall 29.
#[test]
fn a_single_server_elects_itself_and_commits_only_what_is_durable() {
    let mut server = follower(1, disk(0, None, &[]));
    let effects = server.step(Input::ElectionTimeout);
    assert!(!server.is_leader());
    assert!(settle(&mut server, effects).is_empty());
    assert!(server.is_leader());
    let effects = server.step(Input::Propose(9));
    assert_eq!(*effects.outcome(), Outcome::Proposed { index: Index(1), term: Term(1) });
    assert_eq!(server.commit_index(), Index(0));
    let effects = server.step(persisted(1, 1));
    assert!(fired(&effects, Rule::L4));
    assert_eq!(server.commit_index(), Index(1));
}

/// Rules: C2, L1, L3S, L4.
#[test]
fn the_voters_need_not_have_the_first_ids() {
    let mut voters = ServerSet::EMPTY;
    [S1, S3, S4].into_iter().for_each(|id| voters.insert(id));
    let config = Config { voters, ..Config::new(3) };
    let start = |id| figure2_core::Server::<u8, u8>::new(id, config, disk(0, None, &[]));
    assert_eq!(start(S0).err(), Some(StartError::NotAMember(S0)));
    let mut server = start(S3).unwrap();
    let from = |from, message| Input::Receive(Envelope { from, to: S3, message });
    let asked: Vec<ServerId> = sent(server.step(Input::ElectionTimeout)).iter().map(|sent| sent.to).collect();
    assert_eq!(asked, [S1, S4]);
    let _ = server.step(persisted(1, 0));
    let _ = server.step(from(S4, vote(1, true)));
    assert!(server.is_leader());
    assert!(server.progress_of(S0).is_none() && server.progress_of(S1).is_some());
    let _ = server.step(from(S4, success(1, 0)));
    let _ = server.step(Input::Propose(7));
    let _ = server.step(Input::Replicate);
    let _ = server.step(persisted(1, 1));
    assert_eq!(server.commit_index(), Index(0), "one of three");
    let _ = server.step(from(S4, success(1, 1)));
    assert_eq!(server.commit_index(), Index(1));
    assert_eq!(server.progress_of(S4).map(|known| known.match_index), Some(Index(1)));
    let rejected = server.step(from(S0, vote(1, true)));
    assert_eq!(*rejected.outcome(), Outcome::Rejected(Rejection::UnknownSender(S0)));
}
