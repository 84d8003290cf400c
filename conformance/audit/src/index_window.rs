//! What is known of the entries, from the lowest snapshot of any server to the highest index. Entries below are in a
//! snapshot on every server, so no server can append, commit or apply them any more.

use smallvec::SmallVec;
use std::collections::VecDeque;

/// So many indexes may be kept of which no line had an entry: where servers begin from snapshots of different indexes.
const GAP: u64 = 1 << 16;

/// So many more for each entry that a line had.
const PER_ENTRY: u64 = 4;

/// An entry that some server had at an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub(super) term: u64,
    pub(super) prev_term: u64,
    pub(super) command: u64,
    /// The servers that have it on disk, or a snapshot in its place; a bit each.
    pub(super) holders: u64,
}

/// An index.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    /// Term of the committed entry; 0 if none is known.
    pub(super) committed: u64,
    /// The lowest term in which it was known to be committed.
    pub(super) committed_in: u64,
    /// Term and command that were applied first; term 0 if none was.
    pub(super) applied: (u64, u64),
    pub(super) variants: SmallVec<[Variant; 1]>,
}

impl Slot {
    pub(super) fn variant(&mut self, term: u64) -> Option<&mut Variant> {
        self.variants.iter_mut().find(|variant| variant.term == term)
    }
}

#[derive(Debug, Default)]
pub(super) struct IndexWindow {
    /// Index below the first slot.
    floor: u64,
    slots: VecDeque<Slot>,
    /// Something was forgotten: the window no longer grows downwards.
    pruned: bool,
    /// How many entries the lines had.
    entries: u64,
    /// How often an index below the window was asked for, or one that is absurd.
    pub(super) missed: u64,
    /// The most slots there were at once.
    pub(super) widest: usize,
}

impl IndexWindow {
    /// So many entries stand in a line.
    pub(super) fn read(&mut self, entries: usize) {
        self.entries += entries as u64;
    }

    /// How many indexes may be kept: a line that names an absurd one must not take memory for all before it.
    fn widest_allowed(&self) -> u64 {
        GAP.saturating_add(self.entries.saturating_mul(PER_ENTRY))
    }

    /// A server begins after this index.
    pub(super) fn begin_at(&mut self, base: u64) {
        if self.slots.is_empty() && !self.pruned {
            self.floor = base;
        }
        let room = self.widest_allowed().saturating_sub(self.slots.len() as u64);
        if self.pruned || self.floor.saturating_sub(base) > room {
            return;
        }
        while base < self.floor {
            self.slots.push_front(Slot::default());
            self.floor -= 1;
        }
    }

    /// The slot of an index; none below the window, or where no log can reach.
    pub(super) fn slot(&mut self, index: u64) -> Option<&mut Slot> {
        let place = index.checked_sub(self.floor + 1).filter(|place| *place < self.widest_allowed());
        let Some(place) = place.and_then(|place| usize::try_from(place).ok()) else {
            self.missed += 1;
            return None;
        };
        if place >= self.slots.len() {
            self.slots.resize_with(place + 1, Slot::default);
            self.widest = self.widest.max(self.slots.len());
        }
        self.slots.get_mut(place)
    }

    /// Forgets all up to an index.
    pub(super) fn prune(&mut self, last: u64) {
        while self.floor < last && self.slots.pop_front().is_some() {
            self.floor += 1;
            self.pruned = true;
        }
        if self.slots.is_empty() {
            self.floor = self.floor.max(last);
        }
    }

    /// Index below the first slot.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// The highest index there is a slot for.
    pub(super) fn top(&self) -> u64 {
        self.floor + self.slots.len() as u64
    }

    /// All indexes with their slots.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Slot)> {
        (self.floor + 1..).zip(self.slots.iter_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absurd_index_takes_no_memory_and_is_counted() {
        let mut window = IndexWindow::default();
        assert!(window.slot(1 << 40).is_none());
        window.begin_at(0);
        assert!(window.slot(GAP + 1).is_none() && window.slot(GAP).is_some());
        assert_eq!(window.missed, 2);
        window.read(1);
        assert!(window.slot(GAP + 1).is_some(), "an entry makes room");
        let mut window = IndexWindow::default();
        window.begin_at(1 << 40);
        window.begin_at(0);
        assert_eq!(
            (window.floor(), window.slots.len()),
            (0, 0),
            "nothing is kept yet, so nothing lies between"
        );
    }
}
