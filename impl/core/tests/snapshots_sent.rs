//! Sending snapshots: section 7, and Figure 13 as the leader sees it. A snapshot is sent once; the replies to the
//! heartbeats tell what became of it.

use crate::common::*;
use figure2_core::{Config, Index, Input, Outcome, ProgressState, Rule, SnapshotIgnored};

/// S0 leads term 4 over a snapshot that ends at index 5 and an entry. S1 has refused, and was sent the snapshot.
fn snapshot_sent() -> Server {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3]));
    let effects = receive(&mut server, S1, conflict(4, 6, 5, None));
    assert_eq!(only(effects), (S1, install(4, snapshot(5, 2))));
    server
}

/// The same, and S1 has answered that it has the snapshot.
fn snapshot_acknowledged() -> Server {
    let mut server = snapshot_sent();
    let effects = receive(&mut server, S1, install_reply(4, Some(5)));
    assert!(fired(&effects, Rule::S3) && sent(effects).is_empty());
    server
}

fn state(server: &Server) -> ProgressState {
    server.progress_of(S1).unwrap().state
}

const SENT: ProgressState = ProgressState::Snapshot { acknowledged: false, unanswered: 0 };
const ACKNOWLEDGED: ProgressState = ProgressState::Snapshot { acknowledged: true, unanswered: 0 };

/// What a heartbeat says to S1.
fn heartbeat(server: &mut Server) -> Msg {
    sent(server.step(Input::HeartbeatTimeout)).remove(0).message
}

/// Rules: S2.
#[test]
fn a_follower_whose_next_entry_is_discarded_gets_the_snapshot_once() {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3]));
    let effects = receive(&mut server, S1, conflict(4, 6, 5, None));
    assert!(fired(&effects, Rule::L3F) && fired(&effects, Rule::S2));
    assert_eq!(only(effects), (S1, install(4, snapshot(5, 2))));
    assert_eq!((progress(&server, S1), state(&server)), ((6, 0, false), SENT));
    for _ in 0..3 {
        assert_eq!(heartbeat(&mut server), append(4, (5, 2), &[], 5), "not the snapshot again");
        let effects = receive(&mut server, S1, conflict(4, 5, 1, None));
        assert!(sent(effects).is_empty(), "it may still be on its way");
    }
}

/// Rules: S2, S1.
#[test]
fn a_follower_left_behind_by_the_leaders_own_snapshot_gets_it() {
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
    assert_eq!((progress(&server, S1), state(&server)), ((3, 0, false), SENT));
}

/// Rules: S3. Pitfall 16.
#[test]
fn a_follower_that_installs_the_snapshot_is_waited_for_however_long_it_takes() {
    let mut server = snapshot_acknowledged();
    for _ in 0..100 {
        assert_eq!(heartbeat(&mut server), append(4, (5, 2), &[], 5), "empty until it is installed");
        let effects = receive(&mut server, S1, conflict_while_installing(4, 5, 1, None, Some(5)));
        assert!(sent(effects).is_empty());
        assert_eq!((progress(&server, S1), state(&server)), ((6, 0, false), ACKNOWLEDGED));
    }
    let effects = receive(&mut server, S1, success(4, 5));
    assert_eq!(only(effects), (S1, append(4, (5, 2), &[3], 5)), "then what follows it");
    assert_eq!(progress(&server, S1), (7, 5, true));
}

/// Rules: S3F, S2.
#[test]
fn a_follower_that_had_the_snapshot_and_lost_it_gets_it_again_at_once() {
    let mut server = snapshot_acknowledged();
    let effects = receive(&mut server, S1, conflict(4, 5, 1, None));
    assert!(fired(&effects, Rule::S3F));
    assert_eq!(only(effects), (S1, install(4, snapshot(5, 2))));
    assert_eq!(state(&server), SENT);
    let effects = receive(&mut server, S1, conflict(4, 5, 1, None));
    assert!(sent(effects).is_empty(), "once");
}

/// Rules: S3. What the follower measured is kept, and nothing else follows from it.
#[test]
fn a_late_success_from_before_the_snapshot_does_not_send_it_again() {
    for (mut server, waits) in [(snapshot_sent(), SENT), (snapshot_acknowledged(), ACKNOWLEDGED)] {
        let effects = receive(&mut server, S1, success(4, 4));
        assert!(sent(effects).is_empty(), "the snapshot is still to come");
        assert_eq!((progress(&server, S1), state(&server)), ((6, 4, false), waits));
        let effects = receive(&mut server, S1, success(4, 5));
        assert_eq!(only(effects), (S1, append(4, (5, 2), &[3], 5)), "it has come");
    }
}

/// Rules: S3. Pitfall 38.
#[test]
fn a_refusal_that_names_the_snapshot_acknowledges_it() {
    let mut server = snapshot_sent();
    let effects = receive(&mut server, S1, conflict_while_installing(4, 5, 1, None, Some(4)));
    assert!(!fired(&effects, Rule::S3) && state(&server) == SENT, "it installs an older one");
    let effects = receive(&mut server, S1, conflict_while_installing(4, 5, 1, None, Some(5)));
    assert!(fired(&effects, Rule::S3) && sent(effects).is_empty());
    assert_eq!(state(&server), ACKNOWLEDGED);
}

