//! What a node tells while it is recorded.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use figure2::{Options, Persister, Raft};
use figure2_trace::{Event, Input, Line, Outcome, Reader, TraceError};
use figure2_validate::{Recorder, Rotation, open, text_of, validate};
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
    let (began, mut lines) = (reader.header().began, 0);
    while let Some(raw) = reader.next_line().map_err(told)? {
        raw.parse::<Event>().unwrap();
        lines += 1;
    }
    assert!(began > 0 || lines == 0);
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
    // A capture begins with 36 bytes, and a record with 21, of which the first four say how many follow.
    let end_of_record =
        |from: usize| from + 21 + usize::from(whole[from]) + 256 * usize::from(whole[from + 1]);
    let (first, second) = (end_of_record(36), end_of_record(end_of_record(36)));
    for length in 0..whole.len() {
        let cut_off = after(&whole[..length], false).unwrap_err();
        assert!(!cut_off.is_empty(), "{length} bytes");
        let left = match length {
            _ if length < first => 0,
            _ if length < second => 1,
            _ => 2,
        };
        assert_eq!(after(&whole[..length], true), Ok(left), "{length} bytes");
    }
    assert_eq!(after(&whole[..whole.len() - 1], true), Ok(2));
    let longer = [&whole[..], b"?"].concat();
    assert!(after(&longer, false).unwrap_err().contains("behind its end"));
    let mut undecodable = whole.clone();
    undecodable[36 + 21] = 200;
    assert!(after(&undecodable, false).unwrap_err().contains("not an event of this version"));
    let mut newer = whole.clone();
    newer[8] += 1;
    let refused = after(&newer, true).unwrap_err();
    assert!(refused.contains("version 3; this program reads version 2: print it as text"), "{refused}");
    std::fs::remove_file(path).unwrap();
}

/// Records a server that starts and stops so many times, into files of at most 4,000 bytes; the numbers of the files.
fn recorded_in_pieces(path: &Path, rotation: Rotation, lives: usize) -> Vec<u64> {
    let (recorder, file) = Recorder::to_files(path, rotation).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.layer()));
    runtime.block_on(async {
        for _ in 0..lives {
            let (apply, _messages) = mpsc::channel::<figure2::ApplyMsg>(1);
            let options = Options { record: true, seed: Some(1), ..Options::default() };
            Raft::new(0, nobody(), Persister::new(), apply, options).await.unwrap().stop();
        }
    });
    file.finish().unwrap();
    (1..100).filter(|number| piece(path, *number).exists()).collect()
}

fn piece(path: &Path, number: u64) -> PathBuf {
    PathBuf::from(format!("{}.{number}", path.display()))
}

#[test]
fn a_recording_in_pieces_is_read_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server-0.trace");
    let (most, lives) = (400, 50);
    let pieces = recorded_in_pieces(&path, Rotation::of_bytes(most), lives);
    assert!(pieces.len() > 5 && pieces == (1..=pieces.len() as u64).collect::<Vec<_>>(), "{pieces:?}");
    for number in &pieces {
        let bytes = std::fs::metadata(piece(&path, *number)).unwrap().len();
        assert!(bytes <= most, "{number}: {bytes}");
    }
    assert_eq!(count(&path, false), Ok(2 * lives as u64));
    let report = validate(vec![open(&path, false).unwrap()]).unwrap();
    assert!(report.rejection.is_none() && report.counts.runs == lives as u64);
    let again = Recorder::to_files(&path, Rotation::default()).err().unwrap();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    let alone = count(&piece(&path, 1), false).unwrap_err();
    assert!(alone.contains("cut off"), "{alone}");

    // The last is cut, or never came: the recording is cut off.
    let (last, before) = (piece(&path, pieces.len() as u64), piece(&path, pieces.len() as u64 - 1));
    let whole = std::fs::read(&last).unwrap();
    for left in [0, 20, whole.len() - 1] {
        std::fs::write(&last, &whole[..left]).unwrap();
        assert!(count(&path, false).unwrap_err().contains("cut off"), "{left} bytes");
        assert!(count(&path, true).is_ok(), "{left} bytes");
    }
    std::fs::remove_file(&last).unwrap();
    assert!(count(&path, false).unwrap_err().contains("cut off") && count(&path, true).is_ok());
    std::fs::write(&last, &whole).unwrap();

    // One in the middle is cut, or missing, or another: that is an error in any case.
    let middle = std::fs::read(&before).unwrap();
    std::fs::write(&before, &middle[..middle.len() - 1]).unwrap();
    let error = count(&path, true).unwrap_err();
    assert!(error.contains("is cut off, and more follow it"), "{error}");
    std::fs::remove_file(&before).unwrap();
    let error = count(&path, true).unwrap_err();
    assert!(error.contains(&format!("piece {} of the recording is missing", pieces.len() - 1)), "{error}");
    let mut other = middle.clone();
    other[28] += 1;
    std::fs::write(&before, other).unwrap();
    let error = count(&path, true).unwrap_err();
    assert!(error.contains("records are missing"), "{error}");
}

