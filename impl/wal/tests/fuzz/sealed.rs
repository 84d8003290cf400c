//! Directories whose checksums all fit, with contents that are drawn: mostly what a server writes, and here and there a
//! number that it would not. What a start accepts must be what the writes say, as it is told here a second time.

use crate::bytes_of::{Block, GROUP, Named, WriteHead};
use crate::{Files, KeptOnFailure, accepted, bytes_of};
use bolero::TypeGenerator;
use bytes::Bytes;
use figure2::{Persistent, SnapshotData};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seldom another number than the right one.
#[derive(Clone, Debug, TypeGenerator)]
struct Twist(u8, u8);

impl Twist {
    fn of(&self, right: u64) -> u64 {
        let others =
            [0, right.wrapping_sub(1), right.wrapping_add(1), right / 2, 1 << 32, u64::MAX - 1, u64::MAX];
        if self.0 < 250 { right } else { others[usize::from(self.1) % others.len()] }
    }

    fn is_one(&self) -> bool {
        self.0 >= 250
    }
}

#[derive(Clone, Debug, TypeGenerator)]
enum Change {
    Checkpoint(Twist, Twist, Twist),
    TermAndVote { higher: bool, term: Twist, vote: Option<bool>, stranger: Twist },
    Append { first: Twist, entries: Vec<(u8, Twist)> },
    Truncate { back: u8, from: Twist },
    Snapshot { back: u8, index: Twist, keep_suffix: bool, length: Twist, seal: Twist, number: Twist },
}

#[derive(Clone, Debug, TypeGenerator)]
struct Write {
    next_segment: bool,
    number: Twist,
    proven: Twist,
    group: Twist,
    reserved: Twist,
    damaged: Twist,
    first: [Twist; 3],
    changes: Vec<Change>,
}

#[derive(Clone, Debug, TypeGenerator)]
struct Directory {
    /// Where the first segment that is there begins.
    begin: Begin,
    place: Twist,
    recycled: Twist,
    writes: Vec<Write>,
    /// A segment whose file is gone.
    gone: Twist,
}

#[derive(Clone, Copy, Debug, TypeGenerator)]
enum Begin {
    Fresh,
    AfterSnapshot,
    /// Entries that no snapshot covers yet were in segments before.
    BeforeSnapshot,
}

/// A state, as the writes tell it.
#[derive(Clone, Debug, Default)]
struct Told {
    term: u64,
    vote: Option<u64>,
    last_index: u64,
    entries: BTreeMap<u64, (u64, Vec<u8>)>,
    snapshot: Option<(Named, Vec<u8>)>,
    /// What was written follows on what was before.
    sound: bool,
}

