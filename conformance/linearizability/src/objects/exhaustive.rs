//! Applies the definition directly to any object, as `exhaustive` does for key/value stores.

use std::collections::HashSet;

use super::{Object, matters};
use crate::history::Operation;

/// Whether there is an order of these operations of one object from `initial`; `None` if there are more than 64 of
/// them, or more than `states` were met without an answer.
pub fn is_linearizable<A: Object>(
    operations: &[&Operation<A>],
    initial: &A::State,
    states: usize,
) -> Option<bool> {
    let operations: Vec<&Operation<A>> = operations.iter().copied().filter(|one| matters(one)).collect();
    if operations.len() > u64::BITS as usize {
        return None;
    }
    let mut seen: HashSet<(u64, A::State)> = HashSet::new();
    let mut stack = vec![(0u64, initial.clone())];
    while let Some((done, state)) = stack.pop() {
        let left = || (0..operations.len()).filter(|at| done >> at & 1 == 0);
        let first = left().map(|at| operations[at].deadline()).min().filter(|&place| place < u64::MAX);
        let Some(first) = first else { return Some(true) };
        for at in left().filter(|&at| operations[at].invoked < first) {
            if let Some(next) = operations[at].action.step(&state) {
                let next = (done | 1 << at, next);
                if seen.insert(next.clone()) {
                    stack.push(next);
                }
            }
        }
        if seen.len() > states {
            return None;
        }
    }
    Some(false)
}
