//! A snapshot is sent once, and again only when it is lost.

use crate::links::Sent;
use crate::world::{Behind, World};
use figure2::Index;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MIB: usize = 1 << 20;

/// How many snapshots are among these.
fn snapshots(sent: &[Sent]) -> usize {
    sent.iter().filter(|sent| sent.name == "InstallSnapshot").count()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_installs_slowly_gets_its_snapshot_once() {
    let mut behind = Behind::by_a_snapshot_of(MIB).await;
    let start = Instant::now();
    behind.returns(Duration::from_secs(10));
    let Behind { world, leader, away: slow, .. } = &behind;
    sleep(Duration::from_secs(1)).await;
    // What comes after the snapshot must wait until that is installed.
    world.commit(*leader, 20..30, 16).await;
    sleep(Duration::from_millis(7900)).await;
    let sent = world.links.sent_to(*slow, start);
    let bytes: usize = sent.iter().map(|sent| sent.bytes).sum();
    assert_eq!(snapshots(&sent), 1, "copies of the snapshot; {bytes} bytes in all");
    let entries: Vec<_> = sent.iter().filter(|sent| sent.entries > 0).collect();
    assert!(entries.is_empty(), "entries, while it installs: {entries:?}");
    let heartbeats = sent.len() - 1;
    assert!((60..=80).contains(&heartbeats), "{heartbeats} heartbeats in 9 s");
    assert!(world.within(10, |world| world.has_all_of(*slow, *leader)).await, "it never catches up");
    behind.assert_installed_once(MIB);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_compacts_faster_than_a_follower_installs_lets_it_catch_up() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    let slow = world.others(leader)[0];
    world.crash(slow);
    // A snapshot every ten commands, and a hundred commands while the follower installs one.
    for id in world.others(slow) {
        world.server(id).service.lock().unwrap().snapshot_each = Some((10, 1000));
    }
    // More than a leader retains, so that the follower must begin with a snapshot.
    world.commit(leader, 0..420, 100_000).await;
    assert!(world.server(leader).raft.status().snapshot_index > Index::ZERO, "nothing was discarded");
    world.restart(slow);
    world.server(slow).service.lock().unwrap().installs_in = Duration::from_secs(10);
    let start = Instant::now();
    assert_eq!(world.client(300, Duration::from_millis(100)).await, 300);
    assert!(world.within(5, |world| world.has_all_of(slow, leader)).await, "it never catches up");
    let snapshots = snapshots(&world.links.sent_to(slow, start));
    assert!((1..=2).contains(&snapshots), "{snapshots} snapshots in 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_forgot_its_snapshot_gets_it_again_at_once() {
    let mut behind = Behind::by_a_snapshot_of(MIB).await;
    behind.returns(Duration::from_secs(3600));
    sleep(Duration::from_secs(5)).await;
    behind.world.crash(behind.away);
    behind.returns(Duration::ZERO);
    let start = Instant::now();
    let Behind { world, leader, away: slow, .. } = &behind;
    // Well before the leader's patience ends: the follower says that it installs nothing.
    assert!(world.within(1, |world| world.has_all_of(*slow, *leader)).await, "it waits for what it lost");
    let again = snapshots(&world.links.sent_to(*slow, start));
    assert_eq!(again, 1, "copies of the snapshot after the restart");
    behind.assert_installed_once(MIB);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_outlives_the_leader_that_sent_it() {
    let mut behind = Behind::by_a_snapshot_of(MIB).await;
    behind.returns(Duration::from_secs(5));
    sleep(Duration::from_secs(2)).await;
    let Behind { world, leader, away: slow, other, .. } = &behind;
    let crash = Instant::now();
    world.crash(*leader);
    assert!(world.within(10, |world| world.has_all_of(*slow, *other)).await, "it never catches up");
    behind.assert_installed_once(MIB);
    assert_eq!(world.client(10, Duration::from_secs(1)).await, 10, "of 10 requests");
    let again = snapshots(&world.links.sent_to(*slow, crash));
    assert_eq!(
        again, 0,
        "copies of the snapshot from the new leader, while the old one's is being installed"
    );
}
