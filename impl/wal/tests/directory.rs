//! Directories and files: locks, snapshots as streams, what inspect says, a full disk.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use bytes::Bytes;
use figure2::{
    Change, Cluster, Identity, Index, ServerId, SnapshotData, SnapshotWriter, Storage as _, StorageError,
    Term,
};
use figure2_core::{Entry, Snapshot};
use figure2_testing::disk::{Disk, DiskFs, Keep};
use figure2_testing::storage::placed;
use figure2_wal::{DiskStorage, Fs, Options, WalError, inspect, inspect_on};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use tempfile::TempDir;

fn me() -> Identity {
    Identity { server: 300, cluster: Cluster::new(5, &[10, 300, 70_000].into()) }
}

fn small() -> Options {
    Options::default().segment_bytes(8 << 10).zeroed_at_once(4 << 10).helper_thread(false)
}

fn write<F: Fs>(
    storage: &mut DiskStorage<F>,
    changes: Vec<Change<Bytes, SnapshotData>>,
) -> Result<(), WalError> {
    let last_index = storage.last_index().unwrap_or_default();
    storage.write(placed(last_index, changes).into_iter().collect())
}

fn append(count: usize, length: usize) -> Change<Bytes, SnapshotData> {
    let entry = Entry { term: Term(1), command: Bytes::from(vec![7; length]) };
    Change::Append { first_index: Index(0), entries: vec![entry; count] }
}

fn vote(term: u64) -> Change<Bytes, SnapshotData> {
    Change::TermAndVote { current_term: Term(term), voted_for: Some(ServerId(2)) }
}

fn snapshot(index: u64, data: &[u8]) -> Change<Bytes, SnapshotData> {
    switch(index, Bytes::copy_from_slice(data))
}

fn switch(index: u64, data: impl Into<SnapshotData>) -> Change<Bytes, SnapshotData> {
    let (last_included_index, last_included_term) = (Index(index), Term(1));
    let snapshot = Snapshot { last_included_index, last_included_term, data: data.into() };
    Change::Snapshot { snapshot, keep_suffix: true }
}

fn writer<F: Fs>(storage: &DiskStorage<F>) -> SnapshotWriter {
    SnapshotWriter::to(storage.snapshots().as_deref()).unwrap()
}

/// The server's snapshot, read back.
fn latest<F: Fs>(storage: &mut DiskStorage<F>) -> SnapshotData {
    storage.read(&me()).unwrap().persistent.log.snapshot().unwrap().data.clone()
}

fn simulated(disk: &Disk) -> DiskStorage<DiskFs> {
    let mut storage = DiskStorage::on(disk.open().unwrap(), small());
    storage.read(&me()).unwrap();
    storage
}

#[test]
fn a_second_storage_on_a_directory_is_refused() {
    let directory = TempDir::new().unwrap();
    let first = DiskStorage::open(directory.path(), small()).unwrap();
    let second = DiskStorage::open(directory.path(), small());
    let told = second.err().unwrap().to_string();
    assert!(told.contains("another server runs on it"), "{told}");
    drop(first);
    DiskStorage::open(directory.path(), small()).unwrap();
}

#[test]
fn a_directory_is_made_in_one_that_is_there() {
    let directory = TempDir::new().unwrap();
    DiskStorage::open(directory.path().join("server"), small()).unwrap();
    assert!(DiskStorage::open(directory.path().join("no/server"), small()).is_err());
}

#[test]
fn a_storage_that_was_not_loaded_takes_nothing() {
    let directory = TempDir::new().unwrap();
    let mut storage = DiskStorage::open(directory.path(), small()).unwrap();
    assert!(matches!(write(&mut storage, vec![vote(1)]), Err(WalError::NotLoaded)));
}

#[test]
fn a_record_that_does_not_follow_stops_the_log() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    write(&mut storage, vec![vote(2)]).unwrap();
    let told = write(&mut storage, vec![vote(1)]).unwrap_err().to_string();
    assert!(told.contains("the term goes back from 2 to 1"), "{told}");
    assert_eq!(write(&mut storage, vec![vote(3)]).unwrap_err().to_string(), told);
}

