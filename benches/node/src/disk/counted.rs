//! A directory whose syncs and bytes are counted.

use figure2_wal::{Fs, StdFs};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

// Of the whole process: a measurement has one to itself.
static SYNCS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static SEGMENTS: AtomicU64 = AtomicU64::new(0);

/// What all logs of this process have asked of the file system so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Syncs, of files and of directories.
    pub syncs: u64,
    /// Bytes written, those included by which a segment is zeroed ahead of use.
    pub bytes: u64,
    /// Segments that became part of a log.
    pub segments: u64,
}

impl Counts {
    /// Up to now.
    pub fn now() -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts { syncs: of(&SYNCS), bytes: of(&BYTES), segments: of(&SEGMENTS) }
    }

    /// What came after an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Counts) -> Counts {
        Counts {
            syncs: self.syncs - earlier.syncs,
            bytes: self.bytes - earlier.bytes,
            segments: self.segments - earlier.segments,
        }
    }
}

/// A directory of the operating system, with a count.
pub struct Counted(StdFs);

impl Counted {
    /// Opens and locks a directory, and makes it if it is not there.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub fn open(directory: &Path) -> io::Result<Counted> {
        StdFs::open(directory).map(Counted)
    }
}

impl Fs for Counted {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<File> {
        self.0.create(name)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        self.0.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        SEGMENTS.fetch_add(u64::from(to.starts_with("log-")), Ordering::Relaxed);
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        self.0.sync_dir()
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        self.0.length(file)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(file, buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        BYTES.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.0.write_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        SYNCS.fetch_add(1, Ordering::Relaxed);
        self.0.sync_data(file)
    }

    fn random(&self) -> io::Result<u128> {
        self.0.random()
    }
}
