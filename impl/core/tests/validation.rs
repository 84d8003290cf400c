//! What no correct peer sends: it is rejected with a reason, and nothing changes, not even the term.

use crate::common::*;
use figure2_core::{
    Envelope, Index, Input, MAX_INDEX, MAX_TERM, Outcome, Rejection, Rule, RuleSet, ServerId, Term,
};

/// Asserts that the server rejects the envelope for this reason, and that nothing else happens.
fn assert_rejected(server: &Server, envelope: Envelope<u8, u8>, rejection: Rejection) {
    let mut after = server.clone();
    let mut effects = after.step(Input::Receive(envelope.clone()));
    assert_eq!(*effects.outcome(), Outcome::Rejected(rejection), "{envelope:?}");
    assert_eq!(after, *server, "{envelope:?}");
    let mut only_v1 = RuleSet::EMPTY;
    only_v1.insert(Rule::V1);
    assert_eq!(effects.rules(), only_v1);
    assert!(effects.record().is_empty() && effects.take_early().is_empty());
    assert!(!effects.reset_election_timer());
    assert!(sent(effects).is_empty(), "not even a reply: {envelope:?}");
}

fn from_s1(message: Msg) -> Envelope<u8, u8> {
    Envelope { from: S1, to: S0, message }
}

/// One message of each kind, of a newer term than any server in this file.
fn one_of_each() -> [Msg; 9] {
    [
        request_vote(9, (5, 3)),
        vote(9, true),
        append(9, (0, 0), &[1], 0),
        success(9, 1),
        install(9, snapshot(9, 5)),
        install_reply(9, Some(1)),
        pre_vote(9, (5, 3)),
        pre_vote_reply(9, true),
        timeout_now(9),
    ]
}

/// S0 follows in term 4; entries 1 to 3 are committed.
fn committed_three() -> Server {
    let mut server = follower(3, disk(4, None, &[1, 1, 2, 2]));
    let _ = receive(&mut server, S1, append(4, (4, 2), &[], 3));
    server
}

/// Rules: V1. Pitfall 50.
#[test]
fn a_message_from_outside_the_cluster_is_rejected() {
    for message in one_of_each() {
        for from in [S3, ServerId(64), ServerId(255)] {
            let envelope = Envelope { from, to: S0, message: message.clone() };
            assert_rejected(&committed_three(), envelope, Rejection::UnknownSender(from));
        }
    }
}

/// Rules: V1. Pitfall 50.
#[test]
fn a_message_for_another_server_is_rejected() {
    for message in one_of_each() {
        for to in [S1, S2, ServerId(255)] {
            let envelope = Envelope { from: S1, to, message: message.clone() };
            assert_rejected(&committed_three(), envelope, Rejection::NotAddressedToUs(to));
        }
    }
}

/// Rules: V1. Pitfalls 49, 50.
#[test]
fn a_message_from_this_very_server_is_rejected() {
    for message in one_of_each() {
        let envelope = Envelope { from: S0, to: S0, message };
        assert_rejected(&committed_three(), envelope, Rejection::FromSelf);
    }
}

/// Rules: V1. Pitfall 50.
#[test]
fn an_absurd_term_is_rejected() {
    for term in [0, MAX_TERM.0 + 1, u64::MAX] {
        let messages = [
            request_vote(term, (0, 0)),
            vote(term, true),
            append(term, (0, 0), &[], 0),
            stale_term(term),
            install(term, snapshot(1, 1)),
            install_reply(term, None),
            pre_vote(term, (0, 0)),
            pre_vote_reply(term, true),
            pre_vote_reply(term, false),
            timeout_now(term),
        ];
        for message in messages {
            assert_rejected(&committed_three(), from_s1(message), Rejection::AbsurdTerm(Term(term)));
        }
    }
    let mut server = committed_three();
    let _ = receive(&mut server, S1, request_vote(MAX_TERM.0, (0, 0)));
    assert_eq!(server.current_term(), MAX_TERM, "the highest term is still a term");
}

