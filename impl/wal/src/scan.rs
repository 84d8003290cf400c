//! Reads a directory, and changes nothing: what recovery starts from, and what [`inspect`](crate::inspect) prints.
//!
//! The log ends where a write cannot be read. Is it the end, a write that a crash tore, or rot? Each write names the last
//! one that was durable when it began. So any later write that can be read, in this segment or in one that follows, tells
//! them apart: what it names as durable must be there.

use crate::ahead;
use crate::error::WalError;
use crate::format::LIMIT;
use crate::format::files::{DiskIdentity, SEGMENT_HEAD, SegmentHead};
use crate::format::frame::{self, Frame, FrameHead};
use crate::format::item::{self, Item};
use crate::fs::Fs;
use crate::names::{self, Name};
use crate::rules::Rules;
use crate::segment::Segment;
use crate::state::{Replay, Segments};
use bytes::Bytes;
use std::io;

/// Bytes at the end of the log that were no write, and that no later write proves to have been durable: what a crash left
/// of a last write that was never acknowledged. If the disk has damaged a last write that was, it looks the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// The first byte.
    pub offset: u64,
    /// How many bytes at least.
    pub length: u64,
    /// The number of the write that should stand there.
    pub write: u64,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cut { file, offset, length, write } = self;
        write!(f, "{file}, bytes {offset} to {}: what is left of write {write}", offset + length - 1)
    }
}

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentView {
    /// Its file.
    pub file: String,
    /// Its place in the log.
    pub place: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Whether the file was a segment before.
    pub recycled: bool,
    /// Numbers of the first and the last write in it.
    pub writes: Option<(u64, u64)>,
    /// The lowest and the highest index of the entries in it, those that were deleted later included.
    pub entries: Option<(u64, u64)>,
    /// Where the next write would begin.
    pub end: u64,
}

/// A write that no later one proves: it may be in the cache and on no disk.
#[derive(Clone, Debug)]
pub(crate) struct Unproven {
    pub(crate) place: u64,
    pub(crate) offset: u64,
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Where the last write ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub(crate) place: u64,
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// By what writes are judged.
struct Context<'a, R> {
    rules: &'a R,
    identity: &'a DiskIdentity,
}

/// What was read, as far as reading came.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) names: Vec<(Name, String)>,
    pub(crate) identity: Option<DiskIdentity>,
    pub(crate) segments: Vec<SegmentView>,
    pub(crate) replay: Replay,
    pub(crate) highest: Segments,
    /// Number of the last write; 0 if there is none.
    pub(crate) number: u64,
    /// The last write that a later one proves.
    pub(crate) proven: u64,
    pub(crate) tail: Option<Tail>,
    pub(crate) unproven: Vec<Unproven>,
    pub(crate) cuts: Vec<Cut>,
}

/// Reads all of a file.
fn read_file<F: Fs>(fs: &F, name: &str) -> Result<Vec<u8>, WalError> {
    let mut bytes = Vec::new();
    read_into(fs, name, &mut bytes)?;
    Ok(bytes)
}

/// Reads all of a file into a buffer, in place of what is there.
pub(crate) fn read_into<F: Fs>(fs: &F, name: &str, bytes: &mut Vec<u8>) -> Result<(), WalError> {
    let file = fs.open(name).map_err(WalError::io("opening it", name))?;
    let length = fs.length(&file).map_err(WalError::io("telling its length", name))?;
    let too_large = |_| io::Error::new(io::ErrorKind::OutOfMemory, "the file is larger than memory can be");
    let length = usize::try_from(length).map_err(too_large).map_err(WalError::io("a read", name))?;
    bytes.resize(length, 0);
    fs.read_at(&file, bytes, 0).map_err(WalError::io("a read", name))
}

/// Length of a file.
pub(crate) fn read_length<F: Fs>(fs: &F, name: &str) -> Result<u64, WalError> {
    let length = || fs.length(&fs.open(name)?);
    length().map_err(WalError::io("telling its length", name))
}

impl Scan {
    /// Places of the segments that are part of the log: those up to the last one without a gap. Older ones were taken out of
    /// it, and their names came back.
    pub(crate) fn run(&self) -> Vec<u64> {
        let mut run: Vec<u64> = Vec::new();
        for place in self.places() {
            if run.last().is_some_and(|last| last + 1 != place) {
                run.clear();
            }
            run.push(place);
        }
        run
    }

    fn places(&self) -> impl Iterator<Item = u64> {
        self.names.iter().filter_map(|(name, _)| match name {
            Name::Segment(place) => Some(*place),
            _ => None,
        })
    }

