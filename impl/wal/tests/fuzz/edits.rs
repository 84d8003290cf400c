//! A good directory is edited at random: bytes changed, files cut, made longer, removed, renamed, copied over others. What
//! recovery accepts then is a state that was written.

use crate::{Files, KeptOnFailure, accepted, kept, me, options};
use bolero::TypeGenerator;
use bytes::Bytes;
use figure2::{Change, Index, Persistent, Record, ServerId, SnapshotData, Term};
use figure2_core::{Entry, Snapshot};
use figure2_testing::disk::Disk;
use figure2_wal::{DiskStorage, Fs as _};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

type State = Persistent<Bytes, SnapshotData>;

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
    Name { file: u8, prefix: u8, number: u8 },
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
            // A name that a server may have given, with a number that it may not.
            Edit::Name { file, prefix, number } => {
                let prefix = ["log-", "spare-", "snapshot-"][usize::from(prefix) % 3];
                let number = [0, 1, 2, 1 << 32, u64::MAX - 1, u64::MAX][usize::from(number) % 6];
                let bytes = files.get(&name(file)).cloned().unwrap_or_default();
                files.insert(format!("{prefix}{number:016x}"), bytes);
            }
            Edit::Remove { .. } | Edit::Rename { .. } => {}
        }
    }
}

/// What is kept, as it is: its name says whether a start is refused.
#[test]
fn kept_directories() {
    let kept = kept("directories");
    assert!(kept.len() > 20, "the corpus is kept");
    for (name, files) in kept {
        assert_eq!(accepted(&files).is_some(), name.starts_with("sound"), "{name}");
    }
}

#[test]
fn no_directory_gives_a_state_that_was_never_written() {
    let (files, states) = good();
    let states = AssertUnwindSafe(states);
    assert_eq!(accepted(&files).unwrap(), states[states.len() - 1]);
    let looked = AtomicU64::new(0);
    let taken = AtomicU64::new(0);
    bolero::check!().with_type::<(u8, Vec<Edit>)>().for_each(|(few, edits)| {
        let mut files = files.clone();
        edits.iter().take(usize::from(few % 8)).for_each(|edit| edit.apply(&mut files));
        let _kept = KeptOnFailure(&files);
        looked.fetch_add(1, Ordering::Relaxed);
        if let Some(found) = accepted(&files) {
            taken.fetch_add(1, Ordering::Relaxed);
            assert!(states.contains(&found), "{found:?}");
        }
    });
    println!("edits: {} directories, {} of them accepted", looked.into_inner(), taken.into_inner());
}
