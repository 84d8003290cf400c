//! From a violation to a small window of operations that shows it, by steps that keep the argument legal for every
//! object: cut off the end; take out a beginning that every order shares; leave out reads; look at some parts of the
//! object alone. docs/linearizability.md says why each is.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Object, is_linearizable, matters};
use crate::linear::history::{Operation, Outcome};
use crate::linear::search::{Budget, Found};

/// Time for the reduction.
const TIME: Duration = Duration::from_secs(10);
/// States that the second opinion may meet.
const SECOND_OPINION: usize = 300_000;

/// Operations that no order explains.
#[derive(Clone, Debug)]
pub(crate) struct Shrunk<A: Object> {
    /// What the object holds before.
    pub(crate) initial: A::State,
    /// The operations, in the order of their invocations.
    pub(crate) operations: Vec<Operation<A>>,
    /// Whether none of the steps makes the window smaller.
    pub(crate) minimal: bool,
    /// Whether trying every order finds none either; `None` if there are too many.
    pub(crate) confirmed: Option<bool>,
}

impl<A: Object> Shrunk<A> {
    /// The window of a violation that the search found.
    pub(crate) fn of(
        operations: &[&Operation<A>],
        initial: &A::State,
        forced: Option<&[u32]>,
        budget: Budget<'_>,
    ) -> Self {
        let deadline = Instant::now() + TIME;
        let budget = Budget { deadline: Some(deadline), ..budget };
        let all = || operations.iter().map(|&operation| operation.clone()).collect();
        let mut reduction = Reduction { initial: initial.clone(), left: all(), budget };
        if let Some((initial, left)) =
            forced.and_then(|forced| without_beginning(operations, initial, forced))
            && is_violated(&left, &initial, budget)
        {
            reduction.initial = initial;
            reduction.left = left;
        }
        reduction.cut_end();
        reduction.restrict();
        reduction.drop_reads();
        let Reduction { initial, left, .. } = reduction;
        let references: Vec<&Operation<A>> = left.iter().collect();
        let confirmed =
            is_linearizable(&references, &initial, SECOND_OPINION).map(|linearizable| !linearizable);
        Self { initial, operations: left, minimal: Instant::now() < deadline, confirmed }
    }
}

/// The state that `forced` leaves, and the other operations.
fn without_beginning<A: Object>(
    operations: &[&Operation<A>],
    initial: &A::State,
    forced: &[u32],
) -> Option<(A::State, Vec<Operation<A>>)> {
    let mut taken = vec![false; operations.len()];
    let mut state = initial.clone();
    for &at in forced {
        taken[at as usize] = true;
        state = operations[at as usize].action.step(&state)?;
    }
    let left = operations.iter().zip(&taken).filter(|entry| !entry.1).map(|entry| (*entry.0).clone());
    Some((state, left.collect()))
}

fn is_violated<A: Object>(operations: &[Operation<A>], initial: &A::State, budget: Budget<'_>) -> bool {
    let references: Vec<&Operation<A>> = operations.iter().collect();
    matches!(A::search(&references, initial, budget), Found::Violation { .. })
}

struct Reduction<'b, A: Object> {
    initial: A::State,
    left: Vec<Operation<A>>,
    budget: Budget<'b>,
}

impl<A: Object> Reduction<'_, A> {
    fn accept(&mut self, smaller: Vec<Operation<A>>) -> bool {
        let accepted = is_violated(&smaller, &self.initial, self.budget);
        if accepted {
            self.left = smaller;
        }
        accepted
    }

    fn is_late(&self) -> bool {
        self.budget.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Cuts off everything after the first completion with which there is no order.
    fn cut_end(&mut self) {
        let mut ends: Vec<u64> =
            self.left.iter().map(Operation::deadline).filter(|&end| end < u64::MAX).collect();
        ends.sort_unstable();
        let (mut low, mut high) = (0, ends.len().saturating_sub(1));
        while low < high && !self.is_late() {
            let middle = (low + high) / 2;
            if self.accept(up_to(&self.left, ends[middle])) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
    }

    /// Looks at as few parts of the object as show the violation.
    fn restrict(&mut self) {
        let mut parts: Vec<String> = {
            let all: HashSet<&str> = self.left.iter().flat_map(|one| one.action.parts()).collect();
            all.into_iter().map(str::to_owned).collect()
        };
        parts.sort_unstable();
        let mut size = parts.len().div_ceil(2);
        while size > 0 && parts.len() > 1 && !self.is_late() {
            let mut start = 0;
            while start < parts.len() && parts.len() > 1 && !self.is_late() {
                let end = (start + size).min(parts.len());
                let is_chunk = |at: usize| (start..end).contains(&at);
                if self.keep_parts(&parts, is_chunk) {
                    parts = parts[start..end].to_vec();
                    start = 0;
                } else if self.keep_parts(&parts, |at| !is_chunk(at)) {
                    parts.drain(start..end);
                } else {
                    start = end;
                }
                size = size.min(parts.len().div_ceil(2).max(1));
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn keep_parts(&mut self, parts: &[String], keep: impl Fn(usize) -> bool) -> bool {
        let kept: HashSet<&str> =
            parts.iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, part)| part.as_str()).collect();
        if kept.is_empty() || kept.len() == parts.len() {
            return false;
        }
        let restricted = self
            .left
            .iter()
            .filter_map(|one| one.action.restricted(&kept).map(|action| Operation { action, ..one.clone() }));
        self.accept(restricted.collect())
    }

    /// Leaves out reads, in ever smaller chunks.
    fn drop_reads(&mut self) {
        let is_read = |one: &Operation<A>| one.action.is_read();
        let mut size = self.left.iter().filter(|one| is_read(one)).count();
        while size > 0 && !self.is_late() {
            let mut from = 0;
            loop {
                let reads: Vec<u64> =
                    self.left.iter().filter(|one| is_read(one)).map(|one| one.invoked).collect();
                if from >= reads.len() || self.is_late() {
                    break;
                }
                let chunk: HashSet<u64> =
                    reads[from..(from + size).min(reads.len())].iter().copied().collect();
                let smaller = self.left.iter().filter(|one| !chunk.contains(&one.invoked)).cloned().collect();
                if !self.accept(smaller) {
                    from += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }
}

/// What is known of the operations at a place.
fn up_to<A: Object>(operations: &[Operation<A>], place: u64) -> Vec<Operation<A>> {
    let mut known = Vec::new();
    for operation in operations.iter().filter(|operation| operation.invoked <= place) {
        let mut operation = operation.clone();
        if operation.completed.is_some_and(|completed| completed > place) {
            operation.completed = None;
            operation.outcome = Outcome::Unknown;
        }
        if matters(&operation) {
            known.push(operation);
        }
    }
    known
}
