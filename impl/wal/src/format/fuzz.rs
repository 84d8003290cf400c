//! No bytes make a decoder panic or claim memory beyond a small multiple of their number, and what a decoder accepts is
//! what this version would write, to the byte.
//!
//! Each decoder has inputs that are kept, in `tests/fuzz/corpus`: sound ones, and what once failed or is meant to. Each
//! run reads them, and then edits of them that bolero draws. A checksum that stands for nothing would stop nearly every
//! edit, so each input is also looked at with the checksum that fits it. `BOLERO_RANDOM_TEST_TIME_MS` says how long to go
//! on; `cargo bolero` can drive the same targets with a fuzzer. Whole directories are in `tests/fuzz`.

use super::files::{DiskIdentity, SEGMENT_HEAD, SegmentHead};
use super::frame::{self, Frame};
use super::snapshot::{self, BLOCK_HEAD, BlockHead, HEAD, block_checksum};
use super::{DiskId, checksum, item};
use bolero::TypeGenerator;
use bytes::Bytes;
use peak_alloc::PeakAlloc;
use std::panic::RefUnwindSafe;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one target runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A decoder may take so many bytes of memory for each byte of its input. A deletion, of 9 bytes, becomes a value of 112,
/// and a vector that grows is there twice for a moment.
const MULTIPLE: usize = 64;

/// And so many more: what the other tests of this process have at that moment.
const FIXED: usize = 1 << 20;

const DISK: DiskId = DiskId(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF);

/// An edit of bytes; places are parts of 65,536 of their number.
#[derive(Debug, TypeGenerator)]
enum Edit {
    Replace { at: u16, with: u8 },
    Flip { at: u16, bit: u8 },
    Number { at: u16, which: u8, long: bool },
    Copy { from: u16, length: u8, to: u16 },
    Remove { at: u16, length: u8 },
    Cut { at: u16 },
}

/// Numbers at which lengths, counts and indexes go wrong.
const NUMBERS: [u64; 10] =
    [0, 1, 2, 255, 1 << 16, u32::MAX as u64, 1 << 32, i64::MAX as u64, u64::MAX - 1, u64::MAX];

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
            Edit::Number { at, which, long } => {
                let number = NUMBERS[usize::from(which) % NUMBERS.len()].to_le_bytes();
                let number = &number[..if long { 8 } else { 4 }];
                let at = place(at) / 4 * 4;
                bytes.iter_mut().skip(at).zip(number).for_each(|(byte, with)| *byte = *with);
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

/// One bit of some bytes changed: the first 64 bytes, where the fields are, and where there are many more, some of them.
fn changed(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = 1 + bytes.len() / 16;
    let fields = (0..bytes.len().min(64)).step_by(3);
    fields.chain((64..bytes.len()).step_by(step)).map(|at| {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (at % 8);
        changed
    })
}

/// With the checksum that fits at the end, in place of what is there. The disk's id is part of it, and stands in the bytes.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.len().saturating_sub(8);
    let mut sealed = bytes[..end].to_vec();
    let id = sealed
        .get(24..40)
        .and_then(|id| id.try_into().ok())
        .map_or(DISK, |id| DiskId(u128::from_le_bytes(id)));
    let sum = checksum(id.seed(), &sealed);
    sealed.extend_from_slice(&sum.to_le_bytes());
    sealed
}

#[test]
fn fuzz_identity() {
    let check = |bytes: &[u8]| {
        let Ok(identity) = DiskIdentity::decode(bytes) else { return false };
        assert_eq!(identity.encode(), bytes);
        assert!(identity.voters.windows(2).all(|pair| pair[0] < pair[1]), "{identity:?}");
        changed(bytes).for_each(|changed| assert!(DiskIdentity::decode(&changed).is_err()));
        true
    };
    fuzz("identity", |bytes| check(bytes) | check(&sealed(bytes)));
}

