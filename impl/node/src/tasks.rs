//! What the node's tasks hold: the caller's storage, the ways to the peers, and the apply channel.

use crate::{ApplyMsg, Command, Identity, Loaded, Replies, SnapshotData, Storage, StorageError};
use core::future::{Future, poll_fn};
use core::pin::pin;
use figure2_core::Record;
use figure2_engine::{Envelope, Link, Service};
use tokio::sync::{mpsc, watch};
use tokio::task::block_in_place;

/// Runs a task, and lets go of the receiver when the task has ended and dropped what it held.
pub(crate) async fn while_it_lasts(task: watch::Receiver<()>, running: impl Future<Output = ()>) {
    running.await;
    drop(task);
}

/// The engine's storage: the caller's, kept from blocking the runtime.
pub(crate) struct Disk<S> {
    pub(crate) storage: S,
    pub(crate) in_place: bool,
}

impl<S: Storage> Storage for Disk<S> {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        self.storage.load(me).await
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        if !self.in_place {
            return self.storage.save(record).await;
        }
        let mut saving = pin!(block_in_place(|| self.storage.save(record)));
        poll_fn(|cx| block_in_place(|| saving.as_mut().poll(cx))).await
    }
}

/// The engine's link: encodes, and hands to the caller's transport.
pub(crate) struct Wire {
    pub(crate) replies: Replies,
}

impl Link for Wire {
    fn send(&self, envelope: Envelope) {
        let raft = &self.replies.raft;
        if let Some(peer) = raft.way_to(envelope.to)
            && let Some(request) = raft.encode(&envelope, peer.version())
        {
            peer.send(request, &self.replies);
        }
    }
}

impl Drop for Wire {
    /// Nothing is sent any more, whoever still has a handle.
    fn drop(&mut self) {
        self.replies.raft.forget_peers();
    }
}

/// The engine's way to the service: the apply channel.
pub(crate) struct Channel(pub(crate) mpsc::Sender<ApplyMsg>);

impl Service for Channel {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        self.0.send(message).await.is_ok()
    }
}