impl Told {
    fn base(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |(named, _)| named.index)
    }

    fn is(&self, found: &Persistent<Bytes, SnapshotData>) -> bool {
        let places = [10, 300, 70_000];
        let vote = found.voted_for.map(|place| places[usize::from(place.0)]);
        let snapshot = found.log.snapshot().map(|snapshot| {
            let mut data = Vec::new();
            snapshot.data.reader().unwrap().read_to_end(&mut data).unwrap();
            (snapshot.last_included_index.0, snapshot.last_included_term.0, data)
        });
        let entries = found.log.entries().iter().map(|entry| (entry.term.0, entry.command.to_vec()));
        self.sound
            && (self.term, self.vote, self.last_index)
                == (found.current_term.0, vote, found.log.last_index().0)
            && snapshot == self.snapshot.clone().map(|(named, data)| (named.index, named.term, data))
            && (self.base() + 1..=self.last_index)
                .map(|index| self.entries.get(&index).cloned())
                .eq(entries.map(Some))
    }

    /// Takes in a change, and gives its bytes. Makes the file of a snapshot.
    fn change(&mut self, change: &Change, files: &mut Files) -> Vec<u8> {
        match change {
            Change::Checkpoint(term, last, index) => self.checkpoint([term, last, index]),
            Change::TermAndVote { higher, term, vote, stranger } => {
                let term = term.of(self.term.wrapping_add((*higher).into()));
                let vote = vote.map(|first| stranger.of(if first { 10 } else { 300 }));
                self.sound &= term >= self.term && vote.is_none_or(|id| [10, 300, 70_000].contains(&id));
                (self.term, self.vote) = (term, vote);
                bytes_of::term_and_vote(term, vote)
            }
            Change::Append { first, entries } => {
                let first = first.of(self.last_index.wrapping_add(1));
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(length, term)| (term.of(self.term), vec![*length; usize::from(length % 40)]))
                    .collect();
                // No server writes an append of nothing, or behind the last index that can be.
                self.sound &= !entries.is_empty()
                    && Some(first) == self.last_index.checked_add(1)
                    && first.checked_add(entries.len() as u64).is_some();
                if self.sound {
                    self.entries.extend((first..).zip(entries.iter().cloned()));
                    self.last_index += entries.len() as u64;
                }
                bytes_of::append(first, &entries)
            }
            Change::Truncate { back, from } => {
                let from = from.of(self.last_index.saturating_sub((back % 8).into()));
                if from > self.base() {
                    self.last_index = self.last_index.min(from.saturating_sub(1));
                    self.entries.retain(|index, _| *index < from);
                }
                bytes_of::truncate(from)
            }
            Change::Snapshot { back, index, keep_suffix, length, seal, number } => {
                let index = index.of(self.last_index.saturating_sub((back % 4).into()));
                let data = vec![*back; usize::from(*back)];
                let block = Block { place: 0, last: 1, data: data.clone() };
                let right = files.keys().filter(|name| name.starts_with("snapshot-")).count() as u64 + 1;
                let (file, together) = bytes_of::snapshot_file(right, &[block]);
                files.insert(format!("snapshot-{right:016x}"), file);
                let named = Named {
                    number: number.of(right),
                    index,
                    term: self.term,
                    length: length.of(data.len() as u64),
                    seal: seal.of(together),
                };
                self.snapshot(named, *keep_suffix, data);
                bytes_of::snapshot(&named, *keep_suffix)
            }
        }
    }

    fn snapshot(&mut self, named: Named, keep_suffix: bool, data: Vec<u8>) {
        self.sound &= named.index >= self.base();
        if keep_suffix {
            self.last_index = self.last_index.max(named.index);
            self.entries.retain(|index, _| *index > named.index);
        } else {
            self.last_index = named.index;
            self.entries.clear();
        }
        self.snapshot = Some((named, data));
    }

    /// What the first write of all says of the state before it is not known from elsewhere.
    fn begin(&mut self, [term, last, index]: [&Twist; 3]) {
        self.term = term.of(self.term);
        self.last_index = last.of(self.last_index);
        if let Some((named, _)) = &mut self.snapshot {
            named.index = index.of(named.index);
        }
        self.sound &= self.base() <= self.last_index;
    }

    /// What a segment's first write says of the state.
    fn checkpoint(&mut self, [term, last, index]: [&Twist; 3]) -> Vec<u8> {
        let mut named = self.snapshot.as_ref().map(|(named, _)| *named);
        if let Some(named) = &mut named {
            let right = named.index;
            named.index = index.of(right);
            self.sound &= named.index == right;
        }
        let (term, last) = (term.of(self.term), last.of(self.last_index));
        self.sound &= (term, last) == (self.term, self.last_index);
        bytes_of::checkpoint(term, self.vote, last, named.as_ref())
    }
}

impl Directory {
    /// The files, and the states that a start may find.
    fn made(&self) -> (Files, Vec<Told>) {
        let mut files = Files::from([("identity".to_owned(), bytes_of::identity())]);
        let mut told = Told { sound: true, ..Told::default() };
        let (mut place, mut number) = (1, 0);
        if !matches!(self.begin, Begin::Fresh) {
            (place, number, told.term) = (3, 6, 4);
            let back = Twist(0, 0);
            told.last_index = 9;
            let (index, seal) = (back.clone(), back.clone());
            let first = Change::Snapshot {
                back: 3,
                index,
                keep_suffix: true,
                length: back.clone(),
                seal,
                number: back,
            };
            told.change(&first, &mut files);
            if matches!(self.begin, Begin::AfterSnapshot) {
                told.last_index = told.base();
            }
        }
        place = self.place.of(place);
        let mut states: Vec<Told> = Vec::new();
        let mut segment = Vec::new();
        for write in &self.writes {
            let body_begins = segment.is_empty() || write.next_segment;
            if body_begins && !segment.is_empty() {
                files.insert(format!("log-{place:016x}"), std::mem::take(&mut segment));
                place = place.wrapping_add(1);
            }
            let mut body = Vec::new();
            if body_begins {
                segment = bytes_of::segment_head(place, self.recycled.is_one());
                let [term, last, index] = &write.first;
                if states.is_empty() {
                    told.begin([term, last, index]);
                    body.extend(told.checkpoint([&Twist(0, 0), &Twist(0, 0), &Twist(0, 0)]));
                } else {
                    body.extend(told.checkpoint([term, last, index]));
                }
            }
            for change in write.changes.iter().take(4) {
                body.extend(told.change(change, &mut files));
            }
            // Nothing says which number the first write that is there should have.
            let right = if states.is_empty() { write.number.of(number + 1) } else { number.wrapping_add(1) };
            let head = WriteHead {
                place,
                number: if states.is_empty() { right } else { write.number.of(right) },
                proven: write.proven.of(number),
                group: write.group.of(GROUP),
                reserved: write.reserved.of(0) as u32,
            };
            told.sound &=
                head.number == right && head.proven < right && head.group == GROUP && head.reserved == 0;
            number = right;
            let mut bytes = bytes_of::write(head, &body);
            if write.damaged.is_one() {
                let at = usize::from(write.damaged.1) % bytes.len();
                bytes[at] ^= 1;
            }
            segment.extend(bytes);
            states.push(told.clone());
        }
        if !segment.is_empty() {
            segment.resize(segment.len() + 64, 0);
            files.insert(format!("log-{place:016x}"), segment);
        }
        if self.gone.is_one() {
            let names: Vec<String> = files.keys().cloned().collect();
            files.remove(&names[usize::from(self.gone.1) % names.len()]);
        }
        (files, states)
    }
}

