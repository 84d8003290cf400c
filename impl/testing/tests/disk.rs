//! The simulated disk does to files what it says, and nothing else.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use figure2_testing::disk::{Disk, DiskFs, Failure, Keep, SECTOR};
use figure2_wal::Fs as _;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

fn read(disk: &Disk, name: &str) -> Option<Vec<u8>> {
    let fs = disk.look();
    let file = fs.open(name).ok()?;
    let mut bytes = vec![0; usize::try_from(fs.length(&file).unwrap()).unwrap()];
    fs.read_at(&file, &mut bytes, 0).unwrap();
    Some(bytes)
}

/// A disk with a file "old" that has eight durable bytes, open.
fn disk() -> (Disk, DiskFs) {
    let disk = Disk::new(1);
    let fs = disk.open().unwrap();
    let file = fs.create("old").unwrap();
    fs.write_at(&file, b"12345678", 0).unwrap();
    fs.sync_data(&file).unwrap();
    fs.sync_dir().unwrap();
    (disk, fs)
}

fn after(disk: &Disk, keep: &Keep) -> Disk {
    let disk = disk.copy();
    disk.power_loss(keep);
    disk
}

#[test]
fn what_was_synced_stays_and_the_rest_is_chosen() {
    let (disk, fs) = disk();
    let file = fs.open("old").unwrap();
    fs.write_at(&file, b"ab", 0).unwrap();
    fs.write_at(&file, b"cd", 4).unwrap();
    assert_eq!(read(&disk, "old").unwrap(), b"ab34cd78");
    let old = |keep: &Keep| read(&after(&disk, keep), "old").unwrap();
    assert_eq!(old(&Keep::Nothing), b"12345678");
    assert_eq!(old(&Keep::All), b"ab34cd78");
    assert_eq!(old(&Keep::First(1)), b"ab345678");
    assert_eq!(old(&Keep::Only(1)), b"1234cd78");
    assert_eq!(old(&Keep::AllBut(1)), b"ab345678");
    assert_eq!(old(&Keep::Beginning(1, 1)), b"ab34c678");
    assert_eq!(old(&Keep::End(1, 1)), b"ab345d78");
    fs.sync_data(&file).unwrap();
    assert_eq!(old(&Keep::Nothing), b"ab34cd78");
    assert_eq!(disk.choices(), [Keep::Nothing]);
}

#[test]
fn a_name_and_a_length_are_durable_on_their_own() {
    let (disk, fs) = disk();
    let file = fs.create("new").unwrap();
    fs.write_at(&file, b"abc", 0).unwrap();
    // The name, the length, the bytes.
    assert_eq!(read(&after(&disk, &Keep::AllBut(0)), "new"), None);
    assert_eq!(read(&after(&disk, &Keep::AllBut(1)), "new").unwrap(), b"");
    assert_eq!(read(&after(&disk, &Keep::AllBut(2)), "new").unwrap(), [0, 0, 0]);
    fs.sync_data(&file).unwrap();
    assert_eq!(read(&after(&disk, &Keep::Nothing), "new"), None);
    fs.sync_dir().unwrap();
    assert_eq!(read(&after(&disk, &Keep::Nothing), "new").unwrap(), b"abc");

    fs.rename("new", "newer").unwrap();
    fs.remove("old").unwrap();
    let names =
        |keep: &Keep| after(&disk, keep).files().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&Keep::Nothing), ["new", "old"]);
    assert_eq!(names(&Keep::Only(0)), ["newer", "old"]);
    assert_eq!(names(&Keep::Only(1)), ["new"]);
    assert_eq!(names(&Keep::All), ["newer"]);
}

#[test]
fn a_kill_leaves_the_cache_and_a_loss_of_power_does_not() {
    let (disk, fs) = disk();
    fs.write_at(&fs.open("old").unwrap(), b"ab", 0).unwrap();
    disk.kill();
    assert!(fs.list().is_err(), "the process has ended");
    assert_eq!(read(&disk, "old").unwrap(), b"ab345678");
    // Another process syncs nothing, and power is lost.
    drop(disk.open().unwrap());
    disk.power_loss(&Keep::Nothing);
    assert_eq!(read(&disk, "old").unwrap(), b"12345678");
}

#[test]
fn what_a_failed_sync_lost_can_be_read_and_is_never_written() {
    let (disk, fs) = disk();
    let file = fs.open("old").unwrap();
    fs.write_at(&file, b"abcdefghij", 0).unwrap();
    disk.fail_at(disk.operations(), Failure::Error);
    assert!(fs.sync_data(&file).is_err());
    fs.sync_data(&file).unwrap();
    assert_eq!(read(&disk, "old").unwrap(), b"abcdefghij");
    assert_eq!(read(&after(&disk, &Keep::All), "old").unwrap(), b"12345678");
    // Written anew, it is, with its length.
    fs.write_at(&file, b"ghij", 6).unwrap();
    fs.sync_data(&file).unwrap();
    assert_eq!(read(&after(&disk, &Keep::Nothing), "old").unwrap(), b"123456ghij");
}

