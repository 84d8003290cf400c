//! Storage in memory: the lab's persister.

use crate::codec;
use crate::{Command, SnapshotData, Storage, StorageError};
use bytes::Bytes;
use figure2_core::{Log, Persistent, Record, Snapshot};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Storage in memory, that outlives the node and not the process: for tests, and for the lab.
///
/// Clones share their contents. State and snapshot are replaced together, under one lock: nobody ever sees the one
/// without the other. What is kept are encoded bytes, and a restart decodes them, as with a disk.
#[derive(Clone, Debug, Default)]
pub struct Persister {
    contents: Arc<Mutex<Contents>>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    /// The state that `raft_state` and `snapshot` encode, to which the next record applies.
    mirror: Persistent<Command, SnapshotData>,
    raft_state: Bytes,
    snapshot: Option<SnapshotData>,
}

impl Persister {
    /// An empty persister.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A persister of its own with the same contents: what a crashed server restarts from, out of reach of the old
    /// one.
    #[must_use]
    pub fn copy(&self) -> Persister {
        Persister { contents: Arc::new(Mutex::new(self.contents().clone())) }
    }

    /// The encoded state, without the snapshot: term, vote, the snapshot's index and term, and the entries after it.
    /// Empty before the first save.
    #[must_use]
    pub fn read_raft_state(&self) -> Bytes {
        self.contents().raft_state.clone()
    }

    /// Length of [`read_raft_state`](Self::read_raft_state) in bytes.
    #[must_use]
    pub fn raft_state_size(&self) -> usize {
        self.contents().raft_state.len()
    }

    /// The service's snapshot; empty if there is none. On a restart the service starts from it, and Raft hands over
    /// the entries that follow.
    #[must_use]
    pub fn read_snapshot(&self) -> Bytes {
        self.contents().snapshot.clone().unwrap_or_default()
    }

    /// Length of [`read_snapshot`](Self::read_snapshot) in bytes.
    #[must_use]
    pub fn snapshot_size(&self) -> usize {
        self.contents().snapshot.as_ref().map_or(0, Bytes::len)
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // Each holder leaves them whole.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Storage::save`], at once.
    ///
    /// # Errors
    /// When the state cannot be encoded.
    pub fn write(&self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let mut contents = self.contents();
        contents.mirror.apply_record(record);
        contents.raft_state = codec::encode_state(&contents.mirror).map_err(StorageError::failed)?;
        contents.snapshot = contents.mirror.log.snapshot().map(|s| s.data.clone());
        Ok(())
    }

    /// A persister with these very bytes, which may be damaged: [`Storage::load`] will say.
    #[must_use]
    pub fn from_bytes(raft_state: Bytes, snapshot: Option<SnapshotData>) -> Persister {
        let contents = Contents { mirror: Persistent::default(), raft_state, snapshot };
        Persister { contents: Arc::new(Mutex::new(contents)) }
    }
}

impl Storage for Persister {
    fn load(&mut self) -> Result<Persistent<Command, SnapshotData>, StorageError> {
        let mut contents = self.contents();
        let loaded = contents.decode()?;
        contents.mirror = loaded.clone();
        Ok(loaded)
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        self.write(record)
    }

    fn blocks(&self) -> bool {
        false
    }
}

impl Contents {
    fn decode(&self) -> Result<Persistent<Command, SnapshotData>, StorageError> {
        if self.raft_state.is_empty() && self.snapshot.is_none() {
            return Ok(Persistent::default());
        }
        let state = codec::decode_state(&self.raft_state)?;
        let snapshot = match (state.log.snapshot(), &self.snapshot) {
            (None, None) => None,
            (Some(s), Some(data)) => Some(Snapshot {
                last_included_index: s.last_included_index,
                last_included_term: s.last_included_term,
                data: data.clone(),
            }),
            _ => return Err(StorageError::SnapshotMismatch),
        };
        Ok(Persistent {
            current_term: state.current_term,
            voted_for: state.voted_for,
            log: Log::from_parts(snapshot, state.log.entries().to_vec()),
        })
    }
}
