//! The bytes of version 1, and what is done with others.

use super::files::{BadHead, DiskIdentity, SEGMENT_HEAD, SegmentHead};
use super::frame::{self, FRAME_HEAD, FrameHead};
use super::item::{self, Entry, GroupState, Item, SnapshotRef};
use super::snapshot::{self, BLOCK_HEAD, BlockHead};
use super::{DiskId, checksum};
use bytes::Bytes;

const DISK: DiskId = DiskId(0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF);

/// Bytes from hexadecimal digits; blanks are for the reader.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let text = |pair: &[u8]| std::str::from_utf8(pair).unwrap().to_owned();
    digits.chunks(2).map(|pair| u8::from_str_radix(&text(pair), 16).unwrap()).collect()
}

const DISK_BYTES: &str = "FFEEDDCCBBAA99887766554433221100";

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = checksum(DISK.seed(), &bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The checksum is XXH3 with 64 bits, of these values: the others hold only as long as it stays the same.
#[test]
fn golden_checksums() {
    assert_eq!(checksum(0, b""), 0x2D06_8005_38D3_94C2);
    assert_eq!(DISK.seed(), checksum(0, &hex(DISK_BYTES)));
    assert_eq!(checksum(DISK.seed(), b"figure2"), GOLDEN_SUM);
}

/// As the reference implementation has it.
const GOLDEN_SUM: u64 = 12_539_186_288_976_971_404;

#[test]
fn golden_identity() {
    let identity = DiskIdentity { disk: DISK, group: 5, server: 300, voters: vec![10, 300, 70_000] };
    let bytes = sealed(hex(&format!(
        "666967757265322064 69736B 0000000A  01000000  03000000  {DISK_BYTES}
         0500000000000000  2C01000000000000
         0A00000000000000  2C01000000000000  7011010000000000"
    )));
    assert_eq!(identity.encode(), bytes);
    assert_eq!(DiskIdentity::decode(&bytes), Ok(identity));
}

#[test]
fn golden_segment_head() {
    for (recycled, byte) in [(false, "00"), (true, "01")] {
        let head = SegmentHead { place: 7, epoch: 0x1122_3344_5566_7788, disk: DISK, recycled };
        let mut bytes = hex(&format!(
            "66696775726532206C6F67000000000A  01000000  {byte}000000  {DISK_BYTES}
             0700000000000000  8877665544332211"
        ));
        bytes.resize(SEGMENT_HEAD - 8, 0);
        let bytes = sealed(bytes);
        assert_eq!(head.encode(), bytes);
        assert_eq!(SegmentHead::decode(&bytes), Ok(head));
    }
}

/// All kinds of changes, and their bytes.
fn golden_items() -> Vec<(Item, Vec<u8>)> {
    let entry = |term, command: &'static str| Entry { term, command: Bytes::from_static(command.as_bytes()) };
    let snapshot = SnapshotRef { number: 2, index: 9, term: 3, length: 4, seal: 5, voters: [10, 300].into() };
    let snapshot_bytes =
        "0200000000000000 0900000000000000 0300000000000000 0400000000000000 0500000000000000
        02000000 0A00000000000000 2C01000000000000";
    let state = GroupState { term: 6, vote: Some(300), snapshot: Some(snapshot.clone()), last_index: 12 };
    vec![
        // Term, no vote, the last index, no snapshot.
        (Item::Checkpoint(GroupState::default()), hex("01 0000000000000000 00 0000000000000000 00")),
        (
            Item::Checkpoint(state),
            hex(&format!("01 0600000000000000 01 2C01000000000000 0C00000000000000 01 {snapshot_bytes}")),
        ),
        (Item::TermAndVote { term: 4, vote: None }, hex("02 0400000000000000 00")),
        (Item::TermAndVote { term: 4, vote: Some(10) }, hex("02 0400000000000000 01 0A00000000000000")),
        // How many; of each its index, its term, what it carries, and how many bytes.
        (
            Item::Append { first: 8, entries: vec![entry(1, "ab"), entry(2, "")] },
            hex("03 02000000 0800000000000000 0100000000000000 00 02000000 6162
                 0900000000000000 0200000000000000 00 00000000"),
        ),
        (Item::Truncate { from: 8 }, hex("04 0800000000000000")),
        (
            Item::Snapshot { snapshot: snapshot.clone(), keep_suffix: false },
            hex(&format!("05 00 {snapshot_bytes}")),
        ),
        (Item::Snapshot { snapshot, keep_suffix: true }, hex(&format!("05 01 {snapshot_bytes}"))),
    ]
}

#[test]
fn golden_changes() {
    let mut all = Vec::new();
    for (item, bytes) in golden_items() {
        let mut encoded = Vec::new();
        item.encode(&mut encoded);
        assert_eq!(encoded, bytes, "{item:?}");
        assert_eq!(item::decode(&bytes.clone().into()), Ok(vec![item]));
        all.extend(bytes);
    }
    let items: Vec<_> = golden_items().into_iter().map(|(item, _)| item).collect();
    assert_eq!(item::decode(&all.into()), Ok(items));
}

#[test]
fn golden_frame() {
    let head = FrameHead { epoch: 0x1122_3344_5566_7788, number: 6, proven: 5, group: 9 };
    let rest =
        hex("09000000 00000000  8877665544332211  0600000000000000  0500000000000000  0900000000000000
         04 0800000000000000  00000000000000");
    let mut bytes = checksum(DISK.seed(), &rest).to_le_bytes().to_vec();
    bytes.extend(rest);
    let mut encoded = vec![1; 1000];
    frame::encode(&mut encoded, DISK.seed(), &head, |to| Item::Truncate { from: 8 }.encode(to)).unwrap();
    assert_eq!(encoded, bytes);
    let frame = frame::decode(DISK.seed(), &bytes).unwrap();
    assert_eq!((frame.head, frame.body, frame.bytes), (head, &bytes[FRAME_HEAD..FRAME_HEAD + 9], &bytes[..]));
}

#[test]
fn golden_snapshot() {
    let head = sealed(hex(&format!(
        "66696775726532 20 736E6170 0000000A  01000000 00000000  {DISK_BYTES}  0300000000000000"
    )));
    assert_eq!(snapshot::head(DISK, 3), head);
    assert_eq!(snapshot::check_head(&head, DISK, 3), Ok(()));
    assert!(matches!(snapshot::check_head(&head, DISK, 4), Err(BadHead::Damaged(0, _))));

    let rest = hex("02000000 01000000 6162");
    let sealed: Vec<u8> = [&3u64.to_le_bytes()[..], &7u64.to_le_bytes(), &rest].concat();
    let sum = checksum(DISK.seed(), &sealed);
    let mut block = [&[0; BLOCK_HEAD][..], b"ab"].concat();
    assert_eq!(BlockHead::seal(&mut block, DISK, 3, 7, true), sum);
    assert_eq!(block, [&sum.to_le_bytes()[..], &rest].concat());
    assert_eq!(snapshot::seal(5, sum), checksum(5, &sum.to_le_bytes()));
}

#[test]
fn what_is_not_known_is_refused_with_what_to_do() {
    let unknown_kind = item::decode(&hex("09").into()).unwrap_err();
    assert_eq!(unknown_kind, "a change of the unknown kind 9: update this server");
    let entry = hex("03 01000000 0800000000000000 0100000000000000 02 00000000");
    let unknown_entry = item::decode(&entry.into()).unwrap_err();
    assert_eq!(unknown_entry, "entry 8 carries something of the unknown kind 2: update this server");
    let gap = hex("03 02000000 0800000000000000 0100000000000000 00 00000000
         0A00000000000000 0200000000000000 00 00000000");
    assert_eq!(item::decode(&gap.into()).unwrap_err(), "entry 10 stands where 8 + 1 should");
}
