//! A disk: what must be durable before a message leaves is asserted here.

use crate::explore::{Mutex, Waiters, lock, wait_for, wake};
use crate::setup::ME;
use figure2_core::{AppendResult, Message, Persistent, Record};
use figure2_engine::{Command, Envelope, Identity, Loaded, SnapshotData, Storage, StorageError};
use std::sync::Arc;

/// A disk. Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

struct Platter {
    durable: Persistent<Command, SnapshotData>,
    broken: bool,
    /// A write takes until S1 was sent all up to this index.
    takes_until: u64,
    sent: u64,
    waiters: Waiters,
}

impl Disk {
    pub fn new(durable: Persistent<Command, SnapshotData>) -> Disk {
        Disk::made(durable, false, 0)
    }

    /// One on which every write fails.
    pub fn broken(durable: Persistent<Command, SnapshotData>) -> Disk {
        Disk::made(durable, true, 0)
    }

    /// One whose writes are not done before S1 was sent all up to that index.
    pub fn slow(durable: Persistent<Command, SnapshotData>, takes_until: u64) -> Disk {
        Disk::made(durable, false, takes_until)
    }

    fn made(durable: Persistent<Command, SnapshotData>, broken: bool, takes_until: u64) -> Disk {
        let waiters = Waiters::default();
        Disk(Arc::new(Mutex::new(Platter { durable, broken, takes_until, sent: 0, waiters })))
    }

    /// A disk of its own with the same contents: what a restarted server has, out of reach of the old one.
    pub fn copy(&self) -> Disk {
        Disk::new(self.read(Persistent::clone))
    }

    /// S1 was sent all up to that index.
    pub(super) fn was_sent(&self, index: u64) {
        let waiters = {
            let mut platter = lock(&self.0);
            platter.sent = index;
            if index >= platter.takes_until { platter.waiters.take() } else { Vec::new() }
        };
        wake(waiters);
    }

    /// Looks at what is durable.
    pub fn read<R>(&self, look: impl FnOnce(&Persistent<Command, SnapshotData>) -> R) -> R {
        look(&lock(&self.0).durable)
    }

    /// Asserts that all which the message says of its sender is durable.
    pub(super) fn assert_holds(&self, message: &Envelope) {
        self.read(|durable| assert_durable(durable, message));
    }
}

impl Storage for Disk {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        Ok(Loaded { identity: None, persistent: self.read(Persistent::clone) })
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let mut record = Some(record);
        wait_for(
            &self.0,
            |platter| &mut platter.waiters,
            |platter: &mut Platter| {
                if platter.broken {
                    return Some(Err(StorageError::failed("the disk is broken")));
                }
                (platter.sent >= platter.takes_until).then(|| {
                    record.take().into_iter().for_each(|record| platter.durable.apply_record(record));
                    Ok(())
                })
            },
        )
        .await
    }
}

/// Asserts that what a message says of its sender is durable there.
pub fn assert_durable(durable: &Persistent<Command, SnapshotData>, envelope: &Envelope) {
    let term = envelope.message.term();
    assert!(durable.current_term >= term, "sent before its term was durable: {envelope:?}");
    match &envelope.message {
        Message::RequestVote(_) => {
            assert!(durable.voted_for == Some(ME), "asked for votes before the own one was durable");
        }
        Message::RequestVoteReply(reply) if reply.vote_granted && durable.current_term == term => {
            assert!(durable.voted_for == Some(envelope.to), "a vote was sent before it was durable");
        }
        Message::AppendEntriesReply(reply) => {
            if let AppendResult::Success { match_index } = reply.result {
                assert!(durable.log.last_index() >= match_index, "acknowledged before it was durable");
            }
        }
        _ => {}
    }
}
