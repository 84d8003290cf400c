//! No directory makes recovery or inspect panic or take memory beyond a small multiple of its size; none gives a state that
//! was never written; and what a start accepts can be written on, and started on again.
//!
//! `edits` changes a good directory at random. Checksums stop nearly all of that, so `sealed` makes directories whose
//! checksums fit and whose contents are drawn. What once failed, and what is meant to fail, is kept in
//! `corpus/directories`, and looked at in each run. bolero draws, as in an ordinary test, and
//! `BOLERO_RANDOM_TEST_TIME_MS` says for how long; `cargo bolero` can drive the same targets with a fuzzer. The decoders
//! have targets of their own, in `src/format/fuzz.rs`, with the rest of `corpus`.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod bytes_of;
mod edits;
mod sealed;

use bytes::Bytes;
use figure2::{Change, Cluster, Identity, Persistent, Record, SnapshotData};
use figure2_core::Entry;
use figure2_testing::disk::Disk;
use figure2_testing::storage::in_memory;
use figure2_wal::{DiskStorage, Fs as _, Options, inspect_on};
use peak_alloc::PeakAlloc;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one directory is looked at at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A start may take so many bytes of memory for each byte of the directory.
const MULTIPLE: usize = 32;

/// And so many more: what the simulated disk and the other tests of this process have, and one block of a snapshot.
const FIXED: usize = 4 << 20;

/// A directory's files.
type Files = BTreeMap<String, Vec<u8>>;

fn me() -> Identity {
    Identity { server: 300, cluster: Cluster::new(5, &[10, 300, 70_000].into()) }
}

fn options() -> Options {
    Options::default().segment_bytes(4096 + 600).zeroed_at_once(4096).helper_thread(false)
}

fn disk_of(files: &Files) -> Disk {
    let disk = Disk::new(2);
    let fs = disk.open().unwrap();
    for (name, bytes) in files {
        let file = fs.create(name).unwrap();
        fs.write_at(&file, bytes, 0).unwrap();
        fs.sync_data(&file).unwrap();
    }
    fs.sync_dir().unwrap();
    drop(fs);
    disk
}

/// The state that a start on the directory gives, or none if it is refused.
fn accepted(files: &Files) -> Option<Persistent<Bytes, SnapshotData>> {
    let disk = disk_of(files);
    let size: usize = files.values().map(Vec::len).sum();
    let inspection = {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let inspection = inspect_on(&Arc::new(disk.look()));
        let taken = MEMORY.peak_usage().saturating_sub(before);
        assert!(taken <= MULTIPLE * size + FIXED, "{taken} bytes of memory for a directory of {size}");
        inspection
    };
    assert!(!inspection.to_string().is_empty());
    let mut storage = DiskStorage::on(disk.open().unwrap(), options());
    let loaded = storage.read(&me());
    assert_eq!(inspection.refusal.is_none(), loaded.is_ok(), "{inspection}\n{:?}", loaded.err());
    let mut state = in_memory(&loaded.ok()?.persistent).unwrap();
    let found = state.clone();

    // A server goes on from there.
    let next = state.log.last_index().next();
    let entry = Entry { term: state.current_term, command: Bytes::from_static(b"next") };
    let record: Record<Bytes, SnapshotData> =
        [Change::Append { first_index: next, entries: vec![entry] }].into_iter().collect();
    state.apply_record(record.clone());
    storage.write(record).unwrap();
    drop(storage);
    let mut storage = DiskStorage::on(disk.open().unwrap(), options());
    let again = storage.read(&me()).unwrap();
    assert_eq!(in_memory(&again.persistent).unwrap(), state, "after one more write");
    Some(found)
}

/// Writes a directory that failed down, to be looked at with `figure2 disk` and kept: to where the environment variable
/// `FIGURE2_FUZZ_KEEP` says. Of several, the last one that bolero shrank it to stays.
struct KeptOnFailure<'a>(&'a Files);

impl Drop for KeptOnFailure<'_> {
    fn drop(&mut self) {
        let Some(to) = std::env::var_os("FIGURE2_FUZZ_KEEP").filter(|_| std::thread::panicking()) else {
            return;
        };
        // A failure here must not hide the one that is told.
        drop(std::fs::remove_dir_all(&to));
        drop(std::fs::create_dir_all(&to));
        for (name, bytes) in self.0 {
            drop(std::fs::write(Path::new(&to).join(name), bytes));
        }
    }
}

/// The directories that are kept in a part of the corpus, and their names.
fn kept(part: &str) -> Vec<(String, Files)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(part);
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let paths = |folder: &Path| -> Vec<_> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let file = |path: &Path| (name(path), std::fs::read(path).unwrap());
    paths(&corpus)
        .iter()
        .map(|folder| (name(folder), paths(folder).iter().map(|path| file(path)).collect()))
        .collect()
}
