//! Where the servers keep what must survive a crash: in memory, or in the log on a disk.

use super::cluster::purpose;
use figure2::{Identity, Loaded, Persister, Record, SnapshotData, Storage, StorageError};
use figure2_testing::server_disk::{Broken, Crash, Life, ServerDisk};
use figure2_validate::instrument::mix;
use figure2_wal::Options;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// Where the servers of a test keep what must survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// In memory: a crash loses nothing that was saved, and what is under way.
    Memory,
    /// In the log, on a simulated disk: a crash is kill -9, a loss of power, or the one and then the other, as the seed says,
    /// in the middle of whatever is written. For virtual time, in which a write takes some.
    SimulatedDisk,
    /// In the log, in a temporary directory, with real syncs: a crash closes the files, and the restart opens them.
    Files,
}

/// Longest that a write to a simulated disk takes, in ms.
const SLOWEST_WRITE: u64 = 5;

/// Segments so small that the longer tests fill many, and the shorter ones need not wait for zeros.
const SEGMENT: u64 = 128 << 10;
const ZEROED_AT_ONCE: u64 = 32 << 10;

/// What outlives a server.
pub(super) enum Kept {
    Memory(Persister),
    Disk { disk: ServerDisk, identity: Identity, random: SmallRng },
}

impl Kept {
    /// Nothing yet.
    pub(super) fn new(medium: Medium, identity: Identity, seed: u64, directory: Option<&Path>) -> Kept {
        let seed = mix(&[seed, purpose::DISK, identity.server]);
        let options = Options::default().segment_bytes(SEGMENT).zeroed_at_once(ZEROED_AT_ONCE);
        let disk = match (medium, directory) {
            (Medium::Memory, _) => return Kept::Memory(Persister::new()),
            (Medium::Files, Some(directory)) => {
                let directory = directory.join(identity.server.to_string());
                ServerDisk::in_directory(identity.clone(), directory, options)
            }
            (Medium::Files, None) | (Medium::SimulatedDisk, _) => {
                ServerDisk::new(identity.clone(), seed, options)
            }
        };
        Kept::Disk { disk, identity, random: SmallRng::seed_from_u64(mix(&[seed, purpose::DISK])) }
    }

    /// The server's process has ended. How, in words, if there is a choice.
    pub(super) fn crash(&mut self) -> Option<&'static str> {
        match self {
            Kept::Memory(persister) => {
                // What it may still write is lost, as after a real crash.
                *persister = persister.copy();
                None
            }
            Kept::Disk { disk, random, .. } => {
                let crashes = [Crash::Kill, Crash::PowerLoss, Crash::KillThenPowerLoss];
                let crash = match disk.disk() {
                    Some(_) => crashes[random.random_range(0..crashes.len())],
                    None => Crash::Kill,
                };
                disk.crash(crash);
                Some(crash.name())
            }
        }
    }

    /// What the server's next process starts from, and the service's snapshot.
    pub(super) fn recover(&mut self) -> Result<(NodeStorage, Option<SnapshotData>), Broken> {
        match self {
            Kept::Memory(persister) => {
                *persister = persister.copy();
                let snapshot = (persister.snapshot_size() > 0).then(|| persister.read_snapshot().into());
                Ok((NodeStorage::Memory(persister.clone()), snapshot))
            }
            Kept::Disk { disk, random, .. } => {
                let (life, loaded) = disk.recover()?;
                let snapshot = loaded.persistent.log.snapshot().map(|snapshot| snapshot.data.clone());
                let latency = disk.disk().map(|_| SmallRng::seed_from_u64(random.random()));
                Ok((NodeStorage::Disk { life, loaded: Some(Box::new(loaded)), latency }, snapshot))
            }
        }
    }

    /// Bytes of the Raft state, without the snapshot, in the form in which a [`Persister`] has it. (The log's files are made
    /// ahead of use, and of a fixed size.)
    pub(super) fn raft_state_size(&self) -> usize {
        match self {
            Kept::Memory(persister) => persister.raft_state_size(),
            Kept::Disk { disk, identity, .. } => {
                figure2::codec::encode_state(identity, &disk.acknowledged()).map_or(0, |state| state.len())
            }
        }
    }
}

/// A node's storage.
pub(super) enum NodeStorage {
    Memory(Persister),
    Disk {
        life: Life,
        /// What was recovered, until the node asks.
        loaded: Option<Box<Loaded>>,
        /// Draws how long each write takes; none on files, where it takes what it takes.
        latency: Option<SmallRng>,
    },
}

impl Storage for NodeStorage {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        match self {
            NodeStorage::Memory(persister) => persister.read(me),
            NodeStorage::Disk { loaded, .. } => loaded
                .take()
                .map(|loaded| *loaded)
                .ok_or_else(|| StorageError::failed("it was loaded before")),
        }
    }

    async fn save(&mut self, record: Record<figure2::Command, SnapshotData>) -> Result<(), StorageError> {
        match self {
            NodeStorage::Memory(persister) => persister.write(record),
            NodeStorage::Disk { life, latency, .. } => {
                life.begin(record)?;
                if let Some(random) = latency {
                    sleep(Duration::from_millis(random.random_range(0..=SLOWEST_WRITE))).await;
                }
                life.finish()
            }
        }
    }

    fn blocks(&self) -> bool {
        matches!(self, NodeStorage::Disk { latency: None, .. })
    }
}
