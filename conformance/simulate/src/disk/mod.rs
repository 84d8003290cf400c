//! A disk in virtual time: writes take their time, hang, fail, and are cut short by crashes and losses of power. As the plan
//! says, it is the log on a simulated disk, or a state in memory that changes as a whole.

mod log;
mod memory;
mod snapshots;

use super::defect::Defect;
use super::nemesis::Nemesis;
use super::plan::Plan;
use figure2::{
    Command, Identity, Loaded, Persistent, Record, SnapshotData, SnapshotStore, Storage, StorageError,
};
use figure2_core::Snapshot;
use figure2_testing::server_disk::Crash;
use log::{LogDisk, LogLife};
use memory::Memory;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How often a write looks whether its disk still hangs.
const LOOK: Duration = Duration::from_millis(20);

/// What outlives the server's processes.
pub(super) enum Disk {
    Memory(Memory),
    Log(LogDisk),
}

impl Disk {
    /// An empty one.
    pub(super) fn new(server: u8, plan: &Plan, nemesis: &Nemesis, defect: Option<Defect>) -> Disk {
        let lies = defect == Some(Defect::LyingDisk);
        // A log does not lie: what it says is durable is on the simulated disk, or a rule of it is broken.
        if plan.log && !lies {
            Disk::Log(LogDisk::new(server, plan, nemesis.clone(), defect))
        } else {
            Disk::Memory(Memory::new(server, nemesis.clone(), lies))
        }
    }

    /// Puts a state on it, before it has any.
    pub(super) fn fill(&self, state: Persistent<Command, SnapshotData>) -> Result<(), String> {
        match self {
            Disk::Memory(memory) => {
                memory.fill(state);
                Ok(())
            }
            Disk::Log(log) => log.fill(state),
        }
    }

    /// Whether it reported a write as failed, to the process that runs.
    pub(super) fn failed(&self) -> bool {
        match self {
            Disk::Memory(memory) => memory.failed(),
            Disk::Log(log) => log.failed(),
        }
    }

    /// The server's process has ended.
    pub(super) fn crash(&mut self, crash: Crash) {
        match self {
            Disk::Memory(memory) => memory.crash(crash),
            Disk::Log(log) => log.crash(crash),
        }
    }

    /// What the server's next process has, and the snapshot from which its service starts.
    pub(super) fn recover(&self) -> Result<(NodeDisk, Option<Snapshot<SnapshotData>>), String> {
        match self {
            Disk::Memory(memory) => Ok((NodeDisk::Memory(memory.clone()), memory.snapshot())),
            Disk::Log(log) => {
                let (life, snapshot) = log.recover()?;
                Ok((NodeDisk::Log(life), snapshot))
            }
        }
    }
}

/// A disk, as one process has it.
pub(super) enum NodeDisk {
    Memory(Memory),
    Log(LogLife),
}

impl Storage for NodeDisk {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        match self {
            NodeDisk::Memory(memory) => Ok(memory.load()),
            NodeDisk::Log(life) => life.load(),
        }
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        match self {
            NodeDisk::Memory(memory) => memory.save(record).await,
            NodeDisk::Log(life) => life.save(record).await,
        }
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        match self {
            NodeDisk::Memory(_) => None,
            NodeDisk::Log(life) => life.snapshots(),
        }
    }

    fn blocks(&self) -> bool {
        false
    }
}

/// Waits as long as a write takes.
async fn wait(server: u8, nemesis: &Nemesis, takes_ms: u64) {
    if takes_ms > 0 {
        sleep(Duration::from_millis(takes_ms)).await;
    }
    while nemesis.hangs(server) {
        sleep(LOOK).await;
    }
}