/// Rules: S2W, S2.
#[test]
fn a_snapshot_that_nobody_acknowledges_is_given_up_and_the_follower_asked_where_it_stands() {
    let mut server = snapshot_sent();
    let patience = Config::new(3).snapshot_patience;
    for count in 1..patience {
        let effects = server.step(Input::HeartbeatTimeout);
        assert!(!fired(&effects, Rule::S2W));
        assert_eq!(state(&server), ProgressState::Snapshot { acknowledged: false, unanswered: count });
    }
    let effects = server.step(Input::HeartbeatTimeout);
    assert!(fired(&effects, Rule::S2W));
    assert_eq!(sent(effects).remove(0).message, append(4, (5, 2), &[], 5));
    assert_eq!(state(&server), ProgressState::Probe);
    let effects = server.step(Input::HeartbeatTimeout);
    assert!(!fired(&effects, Rule::S2), "nothing large goes to a server that does not answer");
    let effects = receive(&mut server, S1, conflict(4, 5, 1, None));
    assert_eq!(only(effects), (S1, install(4, snapshot(5, 2))));
}

/// Rules: L3F, S3.
#[test]
fn a_new_leader_sends_no_snapshot_to_a_follower_that_installs_one_as_good() {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3]));
    let effects = receive(&mut server, S1, conflict_while_installing(4, 6, 1, None, Some(5)));
    assert!(fired(&effects, Rule::L3F) && sent(effects).is_empty());
    assert_eq!(state(&server), ACKNOWLEDGED);
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3]));
    let effects = receive(&mut server, S1, conflict_while_installing(4, 6, 1, None, Some(4)));
    assert_eq!(only(effects), (S1, install(4, snapshot(5, 2))), "an older one is not as good");
}

/// Rules: S3. Pitfall 38.
#[test]
fn a_late_snapshot_reply_changes_nothing() {
    let mut server = leader(3, disk_after(3, snapshot(5, 2), &[3, 3]));
    let _ = receive(&mut server, S1, success(4, 7));
    for late in [install_reply(4, Some(5)), install_reply(4, Some(3)), install_reply(4, None)] {
        let _ = receive(&mut server, S1, late);
        assert_eq!(progress(&server, S1), (8, 7, true));
    }
    let mut server = snapshot_sent();
    let effects = receive(&mut server, S1, install_reply(4, Some(4)));
    assert!(!fired(&effects, Rule::S3) && state(&server) == SENT, "an acknowledgement of an older snapshot");
}

/// Rules: S2, L3S. Pitfall 38.
#[test]
fn a_late_success_does_not_make_the_leader_send_the_snapshot_again() {
    for mut server in [snapshot_sent(), snapshot_acknowledged()] {
        let before = state(&server);
        let effects = receive(&mut server, S1, success(4, 2));
        assert!(!fired(&effects, Rule::S2) && sent(effects).is_empty());
        assert_eq!((progress(&server, S1), state(&server)), ((6, 2, false), before));
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

/// A leader with two committed entries, of which S1 has none, that may keep so many entries for it.
fn with_a_laggard(retained: u64) -> Server {
    let config = Config { max_retained_bytes: bytes(retained), ..Config::new(3) };
    let mut server = leader_of(config, disk(1, None, &[]));
    let _ = receive(&mut server, S2, success(2, 0));
    for index in 1..=3 {
        propose_durably(&mut server, command(2, index));
    }
    let _ = receive(&mut server, S2, success(2, 3));
    assert_eq!(server.commit_index(), Index(3));
    server
}

/// Rules: S1K.
#[test]
fn a_leader_keeps_entries_that_a_follower_lacks_up_to_the_limit() {
    let take = |server: &mut Server, index| {
        let effects = server.step(Input::SnapshotTaken { index: Index(index), data: 0 });
        (fired(&effects, Rule::S1K), effects.outcome().clone())
    };
    let put_off = (true, Outcome::SnapshotIgnored(SnapshotIgnored::FollowersLag));
    let taken = (false, Outcome::SnapshotTaken);
    let mut server = with_a_laggard(2);
    assert_eq!(take(&mut server, 2), put_off);
    assert_eq!(server.log().base_index(), Index(0));
    assert_eq!(take(&mut server, 3), taken, "three entries are more than it keeps");
    let mut server = with_a_laggard(2);
    let _ = receive(&mut server, S1, success(2, 2));
    assert_eq!(take(&mut server, 2), taken, "nobody lacks them");
    assert_eq!(take(&mut with_a_laggard(0), 1), taken, "it keeps none");
}

/// Rules: S1K.
#[test]
fn a_follower_keeps_nothing_for_others() {
    let config = Config { max_retained_bytes: u64::MAX, ..Config::new(3) };
    let mut server = Server::new(S0, config, disk(2, None, &[])).unwrap();
    let _ = receive(&mut server, S1, append(2, (0, 0), &[2, 2], 2));
    let effects = server.step(Input::SnapshotTaken { index: Index(2), data: 0 });
    assert_eq!(*effects.outcome(), Outcome::SnapshotTaken);
}