#[test]
fn records_that_change_nothing_are_taken() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    write(&mut storage, vec![]).unwrap();
    write(&mut storage, vec![append(0, 1), append(2, 1), append(0, 1)]).unwrap();
    write(&mut storage, vec![append(0, 1)]).unwrap();
    drop(storage);
    let mut storage = DiskStorage::on(disk.open().unwrap(), small());
    assert_eq!(storage.read(&me()).unwrap().persistent.log.last_index(), Index(2));
}

#[test]
fn inspect_tells_what_a_directory_holds_and_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let mut storage = DiskStorage::open(directory.path(), small()).unwrap();
    let empty = inspect(directory.path()).unwrap();
    assert!(empty.to_string().starts_with("identity: none"), "{empty}");
    storage.read(&me()).unwrap();
    write(&mut storage, vec![vote(3), append(5, 500)]).unwrap();
    write(&mut storage, vec![append(9, 700)]).unwrap();
    write(&mut storage, vec![snapshot(7, &[1; 1000])]).unwrap();
    write(&mut storage, vec![append(2, 3000)]).unwrap();
    let disk = storage.disk().unwrap();

    let listed = || {
        let mut files: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                (std::fs::metadata(&path).unwrap().modified().unwrap(), std::fs::read(&path).unwrap(), path)
            })
            .collect();
        files.sort();
        files
    };
    let before = listed();
    let found = inspect(directory.path()).unwrap();
    assert_eq!(listed(), before);
    let told = found.to_string();
    for line in [
        &format!("identity: server 300 of the servers [10, 300, 70000] of group 5; disk {disk}"),
        "state after 4 writes: term 3, voted for server 70000",
        "entries: 8 to 16",
        "a start would be accepted",
    ] {
        assert!(told.lines().any(|found| found == line), "{line:?} is not in\n{told}");
    }
    assert!(
        told.contains("snapshot snapshot-0000000000000001: 1072 bytes, through entry 7 of term 1"),
        "{told}"
    );
    assert!(told.contains("segment log-0000000000000002: "), "{told}");

    // A byte of the first write that is left changes: the later ones prove that it was durable.
    drop(storage);
    let path = directory.path().join("log-0000000000000002");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 200] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let told = inspect(directory.path()).unwrap().to_string();
    assert!(
        told.contains("a start would be refused: log-0000000000000002, byte 4096: write 2 cannot be read"),
        "{told}"
    );
    let mut storage = DiskStorage::open(directory.path(), small()).unwrap();
    let refused = storage.read(&me()).unwrap_err();
    assert!(told.ends_with(&refused.to_string()), "{refused}");
    assert!(matches!(StorageError::from(refused), StorageError::Damaged(_)));
    assert!(inspect(directory.path().join("none")).is_err());
}

#[test]
fn what_is_of_a_later_version_is_refused_with_what_to_do() {
    let disk = Disk::new(1);
    write(&mut simulated(&disk), vec![vote(1), snapshot(0, b"")]).unwrap();
    for file in ["identity", "log-0000000000000001", "snapshot-0000000000000001"] {
        let disk = disk.copy();
        assert!(disk.flip(file, 16, 1 ^ 2));
        let refused = DiskStorage::on(disk.open().unwrap(), small()).read(&me()).unwrap_err().to_string();
        assert_eq!(refused, format!("{file}: format version 2, and this build knows 1: update this server"));
    }
}

#[test]
fn snapshots_are_streams() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    for length in [0, 1, 65_535, 65_536, 65_537, 300_000] {
        let data: Vec<u8> = (0..length).map(|at: u32| (at % 251) as u8).collect();
        write(&mut storage, vec![snapshot(u64::from(length), &data)]).unwrap();
        let mut reader = latest(&mut storage).reader().unwrap();
        let mut found = Vec::new();
        // In pieces that fit no block.
        let mut piece = [0; 1000];
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => break,
                length => found.extend_from_slice(&piece[..length]),
            }
        }
        assert_eq!(found, data);
    }
}

