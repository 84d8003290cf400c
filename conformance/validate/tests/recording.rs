//! What a node tells while it is recorded.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use figure2::{Options, Persister, Raft};
use figure2_trace::{Event, Input, Line, Outcome, Reader, TraceError};
use figure2_validate::{Recorder, open};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing_subscriber::layer::SubscriberExt as _;

/// The way to nobody: the only server of its cluster has no peers.
struct Nobody;

impl figure2::Peer for Nobody {
    fn send(&self, _: figure2::codec::Frame) {}
}

fn nobody() -> std::iter::Empty<(u64, Nobody)> {
    std::iter::empty()
}

/// Runs the only server of a cluster until it has committed two commands, and again from what it had saved.
fn text_of_a_lonely_server(record: bool) -> Vec<u8> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let recorder = Recorder::in_memory(move || began.elapsed());
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.layer()));
        let persister = Persister::new();
        for commands in [["one", "two"], ["three", "four"]] {
            let (apply, mut messages) = mpsc::channel::<figure2::ApplyMsg>(1);
            let options = Options { record, seed: Some(1), ..Options::default() };
            let raft = Raft::new(0, nobody(), persister.clone(), apply, options).await.unwrap();
            sleep(Duration::from_secs(1)).await;
            for command in commands {
                raft.propose(command.into()).unwrap();
            }
            for _ in commands {
                messages.recv().await.unwrap();
            }
            sleep(Duration::from_secs(1)).await;
            raft.stop();
        }
        recorder.into_text().unwrap()
    })
}

#[test]
fn a_run_is_told_from_start_to_stop_and_a_restart_begins_with_what_was_saved() {
    let text = text_of_a_lonely_server(true);
    let mut reader = Reader::of_text("lonely", text.clone()).unwrap();
    assert_eq!((reader.header().servers, reader.header().began), (1, 0));
    let mut lines: Vec<Line> = Vec::new();
    while let Some(raw) = reader.next_line().unwrap() {
        lines.push(raw.parse().unwrap());
    }
    assert!(reader.is_whole());
    let of_run = |run| lines.iter().filter(move |line| line.run == run);
    for run in [1, 2] {
        assert!(matches!(of_run(run).next().unwrap().event, Event::Start { .. }));
        assert_eq!(of_run(run).next_back().unwrap().event, Event::Stop { failure: None });
        assert!(of_run(run).zip(1..).all(|(line, seq)| line.seq == seq && line.server == 0));
    }
    let proposals: Vec<String> = of_run(1)
        .filter_map(|line| match &line.event {
            Event::Step(step) => match &step.input {
                Input::Propose(command) => {
                    assert!(matches!(step.outcome, Outcome::Proposed { .. }) && step.changes.len() == 1);
                    Some(command.to_string())
                }
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(proposals, ["t:one", "t:two"]);
    let Event::Start { persistent, .. } = &of_run(2).next().unwrap().event else { unreachable!() };
    assert_eq!(persistent.log.last_index(), 2);
    let delivered = |run| of_run(run).filter(|line| matches!(line.event, Event::Deliver { .. })).count();
    assert_eq!((delivered(1), delivered(2)), (2, 4), "after a restart the service gets all again");
    let writes = of_run(1).filter(|line| line.event == Event::Write).count();
    let durable = of_run(1).filter(|line| line.event == Event::Durable).count();
    assert!(writes == durable && writes >= 2, "the vote, then the commands: {writes}");
    assert!(text == text_of_a_lonely_server(true), "virtual time: the same run, byte for byte");
}

#[test]
fn a_node_that_is_not_recorded_tells_nothing() {
    assert!(text_of_a_lonely_server(false).is_empty());
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
        Raft::new(0, nobody(), Persister::new(), apply, options).await.unwrap().stop();
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
fn a_file_is_written_while_it_is_recorded_and_never_overwritten() {
    let path = recorded_file("written");
    assert_eq!(count(&path, false), Ok(2), "started and stopped");
    let again = Recorder::to_file(&path).err().unwrap();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_file_that_is_cut_off_or_damaged_is_told_from_a_whole_one() {
    let path = recorded_file("damaged");
    let whole = std::fs::read(&path).unwrap();
    let after = |content: &[u8], accept_cut_off| {
        std::fs::write(&path, content).unwrap();
        count(&path, accept_cut_off)
    };
    // A capture begins with 16 bytes, and a record with 21, of which the first four say how many follow.
    let end_of_record =
        |from: usize| from + 21 + usize::from(whole[from]) + 256 * usize::from(whole[from + 1]);
    let (first, second) = (end_of_record(16), end_of_record(end_of_record(16)));
    for length in 0..whole.len() {
        let cut_off = after(&whole[..length], false).unwrap_err();
        assert!(!cut_off.is_empty(), "{length} bytes");
        let left = match length {
            _ if length < first => None,
            _ if length < second => Some(1),
            _ => Some(2),
        };
        assert_eq!(after(&whole[..length], true).ok(), left, "{length} bytes");
    }
    assert_eq!(after(&whole[..whole.len() - 1], true), Ok(2));
    let longer = [&whole[..], b"?"].concat();
    assert!(after(&longer, false).unwrap_err().contains("behind its end"));
    let mut undecodable = whole.clone();
    undecodable[16 + 21] = 200;
    assert!(after(&undecodable, false).unwrap_err().contains("not an event of this version"));
    std::fs::remove_file(path).unwrap();
}
