//! A service: what it may be handed, and when, is asserted here.

use super::{Disk, Monitor};
use crate::explore::{Mutex, MutexGuard, Waiters, block_on, lock, wait_for, wake};
use crate::setup::command;
use core::sync::atomic::{AtomicU64, Ordering};
use figure2_core::{Index, Message};
use figure2_engine::{ApplyMsg, Command, Envelope, Service, Snapshot, SnapshotData};
use std::sync::Arc;

/// What the service has, and who waits for it.
#[derive(Default)]
pub struct Book {
    page: Mutex<Page>,
    /// Highest index that any message so far said to be committed. (Only asserted upon: nothing to explore.)
    committed: AtomicU64,
}

/// The service's state.
#[derive(Default)]
pub struct Page {
    /// It has all commands up to this index.
    pub index: u64,
    /// The commands themselves, and `None` for those that came in a snapshot.
    pub commands: Vec<Option<Command>>,
    /// A snapshot that it was offered, and has not yet answered.
    pub offered: Option<Index>,
    /// The last snapshot that it was offered.
    pub last_offer: Index,
    waiters: Waiters,
}

impl Book {
    /// A request is about to be handled: what it says is committed may be applied from now on.
    pub fn expect(&self, request: &Envelope) {
        let committed = match &request.message {
            Message::AppendEntries(message) => message.leader_commit,
            Message::InstallSnapshot(message) => message.snapshot.last_included_index,
            _ => return,
        };
        self.committed.fetch_max(committed.0, Ordering::Relaxed);
    }

    /// The service's own lock.
    pub fn lock(&self) -> MutexGuard<'_, Page> {
        lock(&self.page)
    }

    /// Waits until the service has all up to `index`: forever, if a wake-up is lost.
    pub fn wait_for(&self, index: u64) {
        block_on(wait_for(&self.page, |page| &mut page.waiters, |page| (page.index >= index).then_some(())));
    }
}

/// A service.
#[derive(Clone)]
pub struct Shop {
    pub monitor: Arc<Monitor>,
    pub disk: Disk,
    pub book: Arc<Book>,
    /// The server leads, and no other server but S1 has its entries: what is committed must be on its own disk.
    pub leads: bool,
    pub habits: Habits,
}

/// What a service does beyond taking in what it is handed.
#[derive(Clone, Copy, Default)]
pub struct Habits {
    /// Raft installs snapshots without asking it.
    pub automatic: bool,
    /// It asks for the status within each delivery (it has no channel in front of it).
    pub asks_status: bool,
    /// It takes a snapshot within the delivery of this index.
    pub snapshot_at: Option<u64>,
}

impl Shop {
    /// Takes in a message, and answers it if it is an offer.
    pub async fn take(&self, message: ApplyMsg) {
        match message {
            ApplyMsg::Command { index, command, .. } => self.run(index, command),
            ApplyMsg::Snapshot { index, data, .. } if self.habits.automatic => {
                let installed = self.monitor.status().snapshot_index;
                assert!(installed >= index, "a snapshot was handed over before Raft installed it");
                self.switch_to(index, &data);
            }
            ApplyMsg::Snapshot { index: last_included_index, term: last_included_term, data } => {
                self.consider(Snapshot { last_included_index, last_included_term, data }).await;
            }
        }
    }

    fn run(&self, index: Index, run: Command) {
        let waiters = {
            let mut page = self.book.lock();
            assert!(page.offered.is_none(), "an entry came before the offer was answered");
            assert!(index.0 == page.index + 1, "applied {index} after {}", page.index);
            if self.leads {
                let durable = self.disk.read(|durable| durable.log.last_index());
                assert!(index <= durable, "counted before it was durable");
            } else {
                let committed = self.book.committed.load(Ordering::Relaxed);
                assert!(index.0 <= committed, "applied {index}, committed {committed}");
                assert!(run == command(index.0), "another command at {index}");
            }
            if self.habits.asks_status {
                let status = self.monitor.status();
                assert!(index <= status.commit_index, "applied {index}, committed {}", status.commit_index);
                assert!(status.last_applied.0 <= page.index, "last_applied ran ahead of the service");
            }
            page.index = index.0;
            page.commands.push(Some(run));
            page.waiters.take()
        };
        wake(waiters);
        if self.habits.snapshot_at == Some(index.0) {
            self.monitor.snapshot(index, crate::setup::state_after(index.0));
        }
    }

    /// The lab's CondInstallSnapshot, from the service's side.
    async fn consider(&self, snapshot: Snapshot) {
        let (index, data) = (snapshot.last_included_index, snapshot.data.clone());
        {
            let mut page = self.book.lock();
            assert!(page.offered.is_none(), "an offer came before the last one was answered");
            assert!(index.0 > page.index, "an old snapshot was offered");
            assert!(index > page.last_offer, "the same snapshot was offered again");
            (page.offered, page.last_offer) = (Some(index), index);
        }
        let answer = self.monitor.install(snapshot).await;
        self.book.lock().offered = None;
        assert!(answer.is_some() || self.monitor.is_stopped(), "a running node gave no answer");
        if answer == Some(true) {
            let durable = self.disk.read(|durable| durable.log.base_index());
            assert!(durable >= index, "the service was told to switch before the snapshot was durable");
            self.switch_to(index, &data);
        }
    }

    fn switch_to(&self, index: Index, data: &SnapshotData) {
        let waiters = {
            let mut page = self.book.lock();
            assert!(index.0 > page.index, "a snapshot took the service back");
            assert!(*data == crate::setup::state_after(index.0), "another state than that of {index}");
            page.index = index.0;
            page.commands.resize(index.0 as usize, None);
            page.waiters.take()
        };
        wake(waiters);
    }
}

impl Service for Shop {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        self.take(message).await;
        true
    }
}