/// Rules: V1. Pitfall 50.
#[test]
fn an_absurd_index_is_rejected() {
    let absurd = MAX_INDEX.0 + 1;
    let messages = [
        (request_vote(5, (absurd, 3)), absurd),
        (pre_vote(5, (absurd, 3)), absurd),
        (append(5, (absurd, 3), &[], 0), absurd),
        (append(5, (0, 0), &[], absurd), absurd),
        (success(5, absurd), absurd),
        (conflict(5, absurd, 1, None), absurd),
        (install(5, snapshot_at(absurd, 3)), absurd),
        (install_reply(5, Some(absurd)), absurd),
    ];
    for (message, index) in messages {
        assert_rejected(&committed_three(), from_s1(message), Rejection::AbsurdIndex(Index(index)));
    }
    let mut server = committed_three();
    let effects = receive(&mut server, S1, request_vote(5, (MAX_INDEX.0, 3)));
    assert_eq!(reply(effects), vote(5, true), "the highest index is still an index");
}

/// A snapshot at an index too large for a command.
fn snapshot_at(index: u64, term: u64) -> figure2_core::Snapshot<u8> {
    figure2_core::Snapshot { last_included_index: Index(index), last_included_term: Term(term), data: 0 }
}

/// Rules: V1. Pitfall 50.
#[test]
fn entries_that_run_past_the_highest_index_are_rejected() {
    let mut message = append(5, (0, 0), &[1], 0);
    let figure2_core::Message::AppendEntries(request) = &mut message else { panic!("AppendEntries") };
    (request.prev_log_index, request.prev_log_term) = (MAX_INDEX, Term(1));
    assert_rejected(&committed_three(), from_s1(message), Rejection::AbsurdIndex(MAX_INDEX.next()));
}

/// Rules: V1. Pitfall 50.
#[test]
fn a_refusal_that_points_nowhere_is_rejected() {
    for (conflict_index, prev_log_index) in [(0, 3), (4, 3), (1, 0)] {
        let message = conflict(5, prev_log_index, conflict_index, None);
        assert_rejected(&committed_three(), from_s1(message), Rejection::AbsurdIndex(Index(conflict_index)));
    }
}

/// Rules: V1. Pitfall 50.
#[test]
fn a_log_whose_indexes_and_terms_do_not_fit_each_other_is_rejected() {
    let messages = [
        ("an index without a term", request_vote(5, (3, 0))),
        ("a term without an index", request_vote(5, (0, 3))),
        ("a candidate with an entry of its own term", request_vote(5, (3, 5))),
        ("a candidate with an entry of a later term", request_vote(5, (3, 6))),
        ("an index without a term", pre_vote(5, (3, 0))),
        ("a term without an index", pre_vote(5, (0, 3))),
        ("a pre-candidate with an entry of the term to come", pre_vote(5, (3, 5))),
        ("an index without a term", append(5, (3, 0), &[], 0)),
        ("a term without an index", append(5, (0, 3), &[], 0)),
        ("terms that go back", append(5, (0, 0), &[2, 1], 0)),
        ("a term below prev_log_term", append(5, (3, 3), &[2], 0)),
        ("an entry without a term", append(5, (0, 0), &[0], 0)),
        ("an entry of a later term", append(5, (0, 0), &[6], 0)),
        ("a previous entry of a later term", append(5, (3, 6), &[], 0)),
        ("a conflict with no term", conflict(5, 3, 2, Some(0))),
        ("a conflict with a later term", conflict(5, 3, 2, Some(6))),
        ("a snapshot of nothing", install(5, snapshot(0, 0))),
        ("a snapshot without a term", install(5, snapshot(4, 0))),
        ("a snapshot of a later term", install(5, snapshot(4, 6))),
    ];
    for (what, message) in messages {
        println!("{what}");
        assert_rejected(&committed_three(), from_s1(message), Rejection::InconsistentLog);
    }
}

