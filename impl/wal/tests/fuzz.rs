//! No directory makes recovery or inspect panic, and no directory gives a state that was never written.
//!
//! A good directory is edited at random: bytes changed, files cut, made longer, removed, renamed, copied over others.
//! bolero draws the edits, as in an ordinary test; `cargo bolero` can drive the same target with a fuzzer. The decoders
//! have targets of their own, in `src/format/tests.rs`.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use bolero::TypeGenerator;
use bytes::Bytes;
use figure2::{Change, Cluster, Identity, Index, Persistent, Record, ServerId, SnapshotData, Term};
use figure2_core::{Entry, Snapshot};
use figure2_testing::disk::Disk;
use figure2_testing::storage::in_memory;
use figure2_wal::{DiskStorage, Fs as _, Options, inspect_on};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

type State = Persistent<Bytes, SnapshotData>;
type Files = BTreeMap<String, Vec<u8>>;

fn me() -> Identity {
    Identity { server: 300, cluster: Cluster::new(5, &[10, 300, 70_000].into()) }
}

fn options() -> Options {
    Options::default().segment_bytes(4096 + 600).zeroed_at_once(4096).helper_thread(false)
}

/// A directory, and all states that it went through.
fn good() -> (Files, Vec<State>) {
    let disk = Disk::new(1);
    let mut storage = DiskStorage::on(disk.open().unwrap(), options());
    let mut state = storage.read(&me()).unwrap().persistent;
    let mut states = vec![state.clone()];
    for term in 1..12u64 {
        let entry =
            |salt: u8| Entry { term: Term(term), command: Bytes::from(vec![salt; 20 * usize::from(salt)]) };
        let mut changes = vec![
            Change::TermAndVote { current_term: Term(term), voted_for: Some(ServerId((term % 3) as u8)) },
            Change::Append {
                first_index: state.log.last_index().next(),
                entries: vec![entry(term as u8), entry(1)],
            },
        ];
        if term % 4 == 3 {
            let last_included_index = Index(2 * term - 1);
            let data = SnapshotData::from(vec![term as u8; 300]);
            let snapshot = Snapshot { last_included_index, last_included_term: Term(term), data };
            changes.push(Change::Snapshot { snapshot, keep_suffix: true });
        }
        let record: Record<Bytes, SnapshotData> = changes.into_iter().collect();
        state.apply_record(record.clone());
        states.push(state.clone());
        storage.write(record).unwrap();
    }
    drop(storage);
    let fs = disk.look();
    let read = |(name, length): (String, u64)| {
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        fs.read_at(&fs.open(&name).unwrap(), &mut bytes, 0).unwrap();
        (name, bytes)
    };
    (disk.files().into_iter().map(read).collect(), states)
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

/// An edit; places are parts of 65,536 of a file.
#[derive(Debug, TypeGenerator)]
enum Edit {
    Replace { file: u8, at: u16, with: u8 },
    Flip { file: u8, at: u16, bit: u8 },
    Fill { file: u8, at: u16, length: u8, with: u8 },
    Move { file: u8, from: u16, to: u16, length: u16 },
    Cut { file: u8, at: u16 },
    Lengthen { file: u8, by: u16, with: u8 },
    Remove { file: u8 },
    Rename { from: u8, to: u8 },
    Copy { from: u8, to: u8 },
}

impl Edit {
    fn apply(&self, files: &mut Files) {
        let names: Vec<String> = files.keys().cloned().collect();
        let name = |which: u8| names[usize::from(which) % names.len()].clone();
        let place = |at: u16, length: usize| usize::from(at) * length / (1 << 16);
        match *self {
            Edit::Replace { file, at, with } => {
                let bytes = files.entry(name(file)).or_default();
                let at = place(at, bytes.len());
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = with);
            }
            Edit::Flip { file, at, bit } => {
                let bytes = files.entry(name(file)).or_default();
                let at = place(at, bytes.len());
                bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
            }
            Edit::Fill { file, at, length, with } => {
                let bytes = files.entry(name(file)).or_default();
                let at = place(at, bytes.len());
                bytes.iter_mut().skip(at).take(length.into()).for_each(|byte| *byte = with);
            }
            Edit::Move { file, from, to, length } => {
                let bytes = files.entry(name(file)).or_default();
                let (from, to) = (place(from, bytes.len()), place(to, bytes.len()));
                let length = usize::from(length).min(bytes.len() - from.max(to));
                bytes.copy_within(from..from + length, to);
            }
            Edit::Cut { file, at } => {
                let bytes = files.entry(name(file)).or_default();
                bytes.truncate(place(at, bytes.len()));
            }
            Edit::Lengthen { file, by, with } => {
                let bytes = files.entry(name(file)).or_default();
                bytes.resize(bytes.len() + usize::from(by), with);
            }
            Edit::Remove { file } if names.len() > 1 => {
                files.remove(&name(file));
            }
            Edit::Rename { from, to } if name(from) != name(to) => {
                if let Some(bytes) = files.remove(&name(from)) {
                    files.insert(name(to), bytes);
                }
            }
            Edit::Copy { from, to } => {
                let bytes = files.get(&name(from)).cloned().unwrap_or_default();
                files.insert(name(to), bytes);
            }
            Edit::Remove { .. } | Edit::Rename { .. } => {}
        }
    }
}

#[test]
fn no_directory_gives_a_state_that_was_never_written() {
    let (files, states) = good();
    let states = AssertUnwindSafe(states);
    let open = |files: &Files| {
        let disk = disk_of(files);
        let inspection = inspect_on(&Arc::new(disk.look()));
        let mut storage = DiskStorage::on(disk.open().unwrap(), options());
        let loaded = storage.read(&me()).map(|loaded| in_memory(&loaded.persistent).unwrap());
        assert_eq!(inspection.refusal.is_none(), loaded.is_ok(), "{inspection}");
        assert!(!inspection.to_string().is_empty());
        loaded
    };
    assert_eq!(open(&files).unwrap(), states[states.len() - 1]);
    bolero::check!().with_type::<Vec<Edit>>().for_each(|edits| {
        let mut files = files.clone();
        edits.iter().for_each(|edit| edit.apply(&mut files));
        if let Ok(found) = open(&files) {
            assert!(states.contains(&found), "{found:?}");
        }
    });
}
