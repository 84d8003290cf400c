//! Snapshots as files: written and read as streams, a block at a time.

use crate::error::WalError;
use crate::format::DiskId;
use crate::format::item::SnapshotRef;
use crate::format::snapshot::{BLOCK, BLOCK_HEAD, BlockHead, HEAD, block_checksum, check_head, head, seal};
use crate::fs::Fs;
use crate::names;
use crate::rules::{NameOf, Rules};
use figure2_engine::{SnapshotData, SnapshotStore, StoredSnapshot, WriteSnapshot};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// So much is written between two syncs: the log's own syncs do not wait behind all of a large snapshot.
const SYNC_EVERY: u64 = 8 << 20;

/// Held by everything that reads a snapshot's file, or may: the file stays as long.
pub(crate) type InUse = Arc<()>;

/// A snapshot's file that is complete and durable. It becomes the server's snapshot when the log's record names it; until
/// then a restart removes it.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) number: u64,
    pub(crate) length: u64,
    pub(crate) seal: u64,
    pub(crate) _in_use: InUse,
}

impl SnapshotFile {
    /// The file that a record names.
    pub(crate) fn named(snapshot: &SnapshotRef, in_use: InUse) -> SnapshotFile {
        SnapshotFile {
            number: snapshot.number,
            length: snapshot.length,
            seal: snapshot.seal,
            _in_use: in_use,
        }
    }
}

/// The files of snapshots that there are: the server's, those that are being written, and those that are still read.
#[derive(Debug, Default)]
pub(crate) struct SnapshotFiles {
    next: AtomicU64,
    files: Mutex<Vec<(u64, InUse)>>,
}

impl SnapshotFiles {
    pub(crate) fn beginning_at(next: u64) -> SnapshotFiles {
        SnapshotFiles { next: AtomicU64::new(next), files: Mutex::default() }
    }

    fn files(&self) -> MutexGuard<'_, Vec<(u64, InUse)>> {
        // Each holder leaves it whole.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new file, which stays at least as long as what is given.
    fn begin(&self) -> (u64, InUse) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number, self.keep(number))
    }

    /// Keeps a file at least as long as what is given, and as long as it is the server's.
    pub(crate) fn keep(&self, number: u64) -> InUse {
        let mut files = self.files();
        if let Some((_, in_use)) = files.iter().find(|(known, _)| *known == number) {
            return in_use.clone();
        }
        let in_use = InUse::default();
        files.push((number, in_use.clone()));
        in_use
    }

    /// Its file is gone.
    fn forget(&self, number: u64) {
        self.files().retain(|(known, _)| *known != number);
    }

    /// Takes those that nobody needs: they are not the server's, and nothing reads them.
    pub(crate) fn take_unused(&self, current: Option<u64>) -> Vec<String> {
        let unused = |number: u64, in_use: &InUse| Some(number) != current && Arc::strong_count(in_use) == 1;
        let mut files = self.files();
        files
            .extract_if(.., |(number, in_use)| unused(*number, in_use))
            .map(|(n, _)| names::snapshot(n))
            .collect()
    }
}

/// Where the service writes snapshots. It holds the directory no longer than the storage does; a writer and a reader hold it
/// until they are dropped.
pub(crate) struct Store<F: Fs, R: Rules> {
    pub(crate) fs: Weak<F>,
    pub(crate) rules: R,
    pub(crate) disk: DiskId,
    pub(crate) files: Arc<SnapshotFiles>,
}

impl<F: Fs, R: Rules> Store<F, R> {
    fn fs(&self) -> io::Result<Arc<F>> {
        self.fs
            .upgrade()
            .ok_or_else(|| io::Error::other("the server's storage was closed: start the server again"))
    }

    /// Begins a snapshot's file.
    pub(crate) fn writer(&self) -> Result<SnapshotWriter<F, R>, WalError> {
        let fs = self.fs().map_err(WalError::io("opening it", "the directory"))?;
        SnapshotWriter::create(fs, self.clone())
    }

    /// The handle to a file.
    pub(crate) fn handle(&self, file: SnapshotFile) -> SnapshotData {
        SnapshotData::stored(StoredFile { store: self.clone(), file })
    }
}

impl<F: Fs, R: Rules> Clone for Store<F, R> {
    fn clone(&self) -> Self {
        let Store { fs, rules, disk, files } = self;
        Store { fs: fs.clone(), rules: rules.clone(), disk: *disk, files: files.clone() }
    }
}

