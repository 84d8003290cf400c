//! `figure2 kill`: servers that are killed recover, and a server that acknowledges before it writes is found.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn kill(arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_figure2"));
    command.arg("kill").arg("--directory").arg(directory.path()).args(arguments);
    let output = command.output().unwrap();
    let left = std::fs::read_dir(directory.path()).unwrap().count();
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
