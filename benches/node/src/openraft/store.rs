//! openraft's log and state machine in memory; the log also on disk, where it is to be.

use super::{Command, TypeConfig};
use crate::disk::{LogWriter, Work};
use crate::system::Service;
use figure2::{Index, Term};
use figure2_core::Entry;
use futures_util::stream::{Stream, TryStreamExt as _};
use openraft::entry::RaftEntry as _;
use openraft::storage::{
    EntryResponder, IOFlushed, LogState, RaftLogReader, RaftLogStorage, RaftSnapshotBuilder, RaftStateMachine,
};
use openraft::type_config::alias::{
    EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf,
};
use openraft::{EntryPayload, OptionalSend};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type LogId = LogIdOf<TypeConfig>;
type Snapshot = SnapshotOf<TypeConfig, u64>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The log: all of it in memory, where it is read, and on disk if there is a writer.
pub struct LogStore {
    log: Mutex<Log>,
    disk: Option<LogWriter>,
}

#[derive(Default)]
struct Log {
    vote: Option<VoteOf<TypeConfig>>,
    entries: BTreeMap<u64, EntryOf<TypeConfig>>,
    last_purged: Option<LogId>,
}

impl LogStore {
    /// An empty one.
    pub fn new(disk: Option<LogWriter>) -> LogStore {
        LogStore { log: Mutex::default(), disk }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    /// Waits until it is durable.
    async fn put(&self, work: Work) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let (told, outcome) = oneshot::channel();
        disk.submit(vec![work], |written| _ = told.send(written));
        outcome.await.map_err(io::Error::other)?
    }
}

/// openraft's indexes begin with 0, the log's with 1.
fn on_disk(index: u64) -> Index {
    Index(index + 1)
}

/// An entry as the log has it: with the bytes of its command. The few that carry no command are there with a name.
fn entry_on_disk(entry: &EntryOf<TypeConfig>) -> Entry<bytes::Bytes> {
    let command = match &entry.payload {
        EntryPayload::Normal(Command(command)) => command.clone(),
        EntryPayload::Blank => bytes::Bytes::new(),
        EntryPayload::Membership(membership) => format!("{membership:?}").into(),
    };
    Entry { term: Term(entry.log_id.leader_id.term), command }
}

impl RaftLogReader<TypeConfig> for Arc<LogStore> {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> io::Result<Vec<EntryOf<TypeConfig>>> {
        Ok(self.log().entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<VoteOf<TypeConfig>>> {
        Ok(self.log().vote)
    }
}

impl RaftLogStorage<TypeConfig> for Arc<LogStore> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let log = self.log();
        let last = log.entries.last_key_value().map(|(_, entry)| entry.log_id());
        Ok(LogState { last_purged_log_id: log.last_purged, last_log_id: last.or(log.last_purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<TypeConfig>) -> io::Result<()> {
        self.log().vote = Some(*vote);
        let voted_for = u8::try_from(vote.leader_id.node_id).ok();
        self.put(Work::Vote(Term(vote.leader_id.term), voted_for)).await
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = EntryOf<TypeConfig>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().collect();
        let first = entries.first().map(EntryOf::<TypeConfig>::index);
        let work = self.disk.as_ref().zip(first).map(|(disk, first)| {
            (disk, Work::Append(on_disk(first), entries.iter().map(entry_on_disk).collect()))
        });
        self.log().entries.extend(entries.into_iter().map(|entry| (entry.index(), entry)));
        match work {
            None => flushed.io_completed(Ok(())),
            Some((disk, work)) => disk.submit(vec![work], |written| flushed.io_completed(written)),
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index() + 1);
        self.log().entries.split_off(&from);
        self.put(Work::Truncate(on_disk(from))).await
    }

    async fn purge(&mut self, last: LogId) -> io::Result<()> {
        let mut log = self.log();
        log.last_purged = Some(last);
        log.entries = log.entries.split_off(&(last.index() + 1));
        if let Some(disk) = &self.disk {
            // The service's state stands for itself here: of a real one, this is the smallest part.
            let work = Work::Compact(on_disk(last.index()), Term(last.leader_id.term), Service::default());
            // openraft need not wait for it.
            disk.submit(vec![work], drop);
        }
        Ok(())
    }
}

/// The state machine.
#[derive(Default)]
pub struct StateMachine(Mutex<Machine>);

#[derive(Clone, Default)]
struct Machine {
    last_applied: Option<LogId>,
    membership: StoredMembershipOf<TypeConfig>,
    service: Service,
    snapshot: Option<Snapshot>,
}

impl Machine {
    fn apply(&mut self, entry: EntryOf<TypeConfig>) {
        self.last_applied = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => {}
            EntryPayload::Normal(Command(command)) => self.service.apply(&command),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembershipOf::<TypeConfig>::new(Some(entry.log_id), membership);
            }
        }
    }
}

impl RaftSnapshotBuilder<TypeConfig> for Arc<StateMachine> {
    type SnapshotData = u64;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let mut machine = lock(&self.0);
        let meta = SnapshotMetaOf::<TypeConfig> {
            last_log_id: machine.last_applied,
            last_membership: machine.membership.clone(),
        };
        let snapshot = Snapshot { meta, snapshot: machine.service.sum };
        machine.snapshot = Some(snapshot.clone());
        Ok(snapshot)
    }
}

impl RaftStateMachine<TypeConfig> for Arc<StateMachine> {
    type SnapshotData = u64;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembershipOf<TypeConfig>)> {
        let machine = lock(&self.0);
        Ok((machine.last_applied, machine.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            lock(&self.0).apply(entry);
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMetaOf<TypeConfig>, sum: u64) -> io::Result<()> {
        let mut machine = lock(&self.0);
        machine.last_applied = meta.last_log_id;
        machine.membership = meta.last_membership.clone();
        machine.service = Service { sum };
        machine.snapshot = Some(Snapshot { meta: meta.clone(), snapshot: sum });
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        Ok(lock(&self.0).snapshot.clone())
    }
}
