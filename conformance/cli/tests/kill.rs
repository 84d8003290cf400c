//! `figure2 kill`: servers that are killed, stopped and cut off recover, and what servers do wrong is found.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

/// What the command says, and how much it leaves.
fn run(arguments: &[&str]) -> (Output, usize) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_figure2"));
    command.arg("kill").arg("--directory").arg(directory.path()).args(arguments);
    let output = command.output().unwrap();
    (output, std::fs::read_dir(directory.path()).unwrap().count())
}

fn kill(arguments: &[&str]) -> Output {
    let (output, left) = run(arguments);
    assert_eq!(left, usize::from(!output.status.success()), "what failed is kept, and nothing else");
    output
}

#[test]
fn servers_that_are_killed_recover_and_lose_nothing() {
    let output = kill(&["--kills", "6"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("holds: every server recovered"), "{said}");
}

#[test]
fn a_server_that_acknowledges_before_it_writes_is_found() {
    let output = kill(&["--kills", "60", "--defect", "acknowledges-early"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("FAILED"), "{said}");
}

#[test]
fn over_tcp_servers_survive_every_kind_of_fault() {
    let output = kill(&["--network", "tcp", "--faults", "18"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("holds: every server recovered"), "{said}");
    for kind in ["kill", "stop", "cut", "half-open", "reset", "delay", "throttle", "wipe"] {
        assert!(said.contains(&format!("{kind} ")), "no {kind}: {said}");
    }
}

#[test]
fn over_tcp_a_server_that_acknowledges_before_it_writes_is_found() {
    let arguments = ["--network", "tcp", "--only", "kill", "--kills", "60", "--defect", "acknowledges-early"];
    let output = kill(&arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("FAILED"), "{said}");
}

#[test]
fn a_server_that_returns_with_an_empty_directory_and_is_heard_is_found() {
    let output = kill(&["--network", "tcp", "--only", "wipe", "--faults", "1", "--defect", "same-disk-name"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("came back with an empty directory, and was to be refused"), "{said}");
}

#[test]
fn servers_in_network_namespaces_survive_links_that_go_down_or_it_is_said_why_not() {
    let output = run(&["--network", "namespaces", "--only", "kill,link-down", "--faults", "6"]).0;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(2) {
        assert!(said.contains("skipped: network namespaces cannot be made here: "), "{said}");
        return println!("{said}");
    }
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("link-down "), "{said}");
}

#[test]
fn faults_that_a_network_does_not_have_are_refused_with_those_that_it_has() {
    let output = run(&["--network", "pipes", "--only", "kill,cut"]).0;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("no fault cut on this network; possible are kill"), "{said}");
}
