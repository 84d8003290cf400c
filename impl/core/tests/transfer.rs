//! Leadership transfer (thesis, section 3.10): the leader brings a follower up to date and tells it to stand for election.

use crate::common::*;
use figure2_core::{
    Change, Config, Extensions, Index, Input, Outcome, Rejection, Role, Rule, ServerId, Term,
};

/// Somebody wants this server to lead.
fn hand_over(server: &mut Server, to: ServerId) -> Effects {
    server.step(Input::TransferLeadership { to })
}

/// Whom the messages tell to stand for election.
fn told(effects: Effects) -> Vec<ServerId> {
    let sent = sent(effects).into_iter();
    sent.filter(|envelope| matches!(envelope.message, Msg::TimeoutNow(_)))
        .map(|envelope| envelope.to)
        .collect()
}

/// S0 leads term 4 of three; its log and that of S1 hold the entry 1, and S2 has not answered yet.
fn leader_with_s1() -> Server {
    leader_with_s1_of(Extensions::NONE)
}

fn leader_with_s1_of(extensions: Extensions) -> Server {
    let mut server = leader_of(extended(3, extensions), disk(3, None, &[1]));
    let _ = receive(&mut server, S1, success(4, 1));
    server
}

/// "The prior leader sends a TimeoutNow request to the target server": at once, if its log is known to match.
///
/// Rules: LT1, LT2.
#[test]
fn a_target_that_has_caught_up_is_told_at_once() {
    let mut server = leader_with_s1();
    let before = server.persistent().clone();
    let effects = hand_over(&mut server, S1);
    assert!(fired(&effects, Rule::LT1) && fired(&effects, Rule::LT2));
    assert_eq!(*effects.outcome(), Outcome::Transferring { to: S1 });
    assert!(effects.reset_election_timer(), "an election timeout from now it gives up");
    assert_eq!((server.is_leader(), server.transfer_to()), (true, Some(S1)), "it leads until a new term");
    assert_eq!(*server.persistent(), before);
    assert_eq!(only(effects), (S1, timeout_now(4)));
}

/// "The prior leader fully updates the target server's log to match its own, using the normal log replication mechanism."
///
/// Rules: LT1, LT2.
#[test]
fn a_target_that_lags_is_told_once_its_log_matches_to_its_end() {
    let mut server = leader(3, disk(3, None, &[1]));
    propose_durably(&mut server, 9);
    let effects = hand_over(&mut server, S1);
    assert!(fired(&effects, Rule::LT1) && !fired(&effects, Rule::LT2));
    assert!(told(effects).is_empty());
    let effects = receive(&mut server, S1, success(4, 1));
    assert!(!fired(&effects, Rule::LT2), "entry 2 is on its way");
    assert!(told(effects).is_empty());
    let effects = receive(&mut server, S2, success(4, 2));
    assert!(told(effects).is_empty(), "it is not S2 that is to lead");
    let effects = receive(&mut server, S1, success(4, 2));
    assert!(fired(&effects, Rule::LT2));
    assert_eq!(told(effects), [S1]);
}

/// Rules: LT2, S2, S3.
#[test]
fn a_target_behind_the_snapshot_is_told_once_it_has_snapshot_and_log() {
    let mut server = leader(3, disk_after(3, snapshot(5, 3), &[3]));
    let _ = hand_over(&mut server, S1);
    let effects = receive(&mut server, S1, conflict(4, 6, 2, None));
    assert!(fired(&effects, Rule::S2));
    assert_eq!(told(effects), []);
    let effects = receive(&mut server, S1, install_reply(4, Some(5)));
    assert!(fired(&effects, Rule::S3));
    assert_eq!(told(effects), [], "its service has yet to take it");
    let effects = receive(&mut server, S1, success(4, 5));
    assert_eq!(told(effects), [], "entry 6 is on its way");
    let effects = receive(&mut server, S1, success(4, 6));
    assert_eq!(told(effects), [S1]);
}

/// TimeoutNow may be lost: each later answer of the target brings it again.
///
/// Rules: LT2.
#[test]
fn the_target_is_told_again_with_each_later_answer() {
    let mut server = leader_with_s1();
    let _ = hand_over(&mut server, S1);
    for _ in 0..3 {
        let _ = server.step(Input::HeartbeatTimeout);
        let effects = receive(&mut server, S1, success(4, 1));
        assert_eq!(told(effects), [S1]);
        let effects = receive(&mut server, S2, success(4, 1));
        assert_eq!(told(effects), []);
    }
    let effects = receive(&mut server, S1, success(3, 1));
    assert!(fired(&effects, Rule::R1));
    assert_eq!(told(effects), [], "an answer of an older term says nothing");
}

