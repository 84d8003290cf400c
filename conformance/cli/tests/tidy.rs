//! What commands leave behind: nothing in the directory for temporary files, and elsewhere only files that they name.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use figure2_cli::lab_cmd::{Keep, run_batch};
use figure2_lab::suite::{Batch, LabTest, Mode};
use figure2_lab::tester::{Applying, Failure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A place where a command runs: its current directory, and its directory for temporary files.
struct Place {
    work: TempDir,
    temporary: TempDir,
}

impl Place {
    fn new() -> Place {
        let directory = || TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        Place { work: directory(), temporary: directory() }
    }

    /// Runs a program there; its exit code, and all that it printed.
    fn run(&self, program: &Path, words: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
        let temporary = ["TMPDIR", "TMP", "TEMP"].map(|name| (name, self.temporary.path()));
        let output = Command::new(program)
            .args(words)
            .current_dir(self.work.path())
            .envs(temporary)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(told).unwrap())
    }

    /// Runs the command `figure2`.
    fn figure2(&self, words: &str) -> (i32, String) {
        let words: Vec<&str> = words.split(' ').collect();
        self.run(Path::new(env!("CARGO_BIN_EXE_figure2")), &words, &[])
    }

    /// What is in the current directory; in the other nothing may be.
    fn left(&self) -> Vec<String> {
        let names = |directory: &TempDir| -> Vec<String> {
            let entries = fs::read_dir(directory.path()).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        assert_eq!(names(&self.temporary), Vec::<String>::new(), "left in the directory for temporary files");
        let mut left = names(&self.work);
        left.sort_unstable();
        left
    }
}

#[test]
fn commands_leave_nothing_unless_something_fails() {
    let place = Place::new();
    for words in [
        "simulate --seeds 2 --seconds 5",
        "lab --run BasicAgree2B",
        "lab --run BasicAgree2B --real-time",
        "check --profile limits-of-one",
        "conform --profile power-loss-1",
        "witness --profile election --show crash",
    ] {
        let (code, told) = place.figure2(words);
        assert_eq!(code, 0, "{words}: {told}");
        assert_eq!(place.left(), Vec::<String>::new(), "{words}");
    }
}

#[test]
fn what_fails_leaves_files_that_are_named_and_that_the_other_commands_take() {
    let place = Place::new();
    let mut known = Vec::new();
    for words in [
        "simulate --seeds 4 --seconds 20 --defect stale-reads --reduce 20 --traces 1",
        "check --mutant C2",
        "conform --profile power-loss-1 --defect failure-ignored",
    ] {
        let (code, told) = place.figure2(words);
        assert_eq!(code, 1, "{words}: {told}");
        let left = place.left();
        assert!(left.len() > known.len(), "{words} left nothing: {told}");
        for file in left.iter().filter(|file| !known.contains(*file)) {
            assert!(told.contains(file.as_str()), "{words} left {file} and does not say so: {told}");
        }
        known = left;
    }
    let of = |ending: &str| known.iter().find(|file| file.ends_with(ending)).unwrap();
    for (words, expected) in [
        (format!("validate {}", of(".trace.jsonl")), 0),
        (format!("audit {}", of(".trace.jsonl")), 0),
        (format!("linear {}", of(".history.jsonl")), 1),
        (format!("simulate --plan {} --defect stale-reads", of("-reduced.plan.json")), 1),
        (format!("replay {}", of("figure2-conform.json")), 1),
        (format!("replay {}", of("figure2-trace.json")), 1),
    ] {
        let (code, told) = place.figure2(&words);
        assert_eq!(code, expected, "{words}: {told}");
        assert_eq!(place.left(), known, "{words}");
    }
}

/// Set for the process in which lab tests fail.
const FAILING: &str = "FIGURE2_TEST_OF_FAILING_RUNS";

/// The lab, with a test that always fails: not a test by itself, but what the next one runs in a process of its own.
#[test]
#[ignore = "fails; run by the next test"]
fn a_lab_whose_runs_fail() {
    static FAILS: LabTest = LabTest {
        name: "Fails",
        part: "none",
        later_part: None,
        title: "a test that fails",
        servers: 3,
        reliable: true,
        needs: None,
        applying: Applying::Plain,
        scenario: |_| Box::pin(async { Err(Failure::NoLeader) }),
    };
    if std::env::var_os(FAILING).is_none() {
        return;
    }
    let batch = Batch {
        tests: vec![&FAILS],
        mode: Mode::Virtual,
        disk: false,
        extensions: figure2::Extensions::ALL,
        seed: 1,
        first_round: 0,
        repeat: 5,
        jobs: 2,
        keep_trace: false,
    };
    let outcome = run_batch(&batch, Keep::default()).unwrap();
    assert!(outcome.passed, "as it should be");
}

#[test]
fn failing_lab_runs_leave_a_few_recordings_in_the_current_directory_and_say_how_many_more_failed() {
    let place = Place::new();
    let itself = std::env::current_exe().unwrap();
    let words = ["a_lab_whose_runs_fail", "--exact", "--ignored", "--nocapture"];
    let (code, told) = place.run(&itself, &words, &[(FAILING, "1")]);
    assert!(code != 0 && told.contains("0 passed, 5 failed"), "{told}");
    let left = place.left();
    assert_eq!(left.len(), 3, "{left:?}");
    for file in &left {
        assert!(told.contains(&format!("recorded: ./{file}")), "{told}");
        assert!(file.starts_with("figure2-lab-Fails"), "{file}");
    }
    assert!(told.contains("2 more runs failed"), "{told}");
}

/// All sources of the repository, but this one.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tidy.rs" {
            found.push(path);
        }
    }
}

#[test]
fn no_source_asks_for_the_directory_for_temporary_files() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), &mut found);
    assert!(found.len() > 100, "the sources are not where they are looked for");
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        for asks in ["temp_dir()", "\"TMPDIR\""] {
            assert!(
                !text.contains(asks) || path.ends_with("tests/counterexample/page.rs"),
                "{} has {asks}: a file that stays is written where the user says or into the current directory, and \
                 named; one that does not is tempfile's",
                path.display()
            );
        }
    }
}

/// Once installed, the command runs anywhere; what needs the sources says so.
#[test]
fn the_command_runs_in_an_empty_folder() {
    // Not below this checkout: it would be found.
    let place = Place { work: TempDir::new().unwrap(), ..Place::new() };
    let installed = place.work.path().join("figure2");
    fs::copy(env!("CARGO_BIN_EXE_figure2"), &installed).unwrap();
    let run = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        place.run(&installed, &words, &[])
    };
    let (code, told) = run("check --profile limits-of-one");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("holds"), "{told}");
    let (code, told) = run("lab --run InitialElection2A");
    assert_eq!(code, 0, "{told}");
    for needs_sources in
        ["verify", "mutants table", "check --profile election --baseline model/baseline.json"]
    {
        let (code, told) = run(needs_sources);
        assert_eq!(code, 2, "{needs_sources}: {told}");
        assert!(told.contains("checkout of figure2"), "{needs_sources}: {told}");
    }
    assert_eq!(place.left(), ["figure2"]);
}
