//! The log: a snapshot that stands for a prefix, and the entries after it. Indexes never depend on how much of the
//! prefix is gone (section 7).

use crate::command::Command;
use crate::types::{Index, Term};
use alloc::vec::Vec;

/// One log entry: a command and the term in which a leader received it (Figure 2, "log\[\]").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry<C> {
    /// The term in which a leader appended the entry.
    pub term: Term,
    /// What the service's state machine will run.
    pub command: C,
}

impl<C> Entry<C> {
    /// Bytes that an entry counts beside its command: what encodes its term and its length, rounded up. So a million
    /// empty commands are not nothing.
    pub const OVERHEAD: u64 = 16;
}

impl<C: Command> Entry<C> {
    /// Bytes that this entry counts in every limit.
    pub fn size(&self) -> u64 {
        self.command.size().saturating_add(Self::OVERHEAD)
    }
}

/// The service's state after all entries up to and including `last_included_index` (section 7, Figure 12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot<S> {
    /// The snapshot replaces all entries up through and including this index.
    pub last_included_index: Index,
    /// Term of the entry at `last_included_index`.
    pub last_included_term: Term,
    /// The service's state, as the service wrote it.
    pub data: S,
}

/// The replicated log. Index arithmetic lives here and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Log<C, S> {
    snapshot: Option<Snapshot<S>>,
    entries: Vec<Entry<C>>,
}

impl<C, S> Default for Log<C, S> {
    fn default() -> Self {
        Log { snapshot: None, entries: Vec::new() }
    }
}

impl<C, S> Log<C, S> {
    /// A log from its parts, as storage recovers them: the entries directly follow the snapshot.
    pub fn from_parts(snapshot: Option<Snapshot<S>>, entries: Vec<Entry<C>>) -> Self {
        Log { snapshot, entries }
    }

    /// The snapshot that stands for the discarded prefix.
    pub fn snapshot(&self) -> Option<&Snapshot<S>> {
        self.snapshot.as_ref()
    }

    /// Index of the last entry the snapshot covers: nothing at or below it is stored as an entry. 0 without a
    /// snapshot.
    pub fn base_index(&self) -> Index {
        self.snapshot.as_ref().map_or(Index::ZERO, |s| s.last_included_index)
    }

    /// Term of the entry at [`base_index`](Self::base_index).
    pub fn base_term(&self) -> Term {
        self.snapshot.as_ref().map_or(Term::ZERO, |s| s.last_included_term)
    }

    /// Index of the last entry, stored or covered.
    pub fn last_index(&self) -> Index {
        self.base_index().plus(self.entries.len())
    }

    /// Term of the last entry, stored or covered.
    pub fn last_term(&self) -> Term {
        self.entries.last().map_or_else(|| self.base_term(), |e| e.term)
    }

    /// The entry at `index`; none when it is covered by the snapshot or beyond the end.
    pub fn entry(&self, index: Index) -> Option<&Entry<C>> {
        self.position(index).and_then(|p| self.entries.get(p))
    }

    /// The term at `index`: of the entry, or of the snapshot's last entry. None below the base (the term is no
    /// longer known) and beyond the end.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base_index() { Some(self.base_term()) } else { self.entry(index).map(|e| e.term) }
    }

    /// All stored entries, in order; the first has index `base_index() + 1`.
    pub fn entries(&self) -> &[Entry<C>] {
        &self.entries
    }

    /// The stored entries from `first` on, at most `limit` of them. Empty when `first` is covered by the snapshot.
    pub fn entries_from(&self, first: Index, limit: usize) -> &[Entry<C>] {
        let Some(from) = self.position(first).filter(|from| *from <= self.entries.len()) else { return &[] };
        let to = from.saturating_add(limit).min(self.entries.len());
        &self.entries[from..to]
    }

    /// Index of the first stored entry of `term` or a later one: terms never go back along a log. Past the end when
    /// there is none.
    pub fn first_index_from_term(&self, term: Term) -> Index {
        self.base_index().plus(self.entries.partition_point(|entry| entry.term < term)).next()
    }

    /// Where the entry at `index` sits in `entries`, if it is past the base.
    fn position(&self, index: Index) -> Option<usize> {
        let past_base = index.0.checked_sub(self.base_index().0)?.checked_sub(1)?;
        usize::try_from(past_base).ok()
    }

    /// Appends entries at the end.
    pub(crate) fn append(&mut self, entries: impl IntoIterator<Item = Entry<C>>) {
        self.entries.extend(entries);
    }

    /// Deletes the entry at `from` and all that follow it.
    pub(crate) fn truncate(&mut self, from: Index) {
        if let Some(position) = self.position(from) {
            self.entries.truncate(position);
        }
    }

    /// Puts a snapshot in place of the prefix it covers. The entries after it stay if `keep_suffix`, else the whole
    /// log goes.
    pub(crate) fn install(&mut self, snapshot: Snapshot<S>, keep_suffix: bool) {
        if keep_suffix {
            let covered = snapshot.last_included_index.since(self.base_index()).min(self.entries.len());
            self.entries.drain(..covered);
        } else {
            self.entries.clear();
        }
        self.snapshot = Some(snapshot);
    }
}

impl<C: Command, S> Log<C, S> {
    /// Bytes of the stored entries in `(after, through]`.
    pub fn size_between(&self, after: Index, through: Index) -> u64 {
        let after = after.max(self.base_index());
        self.entries_from(after.next(), through.since(after)).iter().map(Entry::size).sum()
    }

    /// Whether the stored entries up to `through` take more than so many bytes. Looks at no more of them than it takes to
    /// know.
    pub fn exceeds(&self, through: Index, bytes: u64) -> bool {
        let mut size = 0u64;
        let stored = self.entries_from(self.base_index().next(), through.since(self.base_index()));
        stored.iter().any(|entry| {
            size = size.saturating_add(entry.size());
            size > bytes
        })
    }

    /// The stored entries from `first` on: at most `limit` of them, and at most `bytes` bytes, but always one if there
    /// is one.
    pub fn batch_from(&self, first: Index, limit: usize, bytes: u64) -> &[Entry<C>] {
        let entries = self.entries_from(first, limit);
        let mut size = 0u64;
        let fitting = entries.iter().take_while(|entry| {
            size = size.saturating_add(entry.size());
            size <= bytes
        });
        let count = fitting.count().max(1).min(entries.len());
        &entries[..count]
    }
}
