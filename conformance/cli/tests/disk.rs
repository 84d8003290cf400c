//! `figure2 disk` on directories of real files.

#![allow(clippy::unwrap_used)]

use figure2::{Change, Cluster, Identity, Index, Term};
use figure2_core::Entry;
use figure2_wal::{DiskStorage, Options};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A directory with a vote and three entries.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    let me = Identity { server: 7, cluster: Cluster::new(1, &[7, 8, 9].into()) };
    let mut storage = DiskStorage::open(directory.path(), Options::default().helper_thread(false)).unwrap();
    storage.read(&me).unwrap();
    let vote = Change::TermAndVote { current_term: Term(4), voted_for: me.cluster.place(9) };
    storage.write([vote].into_iter().collect()).unwrap();
    for index in 1..=3 {
        let entries = vec![Entry { term: Term(4), command: "a command".into() }];
        storage.write([Change::Append { first_index: Index(index), entries }].into_iter().collect()).unwrap();
    }
    directory
}

fn disk(directory: &Path) -> (Option<i32>, String) {
    let output: Output =
        Command::new(env!("CARGO_BIN_EXE_figure2")).arg("disk").arg(directory).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_directory_is_described_and_left_as_it_is() {
    let directory = directory();
    let files = || {
        let mut files: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files();
    let (code, told) = disk(directory.path());
    assert_eq!(code, Some(0), "{told}");
    for line in [
        "identity: server 7 of the servers [7, 8, 9] of group 1",
        "term 4, voted for server 9",
        "entries: 1 to 3",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(told.trim_end().ends_with("a start would be accepted"), "{told}");
    assert_eq!(files(), before);
}

#[test]
fn damage_is_told_and_ends_with_1() {
    let directory = directory();
    let segment = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("log-"))
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    // The second write, which later ones prove to have been durable.
    let at = bytes.windows(9).position(|window| window == b"a command").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (code, told) = disk(directory.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("a start would be refused"), "{told}");
    assert!(told.contains(segment.file_name().unwrap().to_str().unwrap()), "{told}");
}

#[test]
fn what_is_no_directory_ends_with_2() {
    let (code, told) = disk(Path::new("no/such/directory"));
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("no/such/directory"), "{told}");
}