/// Rules: V1. Pitfalls 49, 50.
#[test]
fn a_second_leader_in_a_term_is_rejected_by_the_first() {
    let server = leader(3, disk(4, None, &[1]));
    for message in [append(5, (1, 1), &[], 0), install(5, snapshot(4, 3)), timeout_now(5)] {
        assert_rejected(&server, from_s1(message), Rejection::SecondLeader(Term(5)));
    }
    for (message, answer) in
        [(append(4, (1, 1), &[], 0), stale_term(5)), (install(4, snapshot(4, 3)), install_reply(5, None))]
    {
        let effects = receive(&mut server.clone(), S1, message);
        assert_eq!(reply(effects), answer, "a leader of old is answered, so that it steps down");
    }
}

/// Rules: V1. Pitfalls 49, 50.
#[test]
fn a_log_that_contradicts_what_is_committed_is_rejected() {
    let cases = [
        (append(5, (3, 3), &[], 0), 3),
        (append(5, (2, 1), &[3], 0), 3),
        (append(5, (0, 0), &[4], 0), 1),
        (append(5, (0, 0), &[1, 1, 3, 3], 0), 3),
        (install(5, snapshot(3, 3)), 3),
        (install(5, snapshot(1, 3)), 1),
    ];
    for (message, index) in cases {
        assert_rejected(&committed_three(), from_s1(message), Rejection::ContradictsCommitted(Index(index)));
    }
    let snapshot_edge = follower(3, disk_after(4, snapshot(5, 2), &[]));
    let wiped = append(5, (5, 4), &[], 0);
    assert_rejected(&snapshot_edge, from_s1(wiped), Rejection::ContradictsCommitted(Index(5)));
}

/// Rules: AE3. Pitfall 3.
#[test]
fn what_is_not_committed_may_be_contradicted() {
    let mut server = committed_three();
    let effects = receive(&mut server, S1, append(5, (3, 2), &[5], 3));
    assert!(fired(&effects, Rule::AE3));
    assert_eq!(terms(&server), [1, 1, 2, 5]);
}

/// Rules: V1. Pitfall 50.
#[test]
fn a_reply_that_knows_of_more_than_the_leader_has_is_rejected() {
    let server = leader(3, disk_after(4, snapshot(2, 2), &[3]));
    let cases = [(success(5, 4), 4), (conflict(5, 4, 1, None), 4), (install_reply(5, Some(3)), 3)];
    for (message, index) in cases {
        assert_rejected(&server, from_s1(message), Rejection::AbsurdIndex(Index(index)));
    }
    for message in [success(5, 3), conflict(5, 3, 1, None), install_reply(5, Some(2))] {
        let effects = receive(&mut server.clone(), S1, message);
        assert_eq!(*effects.outcome(), Outcome::Done);
    }
}

/// Rules: V1, A2.
#[test]
fn only_a_reply_to_this_leader_in_its_term_is_measured_by_its_log() {
    let server = leader(3, disk(4, None, &[3]));
    for message in [success(6, 9), conflict(6, 9, 1, None), install_reply(6, Some(9))] {
        let effects = receive(&mut server.clone(), S1, message);
        assert_eq!(*effects.outcome(), Outcome::Done);
        assert!(fired(&effects, Rule::A2), "a newer term counts, whatever else the reply says");
    }
    let server = follower(3, disk(5, None, &[3]));
    for message in [success(5, 9), conflict(5, 9, 1, None), install_reply(5, Some(9))] {
        let effects = receive(&mut server.clone(), S1, message);
        assert_eq!(*effects.outcome(), Outcome::Done, "late word of a leadership that has ended");
    }
}

/// Rules: V1.
#[test]
fn each_reason_says_what_is_wrong_in_words() {
    let reasons = [
        (Rejection::UnknownSender(S3), "S3 is not in the cluster"),
        (Rejection::FromSelf, "claims to be this server"),
        (Rejection::NotAddressedToUs(S2), "addressed to S2"),
        (Rejection::AbsurdTerm(Term(0)), "term 0"),
        (Rejection::AbsurdIndex(Index(7)), "index 7"),
        (Rejection::InconsistentLog, "do not fit each other"),
        (Rejection::SecondLeader(Term(5)), "leads term 5"),
        (Rejection::ContradictsCommitted(Index(3)), "committed at index 3"),
    ];
    for (reason, words) in reasons {
        assert!(reason.to_string().contains(words), "{reason}");
    }
}
