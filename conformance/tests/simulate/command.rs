//! The command: its exit codes and files.

use clap::Parser;
use figure2_conformance::simulate::Plan;
use figure2_conformance::simulate_cmd::{SimulateArgs, run};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: SimulateArgs,
}

fn simulate(words: &[&str]) -> anyhow::Result<ExitCode> {
    run(&Command::try_parse_from([&["simulate"], words].concat())?.args)
}

fn directory(name: &str) -> PathBuf {
    [env!("CARGO_TARGET_TMPDIR"), &format!("simulate-{name}-{}", std::process::id())].iter().collect()
}

#[test]
fn exit_codes_tell_the_verdicts_apart_and_a_failing_plan_can_be_repeated() {
    let directory = directory("repeat");
    let to = directory.to_str().unwrap();
    let code = |words: &[&str]| simulate(words).unwrap();
    assert_eq!(code(&["--seeds", "2", "--seconds", "5", "--trace", to]), ExitCode::SUCCESS);
    let files = || std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(files(), 6, "plan, recording and history of two seeds");
    let failing = ["--seeds", "9", "--seconds", "20", "--defect", "lying-disk", "--trace", to];
    assert_eq!(code(&failing), ExitCode::from(1));
    let plans: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with("plan.json"))
        .collect();
    let faults = |path: &PathBuf| Plan::parse(&std::fs::read_to_string(path).unwrap()).unwrap().faults.len();
    let reduced = plans.iter().min_by_key(|path| faults(path)).unwrap();
    assert_eq!(faults(reduced), 1);
    let plan = reduced.to_str().unwrap();
    assert_eq!(code(&["--plan", plan, "--defect", "lying-disk"]), ExitCode::from(1));
    assert_eq!(code(&["--plan", plan]), ExitCode::SUCCESS);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn silly_arguments_are_answered_with_what_is_possible() {
    let told = |words: &[&str]| format!("{:#}", simulate(words).unwrap_err());
    assert!(told(&["--seeds", "0"]).contains("1 and more"));
    assert!(told(&["--jobs", "0"]).contains("possible are 1 to 256"));
    assert!(told(&["--seconds", "0"]).contains("possible are 1 to 86400"));
    assert!(told(&["--plan", "nowhere.json"]).contains("nowhere.json"));
    assert!(told(&["--defect", "none"]).contains("lying-disk"));
    assert!(told(&["--plan", "a", "--seeds", "3"]).contains("cannot be used with"));
}
