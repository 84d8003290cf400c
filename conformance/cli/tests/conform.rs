//! `figure2 conform`: a difference leaves a file, and `figure2 replay` takes it.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};

fn figure2(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_figure2")).args(args).output().unwrap()
}

#[test]
fn a_difference_is_written_to_a_file_and_replay_drives_a_node_again_by_it() {
    let file =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-conform.json", std::process::id()));
    let name = file.to_str().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();

    let found = figure2(&[
        "conform",
        "--profile",
        "snapshot",
        "--walks",
        "100",
        "--defect",
        "record-forgotten",
        "--trace",
        name,
    ]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found.stderr));
    let told = text(&found.stdout);
    let difference = &told[told.find("DIFFERS S").unwrap()..told.find("verdict: ").unwrap()];
    assert!(told.contains(&format!("figure2 replay {name}")), "{told}");

    let again = figure2(&["replay", name]);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    assert!(text(&again.stdout).contains(difference), "{}", text(&again.stdout));
    assert!(text(&again.stderr).contains("DIFFERS as recorded"), "{}", text(&again.stderr));
    let by_rules = figure2(&["replay", name, "--rules", "figure2"]);
    assert_eq!(by_rules.status.code(), Some(2), "{}", text(&by_rules.stderr));

    let mut healed: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    healed["differs"][0]["node"] = json!("something else");
    std::fs::write(&file, healed.to_string()).unwrap();
    let other = figure2(&["replay", name]);
    assert_eq!(other.status.code(), Some(1), "{}", text(&other.stderr));
    assert!(text(&other.stderr).contains("not as recorded"), "{}", text(&other.stderr));

    healed["defect"] = Value::Null;
    std::fs::write(&file, healed.to_string()).unwrap();
    let again = figure2(&["replay", name]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("NO LONGER DIFFERS"), "{}", text(&again.stderr));

    std::fs::write(&file, &healed.to_string()[1..]).unwrap();
    assert_eq!(figure2(&["replay", name]).status.code(), Some(2));
    healed["version"] = json!(7);
    std::fs::write(&file, healed.to_string()).unwrap();
    let foreign = figure2(&["replay", name]);
    assert_eq!(foreign.status.code(), Some(2));
    assert!(text(&foreign.stderr).contains("its version is 7"), "{}", text(&foreign.stderr));
    std::fs::remove_file(file).unwrap();
}
