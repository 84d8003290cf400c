//! The service beside each node: takes what the node hands over, and takes snapshots.

use super::defect::Defect;
use super::store::Store;
use super::verdict::Failure;
use super::world::World;
use figure2::{ApplyMsg, Index, Raft};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::sleep;

/// Takes messages until the node ends.
pub(super) async fn run(
    world: World,
    server: u8,
    generation: u32,
    raft: Raft,
    mut messages: Receiver<ApplyMsg>,
) {
    let (every, snapshot_bytes) = (world.plan().snapshot_every, world.plan().sizes.snapshot_bytes);
    let mut covered = world.with(server, |member| member.store.applied).unwrap_or_default();
    while let Some(message) = messages.recv().await {
        match message {
            ApplyMsg::Command { index, command, .. } => {
                let due = every > 0 && index.0.saturating_sub(covered.0) >= every;
                let content = || world.with(server, |member| member.store.clone()).unwrap_or_default();
                let before = (due && world.has(Defect::SnapshotLacksEntry)).then(content);
                world.apply(server, generation, index, &command);
                if due {
                    covered = index;
                    let mut store = before.unwrap_or_else(content);
                    store.applied = index;
                    raft.snapshot(index, store.encode(snapshot_bytes));
                }
            }
            ApplyMsg::Snapshot { index, term, data } => {
                if world.plan().install_ms > 0 {
                    sleep(Duration::from_millis(world.plan().install_ms)).await;
                }
                let switch = world.plan().install_automatically
                    || raft.cond_install_snapshot(term, index, data.clone()).await;
                if switch {
                    covered = index;
                    load(&world, server, generation, index, &data);
                }
            }
        }
    }
}

fn load(world: &World, server: u8, generation: u32, index: Index, data: &[u8]) {
    match Store::decode(data) {
        Ok(store) if store.applied == index => {
            world.with(server, |member| {
                if member.generation != generation {
                } else if world.has(Defect::SnapshotNotLoaded) {
                    member.store.applied = index;
                } else {
                    member.store = store;
                }
            });
        }
        Ok(store) => {
            let what = format!("the snapshot at index {index} holds the entries up to {}", store.applied);
            world.fail(Failure::Service { server, what });
        }
        Err(what) => world.fail(Failure::Service { server, what }),
    }
}
