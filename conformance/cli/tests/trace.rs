//! `figure2 audit`, `validate` and `trace`: exit codes, and what goes where.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

#[path = "../../lab/tests/trace/falsify.rs"]
#[allow(dead_code)] // the lab's tests use all of it
mod falsify;

use falsify::{Lines, recorded};
use figure2::{Options, Persister, Raft};
use figure2_audit::Property;
use figure2_cli::trace_cmd::{self, Format, TraceArgs};
use figure2_trace::{Event, TraceError};
use figure2_validate::{Recorder, open};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use tokio::sync::mpsc;
use tracing_subscriber::layer::SubscriberExt as _;

fn figure2(args: &[&str], file: &Path) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_figure2")).args(args).arg(file).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn scratch(name: &str, text: &[u8]) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.jsonl", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_good_trace_is_0_a_bad_one_1_and_a_damaged_one_2() {
    let text = recorded("Persist12C");
    let good = scratch("good", &text);
    let (code, out, _) = figure2(&["validate"], &good);
    assert!(code == 0 && out.contains("verdict: valid") && out.contains("of 3 servers"), "{out}");
    let (code, out, err) = figure2(&["audit"], &good);
    assert!(code == 0 && out.ends_with("verdict: holds\n") && err.contains("lines/s"), "{out}{err}");

    let mut lines = Lines::of(&text);
    let place = lines.find(|line| line["event"]["deliver"].is_object());
    lines.lines[place]["event"]["deliver"]["command"] = "t:<another>".into();
    let bad = scratch("bad", &lines.text());
    let (code, out, _) = figure2(&["validate"], &bad);
    assert!(code == 1 && out.contains(&format!(".jsonl:{}: server", place + 2)), "{out}");
    let (code, out, _) = figure2(&["audit"], &bad);
    assert!(code == 1 && out.contains("VIOLATED state machine safety at "), "{out}");
    let (code, out, _) = figure2(&["audit", "--format", "html"], &bad);
    assert!(code == 1 && out.starts_with("<!DOCTYPE html>"), "{out}");
    assert!(out.contains("Space-time diagram around") && out.contains("t:&lt;another&gt;"));
    for element in ["line", "circle", "polyline"] {
        // One that is not closed swallows what follows it.
        let [opened, closed] =
            [format!("<{element} "), format!("</{element}>")].map(|tag| out.matches(&tag).count());
        assert!(opened > 0 && opened == closed, "{element}: {opened} opened, {closed} closed");
    }
    assert!(!out.contains("http://") || out.contains("http://www.w3.org"), "nothing is loaded");
    let (code, out, _) = figure2(&["audit", "--format", "json"], &bad);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let properties = Property::ALL.len();
    assert_eq!(document["properties"].as_array().unwrap().len(), properties);
    assert!(code == 1 && document["exit_code"] == 1);
    let (code, out, _) = figure2(&["audit", "--format", "junit"], &bad);
    // One for each, and one for the trace as a whole.
    let tests = format!("tests=\"{}\"", properties + 1);
    assert!(code == 1 && out.contains(&tests) && out.contains("failures=\"1\""), "{out}");

    let cut = scratch("cut", &text[..text.len() - 30]);
    for command in ["validate", "audit"] {
        let (code, _, err) = figure2(&[command], &cut);
        assert!(code == 2 && err.contains("the trace is cut off"), "{command}: {err}");
        let (code, out, _) = figure2(&[command, "--cut-off"], &cut);
        assert_eq!(code, 0, "{command}: {out}");
        let empty = scratch("empty", b"");
        let (code, _, err) = figure2(&[command], &empty);
        assert!(code == 2 && err.contains("the trace is empty"), "{command}: {err}");
        std::fs::remove_file(empty).unwrap();
    }
    for path in [good, bad, cut] {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_format_is_recognised_by_itself_and_a_recording_is_told_in_etcds() {
    let recording = recorded("Persist12C");
    let ours = scratch("ours", &recording);
    let (code, told, err) = figure2(&["trace", "--format", "etcd"], &ours);
    assert!(
        code == 0 && told.starts_with(r#"{"tag":"trace","event":{"name":"InitState","nid":"1""#),
        "{err}"
    );
    let theirs = scratch("theirs", told.as_bytes());
    for args in [&["audit"][..], &["audit", "--from", "etcd"]] {
        let (code, out, _) = figure2(args, &theirs);
        assert!(code == 0 && out.ends_with("verdict: holds\n"), "{args:?}: {out}");
        assert!(out.contains("holds, as far as it is shown") && out.contains("note: a line that is missing"));
    }
    let (code, _, err) = figure2(&["audit", "--from", "etcd"], &ours);
    assert!(code == 2 && err.contains(":2: not a trace line of etcd's raft"), "{err}");
    let (code, _, err) = figure2(&["audit", "--from", "figure2"], &theirs);
    assert!(code == 2 && err.contains("not a trace of nodes") && err.contains("--from"), "{err}");
    let neither = scratch("neither", b"{\"hello\":1}\n");
    let (code, _, err) = figure2(&["audit"], &neither);
    assert!(code == 2 && err.contains("not recognised") && err.contains("--from etcd"), "{err}");
    let both = ours.display().to_string();
    let (code, _, err) = figure2(&["audit", &both], &theirs);
    assert!(code == 2 && err.contains("traces of different programs"), "{err}");

    // A recording that the core does not take so is not told, and one that is cut off only when asked.
    let mut lines = Lines::of(&recording);
    let place = lines.find(|line| line["event"]["step"].is_object());
    lines.lines[place]["event"]["step"]["state"]["commit_index"] = 7.into();
    let bad = scratch("not-so", &lines.text());
    let (code, _, err) = figure2(&["trace", "--format", "etcd"], &bad);
    assert!(
        code == 2 && err.contains(&format!(":{}: server", place + 2)) && err.contains("figure2 validate"),
        "{err}"
    );
    let cut = scratch("cut-short", &recording[..recording.len() - 30]);
    assert_eq!(figure2(&["trace", "--format", "etcd"], &cut).0, 2);
    assert_eq!(figure2(&["trace", "--format", "etcd", "--cut-off"], &cut).0, 0);
    for path in [ours, theirs, neither, bad, cut] {
        std::fs::remove_file(path).unwrap();
    }
}

/// The way to nobody: the only server of its cluster has no peers.
struct Nobody;

impl figure2::Peer for Nobody {
    fn send(&self, _: figure2::codec::Frame) {}
}

/// Records a server that starts and stops, into a file.
fn recorded_file(name: &str) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}.trace", std::process::id()));
    let (recorder, file) = Recorder::to_file(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.layer()));
    runtime.block_on(async {
        let (apply, _messages) = mpsc::channel::<figure2::ApplyMsg>(1);
        let options = Options { record: true, seed: Some(1), ..Options::default() };
        let nobody = std::iter::empty::<(u64, Nobody)>();
        Raft::new(0, nobody, Persister::new(), apply, options).await.unwrap().stop();
    });
    file.finish().unwrap();
    path
}

fn count(path: &Path, accept_cut_off: bool) -> Result<u64, String> {
    let told = |error: TraceError| error.to_string();
    let mut reader = open(path, accept_cut_off).map_err(told)?;
    assert!(reader.header().began > 0);
    let mut lines = 0;
    while let Some(raw) = reader.next_line().map_err(told)? {
        raw.parse::<Event>().unwrap();
        lines += 1;
    }
    Ok(lines)
}

#[test]
fn its_text_is_a_trace_too() {
    let path = recorded_file("text");
    let text = path.with_extension("jsonl");
    let args =
        TraceArgs { file: path.clone(), format: Format::Figure2, cut_off: false, output: Some(text.clone()) };
    assert_eq!(trace_cmd::run(&args).unwrap(), ExitCode::SUCCESS);
    assert!(
        std::fs::read_to_string(&text).unwrap().starts_with(r#"{"format":"figure2-node-trace","version":1"#)
    );
    assert_eq!(count(&text, false), Ok(2));
    assert!(trace_cmd::run(&args).is_err(), "nothing is overwritten");
    for path in [path, text] {
        std::fs::remove_file(path).unwrap();
    }
}
