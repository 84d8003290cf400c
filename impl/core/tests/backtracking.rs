//! How far a leader goes back when a follower's log does not match: Figure 2, Leaders 3, and the end of section 5.3. The
//! retry is an empty message; entries follow once it succeeds.

use crate::common::*;
use figure2_core::{Input, Rule};

/// S0 leads term 6 over these terms; it probes S1 at the log's end.
fn probing(terms: &[u64]) -> Server {
    leader(3, disk(5, None, terms))
}

/// Rules: L3F. Pitfalls 21, 22.
#[test]
fn when_the_followers_log_is_too_short_the_leader_goes_to_its_end() {
    let mut server = probing(&[1, 1, 2, 4, 4]);
    let effects = receive(&mut server, S1, conflict(6, 5, 3, None));
    assert!(fired(&effects, Rule::L3F));
    assert_eq!(only(effects), (S1, append(6, (2, 1), &[], 0)));
    assert_eq!(progress(&server, S1), (3, 0, false));
}

/// Rules: L3F. Pitfall 22.
#[test]
fn when_the_leader_has_the_conflicting_term_it_goes_one_past_its_last_entry_of_it() {
    let mut server = probing(&[1, 2, 2, 2, 5, 5, 5]);
    // The follower holds term 2 from index 2 to 7.
    let effects = receive(&mut server, S1, conflict(6, 7, 2, Some(2)));
    assert_eq!(only(effects), (S1, append(6, (4, 2), &[], 0)));
}

/// Rules: L3F. Pitfalls 22, 23.
#[test]
fn when_the_leader_lacks_the_conflicting_term_it_goes_where_the_follower_began_it() {
    let mut server = probing(&[1, 2, 2, 5, 5, 5]);
    let effects = receive(&mut server, S1, conflict(6, 6, 4, Some(3)));
    assert_eq!(only(effects), (S1, append(6, (3, 2), &[], 0)));
    let mut server = probing(&[2, 2, 2]);
    let effects = receive(&mut server, S1, conflict(6, 3, 1, Some(1)));
    assert_eq!(only(effects), (S1, append(6, (0, 0), &[], 0)));
}

/// Rules: L3F. Pitfall 22.
#[test]
fn the_snapshots_last_entry_counts_as_an_entry_of_its_term() {
    let mut server = leader(3, disk_after(5, snapshot(4, 2), &[5, 5, 5]));
    let effects = receive(&mut server, S1, conflict(6, 7, 3, Some(2)));
    assert_eq!(only(effects), (S1, append(6, (4, 2), &[], 4)));
}

/// Rules: L3F, S2. Pitfall 22.
#[test]
fn below_the_snapshots_edge_the_snapshot_is_sent() {
    for refusal in [conflict(6, 7, 3, Some(1)), conflict(6, 7, 4, None), conflict(6, 7, 1, Some(3))] {
        let mut server = leader(3, disk_after(5, snapshot(4, 2), &[5, 5, 5]));
        let effects = receive(&mut server, S1, refusal);
        assert!(fired(&effects, Rule::L3F) && fired(&effects, Rule::S2));
        assert_eq!(only(effects), (S1, install(6, snapshot(4, 2))));
    }
}

/// Rules: L3F, S2.
#[test]
fn right_after_the_snapshots_edge_the_log_is_probed() {
    let mut server = leader(3, disk_after(5, snapshot(4, 2), &[5, 5, 5]));
    let effects = receive(&mut server, S1, conflict(6, 7, 5, None));
    assert!(!fired(&effects, Rule::S2));
    assert_eq!(only(effects), (S1, append(6, (4, 2), &[], 4)));
}

/// Rules: L3F. Pitfall 22.
#[test]
fn every_refusal_moves_the_probe_back_so_that_the_search_ends() {
    // The follower's conflicting term runs on in the leader's log beyond the probe.
    let mut server = probing(&[1, 2, 2, 2, 2]);
    let effects = receive(&mut server, S1, conflict(6, 5, 5, None));
    let _ = settle(&mut server, effects);
    assert_eq!(progress(&server, S1).0, 5);
    let effects = receive(&mut server, S1, conflict(6, 4, 4, Some(2)));
    assert!(fired(&effects, Rule::L3F));
    assert_eq!(progress(&server, S1).0, 4);
}