#[test]
fn a_snapshot_that_was_written_as_a_stream_becomes_the_servers() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    write(&mut storage, vec![append(9, 10)]).unwrap();
    let mut writing = writer(&storage);
    for piece in 0..3000u32 {
        writing.write_all(&[piece as u8; 1000]).unwrap();
    }
    let data = writing.finish().unwrap();
    assert_eq!(data.len(), 3_000_000);
    write(&mut storage, vec![switch(7, data)]).unwrap();
    let written = disk.files().into_iter().filter(|(name, _)| name.starts_with("snapshot-"));
    assert_eq!(written.count(), 1, "the file that was written is the server's, and no copy");
    drop(storage);
    disk.power_loss(&Keep::Nothing);
    let mut storage = DiskStorage::on(disk.open().unwrap(), small());
    let log = storage.read(&me()).unwrap().persistent.log;
    assert_eq!((log.base_index(), log.last_index()), (Index(7), Index(9)));
    let data = log.snapshot().unwrap().data.to_bytes().unwrap();
    assert_eq!(data.len(), 3_000_000);
    assert!(data.chunks(1000).zip(0..3000u32).all(|(chunk, piece)| chunk == [piece as u8; 1000]));
}

#[test]
fn a_snapshot_stays_as_long_as_it_is_read() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    let there = |number: u32| disk.files().iter().any(|(name, _)| *name == format!("snapshot-{number:016x}"));
    write(&mut storage, vec![append(9, 10), snapshot(1, &[1; 200_000])]).unwrap();
    let mut reader = latest(&mut storage).reader().unwrap();
    write(&mut storage, vec![snapshot(2, &[2; 10])]).unwrap();
    (0..10).for_each(|_| write(&mut storage, vec![append(1, 10)]).unwrap());
    assert!(there(1) && there(2), "{:?}", disk.files());
    let mut found = Vec::new();
    reader.read_to_end(&mut found).unwrap();
    assert_eq!(found, [1; 200_000]);
    drop(reader);
    (0..10).for_each(|_| write(&mut storage, vec![append(1, 10)]).unwrap());
    assert!(!there(1) && there(2), "{:?}", disk.files());
}

#[test]
fn a_snapshot_that_is_given_up_leaves_nothing() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    let names = |disk: &Disk| disk.files().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let before = names(&disk);
    let mut writing = writer(&storage);
    writing.write_all(&[1; 100_000]).unwrap();
    assert_ne!(names(&disk), before);
    drop(writing);
    assert_eq!(names(&disk), before);

    // One that is complete, and that no record names, goes once nobody has a handle to it.
    write(&mut storage, vec![append(1, 10)]).unwrap();
    let is_there = |disk: &Disk| names(disk).iter().any(|name| name.starts_with("snapshot-"));
    let data = writer(&storage).finish().unwrap();
    (0..10).for_each(|_| write(&mut storage, vec![append(1, 10)]).unwrap());
    assert!(is_there(&disk));
    drop(data);
    (0..10).for_each(|_| write(&mut storage, vec![append(1, 10)]).unwrap());
    assert!(!is_there(&disk));

    // Or at the next start.
    let data = writer(&storage).finish().unwrap();
    assert!(data.is_empty());
    drop(storage);
    let refused = data.reader().err().unwrap().to_string();
    assert!(refused.contains("storage was closed"), "{refused}");
    disk.power_loss(&Keep::Nothing);
    assert!(is_there(&disk));
    let storage = simulated(&disk);
    assert!(!is_there(&disk));
    assert_eq!(storage.recovery().unwrap().removed, ["snapshot-0000000000000003"]);
}

#[test]
fn a_full_disk_stops_the_log_and_loses_nothing() {
    for room in (0..60).map(|step| step * 700) {
        let disk = Disk::new(1);
        disk.limit(Some(room));
        let mut storage = DiskStorage::on(disk.open().unwrap(), small());
        storage.read(&me()).unwrap();
        let saved = (0..60).take_while(|_| write(&mut storage, vec![append(1, 500)]).is_ok()).count();
        assert!(saved < 60 || room > 40_000, "{room}");
        assert!(write(&mut storage, vec![append(1, 1)]).is_err() || saved == 60);
        drop(storage);
        disk.kill();
        disk.limit(None);
        disk.power_loss(&Keep::Nothing);
        let mut storage = DiskStorage::on(disk.open().unwrap(), small());
        let found = storage.read(&me()).unwrap().persistent.log.last_index().0;
        assert!((saved as u64..=saved as u64 + 1).contains(&found), "{room}: {saved}, {found}");
    }
}