#[test]
fn where_the_oldest_pieces_are_removed_the_rest_is_read_from_the_next_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server-0.trace");
    let pieces = recorded_in_pieces(&path, Rotation::of_bytes(400).keep(3), 50);
    assert!(pieces.len() == 3 && pieces[0] > 1, "{pieces:?}");
    let reader = open(&path, false).unwrap();
    assert!(reader.begins_late());
    let lines = count(&path, false).unwrap();
    assert!((4..30).contains(&lines), "{lines} of 100");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut text_of(&path).unwrap(), &mut text).unwrap();
    assert!(text.ends_with(&format!("{{\"end\":{lines}}}\n")), "{text}");
    let report = validate(vec![reader]).unwrap();
    assert!(report.rejection.is_none());
}

/// Records a life of the only server of a cluster, which commits a command, into a file.
fn life(path: &Path, persister: &Persister) {
    let (recorder, file) = Recorder::to_file(path).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.layer()));
    runtime.block_on(async {
        let (apply, mut messages) = mpsc::channel::<figure2::ApplyMsg>(1);
        let options = Options { record: true, seed: Some(1), ..Options::default() };
        let raft = Raft::new(0, nobody(), persister.clone(), apply, options).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        raft.propose("one".into()).unwrap();
        messages.recv().await.unwrap();
        raft.stop();
    });
    file.finish().unwrap();
}

#[test]
fn lives_in_several_files_are_validated_in_turn_and_a_cut_one_excuses_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, other, empty] = ["z", "a", "b", "empty"].map(|name| folder.path().join(name));
    let persister = Persister::new();
    life(&first, &persister);
    life(&second, &persister);
    life(&other, &Persister::new());
    std::fs::write(&empty, "").unwrap();
    let judged = |paths: &[&Path]| {
        let readers = paths.iter().map(|path| open(path, true).unwrap()).collect();
        validate(readers).map(|report| (report.counts.restarts, report.rejection.map(|found| found.what)))
    };
    assert_eq!(judged(&[&second, &first]).unwrap(), (1, None), "in the order in which they began");
    let forgot = "the server restarts from something else than what it had made durable";
    assert_eq!(judged(&[&first, &other]).unwrap().1.as_deref(), Some(forgot));
    assert_eq!(judged(&[&first, &other, &empty]).unwrap(), (0, None), "a run may be missing between them");
    assert!(judged(&[&empty]).unwrap_err().to_string().contains("the trace is empty"));
    let whole = std::fs::read(&first).unwrap();
    std::fs::write(&first, &whole[..whole.len() - 40]).unwrap();
    assert_eq!(judged(&[&first, &other]).unwrap(), (0, None), "what was durable at the end is not known");
}
