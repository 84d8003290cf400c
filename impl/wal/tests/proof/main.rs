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
use judge::Wrong;
use runs::Run;
use std::fmt::Display;
use std::ops::AddAssign;

/// Whether to look further than a test that must be quick can.
fn deep() -> bool {
    std::env::var_os("FIGURE2_WAL_DEEP").is_some()
}

/// Looks at each run, prints what was counted, and the sums.
fn each<C: Default + AddAssign + Copy + Display>(
    what: &str,
    runs: impl IntoIterator<Item = Run>,
    explore: fn(&Run) -> Result<C, Wrong>,
) {
    let mut all = C::default();
    let mut count = 0;
    for run in runs {
        let counts = explore(&run).unwrap_or_else(|wrong| panic!("{}: {wrong}", run.name));
        println!("{what}, {}: {counts}", run.name);
        all += counts;
        count += 1;
    }
    println!("{what}, all {count} runs: {all}");
}

#[test]
fn every_crash_point() {
    let random = (2..if deep() { 20 } else { 2 }).map(runs::random);
    each("crash points", runs::all().into_iter().chain(random), crashes::explore::<AsWritten>);
}

#[test]
fn every_operation_that_fails() {
    each("failing operations", runs::all(), failures::explore::<AsWritten>);
}

#[test]
fn every_byte_that_rots() {
    each("rot", runs::all(), rot::explore::<AsWritten>);
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
fn every_sector_that_cannot_be_read() {
    for run in runs::all() {
        rot::unreadable(&run).unwrap_or_else(|wrong| panic!("{}: {wrong}", run.name));
    }
}
