//! The storage of a node under test.

use super::defect::Defect;
use super::journal::{Journal, Seen, lock};
use figure2::{
    Change, Command, Identity, Loaded, Persistent, Persister, Record, SnapshotData, Storage, StorageError,
};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A disk: a [`Persister`] that outlives the node.
#[derive(Clone)]
pub struct Disk {
    identity: Identity,
    contents: Arc<Mutex<Contents>>,
    journal: Journal,
    defect: Option<Defect>,
    /// Whether a save goes on until the harness ends it.
    lags: bool,
}

#[derive(Default)]
struct Contents {
    persister: Persister,
    /// Said to be durable, and is not yet.
    unsynced: Option<Record<Command, SnapshotData>>,
    /// The save under way.
    save: Option<Save>,
    saves: u64,
}

/// A save that the harness has yet to end, or whose end the node has yet to see.
struct Save {
    record: Option<Record<Command, SnapshotData>>,
    end: Option<Result<(), StorageError>>,
    waker: Option<Waker>,
}

impl Disk {
    /// An empty one.
    pub fn new(identity: Identity, journal: Journal, lags: bool, defect: Option<Defect>) -> Disk {
        Disk { identity, contents: Arc::default(), journal, defect, lags }
    }

    /// What a restart would find, decoded from the bytes on it.
    ///
    /// # Errors
    /// When nothing could be started from it.
    pub fn read(&self) -> Result<Persistent<Command, SnapshotData>, StorageError> {
        Ok(lock(&self.contents).persister.copy().read(&self.identity)?.persistent)
    }

    /// The node rests: what a defective disk put off, it does now.
    pub fn sync(&self) -> Result<(), StorageError> {
        let unsynced = lock(&self.contents).unsynced.take();
        unsynced.map_or(Ok(()), |record| self.write(record))
    }

    /// Whether a save waits for the harness to end it.
    pub fn is_saving(&self) -> bool {
        lock(&self.contents).save.as_ref().is_some_and(|save| save.end.is_none())
    }

    /// The save under way is durable.
    pub fn complete(&self) {
        let record = lock(&self.contents).save.as_mut().and_then(|save| save.record.take());
        if let Some(record) = record {
            let end = self.write(record);
            self.end(end);
        }
    }

    /// The save under way fails, and leaves nothing.
    pub fn fail(&self) {
        self.end(match self.defect {
            Some(Defect::FailureIgnored) => Ok(()),
            _ => Err(StorageError::failed("the harness lets it fail")),
        });
    }

    /// The power is lost: of a save under way nothing stays.
    pub fn lose_power(&self) {
        lock(&self.contents).save = None;
    }

    fn end(&self, end: Result<(), StorageError>) {
        let mut contents = lock(&self.contents);
        if let Some(save) = &mut contents.save {
            save.end = Some(end);
            if let Some(waker) = save.waker.take() {
                waker.wake();
            }
        }
    }

    /// Writes a record, as well as the defect lets it.
    fn write(&self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let mut contents = lock(&self.contents);
        contents.saves += 1;
        self.journal.note(Seen::Saved(record.changes().to_vec()));
        match self.defect {
            Some(Defect::RecordForgotten) if contents.saves.is_multiple_of(3) => Ok(()),
            Some(Defect::SnapshotWithoutTrim)
                if record.changes().iter().any(|change| matches!(change, Change::Snapshot { .. })) =>
            {
                let untrimmed = contents.persister.read_raft_state();
                contents.persister.write(record)?;
                let snapshot = contents.persister.read_snapshot();
                contents.persister = Persister::from_bytes(untrimmed, Some(snapshot));
                contents.persister.read(&self.identity)?;
                Ok(())
            }
            _ => contents.persister.write(record),
        }
    }

    fn poll_save(&self, context: &Context<'_>) -> Poll<Result<(), StorageError>> {
        let mut contents = lock(&self.contents);
        let Some(save) = &mut contents.save else {
            // The power was lost: nobody learns how it ended.
            return Poll::Pending;
        };
        match save.end.take() {
            Some(end) => {
                contents.save = None;
                Poll::Ready(end)
            }
            None => {
                save.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Storage for Disk {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        lock(&self.contents).persister.read(me)
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        if self.defect == Some(Defect::SentBeforeSync) {
            self.sync()?;
            lock(&self.contents).unsynced = Some(record);
            return Ok(());
        }
        if !self.lags {
            return self.write(record);
        }
        lock(&self.contents).save = Some(Save { record: Some(record), end: None, waker: None });
        poll_fn(|context| self.poll_save(context)).await
    }

    fn blocks(&self) -> bool {
        false
    }
}
