//! The log as a node's [`Storage`].

use crate::error::WalError;
use crate::format::DiskId;
use crate::format::files::DiskIdentity;
use crate::format::item::{Entry, Item};
use crate::fs::Fs;
use crate::log::Log;
use crate::options::Options;
use crate::report::Recovery;
use crate::rules::{AsWritten, Rules};
use crate::scan::Scan;
use crate::snapshot::{InUse, SnapshotFile, SnapshotReader, StoredFile};
use crate::std_fs::StdFs;
use figure2_core::{Change, Index, Log as CoreLog, Persistent, Record, ServerId, Snapshot, Term};
use figure2_engine::{
    Cluster, Command, Identity, Loaded, SnapshotData, SnapshotStore, Storage, StorageError,
};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A node's storage in a directory: its log, in segments, and its snapshot, as a file.
///
/// ```no_run
/// use figure2_wal::{DiskStorage, Options};
///
/// let storage = DiskStorage::open("/var/lib/counter", Options::default())?;
/// # Ok::<(), figure2_wal::WalError>(())
/// ```
pub struct DiskStorage<F: Fs = StdFs, R: Rules = AsWritten> {
    fs: Arc<F>,
    rules: R,
    options: Options,
    /// Once it was loaded: the log, and the cluster whose places the core's ids are.
    open: Option<(Log<F, R>, Cluster)>,
    recovery: Option<Recovery>,
}

impl DiskStorage {
    /// Opens a directory, and locks it until the storage is dropped. A directory that is not there is made, in one that is.
    ///
    /// # Errors
    /// [`WalError::Locked`] when another server runs on it, and when it cannot be opened or made.
    pub fn open(directory: impl AsRef<Path>, options: Options) -> Result<DiskStorage, WalError> {
        let name = directory.as_ref().display().to_string();
        let fs = StdFs::open(directory).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => WalError::Locked { directory: name.clone() },
            _ => WalError::io("opening it", &name)(error),
        })?;
        Ok(DiskStorage::on(fs, options))
    }
}

impl<F: Fs> DiskStorage<F> {
    /// The storage in a directory of some file system.
    #[must_use]
    pub fn on(fs: F, options: Options) -> Self {
        DiskStorage::with_rules(fs, options)
    }
}

impl<F: Fs, R: Rules> DiskStorage<F, R> {
    /// As [`on`](DiskStorage::on), with rules that may be broken, for [tests of the log](crate::rules).
    #[must_use]
    pub fn with_rules(fs: F, options: Options) -> Self {
        DiskStorage { fs: Arc::new(fs), rules: R::default(), options, open: None, recovery: None }
    }

    /// What the last [`load`](Storage::load) found and did.
    #[must_use]
    pub fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    /// The disk's name, once it was loaded.
    #[must_use]
    pub fn disk(&self) -> Option<DiskId> {
        self.open.as_ref().map(|(log, _)| log.identity().disk)
    }

    /// [`Storage::load`], at once.
    ///
    /// # Errors
    /// When the directory cannot be read, or is not what a server wrote. Nothing is changed then.
    pub fn read(&mut self, me: &Identity) -> Result<Loaded, WalError> {
        self.open = None;
        let mut scan = Scan::default();
        scan.read(&*self.fs, &self.rules)?;
        let identity = scan.identity.as_ref().filter(|_| scan.number > 0).map(identity_of);
        let cluster = identity.as_ref().unwrap_or(me).cluster.clone();
        let entries = std::mem::take(&mut scan.replay.entries);
        let current_term = Term(scan.replay.state.term);
        let voted_for = scan.replay.state.vote.map(|id| place(&cluster, id)).transpose()?;
        self.check_snapshot(&scan)?;
        let disk = DiskId(self.fs.random().map_err(WalError::io("drawing a random number", "identity"))?);
        let new = DiskIdentity {
            disk,
            group: me.cluster.group(),
            server: me.server,
            voters: me.cluster.voters().to_vec(),
        };
        let (log, mut recovery) = Log::resume(self.fs.clone(), self.rules.clone(), self.options, scan, new)?;
        recovery.entries = entries.len();
        if recovery.cut.is_empty() {
            tracing::info!(%recovery, "the log was recovered");
        } else {
            tracing::warn!(%recovery, "the log was recovered, and its end was cut off");
        }
        self.recovery = Some(recovery);
        let snapshot = log.snapshot().zip(log.state().snapshot.as_ref()).map(|(file, snapshot)| Snapshot {
            last_included_index: Index(snapshot.index),
            last_included_term: Term(snapshot.term),
            data: log.store().handle(file),
        });
        let core_log = CoreLog::from_parts(snapshot, entries.into_iter().map(core_entry).collect());
        self.open = Some((log, cluster));
        Ok(Loaded { identity, persistent: Persistent { current_term, voted_for, log: core_log } })
    }

    /// Reads the snapshot to its end: damage is found before the server starts, and not by its service.
    fn check_snapshot(&self, scan: &Scan) -> Result<(), WalError> {
        let (Some(identity), Some(snapshot)) = (&scan.identity, &scan.replay.state.snapshot) else {
            return Ok(());
        };
        let file = SnapshotFile::named(snapshot, InUse::default());
        SnapshotReader::open(self.fs.clone(), &self.rules, identity.disk, &file)?.check()
    }

    /// Index of the log's last entry; none before the log was read.
    pub fn last_index(&self) -> Option<Index> {
        self.open.as_ref().map(|(log, _)| Index(log.state().last_index))
    }

