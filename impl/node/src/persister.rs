//! Storage in memory.

use crate::codec;
use crate::codec::Identity;
use crate::{Command, Loaded, SnapshotData, Storage, StorageError};
use bytes::Bytes;
use figure2_core::{Log, Persistent, Record, Snapshot};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Storage in memory, that outlives the node and not the process: for tests and examples.
///
/// Clones share their contents. State and snapshot are replaced together, under one lock: nobody ever sees the one
/// without the other. What is kept are encoded bytes, and a restart decodes them, as with a disk.
///
/// ```
/// let storage = figure2::Persister::new();
/// // A server gets a clone. After its crash another one starts from what was there at that moment:
/// let crashed = storage.copy();
/// assert_eq!(crashed.raft_state_size(), 0, "nothing was written yet");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Persister {
    contents: Arc<Mutex<Contents>>,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    /// Whose contents they are.
    identity: Option<Identity>,
    /// The state that `raft_state` and `snapshot` encode, to which the next record applies.
    mirror: Persistent<Command, SnapshotData>,
    raft_state: Bytes,
    snapshot: Option<Bytes>,
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
    /// When it was not loaded before, or the state cannot be encoded.
    pub fn write(&self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let mut contents = self.contents();
        let Contents { identity: Some(identity), mirror, raft_state, .. } = &mut *contents else {
            return Err(StorageError::failed("it was not loaded before: it does not know whose it is"));
        };
        mirror.apply_record(record);
        *raft_state = codec::encode_state(identity, mirror).map_err(StorageError::failed)?;
        let snapshot = contents.mirror.log.snapshot().map(|snapshot| snapshot.data.to_bytes());
        contents.snapshot = snapshot.transpose().map_err(StorageError::failed)?;
        Ok(())
    }

    /// [`Storage::load`], at once.
    ///
    /// # Errors
    /// When the bytes are not what a server wrote.
    pub fn read(&self, me: &Identity) -> Result<Loaded, StorageError> {
        let mut contents = self.contents();
        let loaded = contents.decode()?;
        contents.identity = Some(loaded.identity.clone().unwrap_or_else(|| me.clone()));
        contents.mirror = loaded.persistent.clone();
        Ok(loaded)
    }

    /// A persister with these very bytes, which may be damaged: [`Storage::load`] will say.
    #[must_use]
    pub fn from_bytes(raft_state: Bytes, snapshot: Option<Bytes>) -> Persister {
        let contents = Contents { identity: None, mirror: Persistent::default(), raft_state, snapshot };
        Persister { contents: Arc::new(Mutex::new(contents)) }
    }
}

impl Storage for Persister {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        self.read(me)
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        self.write(record)
    }

    fn blocks(&self) -> bool {
        false
    }
}

impl Contents {
    fn decode(&self) -> Result<Loaded, StorageError> {
        if self.raft_state.is_empty() && self.snapshot.is_none() {
            return Ok(Loaded::default());
        }
        let (identity, state) = codec::decode_state(&self.raft_state)?;
        let snapshot = match (state.log.snapshot(), &self.snapshot) {
            (None, None) => None,
            (Some(s), Some(data)) => Some(Snapshot {
                last_included_index: s.last_included_index,
                last_included_term: s.last_included_term,
                data: data.clone().into(),
            }),
            _ => return Err(StorageError::SnapshotMismatch),
        };
        let persistent = Persistent {
            current_term: state.current_term,
            voted_for: state.voted_for,
            log: Log::from_parts(snapshot, state.log.entries().to_vec()),
        };
        Ok(Loaded { identity: Some(identity), persistent })
    }
}
