//! No file makes a reader of traces panic, hang, or take memory beyond a small multiple of its size.
//!
//! Good traces are edited at random, as text and as captures: bytes replaced, removed, copied, hostile pieces inserted.
//! What once failed, and what is meant to fail, is kept in `corpus` and read at each run. bolero runs the edits as
//! ordinary tests; `cargo bolero` can drive the same targets with a fuzzer.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use bolero::TypeGenerator;
use figure2::Extensions;
use figure2::{Options, Peer, Persister, Raft};
use figure2_audit::{audit, etcd::audit_lines};
use figure2_lab::suite::{Mode, RunOptions, run, select};
use figure2_validate::{Recorder, of_bytes, tell_as_etcd, validate};
use peak_alloc::PeakAlloc;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt as _;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A reader may take so many bytes for each byte of its input...
const MULTIPLE: usize = 64;
/// ... and so many more: the indexes between servers' snapshots, which no line needs to name, and buffers.
const FIXED: usize = 16 << 20;

/// Edits are drawn so often.
const DRAWS: usize = 300;

const HOSTILE: [&[u8]; 12] = [
    b"18446744073709551615",
    b"4611686018427387903",
    b"4000000000",
    b"0",
    b"-1",
    b"1e99",
    b"null",
    b"\"\"",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"\n",
    b"\xff\xfe\x00",
];

/// An edit; places are parts of 65,536 of the text.
#[derive(Debug, TypeGenerator)]
enum Edit {
    Replace {
        at: u16,
        with: u8,
    },
    Remove {
        at: u16,
        length: u8,
    },
    Copy {
        from: u16,
        length: u8,
        to: u16,
    },
    Insert {
        at: u16,
        what: u8,
    },
    /// A run of digits becomes a hostile piece.
    Number {
        at: u16,
        what: u8,
    },
    /// Lines change places.
    Swap {
        one: u16,
        other: u16,
    },
    Cut {
        at: u16,
    },
}

impl Edit {
    fn apply(&self, text: &mut Vec<u8>) {
        let length = text.len();
        let place = |at: u16| usize::from(at) * length / (1 << 16);
        let piece = |what: u8| HOSTILE[usize::from(what) % HOSTILE.len()].iter().copied();
        match *self {
            Edit::Replace { at, with } => {
                if let Some(byte) = text.get_mut(place(at)) {
                    *byte = with;
                }
            }
            Edit::Remove { at, length: count } => {
                let at = place(at);
                text.drain(at..length.min(at + usize::from(count)));
            }
            Edit::Copy { from, length: count, to } => {
                let from = place(from);
                let copy = text[from..length.min(from + usize::from(count))].to_vec();
                let to = place(to);
                text.splice(to..to, copy);
            }
            Edit::Insert { at, what } => {
                let at = place(at);
                text.splice(at..at, piece(what));
            }
            Edit::Number { at, what } => {
                let digits =
                    |from: usize| text[from..].iter().position(u8::is_ascii_digit).map(|to| from + to);
                let Some(from) = digits(place(at)) else { return };
                let count = text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                text.splice(from..from + count, piece(what));
            }
            Edit::Swap { one, other } => {
                let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let place = |at: u16| usize::from(at) * lines.len() / (1 << 16);
                let (one, other) = (place(one), place(other));
                lines.swap(one, other);
                *text = lines.join(&b'\n');
            }
            Edit::Cut { at } => text.truncate(place(at)),
        }
    }
}

/// Reads an input, whatever comes of it, and looks at the memory that it took.
fn measured(input: &[u8], read: &dyn Fn(&[u8])) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    read(input);
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let most = MULTIPLE * input.len() + FIXED;
    assert!(taken <= most, "{taken} bytes for an input of {}", input.len());
}

/// All files of a part of the corpus, as they are, and the good traces with drawn edits.
fn fuzz(part: &str, good: &[Vec<u8>], read: &(dyn Fn(&[u8]) + std::panic::RefUnwindSafe)) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(part);
    let mut kept = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        measured(&std::fs::read(entry.unwrap().path()).unwrap(), read);
        kept += 1;
    }
    assert!(kept > 0, "the corpus is kept");
    good.iter().for_each(|text| measured(text, read));
    bolero::check!().with_type::<(u8, Vec<Edit>)>().with_iterations(DRAWS).for_each(|(which, edits)| {
        let mut text = good[usize::from(*which) % good.len()].clone();
        edits.iter().take(8).for_each(|edit| edit.apply(&mut text));
        measured(&text, read);
    });
}

fn read_nodes(input: &[u8]) {
    let open = || of_bytes("fuzzed", input.to_vec());
    let _ = audit(&|| Ok(vec![open()?]));
    let _ = open().map(|reader| validate(vec![reader]));
    let _ = tell_as_etcd(&open, &mut std::io::sink());
}

/// What the nodes of a lab test recorded.
fn recorded(id: &str) -> Vec<u8> {
    let test = select(&[id.into()]).unwrap()[0];
    let report = run(
        test,
        RunOptions {
            mode: Mode::Virtual,
            disk: false,
            extensions: Extensions::ALL,
            seed: 1,
            keep_trace: true,
        },
    );
    report.outcome.unwrap();
    report.recording.unwrap().to_vec()
}

/// The way to nobody: the only server of its cluster has no peers.
struct Nobody;

impl Peer for Nobody {
    fn send(&self, _: figure2::codec::Frame) {}
}

/// What the only server of a cluster records in a file, as it is.
fn captured() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (recorder, file) = Recorder::to_file(&path).unwrap();
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.layer()));
        let persister = Persister::new();
        for _ in 0..2 {
            let (apply, mut messages) = tokio::sync::mpsc::channel::<figure2::ApplyMsg>(1);
            let options = Options { record: true, seed: Some(1), ..Options::default() };
            let nobody = std::iter::empty::<(u64, Nobody)>();
            let raft = Raft::new(0, nobody, persister.clone(), apply, options).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            for command in ["one", "two", "three"] {
                raft.propose(command.into()).unwrap();
                messages.recv().await.unwrap();
            }
            raft.stop();
        }
        file.finish().unwrap();
    });
    std::fs::read(path).unwrap()
}

#[test]
fn traces_of_etcd() {
    let good: Vec<Vec<u8>> = ["etcd-crashes-and-losses", "t01-etcd-crash-before-ready"]
        .map(|name| format!("{}/../audit/tests/etcd/inputs/{name}.ndjson", env!("CARGO_MANIFEST_DIR")))
        .map(|path| std::fs::read(path).unwrap())
        .into();
    fuzz("etcd", &good, &|input| {
        let _ = audit_lines("fuzzed", input, false);
        let _ = audit_lines("fuzzed", input, true);
    });
}

#[test]
fn traces_of_nodes_as_text() {
    fuzz("nodes", &[recorded("Persist32C"), recorded("SnapshotInit3D")], &read_nodes);
}

#[test]
fn traces_of_nodes_as_captured() {
    let good = captured();
    assert!(good.starts_with(b"\0figure2"));
    fuzz("nodes", &[good], &read_nodes);
}