#[test]
fn what_a_start_accepts_is_what_the_writes_say() {
    let looked = AtomicU64::new(0);
    let taken = AtomicU64::new(0);
    bolero::check!().with_type::<Directory>().for_each(|directory| {
        let (files, states) = directory.made();
        let _kept = KeptOnFailure(&files);
        looked.fetch_add(1, Ordering::Relaxed);
        if let Some(found) = accepted(&files) {
            taken.fetch_add(1, Ordering::Relaxed);
            let empty = found == Persistent::default();
            // What is gone, or has a name that no segment has, is not judged: the rest begins with a state of its own.
            let unknown = (directory.gone.is_one() || directory.place.is_one())
                && states.iter().any(|told| !told.sound);
            assert!(
                empty || unknown || states.iter().any(|told| told.is(&found)),
                "{found:?}\nof {states:#?}"
            );
        }
    });
    println!("sealed: {} directories, {} of them accepted", looked.into_inner(), taken.into_inner());
}

/// Another file in place of the snapshot's.
#[derive(Clone, Debug, TypeGenerator)]
struct Other {
    number: Twist,
    places: Vec<Twist>,
    last: [Twist; 3],
    order: [u8; 3],
    longer: Twist,
}

#[test]
fn no_snapshot_is_taken_for_another() {
    const BLOCK: usize = 64 << 10;
    let blocks = |order: [u8; 3]| -> Vec<Block> {
        let data = |which: u8| vec![which; if which == 2 { 70 } else { BLOCK }];
        let place = |(place, which): (u64, u8)| {
            let which = which % 3;
            Block { place, last: (which == 2).into(), data: data(which) }
        };
        (0..).zip(order).map(place).collect()
    };
    let (right, seal) = bytes_of::snapshot_file(1, &blocks([0, 1, 2]));
    let named = Named { number: 1, index: 2, term: 1, length: 2 * BLOCK as u64 + 70, seal };
    let entries = [(1, b"one".to_vec()), (1, b"two".to_vec())];
    let body = [
        bytes_of::checkpoint(0, None, 0, None),
        bytes_of::term_and_vote(1, None),
        bytes_of::append(1, &entries),
        bytes_of::snapshot(&named, true),
    ];
    let head = WriteHead { place: 1, number: 1, proven: 0, group: GROUP, reserved: 0 };
    let segment = [bytes_of::segment_head(1, false), bytes_of::write(head, &body.concat())].concat();
    let mut good = Files::from([("identity".to_owned(), bytes_of::identity())]);
    good.insert(format!("log-{:016x}", 1), segment);
    let name = format!("snapshot-{:016x}", 1);
    good.insert(name.clone(), right.clone());
    assert!(accepted(&good).is_some());
    let looked = AtomicU64::new(0);
    let taken = AtomicU64::new(0);
    bolero::check!().with_type::<(bool, Other)>().for_each(|(in_order, other)| {
        let mut blocks = blocks(if *in_order { [0, 1, 2] } else { other.order });
        for (block, place) in blocks.iter_mut().zip(&other.places) {
            block.place = place.of(block.place);
        }
        for (block, last) in blocks.iter_mut().zip(&other.last) {
            block.last = last.of(block.last.into()) as u32;
        }
        let (mut file, _) = bytes_of::snapshot_file(other.number.of(1), &blocks);
        if other.longer.is_one() {
            file.resize(file.len() + usize::from(other.longer.1), 0);
        }
        let mut files = good.clone();
        files.insert(name.clone(), file.clone());
        let _kept = KeptOnFailure(&files);
        let found = accepted(&files);
        assert_eq!(found.is_some(), file == right);
        looked.fetch_add(1, Ordering::Relaxed);
        taken.fetch_add(found.is_some().into(), Ordering::Relaxed);
    });
    println!("snapshots: {} files, {} of them accepted", looked.into_inner(), taken.into_inner());
}
