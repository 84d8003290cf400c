//! No bytes from the network make a decoder panic or claim memory beyond a small multiple of their number, and what a
//! decoder accepts is what this version would write, to the byte.
//!
//! Inputs that are kept are in `tests/fuzz/corpus`: those whose names begin with `sound` are accepted, and the others are
//! not. Each run reads them, and then edits of them that bolero draws. `BOLERO_RANDOM_TEST_TIME_MS` says how long to go on;
//! `cargo bolero` can drive the same targets with a fuzzer.

use super::{CHUNK_LIMIT, OPENING_LIMIT, Said};
use crate::config::Limits;
use crate::expiry::not_after;
use crate::framing::frames;
use bolero::TypeGenerator;
use bytes::Bytes;
use peak_alloc::PeakAlloc;
use std::panic::RefUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::io::{AsyncWriteExt, duplex};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one target runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A decoder may take so many bytes of memory for each byte of its input.
const MULTIPLE: usize = 32;

/// And so many more: the longest frame that the reader may announce, and what other tests of this process have meanwhile.
const FIXED: usize = 4 << 20;

/// An edit of bytes; places are parts of 65,536 of their number.
#[derive(Debug, TypeGenerator)]
enum Edit {
    Replace { at: u16, with: u8 },
    Flip { at: u16, bit: u8 },
    Number { at: u16, which: u8 },
    Copy { from: u16, length: u8, to: u16 },
    Remove { at: u16, length: u8 },
    Cut { at: u16 },
}

/// Numbers at which lengths go wrong, in both orders of their bytes.
const NUMBERS: [u64; 8] =
    [0, 1, 255, 1 << 16, u32::MAX as u64, (u32::MAX as u64) << 32, i64::MAX as u64, u64::MAX];

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let place = |at: u16| usize::from(at) * length / (1 << 16);
        match *self {
            Edit::Replace { at, with } => {
                bytes.get_mut(place(at)).into_iter().for_each(|byte| *byte = with);
            }
            Edit::Flip { at, bit } => {
                bytes.get_mut(place(at)).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
            }
            Edit::Number { at, which } => {
                let number = NUMBERS[usize::from(which) % NUMBERS.len()].to_le_bytes();
                let at = place(at);
                bytes.iter_mut().skip(at).zip(number).for_each(|(byte, with)| *byte = with);
            }
            Edit::Copy { from, length: count, to } => {
                let from = place(from);
                let copy = bytes[from..length.min(from + usize::from(count))].to_vec();
                let to = place(to);
                bytes.splice(to..to, copy);
            }
            Edit::Remove { at, length: count } => {
                let at = place(at);
                bytes.drain(at..length.min(at + usize::from(count)));
            }
            Edit::Cut { at } => bytes.truncate(place(at)),
        }
    }
}

/// Looks at the inputs that are kept for a decoder, and at edits of them. `look` says whether an input was accepted.
fn fuzz(part: &str, look: impl Fn(&[u8]) -> bool + RefUnwindSafe) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let looked = AtomicU64::new(0);
    let accepted = AtomicU64::new(0);
    let look = |bytes: &[u8]| {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let accepts = look(bytes);
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let most = MULTIPLE * bytes.len() + FIXED;
        assert!(taken <= most, "{taken} bytes of memory for an input of {}", bytes.len());
        looked.fetch_add(1, Ordering::Relaxed);
        accepted.fetch_add(accepts.into(), Ordering::Relaxed);
        accepts
    };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(part);
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let sound = path.file_name().unwrap().to_string_lossy().starts_with("sound");
        assert_eq!(look(&bytes), sound, "{}: its name says whether it is accepted", path.display());
        kept.push(bytes);
    }
    assert!(kept.len() > 2, "the corpus is kept");
    bolero::check!().with_type::<(u8, u8, Vec<Edit>)>().for_each(|(which, few, edits)| {
        let mut bytes = kept[usize::from(*which) % kept.len()].clone();
        // Few edits leave much that is sound, and so get further.
        edits.iter().take(usize::from(few % 8)).for_each(|edit| edit.apply(&mut bytes));
        look(&bytes);
    });
    let (looked, accepted) = (looked.into_inner(), accepted.into_inner());
    println!("{part}: {} kept, {looked} inputs in all, {accepted} of them accepted", kept.len());
}

/// The opening, and the frames of a snapshot: hello, refusal, chunk and all others.
#[test]
fn fuzz_opening() {
    fuzz("opening", |bytes| {
        let Ok(said) = Said::decode(Bytes::copy_from_slice(bytes)) else { return false };
        let encoded = said.encode().unwrap().into_bytes();
        // The head of a hello is encoded by bincode, which takes a number in a longer form, too: not to the byte, but to
        // the value.
        match said {
            Said::Hello { .. } => assert_eq!(Said::decode(encoded), Ok(said)),
            _ => assert_eq!(encoded, bytes),
        }
        true
    });
}

/// The reader of frames: whatever arrives, it gives frames within the cap, or an error, and never waits for more than the
/// cap. Accepted is what consists of whole frames.
#[test]
fn fuzz_frames() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runtime = Mutex::new(runtime);
    fuzz("frames", |bytes| {
        let runtime = runtime.lock().unwrap();
        let limit = if bytes.len() % 2 == 0 { OPENING_LIMIT } else { CHUNK_LIMIT };
        runtime.block_on(async {
            let (ours, mut theirs) = duplex(bytes.len().max(1));
            theirs.write_all(bytes).await.unwrap();
            drop(theirs);
            let (mut reader, _writer) = frames(Box::new(ours), limit, &Limits::default());
            let mut found = Vec::new();
            loop {
                match reader.next().await {
                    Ok(frame) => {
                        assert!(frame.len() <= limit);
                        found.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
                        found.extend_from_slice(&frame);
                    }
                    Err(_) => {
                        assert!(bytes.starts_with(&found));
                        return found.len() == bytes.len();
                    }
                }
            }
        })
    });
}

/// The certificate's validity: an operator's file, and no peer's, but read by a decoder of our own.
#[test]
fn fuzz_expiry() {
    fuzz("expiry", |bytes| not_after(bytes).is_some());
}
