//! The definition, tried out: every order that respects time, on the texts themselves, without a clever step. It
//! decides windows of violations a second time, and is what the search is tested against.

use std::collections::HashSet;

use super::certificate::write;
use super::history::Operation;

/// At most this many operations.
const MOST: usize = u64::BITS as usize;

/// Whether there is an order of these operations of one key, from the value `initial`; `None` if there are more than
/// 64 of them, or `memory` bytes or so were spent without an answer.
pub fn is_linearizable(operations: &[&Operation], initial: Option<&str>, memory: usize) -> Option<bool> {
    let operations: Vec<&Operation> = operations.iter().copied().filter(|one| one.matters()).collect();
    if operations.len() > MOST {
        return None;
    }
    let mut seen: HashSet<(u64, Option<String>)> = HashSet::new();
    let mut spent = 0;
    let mut stack = vec![(0u64, initial.map(str::to_owned))];
    while let Some((done, value)) = stack.pop() {
        let open = |at: &usize| done >> at & 1 == 0;
        let left = || (0..operations.len()).filter(open);
        let Some(first) = left().map(|at| operations[at].deadline()).min().filter(|&place| place < u64::MAX)
        else {
            return Some(true);
        };
        for at in left().filter(|&at| operations[at].invoked < first) {
            let operation = operations[at];
            if operation.observed().is_none_or(|seen| seen == value.as_deref()) {
                let mut value = value.clone();
                write(&mut value, &operation.action);
                let cost = 64 + 2 * value.as_ref().map_or(0, String::len);
                let next = (done | 1 << at, value);
                if seen.insert(next.clone()) {
                    stack.push(next);
                    spent += cost;
                }
            }
        }
        if spent > memory {
            return None;
        }
    }
    Some(false)
}
