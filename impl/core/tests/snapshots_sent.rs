//! Sending snapshots: section 7, and Figure 13 as the leader sees it.

use crate::common::*;
use figure2_core::{Index, Input, Rule};

/// Rules: S2.
#[test]
fn a_follower_whose_next_entry_is_discarded_gets_the_snapshot() {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3]));
    let effects = receive(&mut server, S1, conflict(4, 6, 5, None));
    assert!(fired(&effects, Rule::S2));
    assert_eq!(only(effects), (S1, install(4, snapshot(5, 2))));
    assert_eq!(progress(&server, S1), (5, 0, false));
    let again = sent(server.step(Input::HeartbeatTimeout)).remove(0);
    assert_eq!((again.to, again.message), (S1, install(4, snapshot(5, 2))), "until it is answered");
}

/// Rules: S2, S1.
#[test]
fn a_follower_left_behind_by_the_leaders_own_snapshot_is_probed_again() {
    let mut server = leader(3, disk(1, None, &[]));
    let _ = receive(&mut server, S1, success(2, 0));
    let _ = receive(&mut server, S2, success(2, 0));
    for index in 1..=2 {
        propose_durably(&mut server, command(2, index));
    }
    let _ = receive(&mut server, S2, success(2, 2));
    assert_eq!(progress(&server, S1), (1, 0, true));
    let effects = server.step(Input::SnapshotTaken { index: Index(2), data: command(2, 2) });
    assert!(fired(&effects, Rule::S1));
    let effects = server.step(Input::Replicate);
    assert!(fired(&effects, Rule::S2));
    let snapshots: Vec<_> = sent(effects).into_iter().map(|e| (e.to, e.message)).collect();
    assert_eq!(snapshots, [(S1, install(2, snapshot(2, 2)))]);
    assert_eq!(progress(&server, S1), (1, 0, false));
}

/// Rules: S3. Pitfall 16.
#[test]
fn once_a_follower_has_the_snapshot_the_leader_goes_on_after_it_without_counting_it() {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3]));
    let _ = receive(&mut server, S1, conflict(4, 6, 1, None));
    let effects = receive(&mut server, S1, install_reply(4, Some(5)));
    assert!(fired(&effects, Rule::S3));
    assert!(sent(effects).is_empty());
    assert_eq!(progress(&server, S1), (6, 0, false));
    let next = sent(server.step(Input::HeartbeatTimeout)).remove(0);
    assert_eq!((next.to, next.message), (S1, append(4, (5, 2), &[3], 5)));
}

/// Rules: S3. Pitfall 38.
#[test]
fn a_late_snapshot_reply_takes_next_index_not_back() {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3, 3]));
    let _ = receive(&mut server, S1, success(4, 7));
    for late in [install_reply(4, Some(5)), install_reply(4, Some(3)), install_reply(4, None)] {
        let _ = receive(&mut server, S1, late);
        assert_eq!(progress(&server, S1), (8, 7, true));
    }
}

/// Rules: S2. Pitfall 22.
#[test]
fn the_entry_right_after_the_snapshot_needs_no_snapshot() {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[]));
    let effects = server.step(Input::HeartbeatTimeout);
    assert!(!fired(&effects, Rule::S2));
    let heartbeats: Vec<_> = sent(effects).into_iter().map(|e| e.message).collect();
    assert_eq!(heartbeats, [append(4, (5, 2), &[], 5), append(4, (5, 2), &[], 5)]);
}