/// Rules: LT1.
#[test]
fn asked_again_for_the_same_target_it_goes_on_waiting() {
    let mut server = leader_with_s1();
    let _ = hand_over(&mut server, S1);
    let before = server.clone();
    let effects = hand_over(&mut server, S1);
    assert_eq!(*effects.outcome(), Outcome::Transferring { to: S1 });
    assert!(!fired(&effects, Rule::LT1) && !effects.reset_election_timer(), "its time is not prolonged");
    assert!(effects.is_empty());
    assert_eq!(server, before);
}

/// Rules: LT1, LT2.
#[test]
fn another_target_takes_the_place_of_the_first() {
    let mut server = leader_with_s1();
    let _ = hand_over(&mut server, S1);
    let effects = hand_over(&mut server, S2);
    assert!(fired(&effects, Rule::LT1) && effects.reset_election_timer());
    assert_eq!((effects.outcome(), server.transfer_to()), (&Outcome::Transferring { to: S2 }, Some(S2)));
    assert_eq!(told(effects), [], "S2 has not answered yet");
    let effects = receive(&mut server, S1, success(4, 1));
    assert_eq!(told(effects), []);
    let effects = receive(&mut server, S2, success(4, 1));
    assert_eq!(told(effects), [S2]);
}

/// Rules: LT1.
#[test]
fn a_leader_cannot_hand_over_to_itself_or_to_a_stranger() {
    let mut server = leader_with_s1();
    let before = server.clone();
    for to in [S0, S3, ServerId(64), ServerId(255)] {
        let effects = hand_over(&mut server, to);
        assert_eq!(*effects.outcome(), Outcome::NoTransfer { to });
        assert!(effects.is_empty() && effects.rules().is_empty() && !effects.reset_election_timer());
        assert_eq!(server, before);
    }
}

/// Rules: LT1.
#[test]
fn whoever_does_not_lead_has_nothing_to_hand_over() {
    let mut pre_candidate = Server::new(S0, extended(3, PRE_VOTE), disk(4, None, &[])).unwrap();
    let _ = pre_candidate.step(Input::ElectionTimeout);
    let candidate = candidate(3, disk(3, None, &[]));
    for mut server in [follower_of(S1, 3, disk(4, None, &[])), pre_candidate, candidate] {
        let before = server.clone();
        for to in [S1, S0, S3] {
            let effects = hand_over(&mut server, to);
            assert_eq!(*effects.outcome(), Outcome::NotLeader { term: Term(4) });
            assert!(effects.is_empty() && effects.rules().is_empty());
        }
        assert_eq!(server, before);
    }
}

/// Rules: LT1.
#[test]
fn a_cluster_of_one_has_nobody_to_hand_over_to() {
    let mut server = leader(1, disk(3, None, &[]));
    for to in [S0, S1] {
        assert_eq!(*hand_over(&mut server, to).outcome(), Outcome::NoTransfer { to });
    }
    assert!(matches!(server.step(Input::Propose(1)).outcome(), Outcome::Proposed { .. }));
}

/// "The prior leader stops accepting new client requests", and "resumes accepting client requests" when it gives up.
///
/// Rules: LT4, LT5, L2.
#[test]
fn commands_are_refused_while_it_hands_over_and_taken_again_afterwards() {
    let mut server = leader_with_s1();
    let _ = hand_over(&mut server, S2);
    let before = server.clone();
    let effects = server.step(Input::Propose(7));
    assert!(fired(&effects, Rule::LT4) && !fired(&effects, Rule::L2) && effects.is_empty());
    assert_eq!(*effects.outcome(), Outcome::Transferring { to: S2 });
    assert_eq!(server, before);
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::LT5) && effects.reset_election_timer());
    assert_eq!((server.is_leader(), server.transfer_to()), (true, None));
    let effects = server.step(Input::Propose(7));
    assert!(!fired(&effects, Rule::LT4));
    assert_eq!(*effects.outcome(), Outcome::Proposed { index: Index(2), term: Term(4) });
    let effects = receive(&mut server, S2, success(4, 2));
    assert_eq!(told(effects), [], "the transfer is given up");
}