#[test]
fn fuzz_segment_head() {
    let check = |file: &[u8]| {
        let Ok(head) = SegmentHead::decode(file) else { return false };
        assert!(head.encode() == file[..SEGMENT_HEAD], "{head:?}");
        changed(&file[..SEGMENT_HEAD]).for_each(|changed| assert!(SegmentHead::decode(&changed).is_err()));
        true
    };
    // The zeros at the end of a head are not kept.
    fuzz("segment-head", |bytes| {
        let mut whole = bytes.to_vec();
        whole.resize(SEGMENT_HEAD, 0);
        check(bytes) | check(&sealed(&whole))
    });
}

#[test]
fn fuzz_frame() {
    let check = |bytes: &[u8]| {
        let Some(frame) = frame::decode(DISK.seed(), bytes) else { return false };
        let Frame { head, body, bytes } = frame;
        assert!(frame::resembles(bytes, head.epoch, 0) && frame::resembles(bytes, 0, head.number));
        changed(bytes).for_each(|changed| assert!(frame::decode(DISK.seed(), &changed).is_none()));
        let mut encoded = Vec::new();
        frame::encode(&mut encoded, DISK.seed(), &head, |to| to.extend_from_slice(body)).unwrap();
        // What only another version can have written is known as such, and refused by who reads it.
        assert_eq!(encoded == bytes, frame.is_known());
        frame.is_known()
    };
    fuzz("frame", |bytes| {
        frame::resembles(bytes, 1, 2);
        // The checksum is of as many bytes as the frame says that it has.
        let mut sealed = bytes.to_vec();
        if let Some(length) =
            bytes.get(8..12).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes)
            && let total = frame::FRAME_HEAD + super::bytes::padded(length as usize)
            && let Some(covered) = bytes.get(8..total)
        {
            sealed[..8].copy_from_slice(&checksum(DISK.seed(), covered).to_le_bytes());
        }
        check(bytes) | check(&sealed)
    });
}

#[test]
fn fuzz_changes() {
    fuzz("changes", |bytes| {
        let Ok(items) = item::decode(&Bytes::copy_from_slice(bytes)) else { return false };
        let mut encoded = Vec::new();
        items.iter().for_each(|item| item.encode(&mut encoded));
        assert_eq!(encoded, bytes);
        true
    });
}

/// The head of a snapshot's file, then one block: the reader of whole files is looked at in `tests/fuzz`.
#[test]
fn fuzz_snapshot() {
    fuzz("snapshot", |bytes| {
        let Some((head, block)) = bytes.split_at_checked(HEAD) else { return false };
        // The checksum of a head is not kept: it is the one that fits.
        let head = sealed(head);
        let is_head = snapshot::check_head(&head, DISK, 3).is_ok();
        assert_eq!(is_head, head == snapshot::head(DISK, 3));
        changed(&head).for_each(|changed| {
            assert!(snapshot::check_head(&changed, DISK, 3).is_err() || changed == snapshot::head(DISK, 3));
        });
        let Some((block_head, rest)) = block.split_first_chunk::<BLOCK_HEAD>() else { return false };
        let Some(decoded) = BlockHead::decode(block_head) else { return false };
        let Some(data) = rest.get(..decoded.length) else { return false };
        let mut sealed = [&block_head[..], data].concat();
        let sum = BlockHead::seal(&mut sealed, DISK, 3, 7, decoded.last);
        assert_eq!(sealed[8..BLOCK_HEAD], block_head[8..]);
        assert_eq!(sum, block_checksum([&block_head[8..], data], DISK, 3, 7));
        // Nothing else has this checksum: no other bytes, place, snapshot or disk.
        changed(&sealed[8..]).for_each(|changed| {
            assert_ne!(sum, block_checksum([&changed, &[]], DISK, 3, 7));
        });
        assert_ne!(sum, block_checksum([&sealed[8..], &[]], DISK, 3, 8));
        assert_ne!(sum, block_checksum([&sealed[8..], &[]], DISK, 4, 7));
        assert_ne!(sum, block_checksum([&sealed[8..], &[]], DiskId(DISK.0 + 1), 3, 7));
        is_head
    });
}
