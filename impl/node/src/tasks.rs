//! What the node's tasks hold: the caller's storage, the ways to the peers, and the apply channel.

use crate::{ApplyMsg, Command, Identity, Loaded, Raft, SnapshotData, Storage, StorageError};
use core::future::{Future, poll_fn};
use core::pin::pin;
use figure2_core::{Message, Record};
use figure2_engine::{Envelope, Link, Service};
use std::sync::{Arc, Mutex};
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
        // Its first part, too, runs in the poll: giving the thread's tasks away costs as much each time.
        let mut saving = pin!(async { self.storage.save(record).await });
        poll_fn(|cx| block_in_place(|| saving.as_mut().poll(cx))).await
    }
}

/// The engine's link: encodes, and hands to the caller's transport.
pub(crate) struct Wire {
    pub(crate) raft: Raft,
}

impl Link for Wire {
    fn send(&self, envelope: Envelope) {
        let Some(peer) = self.raft.way_to(envelope.to) else { return };
        if let Message::InstallSnapshot(message) = &envelope.message
            && let Some(head) = self.raft.encode_without_data(&envelope, peer.version())
            && peer.send_snapshot(head, &message.snapshot)
        {
            return;
        }
        if let Some(frame) = self.raft.encode(envelope, peer.version()) {
            peer.send(frame);
        }
    }

    /// Until the thread has nothing else to run: tokio's own does not wake another thread for it.
    async fn pause(&self) {
        tokio::task::yield_now().await;
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
#[derive(Clone)]
pub struct ApplyChannel(Channel);

impl ApplyChannel {
    /// No channel: the service is called with each batch, by the node, and must not block. Where it is quick, that costs
    /// less than a task of its own.
    ///
    /// ```
    /// use figure2::{ApplyChannel, ApplyMsg};
    ///
    /// let mut applied = 0;
    /// let apply = ApplyChannel::call(move |messages: Vec<ApplyMsg>| applied += messages.len());
    /// ```
    pub fn call(service: impl FnMut(Vec<ApplyMsg>) + Send + 'static) -> ApplyChannel {
        ApplyChannel(Channel::Call(Arc::new(Mutex::new(service))))
    }
}

impl core::fmt::Debug for ApplyChannel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self.0 {
            Channel::Each(_) => "ApplyChannel of messages",
            Channel::Batches(_) => "ApplyChannel of batches",
            Channel::Call(_) => "ApplyChannel by calls",
        })
    }
}

#[derive(Clone)]
enum Channel {
    Each(mpsc::Sender<ApplyMsg>),
    Batches(mpsc::Sender<Vec<ApplyMsg>>),
    Call(Arc<Mutex<dyn FnMut(Vec<ApplyMsg>) + Send>>),
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
            Channel::Call(service) => call(service, vec![message]),
        }
    }

    fn takes_batches(&self) -> bool {
        matches!(self.0, Channel::Batches(_) | Channel::Call(_))
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
            Channel::Call(service) => call(service, messages),
        }
    }
}

/// False when the service has panicked before: it is gone.
fn call(service: &Mutex<dyn FnMut(Vec<ApplyMsg>) + Send>, messages: Vec<ApplyMsg>) -> bool {
    service.lock().is_ok_and(|mut service| {
        service(messages);
        true
    })
}
