//! What the node's tasks hold: the caller's storage, the ways to the peers, and the apply channel.

use crate::{ApplyMsg, Command, Identity, Loaded, Raft, SnapshotData, Storage, StorageError};
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
    pub(crate) raft: Raft,
}

impl<S> Drop for Disk<S> {
    /// Nothing is written any more, whoever still has a handle.
    fn drop(&mut self) {
        self.raft.forget_snapshots();
    }
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
    pub(crate) raft: Raft,
}

impl Link for Wire {
    fn send(&self, envelope: Envelope) {
        if let Some(peer) = self.raft.way_to(envelope.to)
            && let Some(frame) = self.raft.encode(&envelope, peer.version())
        {
            peer.send(frame);
        }
    }
}

impl Drop for Wire {
    /// Nothing is sent any more, whoever still has a handle.
    fn drop(&mut self) {
        self.raft.forget_peers();
    }
}

/// The way to the service: a channel of messages, or a channel of batches of them.
///
/// A channel of batches costs less where many small commands are committed: with one message for each of them, the channel
/// is a good part of all that the node does.
#[derive(Clone, Debug)]
pub struct ApplyChannel(Channel);

#[derive(Clone, Debug)]
enum Channel {
    Each(mpsc::Sender<ApplyMsg>),
    Batches(mpsc::Sender<Vec<ApplyMsg>>),
}

impl From<mpsc::Sender<ApplyMsg>> for ApplyChannel {
    fn from(channel: mpsc::Sender<ApplyMsg>) -> ApplyChannel {
        ApplyChannel(Channel::Each(channel))
    }
}

impl From<mpsc::Sender<Vec<ApplyMsg>>> for ApplyChannel {
    fn from(channel: mpsc::Sender<Vec<ApplyMsg>>) -> ApplyChannel {
        ApplyChannel(Channel::Batches(channel))
    }
}

impl Service for ApplyChannel {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        match &self.0 {
            Channel::Each(channel) => channel.send(message).await.is_ok(),
            Channel::Batches(channel) => channel.send(vec![message]).await.is_ok(),
        }
    }

    fn takes_batches(&self) -> bool {
        matches!(self.0, Channel::Batches(_))
    }

    async fn deliver_batch(&mut self, messages: Vec<ApplyMsg>) -> bool {
        match &self.0 {
            Channel::Each(channel) => {
                for message in messages {
                    if channel.send(message).await.is_err() {
                        return false;
                    }
                }
                true
            }
            Channel::Batches(channel) => channel.send(messages).await.is_ok(),
        }
    }
}
