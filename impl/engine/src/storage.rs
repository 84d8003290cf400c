//! What a node asks of its storage.

use crate::{Command, Identity, SnapshotData, StorageError};
use figure2_core::{Persistent, Record};

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

    /// Makes a record durable: all of its changes or, after a crash, none. When it is done with `Ok`, they are durable.
    /// The node goes on meanwhile, and what it changes then shares the next call. It waits for the end of this one, even
    /// when it is killed.
    ///
    /// # Errors
    /// When they may not be durable. The node stops then, for good: nothing that waited for this write leaves.
    fn save(
        &mut self,
        record: Record<Command, SnapshotData>,
    ) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Whether [`save`](Self::save) may block its thread, as a write to a file does. Then, on a multi-threaded runtime, the node
    /// first hands the thread's other tasks to another thread: on a thread that blocks, they and even the runtime's
    /// timers can be stuck.
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
