//! The state that a log's writes make, as the log itself needs it, and as recovery builds it.

use crate::format::LIMIT;
use crate::format::item::{Entry, GroupState, Item};

impl GroupState {
    /// Index of the last entry that the snapshot covers.
    #[must_use]
    pub fn snapshot_index(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.index)
    }

    /// Makes a change.
    ///
    /// # Errors
    /// When it does not follow on this state. No server writes such a change.
    pub(crate) fn apply(&mut self, item: &Item) -> Result<(), String> {
        match item {
            Item::Checkpoint(state) if state == self => {}
            Item::Checkpoint(state) => {
                return Err(format!("the state is said to be {state:?}, and it is {self:?}"));
            }
            Item::TermAndVote { term, vote } => {
                if *term < self.term {
                    return Err(format!("the term goes back from {} to {term}", self.term));
                }
                (self.term, self.vote) = (*term, *vote);
            }
            Item::Append { first, entries } => {
                if *first != self.last_index.saturating_add(1) {
                    return Err(format!("entry {first} follows on entry {}", self.last_index));
                }
                self.last_index = self.last_index.saturating_add(entries.len() as u64);
            }
            // What the snapshot covers stays.
            Item::Truncate { from } if *from <= self.snapshot_index() => {}
            Item::Truncate { from } => self.last_index = self.last_index.min(from.saturating_sub(1)),
            Item::Snapshot { snapshot, .. } if snapshot.index < self.snapshot_index() => {
                let (index, before) = (snapshot.index, self.snapshot_index());
                return Err(format!("a snapshot through {index} follows on one through {before}"));
            }
            Item::Snapshot { snapshot, keep_suffix: true } => {
                self.last_index = self.last_index.max(snapshot.index);
                self.snapshot = Some(snapshot.clone());
            }
            Item::Snapshot { snapshot, keep_suffix: false } => {
                self.last_index = snapshot.index;
                self.snapshot = Some(snapshot.clone());
            }
        }
        self.sound()
    }

    /// # Errors
    /// When no server has such a state.
    pub(crate) fn sound(&self) -> Result<(), String> {
        let last_index = self.last_index;
        if last_index >= LIMIT {
            return Err(format!("no server gets as far as entry {last_index}"));
        }
        let covered = self.snapshot_index();
        if covered > last_index {
            return Err(format!("the snapshot is through entry {covered}, and the log ends at {last_index}"));
        }
        Ok(())
    }
}

/// The state with its entries, as recovery builds it from the segments that are still there.
///
/// The first of them may begin in the middle of the log. The entries before it were in segments that are gone, because a
/// snapshot covers them, and the record of that snapshot comes later in what is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replay {
    pub(crate) state: GroupState,
    /// The entries after `base`.
    pub(crate) entries: Vec<Entry>,
    /// Entries up to here are not in `entries`.
    base: u64,
}

impl Replay {
    /// Begins in the middle, with what the first segment says of what was before it.
    pub(crate) fn begin(state: GroupState) -> Replay {
        Replay { base: state.last_index, entries: Vec::new(), state }
    }

    pub(crate) fn apply(&mut self, item: Item) -> Result<(), String> {
        let covered = self.state.snapshot_index();
        // After an error it is what it was: what was read so far is printed.
        let mut state = self.state.clone();
        state.apply(&item)?;
        self.state = state;
        match item {
            Item::Checkpoint(_) | Item::TermAndVote { .. } => {}
            Item::Append { entries, .. } => self.entries.extend(entries),
            Item::Truncate { from } if from <= covered => {}
            Item::Truncate { from } => {
                let stays = from.saturating_sub(1);
                self.entries.truncate(position(stays, self.base));
                self.base = self.base.min(stays);
            }
            Item::Snapshot { snapshot, keep_suffix } => {
                if keep_suffix {
                    let covered = position(snapshot.index, self.base).min(self.entries.len());
                    self.entries.drain(..covered);
                    self.base = self.base.max(snapshot.index);
                } else {
                    self.entries.clear();
                    self.base = snapshot.index;
                }
            }
        }
        Ok(())
    }

    /// The entries that should be there and are not: they were in segments that are gone, and no snapshot covers them.
    pub(crate) fn missing(&self) -> Option<(u64, u64)> {
        let covered = self.state.snapshot_index();
        (covered < self.base).then(|| (covered.saturating_add(1), self.base))
    }
}

/// How many entries after `base` there are up to `index`.
fn position(index: u64, base: u64) -> usize {
    usize::try_from(index.saturating_sub(base)).unwrap_or(usize::MAX)
}

/// Which segments hold entries that are still in the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments {
    /// Place of each segment, and the highest index among its entries that are in the log; ascending by place.
    highest: Vec<(u64, u64)>,
}

impl Segments {
    /// A segment begins.
    pub(crate) fn push(&mut self, place: u64) {
        self.highest.push((place, 0));
    }

    /// Takes note of a change that the last segment holds, made when a snapshot covered the entries through `covered`.
    pub(crate) fn note(&mut self, item: &Item, covered: u64) {
        match item {
            Item::Append { first, entries } => {
                let last = first.saturating_add(entries.len() as u64).saturating_sub(1);
                if let Some((_, highest)) = self.highest.last_mut() {
                    *highest = last;
                }
            }
            // It deletes nothing, as in [`GroupState::apply`].
            Item::Truncate { from } if *from <= covered => {}
            Item::Truncate { from } => self.cap(from.saturating_sub(1)),
            Item::Snapshot { keep_suffix: false, .. } => self.cap(0),
            Item::Snapshot { .. } | Item::Checkpoint(_) | Item::TermAndVote { .. } => {}
        }
    }

    fn cap(&mut self, index: u64) {
        for (_, highest) in &mut self.highest {
            *highest = (*highest).min(index);
        }
    }

    /// Takes out the oldest segments that hold nothing that is needed: not the last one, and none behind one that is needed.
    pub(crate) fn take_covered(&mut self, covered: impl Fn(u64) -> bool) -> Vec<u64> {
        let older = self.highest.len().saturating_sub(1);
        let count = self.highest[..older].iter().take_while(|(_, highest)| covered(*highest)).count();
        self.highest.drain(..count).map(|(place, _)| place).collect()
    }
}
