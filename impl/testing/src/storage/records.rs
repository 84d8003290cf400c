//! Random records, as a server may write them.

use super::{append, append_at_end, snapshot, term_and_vote, truncate};
use bytes::Bytes;
use figure2::{Change, Index, Persistent, Record, SnapshotData};
use figure2_core::{Entry, Log, Snapshot};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::io;

/// The same state with its snapshot in memory, whatever becomes of the storage that it was read from.
///
/// # Errors
/// When the snapshot cannot be read.
pub fn in_memory(state: &Persistent<Bytes, SnapshotData>) -> io::Result<Persistent<Bytes, SnapshotData>> {
    let snapshot = |snapshot: &Snapshot<SnapshotData>| {
        let Snapshot { last_included_index, last_included_term, data } = snapshot;
        let data = data.to_bytes()?.into();
        io::Result::Ok(Snapshot {
            last_included_index: *last_included_index,
            last_included_term: *last_included_term,
            data,
        })
    };
    let snapshot = state.log.snapshot().map(snapshot).transpose()?;
    let log = Log::from_parts(snapshot, state.log.entries().to_vec());
    Ok(Persistent { log, ..*state })
}

/// A record of these changes.
pub(super) fn record(changes: Vec<Change<Bytes, SnapshotData>>) -> Record<Bytes, SnapshotData> {
    changes.into_iter().collect()
}

/// The changes, one after the other, of a log that ends there: what is appended, is appended where the log ends then.
pub fn placed(
    last_index: Index,
    changes: Vec<Change<Bytes, SnapshotData>>,
) -> Vec<Change<Bytes, SnapshotData>> {
    let mut last = last_index;
    let place_next = |change| match change {
        Change::Append { entries, .. } => {
            let first_index = last.next();
            last = last.plus(entries.len());
            Change::Append { first_index, entries }
        }
        Change::Truncate { from } => {
            last = last.min(from.prev());
            Change::Truncate { from }
        }
        Change::Snapshot { snapshot, keep_suffix } => {
            let covered = snapshot.last_included_index;
            last = if keep_suffix { last.max(covered) } else { covered };
            Change::Snapshot { snapshot, keep_suffix }
        }
        other => other,
    };
    changes.into_iter().map(place_next).collect()
}

/// Draws records.
pub(super) struct Records {
    random: StdRng,
}

impl Records {
    pub(super) fn new(seed: u64) -> Records {
        Records { random: StdRng::seed_from_u64(seed) }
    }

    /// Whether the server restarts now.
    pub(super) fn restarts(&mut self) -> bool {
        self.random.random_ratio(1, 4)
    }

    /// A record that a server in this state may write: its terms never go back, and what it has committed stays.
    pub(super) fn next(
        &mut self,
        state: &Persistent<Bytes, SnapshotData>,
    ) -> Vec<Change<Bytes, SnapshotData>> {
        let mut after = state.clone();
        (0..self.random.random_range(1..=4))
            .flat_map(|_| {
                let change = self.change(&after);
                let placed = placed(after.log.last_index(), vec![change]);
                placed.iter().for_each(|change| after.apply(change.clone()));
                placed
            })
            .collect()
    }

    fn change(&mut self, state: &Persistent<Bytes, SnapshotData>) -> Change<Bytes, SnapshotData> {
        let (log, term) = (&state.log, state.current_term.0.max(1));
        let (base, last) = (log.base_index().0, log.last_index().0);
        match self.random.random_range(0..10) {
            0..2 => {
                let vote = self.random.random_bool(0.5).then(|| self.random.random_range(0..3));
                term_and_vote(term + self.random.random_range(0..3), vote)
            }
            2 if last > base => truncate(self.random.random_range(base + 1..=last)),
            3 if last > base => {
                let index = self.random.random_range(base + 1..=last);
                let at = log.term_at(Index(index)).map_or(term, |term| term.0);
                snapshot(index, at, self.bytes(), true)
            }
            4 if self.random.random_ratio(1, 5) => {
                let index = last + self.random.random_range(1..50);
                snapshot(index, term, self.bytes(), false)
            }
            _ => match self.random.random_range(0..4) {
                0 => append(term, &["", "x"]),
                _ => {
                    let count = self.random.random_range(1..20);
                    let entry = |command| Entry { term: figure2::Term(term), command };
                    append_at_end((0..count).map(|_| entry(self.bytes())).collect())
                }
            },
        }
    }

    fn bytes(&mut self) -> Bytes {
        let length = match self.random.random_range(0..20) {
            0 => self.random.random_range(0..20_000),
            _ => self.random.random_range(0..200),
        };
        (0..length).map(|_| self.random.random::<u8>()).collect::<Vec<_>>().into()
    }
}
