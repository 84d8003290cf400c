//! The log of a voter.

use super::counted::Counted;
use super::group::GroupWriter;
use super::medium::Place;
use crate::system::{Service, VOTERS};
use anyhow::{Context as _, Result};
use figure2::{
    Change, Cluster, Command, Identity, Index, Loaded, Record, SnapshotData, SnapshotStore, Storage,
    StorageError, Term,
};
use figure2_core::{Entry, Snapshot};
use figure2_wal::DiskStorage;
use std::io;
use std::sync::Arc;

/// The log of a voter, as figure2 has it. Its first segment is prepared when it was loaded, as it is on a server that has
/// run for a while.
pub struct Prepared {
    log: DiskStorage<Counted>,
    place: Place,
}

impl Prepared {
    /// Of that voter, counted from 0, in a directory of its own.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(place: Place) -> Result<Prepared> {
        let directory = place.directory();
        let files = Counted::open(&directory).with_context(|| directory.display().to_string())?;
        Ok(Prepared { log: DiskStorage::on(files, place.options()), place })
    }
}

impl Prepared {
    /// The name that the log gives its disk with its first write: a transport tells it to the peers.
    ///
    /// # Errors
    /// When the log cannot be read or written.
    pub async fn disk(&mut self, me: &Identity) -> Result<u128> {
        self.log.read(me)?;
        self.place.segment(1).await;
        self.log.write(Record::default())?;
        Ok(self.log.disk().context("the log was read")?.0)
    }
}

impl Storage for Prepared {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        let loaded = self.log.load(me).await?;
        self.place.segment(1).await;
        Ok(loaded)
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        self.log.save(record).await
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        self.log.snapshots()
    }
}

/// What another system asks of its log.
pub enum Work {
    /// A term, and who got the vote in it: the number of a voter, from 0.
    Vote(Term, Option<u8>),
    /// Entries that take the places from this one on. If there were entries, they and all that followed are deleted.
    Append(Index, Vec<Entry<Command>>),
    /// The entries from here on are deleted.
    Truncate(Index),
    /// A snapshot takes the place of the entries through this one, whose term this is.
    Compact(Index, Term, Service),
}

/// A log with a thread that writes.
pub type LogWriter = GroupWriter<Vec<Work>>;

impl LogWriter {
    /// The log of a voter, prepared as figure2's is.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn open(place: Place) -> Result<LogWriter> {
        let me = Identity { server: u64::from(place.voter), cluster: Cluster::numbered(VOTERS) };
        let mut log = Prepared::open(place)?;
        log.load(&me).await?;
        GroupWriter::start(move |works| write(&mut log.log, works.into_iter().flatten()))
    }
}

/// All of it with one write. (Snapshots are files of their own, which the log writes before.)
fn write(log: &mut DiskStorage<Counted>, works: impl Iterator<Item = Work>) -> io::Result<()> {
    let mut changes: Vec<Change<Command, SnapshotData>> = Vec::new();
    let mut last_index = log.last_index().unwrap_or_default();
    for work in works {
        match work {
            Work::Vote(current_term, voted_for) => {
                let voted_for = voted_for.map(figure2::ServerId);
                changes.push(Change::TermAndVote { current_term, voted_for });
            }
            Work::Append(first_index, entries) => {
                if first_index <= last_index {
                    changes.push(Change::Truncate { from: first_index });
                }
                last_index = Index(first_index.0 + entries.len() as u64 - 1);
                changes.push(Change::Append { first_index, entries });
            }
            Work::Truncate(from) => {
                last_index = last_index.min(Index(from.0 - 1));
                changes.push(Change::Truncate { from });
            }
            Work::Compact(last_included_index, last_included_term, service) => {
                let data = SnapshotData::from(service.sum.to_le_bytes().to_vec());
                let snapshot = Snapshot { last_included_index, last_included_term, data };
                changes.push(Change::Snapshot { snapshot, keep_suffix: true });
            }
        }
    }
    put(log, changes)
}

/// Writes and syncs, if there is something.
///
/// # Errors
/// When it may not be durable.
pub fn put<F: figure2_wal::Fs>(
    log: &mut DiskStorage<F>,
    changes: Vec<Change<Command, SnapshotData>>,
) -> io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    log.write(changes.into_iter().collect()).map_err(io::Error::other)
}
