//! A part of the lab with the log on a disk. `figure2 lab --disk` runs all of it.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use figure2::Extensions;
use figure2_lab::suite::{Mode, Report, RunOptions, run, select};

fn on_disk(id: &str, mode: Mode, seed: u64) -> Report {
    let report = run(
        select(&[id.into()]).unwrap()[0],
        RunOptions { mode, disk: true, extensions: Extensions::ALL, seed, keep_trace: true },
    );
    if let Err(failure) = &report.outcome {
        panic!("{id}, seed {seed}: {failure}");
    }
    report
}

/// How often the trace tells of such a crash.
fn crashes(report: &Report, how: &str) -> usize {
    let text = report.trace.text.as_deref().unwrap_or_default();
    text.lines().filter(|line| line.contains("tester: crash S") && line.ends_with(how)).count()
}

#[test]
fn servers_that_are_killed_and_lose_their_power_recover_from_their_logs() {
    let crashing =
        ["Persist12C", "Persist22C", "Figure82C", "SnapshotInstallUnCrash2D", "SnapshotAllCrash3D"];
    let reports: Vec<Report> = crashing.map(|id| on_disk(id, Mode::Virtual, 1)).into();
    for how in ["kill -9", ", loss of power", "kill -9, then loss of power"] {
        let count: usize = reports.iter().map(|report| crashes(report, how)).sum();
        assert!(count > 10, "{count} of {how}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_on_a_simulated_disk() {
    let [first, again] = [1, 2].map(|_| on_disk("SnapshotInstallCrash3D", Mode::Virtual, 7));
    assert_eq!(first.trace, again.trace);
    assert_eq!(first.recording, again.recording);
    let other = on_disk("SnapshotInstallCrash3D", Mode::Virtual, 8);
    assert_ne!(first.trace.digest, other.trace.digest);
}

#[test]
fn in_real_time_servers_come_back_from_their_files() {
    let report = on_disk("Persist12C", Mode::Real, 1);
    assert!(crashes(&report, "kill -9") >= 6, "each of three servers, and then one after the other");
}
