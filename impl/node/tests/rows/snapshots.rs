//! A snapshot is sent once, and again only when it is lost.

use crate::world::{Sent, World, state_of};
use figure2::Options;
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
