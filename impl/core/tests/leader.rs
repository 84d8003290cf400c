//! Replicating: Figure 2, Rules for Servers, Leaders 1 to 3, and what replies mean.

use crate::common::*;
use figure2_core::{Index, Input, Outcome, Rule, Term};

/// S0 leads term 2 over a log of four entries; S1 is known to hold `matched` of them, S2 has not answered.
fn leader_with_match(matched: u64) -> Server {
    let mut server = leader(3, disk(1, None, &[1, 1, 1, 1]));
    let effects = receive(&mut server, S1, success(2, matched));
    let _ = settle(&mut server, effects);
    server
}

/// Rules: L1. Pitfall 16.
#[test]
fn a_new_leader_guesses_next_index_knows_no_match_and_sends_heartbeats_to_all() {
    let mut server = candidate(3, disk(4, None, &[1, 2]));
    let effects = receive(&mut server, S2, vote(5, true));
    assert!(fired(&effects, Rule::L1));
    for peer in [S1, S2] {
        assert_eq!(progress(&server, peer), (3, 0, false));
    }
    assert_eq!(progress(&server, S0).1, 2, "its own log was durable before it asked for votes");
    let heartbeats: Vec<_> = sent(effects).into_iter().map(|e| (e.to, e.message)).collect();
    let heartbeat = append(5, (2, 2), &[], 0);
    assert_eq!(heartbeats, [(S1, heartbeat.clone()), (S2, heartbeat)]);
}

/// Rules: L1R. Pitfall 36.
#[test]
fn a_leader_repeats_its_heartbeat_with_its_commit_index_and_restarts_no_timer() {
    let mut server = leader_with_match(4);
    propose_durably(&mut server, 0);
    let effects = receive(&mut server, S1, success(2, 5));
    let _ = settle(&mut server, effects);
    let effects = receive(&mut server, S2, success(2, 4));
    let _ = settle(&mut server, effects);
    let effects = server.step(Input::HeartbeatTimeout);
    assert!(fired(&effects, Rule::L1R) && !effects.reset_election_timer());
    let heartbeats: Vec<_> = sent(effects).into_iter().map(|e| e.message).collect();
    assert_eq!(heartbeats, [append(2, (5, 2), &[], 5), append(2, (5, 2), &[], 5)]);
}

/// Rules: L2, P2. Pitfall 25.
#[test]
fn a_leader_appends_a_command_and_says_at_which_index_and_term() {
    let mut server = leader(3, disk(1, None, &[1]));
    let effects = server.step(Input::Propose(command(2, 2)));
    assert!(fired(&effects, Rule::L2));
    assert_eq!(*effects.outcome(), Outcome::Proposed { index: Index(2), term: Term(2) });
    assert_eq!(server.log().entries()[1..], entries(2, &[2]));
    assert_eq!(
        changes(&effects),
        [figure2_core::Change::Append { first_index: Index(2), entries: entries(2, &[2]) }]
    );
}

/// Rules: L2.
#[test]
fn whoever_does_not_lead_takes_no_command() {
    for mut server in [follower(3, disk(4, None, &[])), candidate(3, disk(3, None, &[]))] {
        let before = server.clone();
        let effects = server.step(Input::Propose(1));
        assert_eq!(*effects.outcome(), Outcome::NotLeader { term: Term(4) });
        assert_eq!(server, before);
        assert!(effects.rules().is_empty() && effects.record().is_empty() && sent(effects).is_empty());
    }
}

/// Rules: L3, L2.
#[test]
fn commands_given_together_share_one_message() {
    let mut server = leader_with_match(4);
    for index in 5..8 {
        let effects = server.step(Input::Propose(command(2, index)));
        assert!(sent(effects).is_empty());
    }
    let effects = server.step(Input::Replicate);
    assert!(fired(&effects, Rule::L3));
    assert_eq!(only(effects), (S1, append(2, (4, 1), &[2, 2, 2], 0)));
    assert_eq!(progress(&server, S1), (8, 4, true));
    let effects = server.step(Input::Replicate);
    assert!(!fired(&effects, Rule::L3) && sent(effects).is_empty(), "nothing is lacking any more");
}

