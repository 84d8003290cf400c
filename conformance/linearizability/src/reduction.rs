//! What the two ways of reducing a violation to a small window share: the operations that are left, none of whose
//! orders explains anything, and how to cut them off at the end.

use std::time::{Duration, Instant};

use super::history::{Operation, Outcome};

/// Time for a reduction.
const TIME: Duration = Duration::from_secs(10);

/// When a reduction that begins now gives up.
pub(crate) fn deadline() -> Instant {
    Instant::now() + TIME
}

/// Operations that no order explains, which become fewer.
pub(crate) struct Reduction<A, F> {
    pub(crate) left: Vec<Operation<A>>,
    deadline: Instant,
    /// Whether no order explains these.
    is_violated: F,
}

impl<A: Clone, F: Fn(&[Operation<A>]) -> bool> Reduction<A, F> {
    pub(crate) fn new(left: Vec<Operation<A>>, deadline: Instant, is_violated: F) -> Self {
        Self { left, deadline, is_violated }
    }

    /// Goes on with `smaller` if it is violated.
    pub(crate) fn accept(&mut self, smaller: Vec<Operation<A>>) -> bool {
        let accepted = (self.is_violated)(&smaller);
        if accepted {
            self.left = smaller;
        }
        accepted
    }

    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Cuts off everything after the first completion with which there is no order. `matters` is false for an operation
    /// that says nothing.
    pub(crate) fn cut_end(&mut self, matters: impl Fn(&Operation<A>) -> bool) {
        let mut ends: Vec<u64> =
            self.left.iter().map(Operation::deadline).filter(|&place| place < u64::MAX).collect();
        ends.sort_unstable();
        // The last end is known to be enough. A history that has an order has one up to each place.
        let (mut low, mut high) = (0, ends.len().saturating_sub(1));
        while low < high && !self.is_late() {
            let middle = (low + high) / 2;
            if self.accept(up_to(&self.left, ends[middle], &matters)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
    }
}

/// What is known of the operations at a place.
fn up_to<A: Clone>(
    operations: &[Operation<A>],
    place: u64,
    matters: &impl Fn(&Operation<A>) -> bool,
) -> Vec<Operation<A>> {
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

/// The operations but for those of a beginning.
pub(crate) fn without_beginning<A: Clone>(
    operations: &[&Operation<A>],
    beginning: &[u32],
) -> Vec<Operation<A>> {
    let mut taken = vec![false; operations.len()];
    for &at in beginning {
        taken[at as usize] = true;
    }
    operations.iter().zip(&taken).filter(|entry| !entry.1).map(|entry| (*entry.0).clone()).collect()
}
