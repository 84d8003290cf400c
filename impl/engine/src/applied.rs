//! The outcome of proposals: who waits for one, and what the service has.
//!
//! Nothing is stored for a proposal until somebody waits for it. Of all that the service has, only the index where
//! each term begins is stored: terms never decrease along a log, so these few numbers give the term of every entry.

use crate::Monitor;
use crate::inbox::{Answer, Told};
use crate::state::Timers;
use crate::sync::Arc;
use crate::{Position, ProposalOutcome, ProposeError};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use figure2_core::{Index, Log, Term};
use std::collections::VecDeque;

/// Most stretches that are kept; of older ones nothing is known any more.
const MOST_STRETCHES: usize = 4_096;

/// Entries that the service has.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    first: Index,
    /// Their term; or, where a snapshot stands for them, that of its last one.
    term: Term,
    /// Whether each of them is of that term.
    is_known: bool,
}

/// What the service has, and who waits for more.
#[derive(Default)]
pub(crate) struct Applied {
    /// The service has all entries up to here.
    last: Index,
    stretches: VecDeque<Stretch>,
    /// In the order of their indexes.
    waiting: VecDeque<(Index, u64, Waker)>,
    next: u64,
    /// Commands that were submitted and taken, in the order of their indexes.
    submitted: VecDeque<(Position, Answer)>,
    /// What those are to be told whose commands' end is known.
    told: Vec<Told>,
}

impl Applied {
    /// The service begins with a snapshot that ends there.
    pub(crate) fn begin(index: Index, term: Term) -> Applied {
        let mut applied = Applied::default();
        applied.has_snapshot(index, term);
        applied
    }

    /// The service has the entries of the log up to `to`, which it still holds.
    pub(crate) fn has_entries<C, S>(&mut self, log: &Log<C, S>, to: Index) {
        let last_term = log.term_at(to);
        while self.last < to {
            let index = self.last.next();
            let Some(term) = log.term_at(index) else { return };
            self.add(Stretch { first: index, term, is_known: true });
            // Mostly they are all of one term.
            self.last = if Some(term) == last_term { to } else { index };
        }
    }

    /// The service has a snapshot of the entries up to `index`, whose last one is of that term.
    pub(crate) fn has_snapshot(&mut self, index: Index, term: Term) {
        if index <= self.last {
            return;
        }
        if self.last.next() < index {
            self.add(Stretch { first: self.last.next(), term, is_known: false });
        }
        self.add(Stretch { first: index, term, is_known: true });
        self.last = index;
    }

    /// The service has all entries up to here.
    pub(crate) fn last(&self) -> Index {
        self.last
    }

    fn add(&mut self, stretch: Stretch) {
        let goes_on = |end: &Stretch| end.is_known && stretch.is_known && end.term == stretch.term;
        if self.stretches.back().is_some_and(goes_on) {
            return;
        }
        if self.stretches.len() == MOST_STRETCHES {
            self.stretches.pop_front();
        }
        self.stretches.push_back(stretch);
    }

    /// What became of a command that a leader took; none while the service has no entry at its index.
    fn outcome(&self, proposed: Position) -> Option<ProposalOutcome> {
        if proposed.index > self.last {
            return None;
        }
        let after = self.stretches.partition_point(|stretch| stretch.first <= proposed.index);
        let Some(stretch) = after.checked_sub(1).and_then(|place| self.stretches.get(place)) else {
            return Some(ProposalOutcome::Unknown);
        };
        let least = match after.checked_sub(2).and_then(|place| self.stretches.get(place)) {
            _ if stretch.is_known => stretch.term,
            Some(before) => before.term,
            None => Term::default(),
        };
        Some(if proposed.term < least || proposed.term > stretch.term {
            ProposalOutcome::Lost
        } else if least == stretch.term {
            ProposalOutcome::Applied
        } else {
            ProposalOutcome::Unknown
        })
    }

