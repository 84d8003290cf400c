//! `figure2 simulate`: its exit codes and files.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use clap::Parser;
use figure2_cli::simulate_cmd::{SimulateArgs, run};
use figure2_simulate::Plan;
use std::process::ExitCode;
use tempfile::TempDir;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: SimulateArgs,
}

fn simulate(words: &[&str]) -> anyhow::Result<ExitCode> {
    run(&Command::try_parse_from([&["simulate"], words].concat())?.args)
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn code(words: &[&str], directory: &TempDir) -> ExitCode {
    simulate(&[words, &["--trace", directory.path().to_str().unwrap()]].concat()).unwrap()
}

#[test]
fn exit_codes_tell_the_verdicts_apart_and_a_failing_plan_can_be_repeated() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    assert_eq!(code(&["--seeds", "2", "--seconds", "5"], &directory), ExitCode::SUCCESS);
    assert_eq!(names(&directory).len(), 6, "plan, recording and history of two seeds that hold");
    let lying = ["--seed", "5", "--seeds", "9", "--seconds", "20", "--defect", "lying-disk", "--traces", "1"];
    assert_eq!(code(&lying, &directory), ExitCode::from(1));
    let reduced = names(&directory).into_iter().find(|name| name.ends_with("-reduced.plan.json")).unwrap();
    let path = directory.path().join(reduced);
    let plan = Plan::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(plan.faults.len(), 1, "{:?}", plan.faults);
    let path = path.to_str().unwrap();
    assert_eq!(simulate(&["--plan", path, "--defect", "lying-disk"]).unwrap(), ExitCode::from(1));
    assert_eq!(simulate(&["--plan", path]).unwrap(), ExitCode::SUCCESS);
}

#[test]
fn of_the_seeds_that_fail_the_first_few_leave_files_whatever_order_they_end_in() {
    let kept = |words: &[&str]| {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        // Six of them fail.
        let failing = ["--seeds", "16", "--seconds", "20", "--defect", "no-elections", "--reduce", "0"];
        assert_eq!(code(&[&failing, words].concat(), &directory), ExitCode::from(1));
        names(&directory)
    };
    let two = kept(&["--traces", "2", "--jobs", "4"]);
    assert_eq!(two.len(), 6, "{two:?}");
    assert_eq!(two, kept(&["--traces", "2", "--jobs", "1"]));
    assert_eq!(kept(&["--traces", "0"]), Vec::<String>::new());
    assert_eq!(kept(&[]).len(), 9, "three by default");
}

#[test]
fn a_state_that_fails_can_be_repeated_from_its_plan() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let batch = ["--from", "all", "--seeds", "60", "--traces", "1"];
    let defect = ["--defect", "first-entry-kept"];
    assert_eq!(code(&[batch.as_slice(), defect.as_slice()].concat(), &directory), ExitCode::from(1));
    let reduced = names(&directory).into_iter().find(|name| name.ends_with("-reduced.plan.json")).unwrap();
    let path = directory.path().join(reduced);
    let plan = ["--plan", path.to_str().unwrap()];
    assert_eq!(simulate(&[plan.as_slice(), defect.as_slice()].concat()).unwrap(), ExitCode::from(1));
    assert_eq!(simulate(&plan).unwrap(), ExitCode::SUCCESS);
}

#[test]
fn silly_arguments_are_answered_with_what_is_possible() {
    let told = |words: &[&str]| format!("{:#}", simulate(words).unwrap_err());
    assert!(told(&["--seeds", "0"]).contains("1 and more"));
    assert!(told(&["--jobs", "0"]).contains("possible are 1 to 256"));
    assert!(told(&["--seconds", "0"]).contains("possible are 1 to 86400"));
    assert!(told(&["--plan", "nowhere.json"]).contains("nowhere.json"));
    assert!(
        told(&["--from", "nothing"]).contains("there is no profile nothing; possible are all, election,")
    );
    assert!(told(&["--from", "all", "--seconds", "5"]).contains("cannot be used with"));
    assert!(told(&["--defect", "none"]).contains("lying-disk"));
    assert!(told(&["--plan", "a", "--seeds", "3"]).contains("cannot be used with"));
}
