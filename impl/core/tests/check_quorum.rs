//! CheckQuorum (thesis, sections 6.2 and 4.2.3): a leader that no majority answers steps down; who is in contact with a
//! leader does not listen to candidates.

use crate::common::*;
use figure2_core::{Extensions, Input, Role, Rule, Term};

/// S0 leads a cluster of that many servers, and counts who answers.
fn counting(servers: u8) -> Server {
    leader_of(extended(servers, CHECK_QUORUM), disk(3, None, &[1]))
}

/// Its election timer elapses: whether it steps down.
fn steps_down(server: &mut Server) -> bool {
    let effects = server.step(Input::ElectionTimeout);
    assert_eq!(fired(&effects, Rule::CQ1), !server.is_leader());
    assert!(effects.reset_election_timer(), "the timer starts anew, whether it leads or follows");
    assert!(effects.record().is_empty() && sent(effects).is_empty());
    !server.is_leader()
}

/// "A leader in Raft steps down if an election timeout elapses without a successful round of heartbeats to a majority of
/// its cluster."
///
/// Rules: CQ1.
#[test]
fn a_leader_that_no_majority_answers_for_an_election_timeout_steps_down() {
    let mut server = counting(5);
    let _ = receive(&mut server, S3, success(4, 1));
    assert!(steps_down(&mut server), "two of five");
    assert_eq!(*server.role(), Role::Follower { leader: None });
    assert_eq!((server.current_term(), server.voted_for()), (Term(4), Some(S0)), "term and vote stay");
}

/// Rules: CQ1.
#[test]
fn a_leader_that_a_majority_answers_leads_on_and_counts_anew() {
    let mut server = counting(5);
    for _ in 0..3 {
        for from in [S1, S4] {
            let _ = receive(&mut server, from, success(4, 1));
        }
        assert!(!steps_down(&mut server));
    }
    assert!(steps_down(&mut server), "what was answered before the last timeout counts no more");
}

/// Rules: CQ1.
#[test]
fn half_of_an_even_cluster_does_not_keep_a_leader() {
    let mut server = counting(4);
    let _ = receive(&mut server, S1, success(4, 1));
    assert!(steps_down(&mut server));
}

/// Rules: CQ1.
#[test]
fn who_answers_twice_counts_once() {
    let mut server = counting(5);
    for _ in 0..9 {
        let _ = receive(&mut server, S1, success(4, 1));
    }
    assert!(steps_down(&mut server));
}

/// Any answer in the leader's term shows that the follower hears it and is heard.
///
/// Rules: CQ1.
#[test]
fn refusals_and_answers_to_snapshots_are_answers_and_nothing_else_is() {
    let answers = [
        (success(4, 1), true),
        (conflict(4, 1, 1, None), true),
        (install_reply(4, Some(0)), true),
        (vote(4, true), false),
        (vote(4, false), false),
        (pre_vote_reply(5, true), false),
        (pre_vote(5, (1, 1)), false),
        (request_vote(4, (1, 1)), false),
    ];
    for (message, counts) in answers {
        let mut server = counting(3);
        let _ = receive(&mut server, S2, message.clone());
        assert_eq!(steps_down(&mut server), !counts, "{message:?}");
    }
}

/// Rules: CQ1, R1.
#[test]
fn an_answer_of_an_older_term_is_none() {
    let mut server = counting(3);
    for message in [success(3, 1), stale_term(3), install_reply(3, None)] {
        let _ = receive(&mut server, S1, message);
    }
    assert!(steps_down(&mut server));
}

/// Rules: CQ1.
#[test]
fn a_rejected_message_is_no_answer() {
    let mut server = counting(3);
    let effects = receive(&mut server, S1, success(4, 99));
    assert!(fired(&effects, Rule::V1));
    assert!(steps_down(&mut server));
}

/// Rules: CQ1.
#[test]
fn a_single_server_is_its_own_majority() {
    let mut server = counting(1);
    for _ in 0..3 {
        assert!(!steps_down(&mut server));
    }
}

/// Rules: CQ1.
#[test]
fn a_leader_without_the_option_leads_on_alone_and_remembers_nobody() {
    let mut server = leader_of(extended(3, PRE_VOTE), disk(3, None, &[1]));
    let _ = receive(&mut server, S1, success(4, 1));
    let Role::Leader { heard, .. } = server.role() else { panic!() };
    assert!(heard.is_empty());
    for _ in 0..3 {
        assert!(!steps_down(&mut server));
    }
}

/// Rules: CQ1, L1D.
#[test]
fn a_leader_with_a_majority_still_steps_down_when_its_own_write_stalls() {
    let mut server = counting(3);
    let _ = server.step(Input::Propose(9));
    let mut timeout = || {
        let _ = receive(&mut server, S1, success(4, 1));
        server.step(Input::ElectionTimeout)
    };
    assert!(!fired(&timeout(), Rule::L1D));
    let effects = timeout();
    assert!(fired(&effects, Rule::L1D) && !fired(&effects, Rule::CQ1));
}

