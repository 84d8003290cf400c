//! The bytes of files, as docs/storage.md has them, written a second time: with numbers that no server would write, and
//! checksums that fit.

use twox_hash::XxHash3_64;

/// The disk's id.
const DISK: [u8; 16] =
    [0xFF, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0];

/// The group of the directory's server.
pub const GROUP: u64 = 5;

const VOTERS: [u64; 3] = [10, 300, 70_000];

/// The epoch of each segment is its place, and this.
const EPOCH: u64 = 0x1122_3344_5566_7700;

fn sum(bytes: &[u8]) -> [u8; 8] {
    let seed = XxHash3_64::oneshot_with_seed(0, &DISK);
    XxHash3_64::oneshot_with_seed(seed, bytes).to_le_bytes()
}

fn put(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(&number.to_le_bytes());
}

fn put_short(to: &mut Vec<u8>, number: usize) {
    to.extend_from_slice(&u32::try_from(number).unwrap().to_le_bytes());
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = sum(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

fn begin(magic: &[u8; 16]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    put_short(&mut bytes, 1);
    bytes
}

/// The identity of the directory's server.
pub fn identity() -> Vec<u8> {
    let mut bytes = begin(b"figure2 disk\0\0\0\n");
    put_short(&mut bytes, VOTERS.len());
    bytes.extend_from_slice(&DISK);
    [GROUP, 300].iter().chain(&VOTERS).for_each(|number| put(&mut bytes, *number));
    seal(bytes)
}

/// The head of a segment.
pub fn segment_head(place: u64, recycled: bool) -> Vec<u8> {
    let mut bytes = begin(b"figure2 log\0\0\0\0\n");
    put_short(&mut bytes, recycled.into());
    bytes.extend_from_slice(&DISK);
    put(&mut bytes, place);
    put(&mut bytes, EPOCH.wrapping_add(place));
    bytes.resize(4096 - 8, 0);
    seal(bytes)
}

/// What a write says of itself.
#[derive(Clone, Copy, Debug)]
pub struct WriteHead {
    pub place: u64,
    pub number: u64,
    pub proven: u64,
    pub group: u64,
    /// Zero in this version.
    pub reserved: u32,
}

/// A write, with the checksum that fits.
pub fn write(head: WriteHead, body: &[u8]) -> Vec<u8> {
    let WriteHead { place, number, proven, group, reserved } = head;
    let mut bytes = Vec::new();
    put_short(&mut bytes, body.len());
    bytes.extend_from_slice(&reserved.to_le_bytes());
    [EPOCH.wrapping_add(place), number, proven, group].iter().for_each(|field| put(&mut bytes, *field));
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    [&sum(&bytes)[..], &bytes].concat()
}

/// Which file is named as the snapshot, and of what it is one.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    pub number: u64,
    pub index: u64,
    pub term: u64,
    pub length: u64,
    pub seal: u64,
}

fn put_named(to: &mut Vec<u8>, named: &Named) {
    let Named { number, index, term, length, seal } = *named;
    [number, index, term, length, seal].iter().for_each(|field| put(to, *field));
    put_short(to, VOTERS.len());
    VOTERS.iter().for_each(|voter| put(to, *voter));
}

pub fn checkpoint(term: u64, vote: Option<u64>, last_index: u64, snapshot: Option<&Named>) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&term_and_vote(term, vote)[1..]);
    put(&mut bytes, last_index);
    bytes.push(snapshot.is_some().into());
    snapshot.into_iter().for_each(|named| put_named(&mut bytes, named));
    bytes
}

pub fn term_and_vote(term: u64, vote: Option<u64>) -> Vec<u8> {
    let mut bytes = vec![2];
    put(&mut bytes, term);
    bytes.push(vote.is_some().into());
    vote.into_iter().for_each(|vote| put(&mut bytes, vote));
    bytes
}

pub fn append(first: u64, entries: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![3];
    put_short(&mut bytes, entries.len());
    for (number, (term, command)) in (0..).zip(entries) {
        put(&mut bytes, first.wrapping_add(number));
        put(&mut bytes, *term);
        bytes.push(0);
        put_short(&mut bytes, command.len());
        bytes.extend_from_slice(command);
    }
    bytes
}

pub fn truncate(from: u64) -> Vec<u8> {
    let mut bytes = vec![4];
    put(&mut bytes, from);
    bytes
}

pub fn snapshot(named: &Named, keep_suffix: bool) -> Vec<u8> {
    let mut bytes = vec![5, keep_suffix.into()];
    put_named(&mut bytes, named);
    bytes
}

/// A block of a snapshot's file.
#[derive(Clone, Debug)]
pub struct Block {
    pub place: u64,
    pub last: u32,
    pub data: Vec<u8>,
}

/// A snapshot's file, and the seal that its blocks have together.
pub fn snapshot_file(number: u64, blocks: &[Block]) -> (Vec<u8>, u64) {
    let mut bytes = begin(b"figure2 snap\0\0\0\n");
    put_short(&mut bytes, 0);
    bytes.extend_from_slice(&DISK);
    put(&mut bytes, number);
    let mut bytes = seal(bytes);
    let mut together = 0;
    for Block { place, last, data } in blocks {
        let mut rest = Vec::new();
        put_short(&mut rest, data.len());
        rest.extend_from_slice(&last.to_le_bytes());
        rest.extend_from_slice(data);
        let sum = sum(&[&number.to_le_bytes()[..], &place.to_le_bytes(), &rest].concat());
        together = XxHash3_64::oneshot_with_seed(together, &sum);
        bytes.extend_from_slice(&sum);
        bytes.extend_from_slice(&rest);
    }
    (bytes, together)
}