    /// Reads the directory. What was read before an error stays.
    pub(crate) fn read<F: Fs>(&mut self, fs: &F, rules: &impl Rules) -> Result<(), WalError> {
        let listed = fs.list().map_err(WalError::io("listing it", "the directory"))?;
        self.names = listed.into_iter().map(|name| (names::parse(&name), name)).collect();
        self.names.sort();
        let run = self.run();
        if !self.names.iter().any(|(name, _)| *name == Name::Identity) {
            return without_identity(fs, &run);
        }
        let bytes = read_file(fs, names::IDENTITY)?;
        let identity = DiskIdentity::decode(&bytes).map_err(|bad| bad.of(names::IDENTITY))?;
        self.identity = Some(identity.clone());
        let Some(first) = run.first() else {
            let what = "it says that a log was here, and there is none";
            return Err(WalError::damaged(names::IDENTITY, 0, what));
        };
        let mut ends = Ends::default();
        ahead::read(fs, &run, |place, bytes| {
            self.read_segment(bytes, &Context { rules, identity: &identity }, place, &mut ends)
        })?;
        self.cuts = ends.cuts;
        if self.number == 0 && *first != 1 {
            let what = "it is not the first segment of the log, and nothing in it can be read";
            return Err(WalError::damaged(&names::segment(*first), SEGMENT_HEAD as u64, what));
        }
        if let Some((from, to)) = self.replay.missing() {
            let what = format!("entries {from} to {to} were in segments before this one, which are gone");
            return Err(WalError::damaged(&names::segment(*first), 0, what));
        }
        Ok(())
    }

    fn read_segment<R: Rules>(
        &mut self,
        bytes: &[u8],
        context: &Context<'_, R>,
        place: u64,
        ends: &mut Ends,
    ) -> Result<(), WalError> {
        let file = names::segment(place);
        let head = SegmentHead::decode(bytes).map_err(|bad| bad.of(&file))?;
        if (head.disk, head.place) != (context.identity.disk, place) {
            let what = format!("it is segment {} of disk {}", head.place, head.disk);
            return Err(WalError::damaged(&file, 0, what));
        }
        let segment = Segment { file, place, seed: head.disk.seed(), head, bytes };
        let mut view = SegmentView {
            file: segment.file.clone(),
            place,
            bytes: bytes.len() as u64,
            recycled: head.recycled,
            writes: None,
            entries: None,
            end: SEGMENT_HEAD as u64,
        };
        let mut frames = Vec::new();
        let mut offset = SEGMENT_HEAD;
        let mut outcome = Ok(());
        while let Some(frame) = segment.frame(context.rules, offset) {
            outcome = self.take(context, &segment, &frame, &mut view, ends);
            if outcome.is_err() {
                break;
            }
            frames.push((offset, frame.head.number, frame.bytes.len()));
            offset += frame.bytes.len();
            view.end = offset as u64;
        }
        let written = view.writes.is_some();
        self.segments.push(view);
        outcome?;
        if written {
            let (bytes, epoch) = (bytes.len() as u64, head.epoch);
            self.tail = Some(Tail { place, epoch, offset: offset as u64, bytes });
        }
        self.end(context.rules, &segment, offset, written, ends)?;
        let proven = self.proven;
        self.unproven.retain(|write| write.number > proven);
        for (offset, number, length) in frames.into_iter().filter(|(_, number, _)| *number > proven) {
            let bytes = bytes[offset..offset + length].to_vec();
            self.unproven.push(Unproven { place, offset: offset as u64, number, bytes });
        }
        Ok(())
    }