impl<F: Fs, R: Rules> SnapshotStore for Store<F, R> {
    fn create(&self) -> io::Result<Box<dyn WriteSnapshot>> {
        Ok(Box::new(self.writer().map_err(io::Error::other)?))
    }
}

/// A snapshot that is in a file of the directory.
pub(crate) struct StoredFile<F: Fs, R: Rules> {
    store: Store<F, R>,
    file: SnapshotFile,
}

impl<F: Fs, R: Rules> StoredFile<F, R> {
    /// Its file, if it is one of this storage: numbers count for one opening of a directory only.
    pub(crate) fn of(&self, files: &Arc<SnapshotFiles>) -> Option<&SnapshotFile> {
        Arc::ptr_eq(&self.store.files, files).then_some(&self.file)
    }
}

impl<F: Fs, R: Rules> StoredSnapshot for StoredFile<F, R> {
    fn len(&self) -> u64 {
        self.file.length
    }

    fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        let Store { rules, disk, .. } = &self.store;
        let reader =
            SnapshotReader::open(self.store.fs()?, rules, *disk, &self.file).map_err(io::Error::other)?;
        Ok(Box::new(reader))
    }
}

/// Writes a snapshot's file with bounded memory, however large it is. A writer that is dropped before
/// [`finish`](Self::finish) leaves nothing.
pub(crate) struct SnapshotWriter<F: Fs, R: Rules> {
    fs: Arc<F>,
    store: Store<F, R>,
    name: String,
    file: F::File,
    written: SnapshotFile,
    /// The block that is being filled, with the place for its head.
    block: Vec<u8>,
    place: u64,
    offset: u64,
    unsynced: u64,
    finished: bool,
}

impl<F: Fs, R: Rules> SnapshotWriter<F, R> {
    fn create(fs: Arc<F>, store: Store<F, R>) -> Result<Self, WalError> {
        let (number, in_use) = store.files.begin();
        let name = names::snapshot(number);
        let disk = store.disk;
        let file = fs.create(&name).inspect_err(|_| store.files.forget(number));
        let file = file.map_err(WalError::io("making it", &name))?;
        let written = SnapshotFile { number, length: 0, seal: 0, _in_use: in_use };
        let mut block = Vec::with_capacity(BLOCK_HEAD + BLOCK);
        block.resize(BLOCK_HEAD, 0);
        let (place, offset, unsynced) = (0, HEAD as u64, 0);
        let writer = SnapshotWriter {
            fs,
            store,
            name,
            file,
            written,
            block,
            place,
            offset,
            unsynced,
            finished: false,
        };
        writer
            .fs
            .write_at(&writer.file, &head(disk, number), 0)
            .map_err(WalError::io("a write", &writer.name))?;
        Ok(writer)
    }

    /// Writes the end, and makes the file durable. On an error the file is removed, and never used.
    pub(crate) fn complete(&mut self) -> Result<SnapshotFile, WalError> {
        self.put_block(true)?;
        if self.store.rules.syncs_snapshot() {
            self.sync()?;
        }
        if self.store.rules.syncs_directory(NameOf::Snapshot) {
            self.fs.sync_dir().map_err(WalError::io("a sync", "the directory"))?;
        }
        self.finished = true;
        Ok(self.written.clone())
    }

