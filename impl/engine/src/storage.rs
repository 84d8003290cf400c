//! The storage of a node, as an embedder implements it.

use crate::{Command, Identity, SnapshotData, SnapshotStore, StorageError};
use figure2_core::{Persistent, Record};
use std::sync::Arc;

/// Where a server keeps what must survive a crash (Figure 2, "Persistent state on all servers", and the snapshot).
///
/// One task of the node calls it, one call at a time.
///
/// A storage belongs to one server. It keeps the [`Identity`] that the first [`load`](Self::load) told it with its first
/// record, and gives it back ever after; the node refuses a storage of another server.
pub trait Storage: Send + 'static {
    /// The state after all records saved so far, and whose it is; [`Loaded::default`] if there is none. What it gives back is
    /// durable: bytes that are only in the system's cache are made durable first, or left out.
    ///
    /// # Errors
    /// When it cannot be read or is not what a server wrote. The node is not made then.
    fn load(&mut self, me: &Identity) -> impl Future<Output = Result<Loaded, StorageError>> + Send;

    /// Makes a record durable. `Ok` means that all of its changes are durable; after a crash before that, all of them are
    /// there or none. Inputs keep arriving during the call, and their changes go into the next record. The node waits for
    /// the end of the call even when it is stopped.
    ///
    /// # Errors
    /// When they may not be durable. The node stops then, for good: nothing that waited for this write leaves.
    fn save(
        &mut self,
        record: Record<Command, SnapshotData>,
    ) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Where the service writes its snapshots, once the storage is loaded; none if they are made in memory. A
    /// [record](Self::save) names a snapshot that was written there by its handle, and one that was not is copied. A snapshot
    /// that no record names, or none any more, is removed when no handle to it is left.
    fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        None
    }

    /// Whether [`save`](Self::save) may block its thread, as a write to a file does. On a multi-threaded runtime the node
    /// then first moves the thread's other tasks to another thread: else these tasks, and even the runtime's timers, could
    /// be stuck behind the write. Where it does not, one task of the node saves and sends.
    fn blocks(&self) -> bool {
        true
    }
}

/// What a storage holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Whose state it is; none when nothing was ever saved.
    pub identity: Option<Identity>,
    /// The state.
    pub persistent: Persistent<Command, SnapshotData>,
}
