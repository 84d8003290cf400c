//! A snapshot is sent once, and again only when it is lost.

use crate::links::Sent;
use crate::world::{World, state_of};
use figure2::{Index, Options};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MIB: usize = 1 << 20;

#[tokio::test(start_paused = true)]
async fn a_service_that_installs_slowly_gets_its_snapshot_once() {
    let mut world = World::with(3, Options { max_retained_bytes: 0, ..Options::default() });
    let leader = world.leader().await;
    let slow = world.others(leader)[0];
    world.crash(slow);
    world.commit(leader, 0..20, 16).await;
    sleep(Duration::from_secs(1)).await;
    let (index, data) = state_of(world.server(leader), MIB);
    for id in world.others(slow) {
        world.server(id).raft.snapshot(index, data.clone());
    }
    world.restart(slow);
    world.server(slow).service.lock().unwrap().installs_in = Duration::from_secs(10);
    let start = Instant::now();
    sleep(Duration::from_secs(9)).await;
    let sent = world.links.sent_to(slow, start);
    let (snapshots, others): (Vec<Sent>, Vec<Sent>) =
        sent.iter().partition(|sent| sent.name == "InstallSnapshot");
    let bytes: usize = sent.iter().map(|sent| sent.bytes).sum();
    assert_eq!(snapshots.len(), 1, "copies of the snapshot; {bytes} bytes in all");
    assert!(others.iter().all(|sent| sent.entries == 0), "entries, while it installs: {others:?}");
    assert!((60..=80).contains(&others.len()), "{} heartbeats in 9 s", others.len());
    assert!(world.within(10, |world| world.has_all_of(slow, leader)).await, "it never catches up");
    assert_eq!(world.server(slow).service.lock().unwrap().snapshots, [(index, MIB)]);
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
    let sent = world.links.sent_to(slow, start);
    let snapshots = sent.iter().filter(|sent| sent.name == "InstallSnapshot").count();
    assert!(snapshots <= 2, "{snapshots} snapshots in 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_forgot_its_snapshot_gets_it_again_at_once() {
    let mut world = World::with(3, Options { max_retained_bytes: 0, ..Options::default() });
    let leader = world.leader().await;
    let slow = world.others(leader)[0];
    world.crash(slow);
    world.commit(leader, 0..20, 16).await;
    sleep(Duration::from_secs(1)).await;
    let (index, data) = state_of(world.server(leader), MIB);
    for id in world.others(slow) {
        world.server(id).raft.snapshot(index, data.clone());
    }
    world.restart(slow);
    world.server(slow).service.lock().unwrap().installs_in = Duration::from_secs(3600);
    sleep(Duration::from_secs(5)).await;
    world.crash(slow);
    world.restart(slow);
    let start = Instant::now();
    // Well before the leader's patience ends: the follower says that it installs nothing.
    assert!(world.within(1, |world| world.has_all_of(slow, leader)).await, "it waits for what it lost");
    let sent = world.links.sent_to(slow, start);
    assert_eq!(sent.iter().filter(|sent| sent.name == "InstallSnapshot").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_outlives_the_leader_that_sent_it() {
    let mut world = World::with(3, Options { max_retained_bytes: 0, ..Options::default() });
    let leader = world.leader().await;
    let [slow, other] = world.others(leader)[..] else { panic!("two others") };
    world.crash(slow);
    world.commit(leader, 0..20, 16).await;
    sleep(Duration::from_secs(1)).await;
    let (index, data) = state_of(world.server(leader), MIB);
    for id in [leader, other] {
        world.server(id).raft.snapshot(index, data.clone());
    }
    world.restart(slow);
    world.server(slow).service.lock().unwrap().installs_in = Duration::from_secs(5);
    sleep(Duration::from_secs(2)).await;
    world.crash(leader);
    assert!(world.within(10, |world| world.has_all_of(slow, other)).await, "it never catches up");
    assert_eq!(world.server(slow).service.lock().unwrap().snapshots, [(index, MIB)]);
    assert_eq!(world.client(10, Duration::from_secs(1)).await, 10, "of 10 requests");
}
