//! What a node tells while it is recorded.

use figure2::record::Event;
use figure2::{Options, Persister, Raft, Replies, ServerId};
use figure2_conformance::trace::{Line, Reader, Recorder};
use figure2_core::{Index, Input, Outcome};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing_subscriber::layer::SubscriberExt as _;

/// The way to nobody: the only server of its cluster has no peers.
struct Nobody;

impl figure2::Peer for Nobody {
    fn send(&self, _: bytes::Bytes, _: &Replies) {}
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
            let (apply, mut messages) = mpsc::channel(1);
            let options = Options { record, ..Options::default() };
            let raft = Raft::make(vec![Nobody], ServerId(0), persister.clone(), apply, options).unwrap();
            sleep(Duration::from_secs(1)).await;
            for command in commands {
                assert!(raft.start(command.into()).is_leader);
            }
            for _ in commands {
                messages.recv().await.unwrap();
            }
            sleep(Duration::from_secs(1)).await;
            raft.kill();
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
    assert_eq!(persistent.log.last_index(), Index(2));
    let delivered = |run| of_run(run).filter(|line| matches!(line.event, Event::Deliver { .. })).count();
    assert_eq!((delivered(1), delivered(2)), (2, 4), "after a restart the service gets all again");
    let writes = of_run(1).filter(|line| line.event == Event::Write).count();
    let durable = of_run(1).filter(|line| line.event == Event::Durable).count();
    assert!(writes == durable && writes >= 2, "the vote, then the commands: {writes}");
    assert_eq!(text, text_of_a_lonely_server(true), "virtual time: the same run, byte for byte");
}

#[test]
fn a_node_that_is_not_recorded_tells_nothing() {
    assert!(text_of_a_lonely_server(false).is_empty());
}

#[test]
fn a_file_is_written_while_it_is_recorded_and_never_overwritten() {
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{}-recording.jsonl", std::process::id()));
    let (recorder, file) = Recorder::to_file(&path).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.layer()));
    runtime.block_on(async {
        let (apply, _messages) = mpsc::channel(1);
        let options = Options { record: true, ..Options::default() };
        Raft::make(vec![Nobody], ServerId(0), Persister::new(), apply, options).unwrap().kill();
    });
    file.finish().unwrap();
    let mut reader = Reader::open(&path, false).unwrap();
    assert!(reader.header().began > 0);
    let mut lines = 0;
    while reader.next_line().unwrap().is_some() {
        lines += 1;
    }
    assert_eq!(lines, 2, "started and stopped");
    let again = Recorder::to_file(&path).err().unwrap();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    std::fs::remove_file(path).unwrap();
}