    /// [`Storage::save`], at once.
    ///
    /// # Errors
    /// When the record may not be durable, or it was not loaded before.
    pub fn write(&mut self, record: Record<Command, SnapshotData>) -> Result<(), WalError> {
        let (log, cluster) = self.open.as_mut().ok_or(WalError::NotLoaded)?;
        log.sound()?;
        let items = items(log, cluster, record).map_err(|error| log.fail(error))?;
        log.append(&items)
    }
}

/// A record as the log writes it. Snapshots are in files of their own: those that were written elsewhere are copied to one.
fn items<F: Fs, R: Rules>(
    log: &mut Log<F, R>,
    cluster: &Cluster,
    record: Record<Command, SnapshotData>,
) -> Result<Vec<Item>, WalError> {
    let mut state = log.state().clone();
    let changes = joined(record);
    let mut items = Vec::with_capacity(changes.len());
    for change in changes {
        let item = item(log, cluster, change)?;
        state.apply(&item).map_err(WalError::Rejected)?;
        items.push(item);
    }
    Ok(items)
}

/// The changes of a record, those that append one after the other as one: a leader's record has one for each command, and
/// each would be looked at and written by itself.
fn joined(record: Record<Command, SnapshotData>) -> Vec<Change<Command, SnapshotData>> {
    let mut changes = Vec::new();
    let mut left = record.changes().len();
    for change in record {
        left -= 1;
        match (changes.last_mut(), change) {
            (
                Some(Change::Append { first_index, entries }),
                Change::Append { first_index: next, entries: more },
            ) if first_index.plus(entries.len()) == next => {
                // Most of what is left is like this one.
                if entries.capacity() < entries.len() + more.len() {
                    entries.reserve(more.len() + left);
                }
                entries.extend(more);
            }
            (_, change) => changes.push(change),
        }
    }
    changes
}

fn item<F: Fs, R: Rules>(
    log: &mut Log<F, R>,
    cluster: &Cluster,
    change: Change<Command, SnapshotData>,
) -> Result<Item, WalError> {
    Ok(match change {
        Change::TermAndVote { current_term, voted_for } => {
            let unknown =
                |server| WalError::Rejected(format!("a vote for {server}, who is not of the cluster"));
            let vote = voted_for.map(|server| cluster.id(server).ok_or_else(|| unknown(server)));
            Item::TermAndVote { term: current_term.0, vote: vote.transpose()? }
        }
        Change::Append { first_index, entries } => {
            let entry =
                |entry: figure2_core::Entry<Command>| Entry { term: entry.term.0, command: entry.command };
            Item::Append { first: first_index.0, entries: entries.into_iter().map(entry).collect() }
        }
        Change::Truncate { from } => Item::Truncate { from: from.0 },
        Change::Snapshot { snapshot, keep_suffix } => {
            let Snapshot { last_included_index, last_included_term, data } = snapshot;
            let store = log.store();
            let ours = data.as_stored::<StoredFile<F, R>>().and_then(|stored| stored.of(&store.files));
            let file = match ours {
                Some(file) => file.clone(),
                None => {
                    let mut writer = store.writer()?;
                    let copied = data.reader().and_then(|mut data| io::copy(&mut data, &mut writer));
                    copied.map_err(WalError::io("a write", "the snapshot"))?;
                    writer.complete()?
                }
            };
            let snapshot = log.refer(&file, last_included_index.0, last_included_term.0);
            Item::Snapshot { snapshot, keep_suffix }
        }
    })
}

fn core_entry(entry: Entry) -> figure2_core::Entry<Command> {
    figure2_core::Entry { term: Term(entry.term), command: entry.command }
}

fn identity_of(identity: &DiskIdentity) -> Identity {
    let voters = identity.voters.iter().copied().collect();
    Identity { server: identity.server, cluster: Cluster::new(identity.group, &voters) }
}

fn place(cluster: &Cluster, id: u64) -> Result<ServerId, WalError> {
    let unknown =
        || WalError::damaged("the log", 0, format!("the vote went to {id}, who is not of the cluster"));
    cluster.place(id).ok_or_else(unknown)
}

impl<F: Fs, R: Rules> Storage for DiskStorage<F, R> {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        Ok(self.read(me)?)
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        Ok(self.write(record)?)
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        self.open.as_ref().map(|(log, _)| Arc::new(log.store()) as Arc<dyn SnapshotStore>)
    }

    fn blocks(&self) -> bool {
        self.fs.blocks()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_follow_one_another_are_appended_as_one_and_no_others() {
        let append = |first: u64, terms: &[u64]| Change::Append {
            first_index: Index(first),
            entries: terms
                .iter()
                .map(|term| figure2_core::Entry { term: Term(*term), command: Command::new() })
                .collect(),
        };
        let truncate = Change::Truncate { from: Index(4) };
        let record = |changes: Vec<Change<Command, SnapshotData>>| changes.into_iter().collect();
        let made = vec![
            append(1, &[1]),
            append(2, &[1, 2]),
            append(4, &[]),
            append(4, &[2]),
            truncate.clone(),
            append(4, &[3]),
        ];
        assert_eq!(joined(record(made)), [append(1, &[1, 1, 2, 2]), truncate.clone(), append(4, &[3])]);
        // What does not follow is for the log to refuse.
        let made = vec![append(1, &[1]), append(3, &[1]), append(3, &[2])];
        assert_eq!(joined(record(made.clone())), made);
        assert_eq!(joined(record(vec![truncate.clone(), truncate.clone()])), [truncate.clone(), truncate]);
        assert_eq!(joined(record(Vec::new())), []);
    }
}
