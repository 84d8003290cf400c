//! What surrounds a node under test: a journal of everything it writes, sends and delivers, and its service.

use super::convert::Letter;
use bytes::Bytes;
use figure2::{ApplyMsg, Change, SnapshotData, codec};
use figure2_core::{Index, Snapshot};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was seen of a node while it took a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A message left.
    Sent(Letter),
    /// A record became durable.
    Saved(Vec<Change<Bytes, SnapshotData>>),
    /// Bytes left that are no message.
    Garbled(codec::CodecError),
}

/// What was seen, in order.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Seen>>>);

impl Journal {
    /// Notes something.
    pub fn note(&self, seen: Seen) {
        lock(&self.0).push(seen);
    }

    /// Takes out all that was noted.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.0))
    }
}

/// The service: its state is the commands it applied, a byte each.
#[derive(Clone, Default)]
pub struct Service(Arc<Mutex<Applied>>);

#[derive(Default)]
struct Applied {
    content: Vec<u8>,
    offered: Option<Snapshot<SnapshotData>>,
    wrong: Option<String>,
}

impl Service {
    /// Starts from a snapshot, if there is one.
    pub fn restart(&self, content: Vec<u8>) {
        *lock(&self.0) = Applied { content, ..Applied::default() };
    }

    /// Takes what the node hands over.
    pub fn take(&self, message: ApplyMsg) {
        let mut applied = lock(&self.0);
        let next = Index::ZERO.plus(applied.content.len() + 1);
        match message {
            ApplyMsg::Command { index, command, .. } if index == next => {
                applied.content.extend(command.first());
            }
            ApplyMsg::Command { index, .. } => {
                applied.wrong =
                    Some(format!("the entry at index {index} was handed over, and {next} is next"));
            }
            ApplyMsg::Snapshot { index, term, data } => {
                applied.offered =
                    Some(Snapshot { last_included_index: index, last_included_term: term, data });
            }
        }
    }

    /// Switches to a snapshot that was installed.
    pub fn install(&self, snapshot: &Snapshot<SnapshotData>) {
        let mut applied = lock(&self.0);
        match snapshot.data.to_bytes() {
            Ok(content) => applied.content = content.to_vec(),
            Err(error) => applied.wrong = Some(format!("the snapshot cannot be read: {error}")),
        }
    }

    /// The offered snapshot is about to be answered.
    pub fn take_offered(&self) -> Option<Snapshot<SnapshotData>> {
        lock(&self.0).offered.take()
    }

    /// The offered snapshot.
    pub fn offered(&self) -> Option<Snapshot<SnapshotData>> {
        lock(&self.0).offered.clone()
    }

    /// What it applied.
    pub fn content(&self) -> Vec<u8> {
        lock(&self.0).content.clone()
    }

    /// What was handed over and must not have been.
    pub fn wrong(&self) -> Option<String> {
        lock(&self.0).wrong.clone()
    }
}

/// Locks; the harness has one thread, so nobody broke off half-way.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