/// Heartbeats, entries that are in the log already, and commits go on meanwhile.
///
/// Rules: LT1, L1R, L3, L4.
#[test]
fn a_leader_that_hands_over_leads_on_meanwhile() {
    let mut server = leader_with_s1();
    propose_durably(&mut server, 7);
    let _ = hand_over(&mut server, S2);
    assert!(fired(&server.step(Input::Replicate), Rule::L3));
    assert!(fired(&server.step(Input::HeartbeatTimeout), Rule::L1R));
    let effects = receive(&mut server, S1, success(4, 2));
    assert!(fired(&effects, Rule::L4));
    assert_eq!(server.commit_index(), Index(2));
}

/// "If leadership transfer does not complete after about an election timeout, the prior leader aborts the transfer." It
/// checks its quorum and its own writes at the same moment.
///
/// Rules: LT5, CQ1, L1D.
#[test]
fn the_transfer_is_given_up_with_the_leaders_election_timer() {
    let mut server = leader_with_s1_of(Extensions::ALL);
    let _ = hand_over(&mut server, S2);
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::LT5) && !fired(&effects, Rule::CQ1));
    assert!(server.is_leader() && server.transfer_to().is_none());
    let effects = server.step(Input::ElectionTimeout);
    assert!(!fired(&effects, Rule::LT5) && fired(&effects, Rule::CQ1), "nobody answered any more");
    let mut server = leader_with_s1();
    let _ = server.step(Input::Propose(7));
    let _ = server.step(Input::ElectionTimeout);
    let _ = hand_over(&mut server, S2);
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::LT5) && fired(&effects, Rule::L1D));
}

/// Rules: LT5.
#[test]
fn a_newer_term_ends_the_transfer() {
    let mut server = leader_with_s1();
    let _ = hand_over(&mut server, S1);
    let effects = receive(&mut server, S1, request_vote_after_transfer(5, (1, 1)));
    assert!(fired(&effects, Rule::A2) && fired(&effects, Rule::RV2));
    assert_eq!((server.is_leader(), server.transfer_to()), (false, None));
    assert_eq!(reply(effects), vote(5, true));
    let effects = server.step(Input::ElectionTimeout);
    assert!(!fired(&effects, Rule::LT5));
}

/// "This request has the same effect as the target server's election timer firing: the target server starts a new
/// election (incrementing its term and becoming a candidate)."
///
/// Rules: LT3, C1, P2.
#[test]
fn timeout_now_starts_an_election_at_once_without_pre_votes() {
    for extensions in [Extensions::NONE, Extensions::ALL] {
        let mut server = follower_with(extended(3, extensions), S2, disk(4, Some(S2), &[1]));
        let effects = receive(&mut server, S2, timeout_now(4));
        assert!(fired(&effects, Rule::LT3) && fired(&effects, Rule::C1) && !fired(&effects, Rule::PV1));
        assert!(effects.reset_election_timer());
        assert_eq!(changes(&effects), [Change::TermAndVote { current_term: Term(5), voted_for: Some(S0) }]);
        let request = request_vote_after_transfer(5, (1, 1));
        let requests: Vec<_> = settle(&mut server, effects).into_iter().map(|e| (e.to, e.message)).collect();
        assert_eq!(requests, [(S1, request.clone()), (S2, request.clone())]);
        let effects = server.step(Input::HeartbeatTimeout);
        assert!(sent(effects).iter().all(|e| e.message == request), "what it repeats says so, too");
        let effects = receive(&mut server, S2, vote(5, true));
        assert!(fired(&effects, Rule::C2) && server.is_leader());
    }
}

/// Rules: LT3, C4.
#[test]
fn an_election_after_a_transfer_that_is_not_won_is_followed_by_a_common_one() {
    let mut server = follower_of(S2, 3, disk(4, None, &[1]));
    let _ = receive(&mut server, S2, timeout_now(4));
    let effects = server.step(Input::ElectionTimeout);
    assert!(fired(&effects, Rule::C4));
    assert!(sent(effects).iter().all(|envelope| envelope.message == request_vote(6, (1, 1))));
}

/// Rules: LT3.
#[test]
fn timeout_now_of_an_older_term_starts_nothing() {
    for term in [1, 3] {
        let mut server = follower_of(S2, 3, disk(4, None, &[1]));
        let before = server.clone();
        let effects = receive(&mut server, S1, timeout_now(term));
        assert!(effects.rules().is_empty() && effects.is_empty() && !effects.reset_election_timer());
        assert_eq!(server, before);
    }
}

