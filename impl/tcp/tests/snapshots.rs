//! Snapshots are streamed beside the messages, and go on where a connection broke.

#![allow(clippy::panic, clippy::unwrap_used)] // a test fails by panicking

use crate::common::{Hub, Logs, address, certificates, config, credentials, directory, node_with, until};
use figure2::{ApplyMsg, Options, Persister, Raft};
use figure2_tcp::{Config, Security, Transport};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

type Node = (Raft, mpsc::Receiver<ApplyMsg>);

struct World {
    hub: Hub,
    nodes: Vec<(Transport, Node)>,
}

async fn start(hub: &Hub, place: &Path, id: u64, change: impl Fn(&mut Config)) -> (Transport, Node) {
    let mut config = config(id, Security::Tls(credentials(place, id)));
    change(&mut config);
    let transport = Transport::start(config, hub.listen(&address(id))).await.unwrap();
    // No entries are kept for who is away: only a snapshot will do.
    let options = Options { max_retained_bytes: 0, seed: Some(id), ..Options::default() };
    let node = node_with(id, &transport, Persister::new(), options).await;
    (transport, node)
}

impl World {
    /// Servers 1 and 2, of which one leads and both have a snapshot of these bytes; server 3 is away.
    async fn with_snapshot(place: &Path, data: &[u8]) -> World {
        certificates(place, 10);
        let hub = Hub::default();
        let nodes = vec![start(&hub, place, 1, |_| {}).await, start(&hub, place, 2, |_| {}).await];
        let world = World { hub, nodes };
        let leads = || world.nodes.iter().any(|(_, (raft, _))| raft.term_and_leadership().1);
        until("one leads", leads).await;
        let proposal = world.leader().propose("a command".into()).unwrap();
        let index = proposal.index;
        proposal.await;
        until("both have applied it", || {
            world.nodes.iter().all(|(_, (raft, _))| raft.status().last_applied == index)
        })
        .await;
        for (_, (raft, _)) in &world.nodes {
            raft.snapshot(index, data.to_vec());
        }
        world
    }

    fn leader(&self) -> Raft {
        let leads = |(_, (raft, _)): &&(Transport, Node)| raft.term_and_leadership().1;
        self.nodes.iter().find(leads).unwrap().1.0.clone()
    }
}

/// The snapshot that a service is given next.
async fn snapshot(applied: &mut mpsc::Receiver<ApplyMsg>) -> Vec<u8> {
    match timeout(Duration::from_secs(300), applied.recv()).await.unwrap().unwrap() {
        ApplyMsg::Snapshot { data, .. } => data.to_bytes().unwrap().to_vec(),
        message => panic!("{message:?}"),
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 % 251) as u8).collect()
}

/// The offsets at which transfers began, in order.
fn offsets(logs: &Logs) -> Vec<u64> {
    let text = logs.text();
    let lines = text.lines().filter(|line| line.contains("sending a snapshot"));
    lines.map(|line| line.split("offset=").nth(1).unwrap().trim().parse().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_arrives_whole() {
    let (logs, _guard) = Logs::gather();
    let place = directory();
    for length in [1, 256 << 10, (3 << 20) + 17] {
        let place = place.path().join(length.to_string());
        let data = bytes(length);
        let world = World::with_snapshot(&place, &data).await;
        let before = offsets(&logs).len();
        let (third, (_raft, mut applied)) = start(&world.hub, &place, 3, |_| {}).await;
        assert!(snapshot(&mut applied).await == data, "{length} bytes");
        assert_eq!(offsets(&logs)[before..], [0], "sent once");
        third.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_breaks_goes_on_where_it_was() {
    let (logs, _guard) = Logs::gather();
    let place = directory();
    let data = bytes(5 << 20);
    let world = World::with_snapshot(place.path(), &data).await;
    // No connection lasts for more than 1 MiB: begun anew each time, it would never arrive.
    world.hub.breaks_after.store(1 << 20, Ordering::Relaxed);
    let (_third, (_raft, mut applied)) = start(&world.hub, place.path(), 3, |_| {}).await;
    assert!(snapshot(&mut applied).await == data);
    let offsets = offsets(&logs);
    assert!(offsets.len() >= 5 && offsets.is_sorted() && offsets[1] > 0, "{offsets:?}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_nobody_goes_on_with_is_given_up() {
    let (logs, _guard) = Logs::gather();
    let place = directory();
    let data = bytes(3 << 20);
    let world = World::with_snapshot(place.path(), &data).await;
    world.hub.breaks_after.store(1 << 20, Ordering::Relaxed);
    let patience = |config: &mut Config| config.limits.snapshot_patience = Duration::from_millis(1);
    let (_third, (_raft, mut applied)) = start(&world.hub, place.path(), 3, patience).await;
    until("it was tried some times", || offsets(&logs).len() > 8).await;
    assert!(offsets(&logs).iter().all(|offset| *offset == 0), "{:?}", offsets(&logs));
    world.hub.breaks_after.store(0, Ordering::Relaxed);
    assert!(snapshot(&mut applied).await == data);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_too_long_is_refused_and_both_sides_say_so() {
    let (logs, _guard) = Logs::gather();
    let place = directory();
    let world = World::with_snapshot(place.path(), &bytes(2000)).await;
    let small = |config: &mut Config| config.limits.max_snapshot_bytes = 1000;
    let (_third, _node) = start(&world.hub, place.path(), 3, small).await;
    logs.wait_for(&["server=3", "2000 bytes, of at most 1000 (max_snapshot_bytes)"]).await;
    logs.wait_for(&["peer=3", "the other side refuses this server", "of at most 1000"]).await;
}