#[test]
fn a_crash_comes_at_an_operation() {
    let (disk, fs) = disk();
    let file = fs.open("old").unwrap();
    disk.crash_at(disk.operations() + 1);
    fs.write_at(&file, b"ab", 0).unwrap();
    assert!(fs.sync_data(&file).is_err());
    assert!(fs.write_at(&file, b"cd", 0).is_err());
    assert_eq!(read(&after(&disk, &Keep::Nothing), "old").unwrap(), b"12345678", "the sync had not happened");
    assert_eq!(read(&after(&disk, &Keep::All), "old").unwrap(), b"ab345678", "it had");
}

#[test]
fn operations_fail_as_planned() {
    let (disk, fs) = disk();
    let file = fs.open("old").unwrap();
    disk.fail_at(disk.operations(), Failure::Part);
    assert!(fs.write_at(&file, b"abcd", 0).is_err());
    assert_eq!(read(&disk, "old").unwrap(), b"ab345678");
    disk.fail_at(disk.operations(), Failure::Full);
    assert_eq!(fs.write_at(&file, b"efgh", 0).unwrap_err().kind(), ErrorKind::StorageFull);
    disk.limit(Some(10));
    assert_eq!(fs.write_at(&file, b"abcdefgh", 4).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(read(&disk, "old").unwrap(), b"ab34abcdef");
    disk.fail_reads("old", 3..4);
    assert!(fs.read_at(&file, &mut [0; 4], 0).is_err());
    fs.read_at(&file, &mut [0; 4], 4).unwrap();
    assert!(disk.flip("old", 0, 0x80) && !disk.flip("old", 10, 1) && !disk.flip("new", 0, 1));
    let mut byte = [0];
    fs.read_at(&file, &mut byte, 0).unwrap();
    assert_eq!(byte[0], b'a' ^ 0x80);
    assert_eq!(fs.read_at(&file, &mut [0; 9], 4).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(fs.open("new").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(fs.create("old").err().unwrap().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn one_process_has_the_directory() {
    let (disk, fs) = disk();
    assert_eq!(disk.open().err().unwrap().kind(), ErrorKind::WouldBlock);
    drop(fs);
    let second = disk.open().unwrap();
    disk.kill();
    let third = disk.open().unwrap();
    // What a dead process still drops unlocks nothing.
    drop(second);
    assert!(disk.open().is_err());
    drop(third);
}

#[test]
fn what_is_drawn_is_the_same_for_the_same_seed() {
    let run = |seed| {
        let (disk, fs) = disk();
        let file = fs.open("old").unwrap();
        fs.write_at(&file, &[7; 20 * SECTOR as usize], 100).unwrap();
        fs.create("new").unwrap();
        after(&disk, &Keep::Drawn(seed)).fingerprint()
    };
    let drawn: Vec<u64> = (0..20).map(run).collect();
    assert_eq!(drawn, (0..20).map(run).collect::<Vec<_>>());
    assert!(drawn.iter().any(|one| *one != drawn[0]));
    assert_eq!(
        Disk::new(3).open().unwrap().random().unwrap(),
        Disk::new(3).open().unwrap().random().unwrap()
    );
}

#[test]
fn every_sector_of_a_write_is_a_choice() {
    let (disk, fs) = disk();
    let file = fs.open("old").unwrap();
    fs.write_at(&file, &[7; 3 * SECTOR as usize], 0).unwrap();
    for at in [SECTOR, 2 * SECTOR, 3 * SECTOR - 1] {
        assert!(disk.choices().contains(&Keep::Beginning(1, at)), "{at}");
        assert!(disk.choices().contains(&Keep::End(1, at)), "{at}");
    }
}

#[test]
fn whoever_watches_is_told_before() {
    let (disk, fs) = disk();
    let told = Arc::new(Mutex::new(Vec::new()));
    let theirs = told.clone();
    disk.watch(move |operation| theirs.lock().unwrap().push((operation.number, operation.what.clone())));
    let file = fs.create("new").unwrap();
    fs.write_at(&file, b"abc", 5).unwrap();
    fs.sync_data(&file).unwrap();
    fs.rename("new", "newer").unwrap();
    fs.sync_dir().unwrap();
    fs.remove("newer").unwrap();
    let told: Vec<_> =
        told.lock().unwrap().iter().map(|(number, what)| format!("{number}: {what}")).collect();
    let expected = [
        "4: create new",
        "5: write 3 bytes at 5 of new",
        "6: sync new",
        "7: rename new to newer",
        "8: sync the directory",
        "9: remove newer",
    ];
    assert_eq!(told, expected);
}