    fn wait(&mut self, index: Index, place: &mut Option<u64>, waker: &Waker) {
        let place = *place.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        let mut at = self.waiting.len();
        if self.waiting.back().is_some_and(|(last, _, _)| *last >= index) {
            at = self.waiting.partition_point(|(other, _, _)| *other < index);
            let same = self.waiting.range_mut(at..).take_while(|(other, _, _)| *other == index);
            for (_, other, known) in same {
                if *other == place {
                    return known.clone_from(waker);
                }
            }
        }
        self.waiting.insert(at, (index, place, waker.clone()));
    }

    fn leave(&mut self, index: Index, place: Option<u64>) {
        if let Some(place) = place {
            let at = self.waiting.partition_point(|(other, _, _)| *other < index);
            let found = self.waiting.range(at..).take_while(|(other, _, _)| *other == index);
            if let Some(after) = found.map(|(_, other, _)| *other).position(|other| other == place) {
                self.waiting.remove(at + after);
            }
        }
    }

    /// Whether the wait of anybody has ended.
    pub(crate) fn is_answered(&self) -> bool {
        let is_over = |index: Index| index <= self.last;
        self.waiting.front().is_some_and(|(index, _, _)| is_over(*index))
            || self.submitted.front().is_some_and(|(position, _)| is_over(position.index))
            || !self.told.is_empty()
    }

    /// Those who wait for what the service has by now.
    pub(crate) fn take_answered(&mut self) -> Vec<Waker> {
        if self.waiting.front().is_none_or(|(index, _, _)| *index > self.last) {
            return Vec::new();
        }
        let answered = self.waiting.partition_point(|(index, _, _)| *index <= self.last);
        self.waiting.drain(..answered).map(|(_, _, waker)| waker).collect()
    }

    /// A submitted command was taken: whoever submitted it is told what became of it.
    pub(crate) fn submitted(&mut self, position: Position, answer: Answer) {
        let at = match self.submitted.back() {
            // Those of an earlier leadership may wait at higher indexes.
            Some((last, _)) if last.index > position.index => {
                self.submitted.partition_point(|(other, _)| other.index <= position.index)
            }
            _ => self.submitted.len(),
        };
        self.submitted.insert(at, (position, answer));
    }

    /// A submitted command was not taken.
    pub(crate) fn refused(&mut self, error: ProposeError, answer: Answer) {
        self.told.push(Told { answer, result: Err(error) });
    }

    /// Those whose submitted commands' end is known by now.
    pub(crate) fn take_told(&mut self) -> Vec<Told> {
        while let Some((position, _)) = self.submitted.front()
            && let Some(outcome) = self.outcome(*position)
            && let Some((position, answer)) = self.submitted.pop_front()
        {
            self.told.push(Told { answer, result: Ok((position, outcome)) });
        }
        core::mem::take(&mut self.told)
    }

    /// All whose commands were submitted: nothing is known of them.
    pub(crate) fn tell_all(&mut self) -> Vec<Told> {
        let unknown = |(position, answer)| Told { answer, result: Ok((position, ProposalOutcome::Unknown)) };
        let mut told = core::mem::take(&mut self.told);
        told.extend(core::mem::take(&mut self.submitted).into_iter().map(unknown));
        told
    }

    /// All who wait.
    pub(crate) fn take_all(&mut self) -> Vec<Waker> {
        core::mem::take(&mut self.waiting).into_iter().map(|(_, _, waker)| waker).collect()
    }
}

/// The future of [`Monitor::outcome`].
#[must_use = "futures do nothing unless awaited"]
pub struct AwaitOutcome<T: Timers> {
    monitor: Arc<Monitor<T>>,
    proposed: Position,
    /// Its place among those who wait, once it waits.
    place: Option<u64>,
}

impl<T: Timers> Monitor<T> {
    /// What became of a command that this server took, once that can be said.
    pub fn outcome(self: &Arc<Self>, proposed: Position) -> AwaitOutcome<T> {
        AwaitOutcome { monitor: self.clone(), proposed, place: None }
    }
}

impl<T: Timers> Future for AwaitOutcome<T> {
    type Output = ProposalOutcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ProposalOutcome> {
        let this = self.get_mut();
        let mut state = this.monitor.lock();
        let outcome = match state.applied.outcome(this.proposed) {
            None if state.stop.is_some() => ProposalOutcome::Unknown,
            None => {
                // Under the same lock as the look: what is applied afterwards finds the waker.
                state.applied.wait(this.proposed.index, &mut this.place, context.waker());
                return Poll::Pending;
            }
            Some(outcome) => outcome,
        };
        state.applied.leave(this.proposed.index, this.place.take());
        Poll::Ready(outcome)
    }
}