/// Rules: L3.
#[test]
fn next_index_moves_with_what_is_sent_only_while_the_follower_is_known_to_match() {
    let mut server = leader_with_match(4);
    propose_durably(&mut server, command(2, 5));
    let effects = server.step(Input::Replicate);
    assert_eq!(only(effects), (S1, append(2, (4, 1), &[2], 0)));
    assert_eq!(progress(&server, S1), (6, 4, true), "sent, and not to be sent again");
    assert_eq!(progress(&server, S2), (5, 0, false), "no entries before it has answered");
    let effects = server.step(Input::HeartbeatTimeout);
    let messages: Vec<_> = sent(effects).into_iter().map(|e| (e.to, e.message)).collect();
    assert_eq!(messages, [(S1, append(2, (5, 2), &[], 0)), (S2, append(2, (4, 1), &[], 0))]);
}

/// Rules: L3, L3S.
#[test]
fn a_message_holds_at_most_as_many_entries_as_configured_and_the_next_carries_on() {
    let mut config = figure2_core::Config::new(3);
    config.max_entries_per_message = 2;
    let mut server = Server::new(S0, config, disk(1, None, &[1])).unwrap();
    for input in [Input::ElectionTimeout, persisted(2, 1)] {
        let _ = server.step(input);
    }
    let _ = receive(&mut server, S1, vote(2, true));
    let _ = receive(&mut server, S1, success(2, 1));
    for index in 2..5 {
        propose_durably(&mut server, command(2, index));
    }
    let effects = server.step(Input::Replicate);
    assert_eq!(only(effects), (S1, append(2, (1, 1), &[2, 2], 0)));
    let effects = receive(&mut server, S1, success(2, 3));
    assert_eq!(only(effects), (S1, append(2, (3, 2), &[2], 3)));
}

/// Rules: L3S. Pitfalls 16, 18.
#[test]
fn success_moves_match_index_to_what_was_reported_and_next_index_past_it() {
    let mut server = leader(3, disk(1, None, &[1, 1, 1, 1]));
    let effects = receive(&mut server, S1, success(2, 2));
    assert!(fired(&effects, Rule::L3S));
    assert_eq!(progress(&server, S1).1, 2, "match_index is what the reply covers, not the log's end");
    let effects = receive(&mut server, S1, success(2, 4));
    assert!(sent(effects).is_empty());
    assert_eq!(progress(&server, S1), (5, 4, true));
}

/// Rules: L3S. Pitfalls 18, 38.
#[test]
fn match_index_and_next_index_never_go_back_on_a_late_success() {
    let mut server = leader_with_match(4);
    let _ = receive(&mut server, S1, success(2, 1));
    assert_eq!(progress(&server, S1), (5, 4, true));
    propose_durably(&mut server, command(2, 5));
    let _ = server.step(Input::Replicate);
    let effects = receive(&mut server, S1, success(2, 4));
    assert_eq!(progress(&server, S1), (6, 4, true));
    assert!(sent(effects).is_empty(), "what is on its way is not sent again");
}

/// Rules: A2. Pitfalls 14, 16.
#[test]
fn a_refusal_because_of_the_term_ends_the_leadership() {
    let mut server = leader_with_match(4);
    let effects = receive(&mut server, S1, stale_term(3));
    assert!(fired(&effects, Rule::A2) && !server.is_leader());
    assert!(sent(effects).is_empty(), "there is nothing to retry as a follower");
}

/// Rules: L3F. Pitfall 14.
#[test]
fn a_refusal_because_of_the_term_never_moves_next_index() {
    let mut server = leader_with_match(4);
    let before = server.clone();
    let effects = receive(&mut server, S1, stale_term(2));
    assert_eq!(server, before);
    assert!(sent(effects).is_empty());
}

