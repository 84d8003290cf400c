//! The service beside each node: it applies what the node delivers, and takes snapshots. It writes them where the node's
//! storage has them, in pieces and with a pause, so that a crash or a fault of the disk can come in between.

use super::cluster::Cluster;
use super::defect::Defect;
use super::verdict::Failure;
use figure2::{ApplyMsg, Index, Raft, SnapshotData};
use figure2_store::Store;
use figure2_validate::instrument::mix;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;

/// What the seed is mixed with here.
const SNAPSHOT: u64 = 16;
/// The longest pause in the middle of a snapshot, in ms.
const LONGEST_PAUSE_MS: u64 = 20;

/// Takes messages until the node ends.
pub(super) async fn run(
    cluster: Cluster,
    server: u8,
    generation: u32,
    raft: Arc<Raft>,
    mut messages: Receiver<ApplyMsg>,
) {
    let (every, snapshot_bytes) = (cluster.plan().snapshot_every, cluster.plan().sizes.snapshot_bytes);
    let mut covered = cluster.with(server, |member| member.store.applied).unwrap_or_default();
    while let Some(message) = messages.recv().await {
        match message {
            ApplyMsg::Command { index, command, .. } => {
                let due = every > 0 && index.0.saturating_sub(covered.0) >= every;
                let content = || cluster.with(server, |member| member.store.clone()).unwrap_or_default();
                let before = (due && cluster.has(Defect::SnapshotLacksEntry)).then(content);
                cluster.apply(server, generation, index, &command);
                if due {
                    let mut store = before.unwrap_or_else(content);
                    store.applied = index;
                    let pause_ms = pause_ms(&cluster, server, index);
                    // A snapshot that cannot be written is not taken: the next entry tries again.
                    if let Ok(data) = write(&raft, &store.encode(snapshot_bytes), pause_ms).await {
                        covered = index;
                        raft.snapshot(index, data);
                    }
                }
            }
            ApplyMsg::Snapshot { index, term, data } => {
                if cluster.plan().install_ms > 0 {
                    sleep(Duration::from_millis(cluster.plan().install_ms)).await;
                }
                let switch = cluster.plan().install_automatically
                    || raft.cond_install_snapshot(term, index, data.clone()).await;
                if switch {
                    covered = index;
                    load(&cluster, server, generation, index, &data, &raft);
                }
            }
        }
    }
}

/// How long the service pauses in the middle of a snapshot. Writing to memory takes no time.
fn pause_ms(cluster: &Cluster, server: u8, index: Index) -> u64 {
    let plan = cluster.plan();
    if plan.log { mix(&[plan.seed, SNAPSHOT, server.into(), index.0]) % LONGEST_PAUSE_MS } else { 0 }
}

async fn write(raft: &Raft, content: &[u8], pause_ms: u64) -> io::Result<SnapshotData> {
    let mut writer = raft.snapshot_writer()?;
    let (first, second) = content.split_at(content.len() / 2);
    writer.write_all(first)?;
    if pause_ms > 0 {
        sleep(Duration::from_millis(pause_ms)).await;
    }
    writer.write_all(second)?;
    writer.finish()
}

fn load(cluster: &Cluster, server: u8, generation: u32, index: Index, data: &SnapshotData, raft: &Raft) {
    let data = data.to_bytes().map_err(|error| error.to_string());
    match data.and_then(|data| Store::decode(&data)) {
        Ok(store) if store.applied == index => {
            cluster.with(server, |member| {
                if member.generation != generation {
                } else if cluster.has(Defect::SnapshotNotLoaded) {
                    member.store.applied = index;
                } else {
                    member.store = store;
                }
            });
        }
        Ok(store) => {
            let what = format!("the snapshot at index {index} holds the entries up to {}", store.applied);
            cluster.fail(Failure::Service { server, what });
        }
        // The storage that has the snapshot ended with the node; the next one hands it out again.
        Err(_) if raft.is_stopped() || raft.failure().is_some() => {}
        Err(what) => cluster.fail(Failure::Service { server, what }),
    }
}
