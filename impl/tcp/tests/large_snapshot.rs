//! A snapshot that is larger than the memory that servers may take goes over TCP under load, causes no election, and needs
//! little memory: alone in its process, with both sides in it, whose memory is measured.
//!
//! `FIGURE2_TCP_MIB=1024` has it send 1 GiB, between servers with the default timeouts: on a machine that does nothing else.
//! Without it they wait longer for a leader, because the tests of a whole workspace run beside this one.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod common;

use common::{certificates, credentials, directory, node_with};
use figure2::{ApplyMsg, Cluster, Identity, Options, Raft, Record, SnapshotWriter};
use figure2_tcp::{Config, Security, Tcp, Transport};
use figure2_wal::DiskStorage;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

const MIB: u64 = 1 << 20;
const PIECE: usize = 64 << 10;

/// The state, a piece at a time: each is another one.
fn piece(place: u64, buffer: &mut [u8]) {
    for (at, bytes) in buffer.chunks_mut(8).enumerate() {
        let word = (place << 20 | at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
        bytes.copy_from_slice(&word[..bytes.len()]);
    }
}

fn write_state(mut writer: SnapshotWriter, length: u64) -> figure2::SnapshotData {
    let mut buffer = vec![0; PIECE];
    for place in 0..length / PIECE as u64 {
        piece(place, &mut buffer);
        writer.write_all(&buffer).unwrap();
    }
    writer.finish().unwrap()
}

fn check_state(data: &figure2::SnapshotData, length: u64) {
    assert_eq!(data.len(), length);
    let mut reader = data.reader().unwrap();
    let (mut expected, mut found) = (vec![0; PIECE], vec![0; PIECE]);
    for place in 0..length / PIECE as u64 {
        piece(place, &mut expected);
        reader.read_exact(&mut found).unwrap();
        assert!(found == expected, "piece {place}");
    }
}

/// The most memory that this process has had, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

async fn start(
    id: u64,
    place: &Path,
    addresses: &BTreeMap<u64, String>,
) -> (Transport, Raft, mpsc::Receiver<ApplyMsg>) {
    let me = Identity { server: id, cluster: Cluster::new(0, &[1, 2, 3].into()) };
    let log = place.join(format!("log-{id}"));
    let mut storage = DiskStorage::open(log, figure2_wal::Options::default()).unwrap();
    storage.read(&me).unwrap();
    storage.write(Record::default()).unwrap();
    let disk = storage.disk().unwrap().0;
    let peers = addresses.iter().filter(|(peer, _)| **peer != id);
    let peers = peers.map(|(peer, address)| (*peer, address.clone()));
    let security = Security::Tls(credentials(place, id));
    let known_disks = Some(place.join(format!("known-{id}")));
    let config = Config { known_disks, ..Config::new(id, peers, disk, security) };
    let network = Tcp::bind(&addresses[&id]).await.unwrap();
    let transport = Transport::start(config, network).await.unwrap();
    // No entries are kept for who is away: only a snapshot will do.
    let mut options = Options { max_retained_bytes: 0, ..Options::default() };
    if asked_mib().is_none() {
        options.election_timeout = Duration::from_secs(2)..Duration::from_secs(4);
        options.heartbeat_interval = Duration::from_millis(200);
    }
    let (raft, applied) = node_with(id, &transport, storage, options).await;
    (transport, raft, applied)
}

/// How large the snapshot is to be, in MiB, if somebody says so.
fn asked_mib() -> Option<u64> {
    std::env::var("FIGURE2_TCP_MIB").ok().and_then(|mib| mib.parse().ok())
}

/// A service that remembers nothing.
fn forget(mut applied: mpsc::Receiver<ApplyMsg>) {
    tokio::spawn(async move { while applied.recv().await.is_some() {} });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_snapshot_under_load_needs_little_memory_and_causes_no_election() {
    let mib = asked_mib().unwrap_or(160);
    let length = mib * MIB;
    let place = directory();
    certificates(place.path(), 10);
    let mut addresses = BTreeMap::new();
    for id in [1, 2, 3] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.insert(id, listener.local_addr().unwrap().to_string());
    }
    let (_first, one, applied_one) = start(1, place.path(), &addresses).await;
    let (_second, two, applied_two) = start(2, place.path(), &addresses).await;
    forget(applied_one);
    forget(applied_two);
    let leader = loop {
        if let Some(leader) = [&one, &two].into_iter().find(|raft| raft.term_and_leadership().1) {
            break leader.clone();
        }
        sleep(Duration::from_millis(20)).await;
    };
    let proposal = leader.propose("the command that makes the state".into()).unwrap();
    let index = proposal.index;
    proposal.await;
    let writer = leader.snapshot_writer().unwrap();
    let data = spawn_blocking(move || write_state(writer, length)).await.unwrap();
    leader.snapshot(index, data);
    let (term, leads) = leader.term_and_leadership();
    assert!(leads && leader.latest_snapshot().is_some());

    let load = tokio::spawn({
        let leader = leader.clone();
        async move {
            let mut committed = 0_u64;
            while let Ok(proposal) = leader.propose(vec![7; 1000].into()) {
                proposal.await;
                committed += 1;
                sleep(Duration::from_millis(1)).await;
            }
            committed
        }
    });
    let begun = Instant::now();
    let (_third, three, mut applied) = start(3, place.path(), &addresses).await;
    let data = loop {
        match timeout(Duration::from_secs(500), applied.recv()).await.unwrap().unwrap() {
            ApplyMsg::Snapshot { data, .. } => break data,
            ApplyMsg::Command { .. } => {}
        }
    };
    let took = begun.elapsed();
    spawn_blocking(move || check_state(&data, length)).await.unwrap();
    // What was committed meanwhile follows.
    let last = leader.status().commit_index;
    timeout(Duration::from_secs(60), async {
        while !matches!(applied.recv().await, Some(ApplyMsg::Command { index, .. }) if index >= last) {}
    })
    .await
    .unwrap();
    assert_eq!(leader.term_and_leadership(), (term, true), "no election");
    assert_eq!(three.status().term, term);
    leader.stop();
    let committed = load.await.unwrap();
    assert!(committed > 10, "{committed}");
    let peak = peak_memory();
    println!("{mib} MiB in {:.1} s, {committed} commands meanwhile, memory {peak:?}", took.as_secs_f64());
    if let Some(peak) = peak {
        assert!(peak < 64 * MIB, "{} MiB for both sides together", peak / MIB);
    }
}