/// Rules: L3F. Pitfalls 16, 38.
#[test]
fn a_refusal_of_what_is_known_to_match_is_late_and_dropped() {
    let mut server = probing(&[1, 1, 2, 4, 4]);
    let _ = receive(&mut server, S1, success(6, 3));
    let before = server.clone();
    for prev in [1, 2, 3] {
        let effects = receive(&mut server, S1, conflict(6, prev, 1, None));
        assert!(!fired(&effects, Rule::L3F));
        assert_eq!(server, before);
        assert!(sent(effects).is_empty());
    }
}

/// Rules: L3F. Pitfall 38.
#[test]
fn while_probing_a_refusal_of_an_earlier_probe_is_dropped() {
    let mut server = probing(&[1, 1, 2, 4, 4]);
    let _ = receive(&mut server, S1, conflict(6, 5, 4, None));
    let before = server.clone();
    let effects = receive(&mut server, S1, conflict(6, 5, 2, None));
    assert_eq!(server, before, "the second copy of the refusal says nothing new");
    assert!(sent(effects).is_empty());
    let effects = receive(&mut server, S1, conflict(6, 3, 2, None));
    assert_eq!(only(effects), (S1, append(6, (1, 1), &[], 0)));
}

/// Rules: L3F. Pitfall 16.
#[test]
fn next_index_stays_above_match_index() {
    let mut server = probing(&[1, 1, 2, 4, 4]);
    let _ = receive(&mut server, S1, conflict(6, 5, 4, None));
    let _ = receive(&mut server, S1, success(6, 3));
    propose_durably(&mut server, command(6, 6));
    let _ = server.step(Input::Replicate);
    let effects = receive(&mut server, S1, conflict(6, 6, 1, Some(5)));
    assert!(fired(&effects, Rule::L3F));
    assert_eq!(progress(&server, S1), (4, 3, false));
}

/// Rules: L3F.
#[test]
fn one_refusal_of_a_full_pipeline_is_answered_and_the_rest_are_dropped() {
    let mut server = probing(&[1, 1]);
    let _ = receive(&mut server, S1, success(6, 2));
    for index in 3..6 {
        propose_durably(&mut server, command(6, index));
        let _ = server.step(Input::Replicate);
    }
    assert_eq!(progress(&server, S1), (6, 2, true));
    // The first of the three messages (prev_log_index 2) is lost; the second and the third are refused.
    let effects = receive(&mut server, S1, conflict(6, 3, 3, None));
    assert_eq!(only(effects), (S1, append(6, (2, 1), &[], 0)));
    let effects = receive(&mut server, S1, conflict(6, 4, 3, None));
    assert!(sent(effects).is_empty());
}

/// Rules: AE2, L3F, AE3, AE4. Pitfall 22.
#[test]
fn a_diverged_follower_of_figure_7_is_brought_in_line() {
    // Figure 7 of the paper: the leader of term 8, and the followers (a) to (f).
    let leaders_log = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let followers: [&[u64]; 6] = [
        &[1, 1, 1, 4, 4, 5, 5, 6, 6],
        &[1, 1, 1, 4],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        &[1, 1, 1, 4, 4, 4, 4],
        &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    for diverged in followers {
        let mut server = leader(3, disk(7, None, &leaders_log));
        let mut peer = follower(3, disk(7, None, diverged));
        propose_durably(&mut server, command(8, 11));
        let mut request = sent(server.step(Input::HeartbeatTimeout)).remove(0).message;
        let mut rounds = 0;
        while progress(&server, S1).1 < 11 {
            rounds += 1;
            assert!(
                rounds <= 5,
                "at most one round for each conflicting term, and one for the entries: {diverged:?}"
            );
            let answer = reply(receive(&mut peer, S1, request.clone()));
            let effects = receive(&mut server, S1, answer);
            if let Some(next) = sent(effects).into_iter().next() {
                request = next.message;
            }
        }
        assert_eq!(peer.log(), server.log(), "{diverged:?}");
        assert_eq!(in_flight(&server, S1), 0);
    }
}