impl<T: Timers> Drop for AwaitOutcome<T> {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.monitor.lock().applied.leave(self.proposed.index, self.place.take());
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use figure2_core::Entry;

    fn outcomes(
        applied: &Applied,
        index: u64,
        terms: core::ops::RangeInclusive<u64>,
    ) -> Vec<Option<ProposalOutcome>> {
        terms.map(|term| applied.outcome(Position { index: Index(index), term: Term(term) })).collect()
    }

    /// A log behind a snapshot of this index and term.
    fn log(base: (u64, u64), terms: &[u64]) -> Log<Vec<u8>, ()> {
        let snapshot = figure2_core::Snapshot {
            last_included_index: Index(base.0),
            last_included_term: Term(base.1),
            data: (),
        };
        let entries = terms.iter().map(|term| Entry { term: Term(*term), command: Vec::new() }).collect();
        Log::from_parts((base.0 > 0).then_some(snapshot), entries)
    }

    use ProposalOutcome::{Applied as Is, Lost, Unknown};

    #[test]
    fn the_term_of_what_was_applied_decides() {
        let mut applied = Applied::begin(Index(0), Term(0));
        assert_eq!(outcomes(&applied, 1, 1..=1), [None]);
        applied.has_entries(&log((0, 0), &[1, 1, 3, 3, 4]), Index(4));
        assert_eq!(applied.last(), Index(4));
        assert_eq!(outcomes(&applied, 2, 1..=2), [Some(Is), Some(Lost)]);
        assert_eq!(outcomes(&applied, 3, 1..=3), [Some(Lost), Some(Lost), Some(Is)]);
        assert_eq!(outcomes(&applied, 4, 3..=4), [Some(Is), Some(Lost)]);
        assert_eq!(outcomes(&applied, 5, 4..=4), [None]);
        // Discarded by now, and known all the same.
        applied.has_entries(&log((4, 3), &[4]), Index(5));
        assert_eq!(outcomes(&applied, 5, 3..=4), [Some(Lost), Some(Is)]);
        assert_eq!(outcomes(&applied, 1, 1..=1), [Some(Is)]);
        assert_eq!(applied.stretches.len(), 3);
    }

    #[test]
    fn of_what_a_snapshot_stands_for_only_so_much_is_known_as_its_terms_say() {
        let mut applied = Applied::begin(Index(0), Term(0));
        applied.has_entries(&log((0, 0), &[2]), Index(1));
        applied.has_snapshot(Index(5), Term(4));
        assert_eq!(
            outcomes(&applied, 3, 1..=5),
            [Some(Lost), Some(Unknown), Some(Unknown), Some(Unknown), Some(Lost)]
        );
        assert_eq!(outcomes(&applied, 5, 3..=5), [Some(Lost), Some(Is), Some(Lost)]);
        // All of one term: nothing else can be there.
        applied.has_snapshot(Index(9), Term(4));
        assert_eq!(outcomes(&applied, 7, 3..=5), [Some(Lost), Some(Is), Some(Lost)]);
        // From before the server started nothing is known.
        let begun = Applied::begin(Index(5), Term(4));
        assert_eq!(outcomes(&begun, 3, 4..=5), [Some(Unknown), Some(Lost)]);
        assert_eq!(outcomes(&begun, 5, 4..=4), [Some(Is)]);
    }

    #[test]
    fn so_many_terms_are_kept_and_no_more() {
        let mut applied = Applied::begin(Index(0), Term(0));
        let most = MOST_STRETCHES as u64 + 10;
        let terms: Vec<u64> = (1..=most).collect();
        applied.has_entries(&log((0, 0), &terms), Index(most));
        assert_eq!(applied.stretches.len(), MOST_STRETCHES);
        assert_eq!(outcomes(&applied, 1, 1..=1), [Some(Unknown)]);
        assert_eq!(outcomes(&applied, most, most..=most), [Some(Is)]);
    }
}