/// A disk of the helper's own fails: the log stops with the helper's reason.
#[test]
fn a_helper_that_fails_stops_the_log() {
    let disk = Disk::new(1);
    let options = small().helper_thread(true);
    let mut storage = DiskStorage::on(disk.open().unwrap(), options);
    storage.read(&me()).unwrap();
    write(&mut storage, vec![append(1, 10)]).unwrap();
    disk.limit(Some(0));
    let error = (0..10_000).find_map(|_| write(&mut storage, vec![append(1, 3000)]).err()).unwrap();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(write(&mut storage, vec![vote(1)]).unwrap_err().to_string(), error.to_string());
}

#[test]
fn a_cut_is_reported() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    write(&mut storage, vec![append(1, 100)]).unwrap();
    write(&mut storage, vec![append(1, 100)]).unwrap();
    drop(storage);
    let inspection = inspect_on(&Arc::new(disk.look()));
    let end = inspection.segments[0].end;
    assert!(disk.flip("log-0000000000000001", end - 20, 1));
    let storage = simulated(&disk);
    let told = storage.recovery().unwrap().to_string();
    assert!(told.contains("cut off: log-0000000000000001, bytes 4296 to "), "{told}");
    assert!(
        told.contains("what is left of write 2, which no later write proves to have been durable"),
        "{told}"
    );
}

/// The torn write was the first of its segment, which is prepared anew after the start, and still has its bytes.
#[test]
fn a_cut_is_reported_once() {
    let disk = Disk::new(1);
    let mut storage = simulated(&disk);
    write(&mut storage, vec![append(1, 3000)]).unwrap();
    write(&mut storage, vec![append(1, 3000)]).unwrap();
    drop(storage);
    assert!(disk.flip("log-0000000000000002", 4096 + 100, 1));
    let mut cuts = Vec::new();
    for _ in 0..3 {
        let mut storage = DiskStorage::on(disk.open().unwrap(), small().helper_thread(true));
        storage.read(&me()).unwrap();
        cuts.push(storage.recovery().unwrap().cut.len());
        // The helper prepares the segment again.
        while !disk.files().iter().any(|(name, _)| name == "log-0000000000000002") {
            std::thread::yield_now();
        }
    }
    assert_eq!(cuts, [1, 0, 0]);
}

#[tokio::test]
async fn it_is_a_storage() {
    let disk = Disk::new(1);
    let mut storage = DiskStorage::on(disk.open().unwrap(), small());
    assert!(!storage.blocks());
    assert_eq!(storage.load(&me()).await.unwrap().identity, None);
    storage.save([vote(1)].into_iter().collect()).await.unwrap();
    assert_eq!(storage.load(&me()).await.unwrap().identity, Some(me()));
    assert!(DiskStorage::open(TempDir::new().unwrap().path(), small()).unwrap().blocks());
}

/// A snapshot makes several small segments needless at once: they are not zeroed again, and not more are kept than are used.
#[test]
fn segments_that_are_not_needed_become_the_next_ones() {
    let directory = TempDir::new().unwrap();
    let mut storage = DiskStorage::open(directory.path(), small()).unwrap();
    storage.read(&me()).unwrap();
    (0..14).for_each(|_| write(&mut storage, vec![append(1, 3900)]).unwrap());
    write(&mut storage, vec![snapshot(14, b"x")]).unwrap();
    (2..60).for_each(|term| write(&mut storage, vec![vote(term)]).unwrap());
    let names = std::fs::read_dir(directory.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let spares = names.filter(|name| name.starts_with("spare-")).count();
    assert!((2..=8).contains(&spares), "{spares}");
    (0..spares).for_each(|_| write(&mut storage, vec![append(1, 3900)]).unwrap());
    let segments = inspect(directory.path()).unwrap().segments;
    assert!(segments.iter().filter(|segment| segment.recycled).count() >= spares, "{segments:?}");
}