/// Rules: LT3.
#[test]
fn timeout_now_that_arrives_twice_starts_one_election() {
    let mut server = follower_of(S2, 3, disk(4, None, &[1]));
    let _ = receive(&mut server, S2, timeout_now(4));
    let before = server.clone();
    let effects = receive(&mut server, S2, timeout_now(4));
    assert!(effects.rules().is_empty() && effects.is_empty());
    assert_eq!(server, before);
}

/// Rules: LT3, A2.
#[test]
fn timeout_now_of_a_newer_term_first_makes_the_server_follow_that_term() {
    for mut server in [follower_of(S2, 3, disk(4, None, &[1])), leader(3, disk(3, None, &[1]))] {
        let effects = receive(&mut server, S1, timeout_now(7));
        assert!(fired(&effects, Rule::A2) && fired(&effects, Rule::LT3));
        assert_eq!((server.current_term(), server.voted_for()), (Term(8), Some(S0)));
        assert!(matches!(server.role(), Role::Candidate { transfer: true, .. }));
    }
}

/// Rules: LT3.
#[test]
fn timeout_now_makes_a_candidate_and_a_pre_candidate_of_its_term_stand_again() {
    let mut pre_candidate = Server::new(S0, extended(3, PRE_VOTE), disk(4, None, &[])).unwrap();
    let _ = pre_candidate.step(Input::ElectionTimeout);
    for mut server in [candidate(3, disk(3, None, &[])), pre_candidate] {
        let effects = receive(&mut server, S1, timeout_now(4));
        assert!(fired(&effects, Rule::LT3));
        assert_eq!(server.current_term(), Term(5));
        assert!(matches!(server.role(), Role::Candidate { transfer: true, .. }));
    }
}

/// Rules: LT3, V1.
#[test]
fn a_leader_is_not_told_to_stand_for_election_in_its_own_term() {
    let mut server = leader(3, disk(3, None, &[]));
    let before = server.clone();
    let effects = receive(&mut server, S1, timeout_now(4));
    assert_eq!(*effects.outcome(), Outcome::Rejected(Rejection::SecondLeader(Term(4))));
    assert!(!fired(&effects, Rule::LT3) && fired(&effects, Rule::V1));
    assert_eq!(server, before);
}

/// Three servers with all options, each in contact with its leader: the transfer is over after one exchange of messages.
///
/// Rules: LT1, LT2, LT3, CQ2.
#[test]
fn leadership_moves_while_everybody_is_in_contact_with_the_leader() {
    let config = extended(3, Extensions::ALL);
    let start = |id| figure2_core::Server::<u8, u8>::new(id, config, disk(3, None, &[1])).unwrap();
    let mut servers = vec![leader_of(config, disk(3, None, &[1])), start(S1), start(S2)];
    let effects = servers[0].step(Input::HeartbeatTimeout);
    let mut messages = settle(&mut servers[0], effects);
    let deliver = |servers: &mut Vec<Server>, messages: &mut Vec<_>| {
        let mut disregarded = 0;
        while let Some(envelope) = messages.pop() {
            let envelope: figure2_core::Envelope<u8, u8> = envelope;
            let to = &mut servers[usize::from(envelope.to.0)];
            let effects = to.step(Input::Receive(envelope));
            disregarded += usize::from(fired(&effects, Rule::CQ2));
            messages.extend(settle(to, effects));
        }
        disregarded
    };
    assert_eq!(deliver(&mut servers, &mut messages), 0);
    assert!(servers.iter().all(|server| server.leader() == Some(S0)));
    let effects = hand_over(&mut servers[0], S1);
    messages = settle(&mut servers[0], effects);
    assert_eq!(deliver(&mut servers, &mut messages), 0);
    assert!(servers.iter().all(|server| server.leader() == Some(S1) && server.current_term() == Term(5)));
    let effects = servers[0].step(Input::Propose(1));
    assert_eq!(*effects.outcome(), Outcome::NotLeader { term: Term(5) });
}

/// Rules: LT2.
#[test]
fn what_is_not_durable_at_the_target_is_not_acknowledged_and_keeps_it_waiting() {
    let mut server = leader_of(Config::new(3), disk(3, None, &[1]));
    let _ = server.step(Input::Propose(7));
    let _ = hand_over(&mut server, S1);
    let effects = receive(&mut server, S1, success(4, 1));
    assert_eq!(told(effects), [], "the leader's own write is under way, and counts as the end of its log");
    let effects = receive(&mut server, S1, success(4, 2));
    assert_eq!(told(effects), [S1], "the target has it, whether the leader's disk does or not");
}