    /// Takes in the write that begins where the view ends.
    fn take<R: Rules>(
        &mut self,
        context: &Context<'_, R>,
        segment: &Segment<'_>,
        frame: &Frame<'_>,
        view: &mut SegmentView,
        ends: &mut Ends,
    ) -> Result<(), WalError> {
        let Context { rules, identity } = context;
        let offset = view.end;
        let FrameHead { number, proven, group, .. } = frame.head;
        let damaged = |what: String| WalError::damaged(&segment.file, offset, what);
        let begins = self.number == 0;
        if !begins && !rules.follows(number, self.number + 1) {
            let expected = self.number + 1;
            if number < expected {
                return Err(damaged(format!("write {number} stands where write {expected} should")));
            }
            return Err(ends.missing(expected, number, &segment.file, offset));
        }
        if begins && ends.last.is_some() {
            return Err(ends.missing(number.saturating_sub(1), number, &segment.file, offset));
        }
        if group != identity.group {
            return Err(damaged(format!("write {number} is of group {group}")));
        }
        if !frame.is_known() {
            let what = "has bytes where this version writes zeros: update this server";
            return Err(damaged(format!("write {number} {what}")));
        }
        if proven >= number {
            return Err(damaged(format!(
                "write {number} says that write {proven} was durable when it began"
            )));
        }
        if number >= LIMIT {
            return Err(damaged(format!("no server gets as far as write {number}")));
        }
        let body = Bytes::copy_from_slice(frame.body);
        let items = item::decode(&body).map_err(|what| damaged(format!("write {number}: {what}")))?;
        if view.writes.is_none() {
            self.highest.push(segment.place);
        }
        let mut first = begins;
        for mut item in items {
            if let Item::Snapshot { keep_suffix, .. } = &mut item {
                *keep_suffix = rules.keeps_suffix(*keep_suffix);
            }
            self.highest.note(&item, self.replay.state.snapshot_index());
            note_entries(view, &item);
            let applied = match item {
                Item::Checkpoint(state) if first => {
                    let sound = state.sound();
                    self.replay = Replay::begin(state);
                    sound
                }
                _ if first => Err("it does not say what was before it".to_owned()),
                item => self.replay.apply(item),
            };
            first = false;
            let vote = self.replay.state.vote.filter(|id| !identity.voters.contains(id));
            let stranger = |id| Err(format!("the vote went to {id}, who is not of the cluster"));
            applied
                .and_then(|()| vote.map_or(Ok(()), stranger))
                .map_err(|what| damaged(format!("write {number}: {what}")))?;
        }
        view.writes = Some((view.writes.map_or(number, |(first, _)| first), number));
        self.number = number;
        self.proven = self.proven.max(proven);
        ends.cuts.clear();
        ends.last = Some((segment.file.clone(), offset + frame.bytes.len() as u64));
        Ok(())
    }

    /// Looks at what stands behind the last write of a segment that can be read.
    fn end<R: Rules>(
        &mut self,
        rules: &R,
        segment: &Segment<'_>,
        offset: usize,
        written: bool,
        ends: &mut Ends,
    ) -> Result<(), WalError> {
        let expected = self.number + 1;
        let behind = if rules.looks_behind() { segment.behind(rules, offset) } else { None };
        if let Some(found) = behind {
            let damaged = if self.number == 0 { found.number.saturating_sub(1) } else { expected };
            if rules.is_rot(damaged, found.proven) {
                return Err(ends.rotten(&segment.file, offset as u64, damaged, found.number));
            }
        }
        if let Some(length) = segment.remains(offset, expected, behind.is_some()) {
            let (file, offset) = (segment.file.clone(), offset as u64);
            ends.cuts.push(Cut { file, offset, length: length as u64, write: expected });
        }
        if !written && ends.last.is_none() {
            ends.last = Some((segment.file.clone(), offset as u64));
        }
        Ok(())
    }
}

fn note_entries(view: &mut SegmentView, item: &Item) {
    if let Item::Append { first, entries } = item {
        let last = first.saturating_add(entries.len() as u64).saturating_sub(1);
        let (low, high) = view.entries.unwrap_or((*first, last));
        view.entries = Some((low.min(*first), high.max(last)));
    }
}

/// A directory without an identity was never written to: the identity is durable before the first write.
fn without_identity<F: Fs>(fs: &F, run: &[u64]) -> Result<(), WalError> {
    for place in run {
        let bytes = read_file(fs, &names::segment(*place))?;
        let written = SegmentHead::decode(&bytes).is_ok_and(|head| {
            frame::decode(head.disk.seed(), &bytes[SEGMENT_HEAD..])
                .is_some_and(|frame| frame.head.epoch == head.epoch)
        });
        if written {
            let what = format!("it is gone, and {} has a log", names::segment(*place));
            return Err(WalError::damaged(names::IDENTITY, 0, what));
        }
    }
    Ok(())
}

/// The ends of the segments read so far.
#[derive(Default)]
struct Ends {
    /// Where the last write that can be read ends.
    last: Option<(String, u64)>,
    /// What stands behind it, in its segment and in those that follow.
    cuts: Vec<Cut>,
}

impl Ends {
    /// A write is missing, although a later one can be read.
    fn missing(&self, write: u64, later: u64, file: &str, offset: u64) -> WalError {
        let cut = self.cuts.first().map(|cut| (cut.file.clone(), cut.offset));
        let (file, offset) = cut.or(self.last.clone()).unwrap_or((file.to_owned(), offset));
        WalError::damaged(&file, offset, proof(write, later))
    }

    fn rotten(&self, file: &str, offset: u64, write: u64, later: u64) -> WalError {
        let (file, offset) =
            self.cuts.first().map_or((file.to_owned(), offset), |cut| (cut.file.clone(), cut.offset));
        WalError::damaged(&file, offset, proof(write, later))
    }
}

fn proof(write: u64, later: u64) -> String {
    format!(
        "write {write} cannot be read, and it was durable: write {later}, which can be read, came after it"
    )
}
