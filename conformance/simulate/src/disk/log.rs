//! The log on a simulated disk.

use super::super::defect::Defect;
use super::super::nemesis::{Nemesis, WriteFailure};
use super::super::plan::Plan;
use super::snapshots::Snapshots;
use super::{Crash, wait};
use figure2::{
    Cluster, Command, Identity, Loaded, Persistent, Record, SnapshotData, SnapshotStore, StorageError,
};
use figure2_core::Snapshot;
use figure2_testing::disk::Failure;
use figure2_testing::server_disk::{Life, ServerDisk};
use figure2_validate::instrument::mix;
use figure2_wal::Options;
use figure2_wal::rules::Rules;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the seed is mixed with here.
const DISK: u64 = 14;

/// What segments hold beside their heads, in bytes: so little that they are filled and recycled all the time, or so much
/// that it is not often.
const SEGMENTS: [u64; 3] = [4 << 10, 24 << 10, 120 << 10];

/// A log that says that a write is durable, and did not sync it.
#[derive(Clone, Default)]
struct NotSynced;

impl Rules for NotSynced {
    fn syncs_write(&self) -> bool {
        false
    }
}

/// A log whose recovery takes what the system's cache shows for durable.
#[derive(Clone, Default)]
struct NotWrittenAnew;

impl Rules for NotWrittenAnew {
    fn writes_anew(&self) -> bool {
        false
    }
}

/// A log that reads what an earlier use of a segment's file left in it.
#[derive(Clone, Default)]
struct EpochIgnored;

impl Rules for EpochIgnored {
    fn is_of_epoch(&self, _: u64, _: u64) -> bool {
        true
    }
}

/// A log that names a snapshot whose file it did not sync.
#[derive(Clone, Default)]
struct SnapshotNotSynced;

impl Rules for SnapshotNotSynced {
    fn syncs_snapshot(&self) -> bool {
        false
    }
}

/// One server's log.
pub(in super::super) struct LogDisk {
    server: u8,
    nemesis: Nemesis,
    disk: ServerDisk,
    /// Whether a write of the process that runs failed, by a fault.
    failed: Arc<AtomicBool>,
}

impl LogDisk {
    pub(super) fn new(server: u8, plan: &Plan, nemesis: Nemesis, defect: Option<Defect>) -> LogDisk {
        let seed = mix(&[plan.seed, DISK, server.into()]);
        let size = SEGMENTS[usize::try_from(mix(&[plan.seed, DISK]) % 3).unwrap_or_default()];
        let options = Options::default().segment_bytes((4 << 10) + size).zeroed_at_once(16 << 10);
        let identity = Identity { server: server.into(), cluster: Cluster::numbered(plan.servers) };
        let disk = match defect {
            Some(Defect::LogNotSynced) => ServerDisk::with_rules::<NotSynced>(identity, seed, options),
            Some(Defect::LogNotWrittenAnew) => {
                ServerDisk::with_rules::<NotWrittenAnew>(identity, seed, options)
            }
            Some(Defect::LogEpochIgnored) => ServerDisk::with_rules::<EpochIgnored>(identity, seed, options),
            Some(Defect::SnapshotNotSynced) => {
                ServerDisk::with_rules::<SnapshotNotSynced>(identity, seed, options)
            }
            _ => ServerDisk::new(identity, seed, options),
        };
        LogDisk { server, nemesis, disk, failed: Arc::default() }
    }

    pub(super) fn fill(&self, state: Persistent<Command, SnapshotData>) -> Result<(), String> {
        self.disk.fill(state).map_err(|broken| broken.to_string())
    }

    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn crash(&mut self, crash: Crash) {
        self.disk.crash(crash);
        self.failed = Arc::default();
    }

    pub(super) fn recover(&self) -> Result<(LogLife, Option<Snapshot<SnapshotData>>), String> {
        let (life, loaded) = self.disk.recover().map_err(|broken| broken.to_string())?;
        if life.has_undone() {
            self.nemesis.undone_write();
        }
        if life.has_cut() {
            self.nemesis.cut_write();
        }
        let snapshot = loaded.persistent.log.snapshot().cloned();
        let (nemesis, failed) = (self.nemesis.clone(), self.failed.clone());
        Ok((LogLife { server: self.server, nemesis, failed, life, loaded: Some(loaded) }, snapshot))
    }
}

/// A log, as one process has it.
pub(in super::super) struct LogLife {
    server: u8,
    nemesis: Nemesis,
    failed: Arc<AtomicBool>,
    life: Life,
    loaded: Option<Loaded>,
}

impl LogLife {
    pub(super) fn load(&mut self) -> Result<Loaded, StorageError> {
        self.loaded.take().ok_or_else(|| StorageError::failed("it was loaded before"))
    }

    /// Where the service writes snapshots.
    pub(super) fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        let store = self.life.snapshots()?;
        Some(Arc::new(Snapshots { server: self.server, nemesis: self.nemesis.clone(), store }))
    }

    pub(super) async fn save(&self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let writing = self.nemesis.writing(self.server);
        self.life.begin(record)?;
        wait(self.server, &self.nemesis, writing.takes_ms).await;
        let done = match writing.fails {
            None => self.life.finish(),
            Some(WriteFailure { full: true, .. }) => self.life.finish_on_full_disk(),
            // The sync comes after the write.
            Some(WriteFailure { written, .. }) => {
                let failure = if self.nemesis.draw(2) == 0 { Failure::Error } else { Failure::Part };
                self.life.finish_with(failure, written.into())
            }
        };
        if done.is_err() && writing.fails.is_some() {
            self.nemesis.failed_write();
            self.failed.store(true, Ordering::Relaxed);
        }
        done
    }
}
