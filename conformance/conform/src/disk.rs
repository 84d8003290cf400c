//! The storage of a node under test.

use super::defect::{Defect, Setup};
use super::journal::{Journal, Seen, lock};
use figure2::{
    Change, Command, Identity, Loaded, Persistent, Persister, Record, SnapshotData, Storage, StorageError,
};
use figure2_testing::disk::Failure;
use figure2_testing::server_disk::{Crash, Life, ServerDisk};
use figure2_wal::Options;
use figure2_wal::rules::Rules;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A disk, that outlives the node: a [`Persister`], or the log on a simulated disk.
#[derive(Clone)]
pub struct Disk {
    identity: Identity,
    contents: Arc<Mutex<Contents>>,
    journal: Journal,
    setup: Setup,
    /// Whether a save goes on until the harness ends it.
    lags: bool,
}

struct Contents {
    medium: Medium,
    /// Said to be durable, and is not yet.
    unsynced: Option<Record<Command, SnapshotData>>,
    /// The save under way.
    save: Option<Save>,
    saves: u64,
}

enum Medium {
    Memory(Persister),
    /// With the life of the process that has it, once it was loaded.
    Log(ServerDisk, Option<Life>),
}

/// A log that says that a write is durable, and did not sync it.
#[derive(Clone, Default)]
struct NotSynced;

impl Rules for NotSynced {
    fn syncs_write(&self) -> bool {
        false
    }
}

impl Medium {
    fn new(identity: &Identity, setup: Setup) -> Medium {
        // Some chance is enough: what is done to the log does not depend on it.
        let seed = identity.server;
        let options = Options::default().segment_bytes(SEGMENT).zeroed_at_once(SEGMENT);
        match setup {
            Setup { log: false, .. } => Medium::Memory(Persister::new()),
            Setup { defect: Some(Defect::LogNotSynced), .. } => {
                Medium::Log(ServerDisk::with_rules::<NotSynced>(identity.clone(), seed, options), None)
            }
            Setup { .. } => Medium::Log(ServerDisk::new(identity.clone(), seed, options), None),
        }
    }

    /// What a restart would find if the power were lost now.
    fn durable(&self, identity: &Identity) -> Result<Persistent<Command, SnapshotData>, StorageError> {
        match self {
            Medium::Memory(persister) => Ok(persister.copy().read(identity)?.persistent),
            Medium::Log(disk, _) => disk.durable().map_err(StorageError::failed),
        }
    }

    fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        match self {
            Medium::Memory(persister) => persister.read(me),
            Medium::Log(disk, life) => {
                let (new, loaded) = disk.recover().map_err(StorageError::failed)?;
                *life = Some(new);
                Ok(loaded)
            }
        }
    }

    fn write(&self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        match self {
            Medium::Memory(persister) => persister.write(record),
            Medium::Log(_, Some(life)) => life.begin(record).and_then(|()| life.finish()),
            Medium::Log(_, None) => Err(StorageError::failed("it was not loaded before")),
        }
    }

    /// A write that fails, and leaves nothing.
    fn fail(&self, record: Record<Command, SnapshotData>) -> StorageError {
        let failed = match self {
            Medium::Log(_, Some(life)) => {
                life.begin(record).and_then(|()| life.finish_with(Failure::Error, 0)).err()
            }
            _ => None,
        };
        failed.unwrap_or_else(|| StorageError::failed("the harness lets it fail"))
    }
}

/// So small that walks fill several.
const SEGMENT: u64 = (4 << 10) + 512;

/// A save that the harness has yet to end, or whose end the node has yet to see.
struct Save {
    record: Option<Record<Command, SnapshotData>>,
    end: Option<Result<(), StorageError>>,
    waker: Option<Waker>,
}

impl Disk {
    /// An empty one.
    pub fn new(identity: Identity, journal: Journal, lags: bool, setup: Setup) -> Disk {
        let medium = Medium::new(&identity, setup);
        let contents = Arc::new(Mutex::new(Contents { medium, unsynced: None, save: None, saves: 0 }));
        Disk { identity, contents, journal, setup, lags }
    }

    /// What a restart after a loss of power would find, decoded from the bytes on it.
    ///
    /// # Errors
    /// When nothing could be started from it.
    pub fn read(&self) -> Result<Persistent<Command, SnapshotData>, StorageError> {
        lock(&self.contents).medium.durable(&self.identity)
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
        let record = lock(&self.contents).save.as_mut().and_then(|save| save.record.take());
        self.end(match self.setup.defect {
            Some(Defect::FailureIgnored) => Ok(()),
            _ => Err(lock(&self.contents).medium.fail(record.unwrap_or_default())),
        });
    }

    /// The power is lost: of a save under way nothing stays.
    pub fn lose_power(&self) {
        let mut contents = lock(&self.contents);
        contents.save = None;
        if let Medium::Log(disk, life) = &mut contents.medium {
            disk.crash(Crash::PowerLoss);
            *life = None;
        }
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
        let Contents { medium, saves, .. } = &mut *contents;
        match (self.setup.defect, medium) {
            (Some(Defect::RecordForgotten), _) if saves.is_multiple_of(3) => Ok(()),
            (Some(Defect::SnapshotWithoutTrim), Medium::Memory(persister))
                if record.changes().iter().any(|change| matches!(change, Change::Snapshot { .. })) =>
            {
                let untrimmed = persister.read_raft_state();
                persister.write(record)?;
                let snapshot = persister.read_snapshot();
                *persister = Persister::from_bytes(untrimmed, Some(snapshot));
                persister.read(&self.identity)?;
                Ok(())
            }
            (_, medium) => medium.write(record),
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
        lock(&self.contents).medium.load(me)
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        if self.setup.defect == Some(Defect::SentBeforeSync) {
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
