//! `figure2 check --checkpoint`: killed again and again, a search ends as if it never was.

#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

pub fn check(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_figure2"));
    command.args(["check", "--profile", "transfer", "--recovery", "1/20", "--format", "json"]).args(args);
    command.current_dir(directory).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// What a search found, without what the machine has to do with it.
fn found(mut command: Command) -> Value {
    found_by(command.output().unwrap())
}

/// The same of one that has ended.
pub fn found_by(output: Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let profile = document["profiles"][0].as_object_mut().unwrap();
    for of_the_machine in ["seconds", "peak_memory_bytes", "depth", "states_of_levels"] {
        profile.remove(of_the_machine).unwrap();
    }
    document
}

/// In the middle of levels and of checkpoints alike, for there is one at the end of each level.
#[test]
fn a_search_that_is_killed_goes_on_and_finds_what_stateright_finds() {
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let directory = directory.path();
    let on_timely = ["--engine", "timely", "--checkpoint", "kept", "--checkpoint-every", "0"];
    let manifest = directory.join("kept/transfer/manifest");
    let mut went_on = 0;
    for attempt in 0..12 {
        let before = std::fs::read_to_string(&manifest).ok();
        let mut child = check(directory, &on_timely).spawn().unwrap();
        // It is killed some time after the next checkpoint.
        while std::fs::read_to_string(&manifest).ok() == before && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(7 * attempt));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        went_on += u32::from(before.is_some());
    }
    assert!(went_on > 2, "{went_on}");
    // With another number of workers in the end.
    let resumed = found(check(directory, &[&on_timely[..], &["--threads", "3"]].concat()));
    assert_eq!(resumed, found(check(directory, &["--engine", "stateright"])));
}

#[test]
fn checkpoints_of_another_search_or_engine_are_refused() {
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let directory = directory.path();
    let refused = |args: &[&str]| {
        let output = check(directory, args).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = refused(&["--engine", "stateright", "--checkpoint", "kept"]);
    assert!(told.contains("leave --engine stateright out"), "{told}");
    let kept = ["--engine", "timely", "--checkpoint", "kept", "--checkpoint-every", "0"];
    let stopped = check(directory, &[&kept[..], &["--max-states", "5000"]].concat()).output().unwrap();
    assert_eq!(stopped.status.code(), Some(2));
    let told = refused(&[&kept[..], &["--rehash", "1"]].concat());
    assert!(told.contains("a checkpoint of another search"), "{told}");
    std::fs::write(directory.join("kept/transfer/manifest"), "lost").unwrap();
    let told = refused(&kept);
    assert_eq!(told.matches("manifest is damaged").count(), 1, "{told}");
}

#[test]
fn who_interrupts_a_search_is_told_how_to_go_on() {
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let directory = directory.path();
    let interrupted = |args: &[&str], may_interrupt: &dyn Fn() -> bool| {
        let mut child = check(directory, args).stderr(Stdio::piped()).spawn().unwrap();
        while !may_interrupt() {
            assert!(child.try_wait().unwrap().is_none(), "it has ended");
            thread::sleep(Duration::from_millis(5));
        }
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("UNFINISHED: it was interrupted; nothing is proved"), "{told}");
        assert!(told.contains("again: "), "{told}");
        told
    };
    let kept = ["--engine", "timely", "--checkpoint", "kept", "--checkpoint-every", "0"];
    let told = interrupted(&kept, &|| directory.join("kept/transfer/manifest").exists());
    assert!(
        told.contains("the same command goes on from level ") && !told.contains("goes on    from"),
        "{told}"
    );
    let output = check(directory, &kept).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("goes on    from the checkpoint of level "), "{told}");
    // Nothing is kept, and two profiles: the second is not begun.
    let begun = std::time::Instant::now();
    let args = ["--profile", "replication"];
    let told = interrupted(&args, &|| begun.elapsed() > Duration::from_millis(500));
    assert!(told.contains("a search begins anew") && !told.contains("transfer: "), "{told}");
}
