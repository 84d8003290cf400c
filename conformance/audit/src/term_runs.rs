//! The terms of a log as runs of equal terms. A run takes two numbers, however long it is.

use super::event::Change;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TermRuns {
    base: u64,
    base_term: u64,
    /// First index and term of each run of equal terms after the base.
    runs: Vec<(u64, u64)>,
    last: u64,
}

impl TermRuns {
    /// A log that begins after a snapshot, or from nothing.
    pub(super) fn based_on(base: u64, base_term: u64) -> TermRuns {
        TermRuns { base, base_term, runs: Vec::new(), last: base }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn last_term(&self) -> u64 {
        self.runs.last().map_or(self.base_term, |(_, term)| *term)
    }

    /// The term at an index; none when the snapshot covers it, or beyond the end.
    pub(super) fn term_at(&self, index: u64) -> Option<u64> {
        if index == self.base {
            return Some(self.base_term);
        }
        if index < self.base || index > self.last {
            return None;
        }
        let after = self.runs.partition_point(|(first, _)| *first <= index);
        after.checked_sub(1).and_then(|run| self.runs.get(run)).map(|(_, term)| *term)
    }

    /// Whether the index holds an entry of this term, or is covered by the snapshot.
    pub(super) fn has(&self, index: u64, term: u64) -> bool {
        index <= self.base || self.term_at(index) == Some(term)
    }

    pub(super) fn push(&mut self, term: u64) {
        self.last += 1;
        if self.runs.last().is_none_or(|(_, last)| *last != term) {
            self.runs.push((self.last, term));
        }
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::TermAndVote { .. } => {}
            Change::Append { entries } => entries.iter().for_each(|entry| self.push(entry.term)),
            Change::Truncate { from } => self.truncate(*from),
            Change::Snapshot { snapshot, keep_suffix } => {
                self.switch(snapshot.last_included_index, snapshot.last_included_term, *keep_suffix);
            }
        }
    }

    fn truncate(&mut self, from: u64) {
        self.last = self.last.min(from.saturating_sub(1)).max(self.base);
        let last = self.last;
        self.runs.retain(|(first, _)| *first <= last);
    }

    fn switch(&mut self, index: u64, term: u64, keep_suffix: bool) {
        if !keep_suffix || self.last <= index {
            *self = TermRuns::based_on(index, term);
            return;
        }
        let next = self.term_at(index + 1).unwrap_or(term);
        self.runs.retain(|(first, _)| *first > index + 1);
        self.runs.insert(0, (index + 1, next));
        (self.base, self.base_term) = (index, term);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_found_through_appends_truncations_and_snapshots() {
        let mut term_runs = TermRuns::default();
        [1, 1, 2, 2, 5].into_iter().for_each(|term| term_runs.push(term));
        let terms = |term_runs: &TermRuns| (0..=6).map(|index| term_runs.term_at(index)).collect::<Vec<_>>();
        assert_eq!(terms(&term_runs), [Some(0), Some(1), Some(1), Some(2), Some(2), Some(5), None]);
        term_runs.switch(3, 2, true);
        assert_eq!(terms(&term_runs), [None, None, None, Some(2), Some(2), Some(5), None]);
        assert!(term_runs.has(1, 9) && term_runs.has(4, 2) && !term_runs.has(4, 1) && !term_runs.has(6, 5));
        term_runs.truncate(5);
        assert_eq!((term_runs.last(), term_runs.last_term(), term_runs.base()), (4, 2, 3));
        term_runs.switch(9, 6, false);
        assert_eq!((term_runs.last(), term_runs.last_term(), term_runs.term_at(9)), (9, 6, Some(6)));
    }
}
