//! Reduces a violation to a small window of operations that shows it. Every step is valid for every object: cut off
//! the end; take out a beginning that every order shares; leave out reads; keep only some parts of the object.
//! docs/linearizability.md gives the reasons.

use std::collections::HashSet;
use std::time::Instant;

use super::{Object, is_linearizable, matters};
use crate::history::Operation;
use crate::reduction::{self, Reduction};
use crate::search::{Budget, Found};

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
        let deadline = reduction::deadline();
        let budget = Budget { deadline: Some(deadline), ..budget };
        let cut = forced.and_then(|forced| {
            Some((after(operations, initial, forced)?, reduction::without_beginning(operations, forced)))
        });
        let (initial, left) =
            cut.filter(|(initial, left)| is_violated(left, initial, budget)).unwrap_or_else(|| {
                (initial.clone(), operations.iter().map(|&operation| operation.clone()).collect())
            });
        let mut reduction = Reduction::new(left, deadline, |left| is_violated(left, &initial, budget));
        reduction.cut_end(matters);
        reduction.restrict();
        reduction.drop_reads();
        let left = reduction.left;
        let references: Vec<&Operation<A>> = left.iter().collect();
        let confirmed =
            is_linearizable(&references, &initial, SECOND_OPINION).map(|linearizable| !linearizable);
        Self { initial, operations: left, minimal: Instant::now() < deadline, confirmed }
    }
}

/// The state that `forced` leaves.
fn after<A: Object>(operations: &[&Operation<A>], initial: &A::State, forced: &[u32]) -> Option<A::State> {
    let step = |state: A::State, at: &u32| operations[*at as usize].action.step(&state);
    forced.iter().try_fold(initial.clone(), step)
}

fn is_violated<A: Object>(operations: &[Operation<A>], initial: &A::State, budget: Budget<'_>) -> bool {
    let references: Vec<&Operation<A>> = operations.iter().collect();
    matches!(A::search(&references, initial, budget), Found::Violation { .. })
}

impl<A: Object, F: Fn(&[Operation<A>]) -> bool> Reduction<A, F> {
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
