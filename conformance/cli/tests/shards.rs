//! `--shard`, `--report` and `figure2 merge`: the sum of the shards is what one machine finds.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn figure2(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_figure2")).args(args).current_dir(directory).output().unwrap()
}

fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Runs all of it, and each shard; the reports of the shards.
fn shards(directory: &Path, command: &[&str], of: usize) -> Vec<PathBuf> {
    let run = |more: &[&str]| {
        let output = figure2(directory, &[command, more].concat());
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{command:?} {more:?}: {told}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&["--report", "whole.json"]);
    let report = |index| format!("shard-{index}.json");
    for index in 1..=of {
        run(&["--shard", &format!("{index}/{of}"), "--report", &report(index)]);
    }
    (1..=of).map(|index| directory.join(report(index))).collect()
}

fn merge(directory: &Path, reports: &[PathBuf]) -> Output {
    let paths: Vec<&str> = reports.iter().map(|path| path.to_str().unwrap()).collect();
    figure2(directory, &[&["merge", "--output", "sum.json"], &paths[..]].concat())
}

/// All shards together say what the whole says.
fn sum_is_whole(directory: &Path, reports: &[PathBuf]) {
    let merged = merge(directory, reports);
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!(read("sum.json"), read("whole.json"));
}

#[test]
fn the_sum_of_simulated_shards_is_what_one_machine_finds_and_a_hole_is_refused() {
    let directory = directory();
    let directory = directory.path();
    let reports = shards(directory, &["simulate", "--seeds", "7", "--seconds", "5"], 3);
    let told = std::fs::read_to_string(&reports[1]).unwrap();
    assert!(told.contains("\"runs\": 2"), "a part of the seeds: {told}");
    sum_is_whole(directory, &reports);

    let without_one = merge(directory, &[reports[0].clone(), reports[2].clone()]);
    let told = String::from_utf8_lossy(&without_one.stderr);
    assert_eq!(without_one.status.code(), Some(2));
    assert!(told.contains("a shard is missing: pieces 2 to 3 of 7"), "{told}");
    let foreign = figure2(
        directory,
        &["simulate", "--seeds", "7", "--seconds", "4", "--shard", "2/3", "--report", "foreign.json"],
    );
    assert!(foreign.status.success());
    let mixed = merge(directory, &[reports[0].clone(), directory.join("foreign.json"), reports[2].clone()]);
    let told = String::from_utf8_lossy(&mixed.stderr);
    assert_eq!(mixed.status.code(), Some(2));
    assert!(told.contains("different plans: --seconds 5, and --seconds 4"), "{told}");
}

#[test]
fn a_failure_in_one_shard_is_one_of_the_sum_and_is_named() {
    let directory = directory();
    let directory = directory.path();
    let reports: Vec<PathBuf> = (1..=2)
        .map(|index| {
            let (shard, report) = (format!("{index}/2"), format!("shard-{index}.json"));
            let args =
                ["simulate", "--seeds", "4", "--seconds", "20", "--defect", "stale-reads", "--traces", "0"];
            figure2(
                directory,
                &[&args[..], &["--reduce", "0", "--shard", &shard, "--report", &report]].concat(),
            );
            directory.join(report)
        })
        .collect();
    let merged = merge(directory, &reports);
    let told = String::from_utf8_lossy(&merged.stdout);
    assert_eq!(merged.status.code(), Some(1), "{told}");
    assert!(told.contains("seed ") && told.contains("verdict: FAILED"), "{told}");
}

#[test]
fn tests_of_the_lab_mutants_walks_and_states_are_divided_too() {
    for (command, of) in [
        (&["lab", "--run", "2A"][..], 3),
        (&["lab", "--run", "InitialElection2A", "--repeat", "5"], 2),
        (&["mutants", "--id", "V8", "--id", "RV1-old", "--id", "C1"], 2),
        (&["conform", "--profile", "snapshot", "--walks", "9", "--actions", "30"], 4),
    ] {
        let directory = directory();
        let reports = shards(directory.path(), command, of);
        sum_is_whole(directory.path(), &reports);
    }
}

#[test]
fn recovery_is_judged_in_each_state_by_one_shard_of_a_check() {
    let directory = directory();
    let directory = directory.path();
    let reports = shards(directory, &["check", "--profile", "limits-of-one"], 3);
    assert!(merge(directory, &reports).status.success());
    let judged = |name: &str| {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        report["counts"]["states judged for recovery"].as_u64().unwrap()
    };
    let (whole, sum) = (judged("whole.json"), judged("sum.json"));
    let parts = [1, 2, 3].map(|index| judged(&format!("shard-{index}.json")));
    assert!(whole == 641 && sum == whole, "{sum} of {whole}");
    assert!(parts.iter().all(|part| part * 4 > whole), "about a third each: {parts:?} of {whole}");
}

#[test]
fn what_cannot_be_divided_says_so() {
    let directory = directory();
    let told = |args: &[&str]| {
        let output = figure2(directory.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(told(&["simulate", "--seeds", "2", "--shard", "1/3"]).contains("there is work for 2 shards"));
    assert!(told(&["conform", "--shard", "1/2"]).contains("walks can be divided"));
    assert!(told(&["simulate", "--shard", "0/3"]).contains("2/4"));
    assert!(told(&["merge", "nothing.json"]).contains("nothing.json cannot be read"));
}
