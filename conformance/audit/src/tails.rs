//! Tails: what a recording lacks whose process was killed.
//!
//! A recorder writes every 20 ms. A process that is killed takes what happened since then with it, and its file ends
//! without its last line. What the servers of that file did from there until they start again in another file is
//! hidden. So a finding about that time is no violation if the tail can explain it, and is counted as excused.
//!
//! A tail explains no loss: what a line shows as durable must be there after the restart.

use super::server::{Ballot, Kept, Server};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a tail can hide, in a sentence for reports.
pub const CAN_HIDE: &str = "a tail can hide whatever its server did in it: messages, votes, an election that it won, entries and \
snapshots that it wrote, what it committed or handed to its service, a start and a stop, and a violation that only its own \
lines would show; it cannot hide the loss of anything that a line shows as durable";

/// A stretch of a server's life without lines.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The server.
    pub server: u8,
    /// From when: the time of the last line of the file, in microseconds on the recordings' clock.
    pub from: u64,
    /// The file that ends there.
    pub file: Arc<str>,
    /// Until when: the server's next start, and the file that has it. None where it does not start again.
    pub until: Option<(u64, Arc<str>)>,
    /// How many judgements were excused because of it. One that needs several tails counts for each.
    pub excused: u64,
}

struct Known {
    tail: Tail,
    /// The server's term and vote where the tail begins, and what its next start finds.
    before: Ballot,
    after: Option<Ballot>,
}

impl Known {
    /// Whether the server can have had this term and vote in the tail.
    fn can_hide(&self, ballot: Ballot) -> bool {
        self.before.allows(ballot) && self.after.is_none_or(|after| ballot.allows(after))
    }
}

/// The tails of all servers.
#[derive(Default)]
pub(super) struct Tails {
    known: Vec<Known>,
    /// The tail in which a server is now.
    open: BTreeMap<u8, usize>,
}

impl Tails {
    /// A server's file ends here.
    pub(super) fn begin(&mut self, id: u8, server: &Server, at: u64, file: &Arc<str>) {
        self.open.insert(id, self.known.len());
        let tail = Tail { server: id, from: at, file: file.clone(), until: None, excused: 0 };
        self.known.push(Known { tail, before: server.memory.ballot, after: None });
    }

    /// A server starts; its tail, if it comes out of one.
    pub(super) fn end(&mut self, id: u8, found: Ballot, at: u64, file: &Arc<str>) -> Option<usize> {
        let place = self.open.remove(&id)?;
        let known = self.known.get_mut(place)?;
        known.tail.until = Some((at, file.clone()));
        known.after = Some(found);
        Some(place)
    }

    /// The servers that are in a tail now, a bit each.
    pub(super) fn open(&self) -> u64 {
        self.open.keys().fold(0, |bits, id| bits | 1u64.checked_shl((*id).into()).unwrap_or(0))
    }

    /// The first tail in which the server can have had this term and vote.
    pub(super) fn hiding(&self, id: u8, ballot: Ballot) -> Option<usize> {
        self.known.iter().position(|known| known.tail.server == id && known.can_hide(ballot))
    }

    /// A judgement is excused because of this tail.
    pub(super) fn excuse(&mut self, place: usize) {
        if let Some(known) = self.known.get_mut(place) {
            known.tail.excused += 1;
        }
    }

    /// A judgement is excused because of the tails in which these servers are now.
    pub(super) fn excuse_open(&mut self, servers: u64) {
        let of = |id: u8| servers & 1u64.checked_shl(id.into()).unwrap_or(0) != 0;
        let places: Vec<usize> =
            self.open.iter().filter(|(id, _)| of(**id)).map(|(_, place)| *place).collect();
        places.into_iter().for_each(|place| self.excuse(place));
    }

    /// All of them, in the order in which they begin.
    pub(super) fn all(&self) -> Vec<Tail> {
        self.known.iter().map(|known| known.tail.clone()).collect()
    }
}

/// Why a server cannot have come, by steps that no line shows, from what was durable to what its restart finds; none if
/// it can. `is_committed` tells of an index and a term whether that entry is known to be committed.
///
/// Entries are deleted only together with an append in their place, or for a snapshot. So a log that is the beginning of
/// what was durable, and ends earlier, has lost entries. Another entry takes a durable one's place only if a leader of a
/// later term sent it, and never a committed one's.
pub(super) fn lost(
    server: &Server,
    found: &Kept,
    mut is_committed: impl FnMut(u64, u64) -> bool,
) -> Option<String> {
    let (disk, log) = (&server.disk.term_runs, &found.term_runs);
    if log.base() < disk.base() {
        return Some(format!("without its snapshot of index {}", disk.base()));
    }
    let differs =
        (log.base()..=disk.last().min(log.last())).find(|index| disk.term_at(*index) != log.term_at(*index));
    let Some(first) = differs else {
        let is_shorter = log.last() < disk.last();
        return is_shorter
            .then(|| format!("with a log that ends at index {}: {} was durable", log.last(), disk.last()));
    };
    let replaced = disk.term_at(first).unwrap_or_default();
    if replaced >= found.ballot.term {
        return Some(format!(
            "with another entry at index {first} in the place of a durable one of its own term"
        ));
    }
    let committed =
        (first..=disk.last()).find(|index| is_committed(*index, disk.term_at(*index).unwrap_or_default()));
    committed.map(|index| format!("without the entry of index {index}, which was durable and is committed"))
}
