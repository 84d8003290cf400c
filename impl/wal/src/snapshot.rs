//! Snapshots as files: written and read as streams, a block at a time.

use crate::error::WalError;
use crate::format::DiskId;
use crate::format::item::SnapshotRef;
use crate::format::snapshot::{BLOCK, BLOCK_HEAD, BlockHead, HEAD, block_checksum, check_head, head, seal};
use crate::fs::Fs;
use crate::names;
use crate::rules::{NameOf, Rules};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// So much is written between two syncs: the log's own syncs do not wait behind all of a large snapshot.
const SYNC_EVERY: u64 = 8 << 20;

/// Held by everything that reads a snapshot's file, or may: the file stays as long.
pub(crate) type InUse = Arc<()>;

/// A snapshot's file that is complete and durable. It becomes the server's snapshot when the log's record names it; until
/// then a restart removes it.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    pub(crate) number: u64,
    pub(crate) length: u64,
    pub(crate) seal: u64,
    pub(crate) in_use: InUse,
}

impl SnapshotFile {
    /// Length of the snapshot's data in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// Writes a snapshot's file with bounded memory, however large it is. A writer that is dropped before
/// [`finish`](Self::finish) leaves nothing.
pub struct SnapshotWriter<F: Fs, R: Rules> {
    fs: Arc<F>,
    rules: R,
    disk: DiskId,
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
    pub(crate) fn create(fs: Arc<F>, rules: R, disk: DiskId, number: u64) -> Result<Self, WalError> {
        let name = names::snapshot(number);
        let file = fs.create(&name).map_err(WalError::io("making it", &name))?;
        let written = SnapshotFile { number, length: 0, seal: 0, in_use: InUse::default() };
        let mut block = Vec::with_capacity(BLOCK_HEAD + BLOCK);
        block.resize(BLOCK_HEAD, 0);
        let (place, offset, unsynced) = (0, HEAD as u64, 0);
        let writer = SnapshotWriter {
            fs,
            rules,
            disk,
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

    /// Writes the end, and makes the file durable.
    ///
    /// # Errors
    /// When it may not be durable. The file is removed then, and never used.
    pub fn finish(mut self) -> Result<SnapshotFile, WalError> {
        self.put_block(true)?;
        if self.rules.syncs_snapshot() {
            self.sync()?;
        }
        if self.rules.syncs_directory(NameOf::Snapshot) {
            self.fs.sync_dir().map_err(WalError::io("a sync", "the directory"))?;
        }
        self.finished = true;
        Ok(self.written.clone())
    }

    fn put_block(&mut self, last: bool) -> Result<(), WalError> {
        let sum = BlockHead::seal(&mut self.block, self.disk, self.written.number, self.place, last);
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

impl<F: Fs, R: Rules> Drop for SnapshotWriter<F, R> {
    fn drop(&mut self) {
        if !self.finished {
            // If this fails, too, the next start removes it.
            drop(self.fs.remove(&self.name));
        }
    }
}

/// Reads a snapshot's file with bounded memory, and compares each block with its checksum before it gives any of it. As
/// long as a reader lives, the file stays.
pub struct SnapshotReader<F: Fs> {
    fs: Arc<F>,
    disk: DiskId,
    name: String,
    file: F::File,
    snapshot: SnapshotRef,
    checks: bool,
    block: Vec<u8>,
    /// How much of the block was given.
    given: usize,
    place: u64,
    offset: u64,
    seal: u64,
    ended: bool,
    _in_use: InUse,
}

impl<F: Fs> SnapshotReader<F> {
    pub(crate) fn open(
        fs: Arc<F>,
        rules: &impl Rules,
        disk: DiskId,
        snapshot: &SnapshotRef,
        in_use: InUse,
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
            _in_use: in_use,
        })
    }

    /// Reads what is left.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub(crate) fn read_all(mut self) -> Result<Vec<u8>, WalError> {
        let mut data = Vec::with_capacity(usize::try_from(self.snapshot.length).unwrap_or(0));
        while self.next_block()? {
            data.extend_from_slice(&self.block);
        }
        Ok(data)
    }

    /// Reads the next block. False at the end.
    pub(crate) fn next_block(&mut self) -> Result<bool, WalError> {
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
