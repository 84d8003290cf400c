//! `figure2 lab`: what it refuses, and what it says of how to run a test again.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use figure2::Extensions;
use figure2_cli::lab_cmd::{Beyond, LabArgs, command_to_repeat, run as lab_command};
use figure2_lab::suite::{Mode, RunOptions, run, select};

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
        disk: false,
        extensions: Beyond::All,
        jobs: None,
        trace: None,
        traces: 3,
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