/// Rules: R1. Pitfalls 17, 38.
#[test]
fn replies_of_an_older_term_are_dropped() {
    let mut server = leader(3, disk_after(4, snapshot(2, 1), &[1, 1]));
    let before = server.clone();
    for late in [success(4, 4), conflict(4, 4, 1, None), install_reply(4, Some(2)), stale_term(4)] {
        let effects = receive(&mut server, S1, late.clone());
        assert!(fired(&effects, Rule::R1), "{late:?}");
        assert_eq!(server, before, "{late:?}");
        assert!(sent(effects).is_empty(), "{late:?}");
    }
}

/// Rules: L3S, L3F, S3. Pitfall 38.
#[test]
fn a_leader_of_old_ignores_replies_of_its_former_term_even_when_its_term_is_the_same_again() {
    // S0 led term 2, learned of term 3, and lost: as a follower no reply means anything to it.
    let mut server = follower(3, disk_after(3, snapshot(2, 1), &[1]));
    let before = server.clone();
    for late in [success(3, 3), conflict(3, 3, 1, None), install_reply(3, Some(2)), vote(3, true)] {
        let effects = receive(&mut server, S1, late);
        assert!(effects.rules().is_empty());
        assert_eq!(server, before);
        assert!(sent(effects).is_empty());
    }
}

/// Rules: L3F, L1R. Pitfall 38.
#[test]
fn a_lost_message_is_found_by_the_next_heartbeat_and_sent_again() {
    let mut server = leader_with_match(4);
    let mut peer = disk(2, None, &[1, 1, 1, 1]);
    propose_durably(&mut server, command(2, 5));
    let lost = server.step(Input::Replicate);
    assert_eq!(only(lost), (S1, append(2, (4, 1), &[2], 0)));
    let effects = server.step(Input::HeartbeatTimeout);
    let heartbeat = sent(effects).remove(0).message;
    assert_eq!(heartbeat, append(2, (5, 2), &[], 0), "the lost entry counts as sent");
    // The follower refuses, and the leader goes back to what is known to match.
    let mut peer_server = follower(3, peer.clone());
    let refusal = reply(receive(&mut peer_server, S1, heartbeat));
    assert_eq!(refusal, conflict(2, 5, 5, None));
    let effects = receive(&mut server, S1, refusal);
    assert!(fired(&effects, Rule::L3F));
    assert_eq!(progress(&server, S1), (5, 4, false), "probing until it matches again");
    let (to, probe) = only(effects);
    assert_eq!((to, probe.clone()), (S1, append(2, (4, 1), &[], 0)));
    let matches = reply(receive(&mut peer_server, S1, probe));
    let (to, again) = only(receive(&mut server, S1, matches));
    assert_eq!((to, again.clone()), (S1, append(2, (4, 1), &[2], 0)));
    let effects = receive(&mut peer_server, S1, again);
    peer.apply_record(effects.record().clone());
    assert_eq!(peer, disk(2, None, &[1, 1, 1, 1, 2]));
    let _ = receive(&mut server, S1, reply(effects));
    assert_eq!(progress(&server, S1), (6, 5, true));
}

/// Rules: L3S. Pitfall 38.
#[test]
fn a_late_success_does_not_answer_a_probe() {
    let mut server = leader_with_match(4);
    for index in 5..8 {
        propose_durably(&mut server, command(2, index));
        let _ = server.step(Input::Replicate);
    }
    // The first of three messages is lost, and the second refused.
    let effects = receive(&mut server, S1, conflict(2, 5, 5, None));
    assert_eq!(only(effects), (S1, append(2, (4, 1), &[], 0)));
    let effects = receive(&mut server, S1, success(2, 3));
    assert!(sent(effects).is_empty(), "what is asked for may be on its way");
    assert_eq!(progress(&server, S1), (5, 4, false));
    let effects = receive(&mut server, S1, success(2, 4));
    assert_eq!(only(effects), (S1, append(2, (4, 1), &[2, 2, 2], 0)));
}