    fn put_block(&mut self, last: bool) -> Result<(), WalError> {
        let sum = BlockHead::seal(&mut self.block, self.store.disk, self.written.number, self.place, last);
        self.written.seal = seal(self.written.seal, sum);
        self.written.length += (self.block.len() - BLOCK_HEAD) as u64;
        self.fs
            .write_at(&self.file, &self.block, self.offset)
            .map_err(WalError::io("a write", &self.name))?;
        self.offset += self.block.len() as u64;
        self.unsynced += self.block.len() as u64;
        self.place += 1;
        self.block.truncate(BLOCK_HEAD);
        if self.unsynced >= SYNC_EVERY && !last {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), WalError> {
        self.unsynced = 0;
        self.fs.sync_data(&self.file).map_err(WalError::io("a sync", &self.name))
    }
}

impl<F: Fs, R: Rules> Write for SnapshotWriter<F, R> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = BLOCK_HEAD + BLOCK - self.block.len();
        let taken = &data[..room.min(data.len())];
        self.block.extend_from_slice(taken);
        if self.block.len() == BLOCK_HEAD + BLOCK {
            self.put_block(false).map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: Fs, R: Rules> WriteSnapshot for SnapshotWriter<F, R> {
    fn finish(mut self: Box<Self>) -> io::Result<SnapshotData> {
        let file = self.complete().map_err(io::Error::other)?;
        Ok(self.store.handle(file))
    }
}

impl<F: Fs, R: Rules> Drop for SnapshotWriter<F, R> {
    fn drop(&mut self) {
        if !self.finished {
            // If this fails, too, the next start removes it.
            drop(self.fs.remove(&self.name));
            self.store.files.forget(self.written.number);
        }
    }
}

/// Reads a snapshot's file with bounded memory, and compares each block with its checksum before it gives any of it. As
/// long as a reader lives, the file stays.
pub(crate) struct SnapshotReader<F: Fs> {
    fs: Arc<F>,
    disk: DiskId,
    name: String,
    file: F::File,
    snapshot: SnapshotFile,
    checks: bool,
    block: Vec<u8>,
    /// How much of the block was given.
    given: usize,
    place: u64,
    offset: u64,
    seal: u64,
    ended: bool,
}

impl<F: Fs> SnapshotReader<F> {
    pub(crate) fn open(
        fs: Arc<F>,
        rules: &impl Rules,
        disk: DiskId,
        snapshot: &SnapshotFile,
    ) -> Result<Self, WalError> {
        let name = names::snapshot(snapshot.number);
        let file = fs.open(&name).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                WalError::damaged(&name, 0, "the log names this snapshot, and it is gone")
            }
            _ => WalError::io("opening it", &name)(error),
        })?;
        let length = fs.length(&file).map_err(WalError::io("telling its length", &name))?;
        let blocks = snapshot.length / BLOCK as u64 + 1;
        let expected = (HEAD as u64)
            .saturating_add(blocks.saturating_mul(BLOCK_HEAD as u64))
            .saturating_add(snapshot.length);
        if length != expected && rules.checks_snapshot() {
            let what = format!("the file has {length} bytes, and {expected} were written");
            return Err(WalError::damaged(&name, length.min(expected), what));
        }
        let mut first = vec![0; HEAD];
        fs.read_at(&file, &mut first, 0).map_err(WalError::io("a read", &name))?;
        if rules.checks_snapshot() {
            check_head(&first, disk, snapshot.number).map_err(|bad| bad.of(&name))?;
        }
        Ok(SnapshotReader {
            fs,
            disk,
            name,
            file,
            snapshot: snapshot.clone(),
            checks: rules.checks_snapshot(),
            block: Vec::new(),
            given: 0,
            place: 0,
            offset: HEAD as u64,
            seal: 0,
            ended: false,
        })
    }

    /// Reads what is left, for nothing but to see whether it can be read.
    pub(crate) fn check(mut self) -> Result<(), WalError> {
        while self.next_block()? {}
        Ok(())
    }

    /// Reads the next block. False at the end.
    fn next_block(&mut self) -> Result<bool, WalError> {
        if self.ended {
            return Ok(false);
        }
        let mut bytes = [0; BLOCK_HEAD];
        let damaged = |what: &str| WalError::damaged(&self.name, self.offset, what);
        let read = |buffer: &mut [u8], offset| {
            self.fs.read_at(&self.file, buffer, offset).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => damaged("a block ends behind the end of the file"),
                _ => WalError::io("a read", &self.name)(error),
            })
        };
        read(&mut bytes, self.offset)?;
        let head = BlockHead::decode(&bytes).ok_or_else(|| damaged("a block does not begin as one does"))?;
        self.block.resize(head.length, 0);
        read(&mut self.block, self.offset + BLOCK_HEAD as u64)?;
        let sum = block_checksum([&bytes[8..], &self.block], self.disk, self.snapshot.number, self.place);
        if sum != head.checksum && self.checks {
            return Err(damaged("the checksum of a block does not fit"));
        }
        self.seal = seal(self.seal, head.checksum);
        if head.last && self.seal != self.snapshot.seal && self.checks {
            return Err(damaged("it is another snapshot than the one that the log names"));
        }
        self.offset += (BLOCK_HEAD + head.length) as u64;
        self.place += 1;
        self.given = 0;
        self.ended = head.last;
        Ok(true)
    }
}

impl<F: Fs> Read for SnapshotReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.block.len() {
            if !self.next_block().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let given = &self.block[self.given..];
        let length = given.len().min(buffer.len());
        buffer[..length].copy_from_slice(&given[..length]);
        self.given += length;
        Ok(length)
    }
}
