//! From a violation to the smallest window of operations that shows it.
//!
//! Every step keeps the argument legal: if the operations that are left have no order, the history has none. A step is
//! one of these, each of which turns an order of the history into one of what is left:
//! - cut off the end: an operation that completes after the cut becomes one of unknown outcome;
//! - take out the beginning that every order shares, and start from the value that it leaves (`search::Found`);
//! - leave out gets, and writes that no operation left can see: puts and new values of compare-and-sets with which
//!   nothing that the operations left saw begins, and appended pieces that nothing they saw contains, not counting
//!   operations that completed before the write was invoked. Whatever an
//!   operation left saw was then made by writes that are left, with nothing between them that is not, so that it sees
//!   the same without the others.
//!
//! After each step the search decides again, so that what is left is violated, too.

use std::time::Instant;

use super::exhaustive;
use super::history::{Action, Operation, Outcome};
use super::linearization_proof::replay;
use super::reduction::{self, Reduction};
use super::search::{Budget, Found, search};

/// At most this many operations outside the window are named.
const HINTS: usize = 3;

/// Operations of one key that no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// What the key holds before, `None` for nothing: every order of the history comes to it.
    pub initial: Option<String>,
    /// The operations, in the order of their invocations. Those that complete after the window have an unknown
    /// outcome here.
    pub operations: Vec<Operation>,
    /// Operations outside the window that wrote what its operations saw, or failed to: the first few, as a hint. They
    /// are no part of the argument.
    pub outside: Vec<Operation>,
    /// Whether none of the operations can be left out, by the steps of the reduction; false if its time was up first.
    pub minimal: bool,
    /// Whether trying out every order, without the search's shortcuts, finds none either; `None` if there are too
    /// many to try.
    pub confirmed: Option<bool>,
}

/// The window of a violation that the search found in `operations`.
pub(crate) fn window(
    operations: &[&Operation],
    initial: Option<&str>,
    forced: Option<&[u32]>,
    budget: Budget<'_>,
) -> Window {
    let deadline = reduction::deadline();
    let budget = Budget { deadline: Some(deadline), ticks: None, ..budget };
    let cut = forced.map(|forced| {
        (replay(operations, initial, forced), reduction::without_beginning(operations, forced))
    });
    let cut = cut.filter(|(initial, left)| is_violated(left, initial.as_deref(), budget));
    let (initial, left) = cut.unwrap_or_else(|| {
        (initial.map(str::to_owned), operations.iter().map(|&operation| operation.clone()).collect())
    });
    let mut reduction = Reduction::new(left, deadline, |left| is_violated(left, initial.as_deref(), budget));
    reduction.cut_end(Operation::matters);
    while reduction.drop_chunks() {}
    let left = reduction.left;
    let references: Vec<&Operation> = left.iter().collect();
    let order = exhaustive::is_linearizable(&references, initial.as_deref(), budget.second_opinion);
    Window {
        initial,
        operations: left,
        outside: Vec::new(),
        minimal: Instant::now() < deadline,
        confirmed: order.map(|linearizable| !linearizable),
    }
}

impl Window {
    /// Notes which of `all`, outside the window, would have written what was seen in it.
    pub(crate) fn note_outside(&mut self, all: &[&Operation]) {
        let is_outside =
            |operation: &Operation| self.operations.iter().all(|one| one.invoked != operation.invoked);
        let is_telling = |operation: &Operation| {
            operation.outcome == Outcome::Failed || !matches!(operation.action, Action::Append(_))
        };
        let is_seen = |operation: &Operation| self.operations.iter().any(|seer| may_see(seer, operation));
        let hints = all.iter().filter(|one| is_telling(one) && is_seen(one) && is_outside(one));
        self.outside = hints.take(HINTS).map(|&operation| operation.clone()).collect();
    }
}

fn is_violated(operations: &[Operation], initial: Option<&str>, budget: Budget<'_>) -> bool {
    let references: Vec<&Operation> = operations.iter().collect();
    matches!(search(&references, initial, budget), Found::Violation { .. })
}

impl<F: Fn(&[Operation]) -> bool> Reduction<Action, F> {
    /// Leaves out what can be, in ever smaller chunks, and first all but a chunk; true if something was.
    fn drop_chunks(&mut self) -> bool {
        let before = self.left.len();
        let mut size = before.div_ceil(2);
        while size > 0 {
            let mut end = self.left.len();
            while end > 0 && !self.is_late() {
                let start = end.saturating_sub(size);
                let in_chunk = |at: usize| (start..end).contains(&at);
                if self.leave_out(|at| !in_chunk(at)) {
                    end = self.left.len();
                } else {
                    self.leave_out(in_chunk);
                    end = start.min(self.left.len());
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
        self.left.len() < before && !self.is_late()
    }

    /// Leaves out the operations of the places for which `drop` holds, as far as it is legal, if the others are
    /// violated.
    fn leave_out(&mut self, drop: impl Fn(usize) -> bool) -> bool {
        let smaller = without(&self.left, drop);
        smaller.len() < self.left.len() && self.accept(smaller)
    }
}

/// The operations without those of the places for which `drop` holds, as far as they may be left out: writes that an
/// operation left may see stay, too.
fn without(operations: &[Operation], drop: impl Fn(usize) -> bool) -> Vec<Operation> {
    let (mut out, mut left): (Vec<usize>, Vec<usize>) = (0..operations.len()).partition(|&at| drop(at));
    out.retain(|&at| operations[at].action != Action::Get);
    let mut unchecked = left.clone();
    while let Some(seer) = unchecked.pop() {
        for at in out.extract_if(.., |at| may_see(&operations[seer], &operations[*at])) {
            left.push(at);
            unchecked.push(at);
        }
    }
    left.sort_unstable();
    left.into_iter().map(|at| operations[at].clone()).collect()
}

/// Whether what `observer` saw may show the effect of `write`.
fn may_see(observer: &Operation, write: &Operation) -> bool {
    let Some(Some(seen)) = observer.observed().filter(|_| write.invoked < observer.deadline()) else {
        return false;
    };
    match &write.action {
        Action::Get => false,
        Action::Put(text) | Action::Cas { new: text, .. } => seen.starts_with(text.as_str()),
        Action::Append(piece) => seen.contains(piece.as_str()),
    }
}