/// "If a server receives a RequestVote request within the minimum election timeout of hearing from a current leader, it
/// does not update its term or grant its vote."
///
/// Rules: CQ2, A2.
#[test]
fn in_contact_with_a_leader_a_vote_request_of_a_newer_term_is_dropped() {
    for mut server in [
        follower_with(extended(3, CHECK_QUORUM), S2, disk(4, None, &[1])),
        follower_with(extended(3, Extensions::ALL), S2, disk(4, None, &[1])),
        counting(3),
    ] {
        let before = server.clone();
        let effects = receive(&mut server, S1, request_vote(9, (9, 8)));
        assert!(fired(&effects, Rule::CQ2) && !fired(&effects, Rule::A2) && !fired(&effects, Rule::RV2));
        assert!(!effects.reset_election_timer() && effects.is_empty(), "no reply either");
        assert_eq!(server, before);
    }
}

/// Rules: CQ2, RV2.
#[test]
fn out_of_contact_it_votes() {
    let mut server = follower_with(extended(3, CHECK_QUORUM), S2, disk(4, None, &[1]));
    let _ = server.step(Input::ElectionTimeout);
    let effects = receive(&mut server, S1, request_vote(9, (9, 8)));
    assert!(!fired(&effects, Rule::CQ2) && fired(&effects, Rule::RV2));
    assert_eq!(reply(effects), vote(9, true));
    let mut server = Server::new(S0, extended(3, CHECK_QUORUM), disk(4, None, &[1])).unwrap();
    let effects = receive(&mut server, S1, request_vote(9, (9, 8)));
    assert!(!fired(&effects, Rule::CQ2), "a server that has just started has heard from no leader");
    assert_eq!(reply(effects), vote(9, true));
}

/// Rules: CQ2, RV1, RV2F.
#[test]
fn a_vote_request_of_no_newer_term_is_answered_as_always() {
    let mut server = follower_with(extended(3, CHECK_QUORUM), S2, disk(4, Some(S2), &[1]));
    for (term, rule) in [(3, Rule::RV1), (4, Rule::RV2F)] {
        let effects = receive(&mut server, S1, request_vote(term, (1, 1)));
        assert!(fired(&effects, rule) && !fired(&effects, Rule::CQ2));
        assert_eq!(reply(effects), vote(4, false));
    }
}

/// Only candidates are disregarded: a newer term in any other message is news.
///
/// Rules: CQ2, A2.
#[test]
fn in_contact_with_a_leader_every_other_message_of_a_newer_term_is_heard() {
    let messages = [
        vote(9, false),
        append(9, (0, 0), &[], 0),
        stale_term(9),
        install(9, snapshot(1, 1)),
        install_reply(9, None),
        pre_vote_reply(9, false),
        timeout_now(9),
    ];
    for message in messages {
        let mut server = follower_with(extended(3, CHECK_QUORUM), S2, disk(4, None, &[1]));
        let effects = receive(&mut server, S1, message.clone());
        assert!(fired(&effects, Rule::A2) && !fired(&effects, Rule::CQ2), "{message:?}");
        assert!(server.current_term() >= Term(9), "{message:?}");
    }
}

/// Rules: CQ2.
#[test]
fn a_server_without_the_option_listens_to_candidates() {
    let mut server = follower_with(extended(3, PRE_VOTE), S2, disk(4, None, &[1]));
    let effects = receive(&mut server, S1, request_vote(9, (1, 1)));
    assert!(!fired(&effects, Rule::CQ2) && fired(&effects, Rule::A2));
}

/// "Unless the leader itself asked for the election" (section 3.10): the request says so, and that lets it past CQ2, and
/// past nothing else.
///
/// Rules: CQ2, LT3, RV1, RV2, RV2F, RV2U.
#[test]
fn a_request_after_a_transfer_gets_past_contact_and_past_nothing_else() {
    let in_contact = |voted_for| follower_with(extended(3, CHECK_QUORUM), S2, disk(4, voted_for, &[1, 4]));
    let cases = [
        (None, request_vote_after_transfer(5, (2, 4)), Rule::RV2, vote(5, true)),
        (None, request_vote_after_transfer(5, (9, 3)), Rule::RV2U, vote(5, false)),
        (Some(S2), request_vote_after_transfer(4, (2, 3)), Rule::RV2F, vote(4, false)),
        (None, request_vote_after_transfer(3, (2, 2)), Rule::RV1, vote(4, false)),
    ];
    for (voted_for, request, rule, answer) in cases {
        let mut server = in_contact(voted_for);
        let effects = receive(&mut server, S1, request.clone());
        assert!(fired(&effects, rule) && !fired(&effects, Rule::CQ2), "{request:?}");
        assert_eq!(reply(effects), answer, "{request:?}");
    }
}
