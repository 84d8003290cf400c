//! `figure2 lab`: what it refuses, and what it says of how to run a test again.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use figure2::Extensions;
use figure2_cli::lab_cmd::{Beyond, LabArgs, command_to_repeat, run as lab_command};
use figure2_lab::suite::{LabTest, Mode, RunOptions, run, select};
use figure2_lab::tester::Failure;
use std::process::Command;

#[test]
fn the_command_to_repeat_a_run_says_on_which_clock_and_disk_it_was() {
    let test = select(&["BasicAgree2B".into()]).unwrap()[0];
    let report = run(
        test,
        RunOptions { mode: Mode::Real, disk: false, extensions: Extensions::ALL, seed: 5, keep_trace: false },
    );
    let command = command_to_repeat(&report);
    assert!(command.ends_with("-- lab --run BasicAgree2B --seed 5 --real-time"), "{command}");
    let report = run(
        test,
        RunOptions {
            mode: Mode::Virtual,
            disk: true,
            extensions: Extensions::ALL,
            seed: 5,
            keep_trace: false,
        },
    );
    let command = command_to_repeat(&report);
    assert!(command.ends_with("-- lab --run BasicAgree2B --seed 5 --disk"), "{command}");
}

fn args() -> LabArgs {
    LabArgs {
        run: vec![],
        seed: 1,
        repeat: 1,
        real_time: false,
        tcp: false,
        disk: false,
        extensions: Beyond::All,
        jobs: None,
        trace: None,
        traces: 3,
        shards: Default::default(),
        list: false,
    }
}

#[test]
fn senseless_arguments_are_refused_with_what_is_possible() {
    let refusal = |args: LabArgs| lab_command(&args).unwrap_err().to_string();
    assert!(refusal(LabArgs { run: vec!["4A".into()], ..args() }).contains("2A, 2B"));
    assert!(refusal(LabArgs { repeat: 0, ..args() }).contains("1 and more"));
    assert!(refusal(LabArgs { jobs: Some(0), ..args() }).contains("1 to 256"));
    assert!(refusal(LabArgs { jobs: Some(100_000), ..args() }).contains("1 to 256"));
}

#[test]
fn over_tcp_the_tests_that_need_no_simulated_fault_pass_and_the_others_are_named_and_do_not_count() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_figure2"));
    let tests = [
        "BasicAgree2B",
        "RPCBytes",
        "Count2B",
        "SnapshotInit",
        "SnapshotAllCrash",
        "Rejoin",
        "UnreliableAgree",
    ];
    command.current_dir(&directory).args(["lab", "--tcp", "--jobs", "3"]);
    command.args(tests.iter().flat_map(|test| ["--run", test]));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "not run over TCP: needs servers that are cut off: Rejoin2B\n",
        "not run over TCP: needs a network that loses and delays messages: UnreliableAgree2C\n",
        "lab: 5 tests in real time over TCP with mutual TLS, seed 1, 3 at a time\n",
        "5 passed, 0 failed",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn over_tcp_a_test_that_needs_a_simulated_fault_cannot_pass() {
    let run_over_tcp = |test: &LabTest| {
        // For good: the runner wants tests that are never gone.
        let test: &'static LabTest = Box::leak(Box::new(*test));
        run(
            test,
            RunOptions {
                mode: Mode::Tcp,
                disk: false,
                extensions: Extensions::ALL,
                seed: 1,
                keep_trace: false,
            },
        )
    };
    let rejoin = select(&["Rejoin2B".into()]).unwrap()[0];
    let report = run_over_tcp(rejoin);
    assert!(matches!(report.outcome, Err(Failure::NotOverTcp { .. })), "{:?}", report.outcome);
    // Nor if it does not say so.
    let report = run_over_tcp(&LabTest { needs: None, ..*rejoin });
    assert!(matches!(report.outcome, Err(Failure::NotOverTcp { .. })), "{:?}", report.outcome);
    let refusal = lab_command(&LabArgs { run: vec!["Rejoin2B".into()], tcp: true, ..args() }).unwrap_err();
    assert!(refusal.to_string().contains("needs servers that are cut off: Rejoin2B"), "{refusal}");
}
