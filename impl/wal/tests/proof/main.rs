//! What the log promises, on a disk that crashes and rots: at every operation, in every way that [`Disk`] knows.
//!
//! The tests are quick. `FIGURE2_WAL_DEEP=1 cargo test --release -p figure2-wal --test proof -- --nocapture` looks further:
//! all choices within recovery, too, all bits of each byte, more random runs. Both print what they counted.
//!
//! [`Disk`]: figure2_testing::disk::Disk

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

mod crashes;
mod failures;
mod judge;
mod mutants;
mod rot;
mod runs;
mod soak;

use figure2_wal::rules::AsWritten;

/// Whether to look further than a test that must be quick can.
fn deep() -> bool {
    std::env::var_os("FIGURE2_WAL_DEEP").is_some()
}

fn each_crash(run: &runs::Run) {
    let counts = crashes::explore::<AsWritten>(run).unwrap_or_else(|wrong| panic!("{}: {wrong}", run.name));
    println!("crash points of {}: {counts}", run.name);
}

#[test]
fn every_crash_point_of_an_election() {
    each_crash(&runs::election());
}

#[test]
fn every_crash_point_of_appends_over_several_segments() {
    each_crash(&runs::appends());
}

#[test]
fn every_crash_point_of_a_new_leader_that_truncates() {
    each_crash(&runs::new_leader());
}

#[test]
fn every_crash_point_of_snapshots_and_recycled_segments() {
    each_crash(&runs::snapshots());
}

#[test]
fn every_crash_point_of_a_leaders_snapshot() {
    each_crash(&runs::leaders_snapshot());
}

#[test]
fn every_crash_point_of_a_write_larger_than_a_segment() {
    each_crash(&runs::large());
}

#[test]
fn every_crash_point_of_random_runs() {
    (0..if deep() { 20 } else { 2 }).for_each(|seed| each_crash(&runs::random(seed)));
}

#[test]
fn every_crash_point_of_overwrites() {
    each_crash(&runs::overwrites());
}

#[test]
fn many_crashes_of_one_disk() {
    let mut counts = soak::Counts::default();
    for seed in 0..if deep() { 2000 } else { 60 } {
        soak::live(seed, &mut counts).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
    println!("disks that crash over and over: {counts}");
}

#[test]
fn every_operation_that_fails() {
    for run in runs::all() {
        let counts = failures::explore::<AsWritten>(&run);
        let counts = counts.unwrap_or_else(|wrong| panic!("{}: {wrong}", run.name));
        println!("failing operations of {}: {counts}", run.name);
    }
}

#[test]
fn every_byte_that_rots() {
    for run in runs::all() {
        let counts = rot::explore::<AsWritten>(&run);
        let counts = counts.unwrap_or_else(|wrong| panic!("{}: {wrong}", run.name));
        println!("rot after {}: {counts}", run.name);
    }
}

#[test]
fn every_sector_that_cannot_be_read() {
    for run in runs::all() {
        rot::unreadable(&run).unwrap_or_else(|wrong| panic!("{}: {wrong}", run.name));
    }
}
