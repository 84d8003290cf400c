//! The log of a server: one write and one sync for each record.

use crate::error::WalError;
use crate::format::files::{DiskIdentity, SEGMENT_HEAD};
use crate::format::frame::{self, FrameHead};
use crate::format::item::{GroupState, Item, SnapshotRef};
use crate::fs::Fs;
use crate::helper::Helper;
use crate::names;
use crate::options::Options;
use crate::prepare::{Ready, Workshop};
use crate::recover;
use crate::report::Recovery;
use crate::rules::{NameOf, Rules};
use crate::scan::Scan;
use crate::snapshot::{SnapshotFile, SnapshotFiles, Store};
use crate::state::Segments;
use std::sync::Arc;

/// The segment that is being written.
struct Active<F: Fs> {
    place: u64,
    epoch: u64,
    file: F::File,
    /// Where the next write begins.
    offset: u64,
    size: u64,
}

/// The log of one server, open for writing.
///
/// After the first failure it is of no use any more: each call returns the same error. What a failed write or sync has left
/// on the disk, only a recovery can say.
pub struct Log<F: Fs, R: Rules> {
    fs: Arc<F>,
    rules: R,
    identity: DiskIdentity,
    /// Whether the identity is on the disk.
    identified: bool,
    state: GroupState,
    segments: Segments,
    active: Option<Active<F>>,
    /// The last write that was begun.
    number: u64,
    /// The last write that is durable.
    synced: u64,
    helper: Helper<F, R>,
    /// The bytes of a write.
    buffer: Vec<u8>,
    snapshots: Arc<SnapshotFiles>,
    failed: Option<WalError>,
}

impl<F: Fs, R: Rules> Log<F, R> {
    /// Goes on where a log ends that was read. First makes durable again what was read: it may be in the system's cache, and
    /// on no disk. The identity is that of the disk, or the one to give it if nothing was ever written.
    pub(crate) fn resume(
        fs: Arc<F>,
        rules: R,
        options: Options,
        scan: Scan,
        new: DiskIdentity,
    ) -> Result<(Self, Recovery), WalError> {
        let (recovered, report) = recover::recover(&*fs, &rules, &scan)?;
        let written = scan.number > 0;
        let identity = scan.identity.filter(|_| written).unwrap_or(new);
        let workshop = Workshop::new(
            fs.clone(),
            rules.clone(),
            identity.disk,
            options,
            recovered.spares,
            recovered.next_spare,
        );
        let active = match scan.tail {
            Some(tail) => {
                let name = names::segment(tail.place);
                let file = fs.open(&name).map_err(WalError::io("opening it", &name))?;
                let size = tail.bytes.max(options.segment_bytes);
                Some(Active { place: tail.place, epoch: tail.epoch, file, offset: tail.offset, size })
            }
            None => None,
        };
        let mut log = Log {
            fs,
            rules,
            identity,
            identified: written,
            snapshots: Arc::new(SnapshotFiles::beginning_at(recovered.next_snapshot)),
            state: scan.replay.state,
            segments: scan.highest,
            number: scan.number,
            synced: scan.number,
            helper: Helper::new(workshop, options.helper_thread)?,
            active,
            buffer: Vec::new(),
            failed: None,
        };
        let next = log.active.as_ref().map_or(1, |active| active.place + 1);
        log.helper.order(|orders| {
            orders.wanted = Some(next);
            orders.retired = recovered.retired;
        });
        log.drop_covered();
        Ok((log, report))
    }

    /// The state as it is after the last write.
    pub fn state(&self) -> &GroupState {
        &self.state
    }

    /// Whose log it is.
    pub fn identity(&self) -> &DiskIdentity {
        &self.identity
    }

    /// Writes these changes as one: after a crash all of them are there, or none. They are durable when it returns.
    ///
    /// # Errors
    /// When they may not be durable, or do not follow on the state. From then on the log is of no use.
    pub fn append(&mut self, items: &[Item]) -> Result<(), WalError> {
        self.sound()?;
        let written = self.write(items);
        written.map_err(|error| self.fail(error))
    }

    /// # Errors
    /// The first failure, if there was one.
    pub fn sound(&self) -> Result<(), WalError> {
        self.failed.clone().filter(|_| self.rules.stays_failed()).map_or(Ok(()), Err)
    }

    /// From now on the log is of no use, for this reason, if it was not before.
    pub fn fail(&mut self, error: WalError) -> WalError {
        self.failed.get_or_insert_with(|| error.clone());
        error
    }

    fn write(&mut self, items: &[Item]) -> Result<(), WalError> {
        let mut after = self.state.clone();
        for item in items {
            after.apply(item).map_err(WalError::Rejected)?;
        }
        let before = std::mem::replace(&mut self.state, after);
        if !self.rules.drops_after_sync() {
            self.note(items, &before);
            self.drop_covered();
            (0..4).try_for_each(|_| self.helper.turn())?;
        }
        self.make_room(items, &before)?;
        if !self.identified && self.rules.identity_first() {
            self.identify()?;
        }
        self.put()?;
        if !self.identified {
            self.identify()?;
        }
        if self.rules.drops_after_sync() {
            self.note(items, &before);
            self.drop_covered();
        }
        self.helper.turn()
    }

