//! The state that must survive a crash, and the changes to it.
//!
//! There is one way to change it: a [`Change`]. The server applies the change in memory and puts the same change in
//! the record that storage makes durable, so memory and disk cannot drift apart.

use crate::log::{Entry, Log, Snapshot};
use crate::types::{Index, ServerId, Term};
use alloc::vec::Vec;
use smallvec::SmallVec;

/// Figure 2, "Persistent state on all servers", and the snapshot (section 7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Persistent<C, S> {
    /// Latest term this server has seen; grows only.
    pub current_term: Term,
    /// Candidate that received this server's vote in `current_term`.
    pub voted_for: Option<ServerId>,
    /// The log, with the snapshot it is based on.
    pub log: Log<C, S>,
}

impl<C, S> Default for Persistent<C, S> {
    fn default() -> Self {
        Persistent { current_term: Term::ZERO, voted_for: None, log: Log::default() }
    }
}

/// One change of the persistent state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Change<C, S> {
    /// The term and the vote, always together: a crash between the two could vote twice in a term.
    TermAndVote {
        /// The new current term.
        current_term: Term,
        /// The vote in that term, if given.
        voted_for: Option<ServerId>,
    },
    /// Entries appended at the end of the log.
    Append {
        /// The index of the first new entry: that of the log's last entry, plus one.
        first_index: Index,
        /// The new entries.
        entries: Vec<Entry<C>>,
    },
    /// The entry at `from` and all that follow it are deleted.
    Truncate {
        /// First index to go.
        from: Index,
    },
    /// A snapshot takes the place of the prefix it covers: log and snapshot switch in one step.
    Snapshot {
        /// The snapshot.
        snapshot: Snapshot<S>,
        /// Whether the entries after the snapshot stay (else the entire log is discarded).
        keep_suffix: bool,
    },
}

impl<C, S> Persistent<C, S> {
    /// Applies one change.
    pub fn apply(&mut self, change: Change<C, S>) {
        match change {
            Change::TermAndVote { current_term, voted_for } => {
                self.current_term = current_term;
                self.voted_for = voted_for;
            }
            Change::Append { entries, .. } => self.log.append(entries),
            Change::Truncate { from } => self.log.truncate(from),
            Change::Snapshot { snapshot, keep_suffix } => self.log.install(snapshot, keep_suffix),
        }
    }

    /// Applies a change that is still needed: only what stays in the state is cloned.
    pub(crate) fn apply_clone_of(&mut self, change: &Change<C, S>)
    where
        C: Clone,
        S: Clone,
    {
        match change {
            Change::Append { entries, .. } => self.log.append(entries.iter().cloned()),
            other => self.apply(other.clone()),
        }
    }

    /// Applies all changes of a record, in order.
    pub fn apply_record(&mut self, record: Record<C, S>) {
        for change in record.changes {
            self.apply(change);
        }
    }
}

/// What one step, or several merged steps, must make durable: all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Record<C, S> {
    /// Most steps make one change: it needs no memory of its own.
    pub(crate) changes: SmallVec<[Change<C, S>; 1]>,
}

impl<C, S> Default for Record<C, S> {
    fn default() -> Self {
        Record { changes: SmallVec::new() }
    }
}

impl<C, S> Record<C, S> {
    /// The changes, in the order in which they were made.
    pub fn changes(&self) -> &[Change<C, S>] {
        self.changes.as_slice()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn push(&mut self, change: Change<C, S>) {
        self.changes.push(change);
    }

    pub(crate) fn merge(&mut self, later: Record<C, S>) {
        if self.changes.is_empty() {
            self.changes = later.changes;
        } else {
            self.changes.extend(later.changes);
        }
    }
}

/// For tests of storages: a server's records come out of its steps.
impl<C, S> FromIterator<Change<C, S>> for Record<C, S> {
    fn from_iter<I: IntoIterator<Item = Change<C, S>>>(changes: I) -> Self {
        Record { changes: changes.into_iter().collect() }
    }
}

impl<C, S> IntoIterator for Record<C, S> {
    type Item = Change<C, S>;
    type IntoIter = smallvec::IntoIter<[Change<C, S>; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter()
    }
}
