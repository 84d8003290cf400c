//! A server's log across crashes: what it acknowledged is there, and a log that forgets is found.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use bytes::Bytes;
use figure2::{Change, Cluster, Command, Identity, Index, Record, SnapshotData, Term};
use figure2_core::{Entry, Snapshot};
use figure2_testing::disk::Failure;
use figure2_testing::server_disk::{Broken, Crash, ServerDisk};
use figure2_wal::Options;
use figure2_wal::rules::Rules;

fn me() -> Identity {
    Identity { server: 1, cluster: Cluster::numbered(3) }
}

fn options() -> Options {
    Options::default().segment_bytes(8 << 10).zeroed_at_once(4 << 10)
}

/// An entry of 100 bytes, at this index.
fn entry(index: u64) -> Record<Command, SnapshotData> {
    let command = Bytes::from(vec![u8::try_from(index % 251).unwrap(); 100]);
    let entries = vec![Entry { term: Term(1), command }];
    [Change::Append { first_index: Index(index), entries }].into_iter().collect()
}

const CRASHES: [Crash; 3] = [Crash::Kill, Crash::PowerLoss, Crash::KillThenPowerLoss];

/// Writes and crashes in the middle of it, over and over. How many writes that were under way were undone, and how many not.
fn live(disk: &ServerDisk) -> Result<(u64, u64), Broken> {
    let (mut undone, mut done) = (0, 0);
    for round in 0..40 {
        let (life, loaded) = disk.recover()?;
        undone += u64::from(life.has_undone());
        let mut index = loaded.persistent.log.last_index().0;
        done += u64::from(round > 0 && !life.has_undone());
        for _ in 0..round % 7 {
            index += 1;
            life.begin(entry(index)).unwrap();
            life.finish().unwrap();
        }
        life.begin(entry(index + 1)).unwrap();
        disk.crash(CRASHES[round % 3]);
        assert!(life.finish().is_err() && life.begin(entry(1)).is_err(), "the dead write");
    }
    Ok((undone, done))
}

#[test]
fn what_was_acknowledged_is_there_and_what_was_under_way_may_be() {
    let (undone, done) = (1..=10)
        .map(|seed| live(&ServerDisk::new(me(), seed, options())).unwrap())
        .fold((0, 0), |(undone, done), (more_undone, more_done)| (undone + more_undone, done + more_done));
    assert!(undone > 50 && done > 50, "{undone} undone, {done} not");
}

#[derive(Clone, Default)]
struct NotSynced;

impl Rules for NotSynced {
    fn syncs_write(&self) -> bool {
        false
    }
}

#[test]
fn a_log_that_forgets_is_found() {
    let found =
        (1..=3).find_map(|seed| live(&ServerDisk::with_rules::<NotSynced>(me(), seed, options())).err());
    assert!(matches!(found, Some(Broken::Forgot { .. })), "{found:?}");
}

#[test]
fn a_failed_write_and_a_full_disk_end_the_process_and_the_next_one_goes_on() {
    let disk = ServerDisk::new(me(), 1, options());
    for (index, failure) in (1..).zip([Failure::Error, Failure::Part, Failure::Full]) {
        for after in 0..2 {
            let (life, loaded) = disk.recover().unwrap();
            let last = loaded.persistent.log.last_index().0;
            assert!(last <= 2 * index, "no write is done twice");
            life.begin(entry(last + 1)).unwrap();
            assert!(life.finish_with(failure, after).is_err(), "{failure:?} after {after}");
            assert!(life.finish().is_err(), "it is of no use any more");
            disk.crash(CRASHES[usize::try_from(index + after).unwrap() % 3]);
        }
    }
    let (life, loaded) = disk.recover().unwrap();
    let mut index = loaded.persistent.log.last_index().0;
    // Until a segment is needed there is room.
    let refused = loop {
        index += 1;
        life.begin(entry(index)).unwrap();
        if life.finish_on_full_disk().is_err() {
            break index;
        }
    };
    assert!(refused < 200, "{refused} writes went to a full disk");
    disk.crash(Crash::Kill);
    let (life, loaded) = disk.recover().unwrap();
    life.begin(entry(loaded.persistent.log.last_index().0 + 1)).unwrap();
    life.finish().unwrap();
}

#[test]
fn what_a_loss_of_power_would_leave_is_told_without_one() {
    let disk = ServerDisk::new(me(), 1, options());
    let (life, _) = disk.recover().unwrap();
    life.begin(entry(1)).unwrap();
    assert_eq!(disk.durable().unwrap().log.last_index(), Index(0), "it is under way");
    life.finish().unwrap();
    assert_eq!(disk.durable().unwrap(), disk.acknowledged());
    assert_eq!(disk.acknowledged().log.last_index(), Index(1));
}

#[test]
fn a_state_that_it_begins_with_is_there() {
    let disk = ServerDisk::new(me(), 1, options());
    let mut state = disk.acknowledged();
    state
        .apply_record([Change::TermAndVote { current_term: Term(4), voted_for: None }].into_iter().collect());
    state.apply_record(entry(1));
    disk.fill(state.clone()).unwrap();
    disk.crash(Crash::PowerLoss);
    assert_eq!(disk.recover().unwrap().1.persistent, state);
}

/// A snapshot of what the log has, with the service's state.
fn snapshot(last: u64) -> Record<Command, SnapshotData> {
    let (last_included_index, last_included_term) = (Index(last), Term(1));
    let data = SnapshotData::from(vec![u8::try_from(last).unwrap(); 5000]);
    let snapshot = Snapshot { last_included_index, last_included_term, data };
    [Change::Snapshot { snapshot, keep_suffix: true }].into_iter().collect()
}

#[test]
fn a_snapshot_is_the_same_to_one_process_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let on_files = ServerDisk::in_directory(me(), directory.path().join("1"), options());
    for disk in [on_files, ServerDisk::new(me(), 1, options())] {
        let (life, _) = disk.recover().unwrap();
        for record in [entry(1), entry(2), snapshot(2)] {
            life.begin(record).unwrap();
            life.finish().unwrap();
        }
        for crash in CRASHES {
            let (_, loaded) = disk.recover().unwrap();
            assert_eq!(disk.durable().unwrap(), loaded.persistent);
            assert_eq!(loaded.persistent.log.snapshot().unwrap().data.to_bytes().unwrap(), [2; 5000][..]);
            disk.crash(crash);
        }
    }
}

#[test]
fn on_files_a_process_takes_over_what_the_one_before_it_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let disk = ServerDisk::in_directory(me(), directory.path().join("1"), options());
    assert_eq!(live(&disk).unwrap(), (39, 0), "a write that is not begun on the disk leaves nothing");
    assert!(disk.acknowledged().log.last_index().0 > 100);
}