    /// Encodes the write, and goes to the next segment if it does not fit into this one.
    fn make_room(&mut self, items: &[Item], before: &GroupState) -> Result<(), WalError> {
        self.number += 1;
        self.encode(items, before)?;
        let length = self.buffer.len() as u64;
        let fits = |active: &Active<F>| {
            // A write that is larger than a segment has one of its own, which grows.
            active.offset == SEGMENT_HEAD as u64 || active.offset + length <= active.size
        };
        if self.active.as_ref().is_some_and(fits) {
            return Ok(());
        }
        let Ready { place, epoch, file, size } = self.helper.take()?;
        self.helper.order(|orders| orders.wanted = Some(place + 1));
        self.segments.push(place);
        self.active = Some(Active { place, epoch, file, offset: SEGMENT_HEAD as u64, size });
        self.encode(items, before)
    }

    fn encode(&mut self, items: &[Item], before: &GroupState) -> Result<(), WalError> {
        let Some(active) = &self.active else { return Ok(()) };
        let head = FrameHead {
            epoch: active.epoch,
            number: self.number,
            proven: self.rules.names_as_proven(self.synced, self.number),
            group: self.identity.group,
        };
        let begins = active.offset == SEGMENT_HEAD as u64;
        let rules = &self.rules;
        let body = |to: &mut Vec<u8>| {
            if begins {
                Item::Checkpoint(rules.carries(before)).encode(to);
            }
            let left_out = |item: &&Item| matches!(item, Item::Truncate { .. }) && !rules.writes_truncation();
            items.iter().filter(|item| !left_out(item)).for_each(|item| item.encode(to));
        };
        let too_long = || WalError::Rejected(format!("write {} is longer than 4 GiB", head.number));
        frame::encode(&mut self.buffer, self.identity.disk.seed(), &head, body).ok_or_else(too_long)
    }

    /// Writes and syncs what was encoded.
    fn put(&mut self) -> Result<(), WalError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        let name = || names::segment(active.place);
        let written = self.fs.write_at(&active.file, &self.buffer, active.offset);
        written.map_err(|error| WalError::io("a write", &name())(error))?;
        if self.rules.syncs_write() {
            let mut sync = || self.fs.sync_data(&active.file);
            sync()
                .or_else(|error| self.rules.after_failed_sync(error, &mut sync))
                .map_err(|error| WalError::io("a sync", &name())(error))?;
        }
        active.offset += self.buffer.len() as u64;
        active.size = active.size.max(active.offset);
        self.synced = self.number;
        Ok(())
    }

    /// Writes down whose log it is.
    fn identify(&mut self) -> Result<(), WalError> {
        let new = names::IDENTITY_NEW;
        let file = self.fs.create(new).map_err(WalError::io("making it", new))?;
        self.fs.write_at(&file, &self.identity.encode(), 0).map_err(WalError::io("a write", new))?;
        if self.rules.syncs_identity() {
            self.fs.sync_data(&file).map_err(WalError::io("a sync", new))?;
        }
        self.fs.rename(new, names::IDENTITY).map_err(WalError::io("renaming it", new))?;
        if self.rules.syncs_directory(NameOf::Identity) {
            self.fs.sync_dir().map_err(WalError::io("a sync", "the directory"))?;
        }
        self.identified = true;
        Ok(())
    }

    /// Takes note of changes of this state.
    fn note(&mut self, items: &[Item], before: &GroupState) {
        let mut covered = before.snapshot_index();
        for item in items {
            self.segments.note(item, covered);
            if let Item::Snapshot { snapshot, .. } = item {
                covered = snapshot.index;
            }
        }
    }

    /// Gives away what the snapshot covers, and earlier snapshots that nobody reads.
    fn drop_covered(&mut self) {
        let covered = self.state.snapshot_index();
        let retired = self.segments.take_covered(|highest| self.rules.is_covered(highest, covered));
        let current = self.state.snapshot.as_ref().map(|snapshot| snapshot.number);
        let removed = self.snapshots.take_unused(current);
        if !retired.is_empty() || !removed.is_empty() {
            self.helper.order(|orders| {
                orders.retired.extend(retired);
                orders.removed.extend(removed);
            });
        }
    }

    /// Where snapshots are written.
    pub fn store(&self) -> Store<F, R> {
        Store {
            fs: Arc::downgrade(&self.fs),
            rules: self.rules.clone(),
            disk: self.identity.disk,
            files: self.snapshots.clone(),
        }
    }

    /// What a record says of a snapshot's file that is complete: it is of the entries through `index`.
    pub fn refer(&self, file: &SnapshotFile, index: u64, term: u64) -> SnapshotRef {
        SnapshotRef {
            number: file.number,
            index,
            term,
            length: file.length,
            seal: file.seal,
            voters: self.identity.voters.as_slice().into(),
        }
    }

    /// The file of the server's snapshot, if it has one.
    pub fn snapshot(&self) -> Option<SnapshotFile> {
        let snapshot = self.state.snapshot.as_ref()?;
        Some(SnapshotFile::named(snapshot, self.snapshots.keep(snapshot.number)))
    }
}
