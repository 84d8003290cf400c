//! A disk in virtual time: writes take time, hang, fail, and are cut short by crashes and losses of power.

use super::nemesis::Nemesis;
use figure2::{Command, Identity, Loaded, Persistent, Record, SnapshotData, Storage, StorageError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// How often a write looks whether its disk still hangs.
const LOOK: Duration = Duration::from_millis(20);

/// The disk of one server, as one run of it has it: what comes after a crash is another disk with the same contents,
/// out of reach of what the dead still has under way.
#[derive(Clone)]
pub(super) struct Disk {
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

impl Disk {
    /// With this on it.
    pub(super) fn new(
        server: u8,
        durable: Persistent<Command, SnapshotData>,
        nemesis: Nemesis,
        lies: bool,
    ) -> Disk {
        let contents = Contents { durable, ..Contents::default() };
        Disk { server, nemesis, lies, contents: Arc::new(Mutex::new(contents)) }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it reported a write as failed.
    pub(super) fn failed(&self) -> bool {
        self.lock().failed
    }

    /// What is left when the process ends: the write under way is the operating system's, and is done.
    pub(super) fn after_crash(&self) -> Disk {
        self.left(|contents| contents.settle(true))
    }

    /// What is left when the power fails: of the write under way all or nothing.
    pub(super) fn after_power_loss(&self) -> Disk {
        let kept = self.nemesis.draw(2) == 0;
        self.left(|contents| {
            if contents.under_way.is_some() && !kept {
                self.nemesis.undone_write();
            }
            contents.settle(kept);
        })
    }

    fn left(&self, cut_short: impl FnOnce(&mut Contents)) -> Disk {
        let mut contents = self.lock().clone();
        cut_short(&mut contents);
        contents.failed = false;
        Disk { contents: Arc::new(Mutex::new(contents)), ..self.clone() }
    }

    /// The snapshot from which the service starts again.
    pub(super) fn snapshot(&self) -> Option<figure2_core::Snapshot<SnapshotData>> {
        self.lock().durable.log.snapshot().cloned()
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

impl Storage for Disk {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        Ok(Loaded { identity: None, persistent: self.lock().durable.clone() })
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let writing = self.nemesis.writing(self.server);
        if self.lies {
            let mut contents = self.lock();
            contents.settle(true);
            contents.under_way = Some(record);
            return Ok(());
        }
        self.lock().under_way = Some(record);
        if writing.takes_ms > 0 {
            sleep(Duration::from_millis(writing.takes_ms)).await;
        }
        while self.nemesis.hangs(self.server) {
            sleep(LOOK).await;
        }
        let mut contents = self.lock();
        match writing.fails {
            None => {
                contents.settle(true);
                Ok(())
            }
            Some(failure) => {
                contents.settle(failure.written);
                contents.failed = true;
                Err(StorageError::failed("the simulated disk fails"))
            }
        }
    }

    fn blocks(&self) -> bool {
        false
    }
}
