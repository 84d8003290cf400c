//! A state in memory, that changes by a whole record or not at all.

use super::super::nemesis::Nemesis;
use super::{Crash, wait};
use figure2::{Command, Loaded, Persistent, Record, SnapshotData, StorageError};
use figure2_core::Snapshot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The disk of one server, as one run of it has it: what comes after a crash is another disk with the same contents,
/// out of reach of what the dead still has under way.
#[derive(Clone)]
pub(in super::super) struct Memory {
    server: u8,
    nemesis: Nemesis,
    /// It says that a write is durable when the next one is.
    lies: bool,
    contents: Arc<Mutex<Contents>>,
}

#[derive(Clone, Default)]
struct Contents {
    durable: Persistent<Command, SnapshotData>,
    under_way: Option<Record<Command, SnapshotData>>,
    failed: bool,
}

impl Memory {
    /// With nothing on it.
    pub(super) fn new(server: u8, nemesis: Nemesis, lies: bool) -> Memory {
        Memory { server, nemesis, lies, contents: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fill(&self, durable: Persistent<Command, SnapshotData>) {
        self.lock().durable = durable;
    }

    pub(super) fn failed(&self) -> bool {
        self.lock().failed
    }

    /// When the process ends, the write under way is the operating system's, and is done. When the power fails, all of it
    /// is there or nothing.
    pub(super) fn crash(&mut self, crash: Crash) {
        let kept = crash == Crash::Kill || self.nemesis.draw(2) == 0;
        let mut contents = self.lock().clone();
        if contents.under_way.is_some() && !kept {
            self.nemesis.undone_write();
        }
        contents.settle(kept);
        contents.failed = false;
        self.contents = Arc::new(Mutex::new(contents));
    }

    /// The snapshot from which the service starts again.
    pub(super) fn snapshot(&self) -> Option<Snapshot<SnapshotData>> {
        self.lock().durable.log.snapshot().cloned()
    }

    pub(super) fn load(&self) -> Loaded {
        Loaded { identity: None, persistent: self.lock().durable.clone() }
    }

    pub(super) async fn save(&self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let writing = self.nemesis.writing(self.server);
        if self.lies {
            let mut contents = self.lock();
            contents.settle(true);
            contents.under_way = Some(record);
            return Ok(());
        }
        self.lock().under_way = Some(record);
        wait(self.server, &self.nemesis, writing.takes_ms).await;
        let mut contents = self.lock();
        match writing.fails {
            None => {
                contents.settle(true);
                Ok(())
            }
            Some(failure) => {
                contents.settle(failure.written);
                contents.failed = true;
                drop(contents);
                self.nemesis.failed_write();
                Err(StorageError::failed("the simulated disk fails"))
            }
        }
    }
}

impl Contents {
    fn settle(&mut self, written: bool) {
        if let Some(record) = self.under_way.take()
            && written
        {
            self.durable.apply_record(record);
        }
    }
}
