//! Applies the definition directly: tries every order that respects time, on the texts themselves, without the rules
//! of the search. It decides the windows of violations a second time, and the search is tested against it.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;

use super::configuration::hasher;
use super::history::Operation;
use super::linearization_proof::write;

/// At most this many operations.
const MOST: usize = u64::BITS as usize;

/// Whether there is an order of these operations of one key, from the value `initial`; `None` if there are more than
/// 64 of them, or `memory` bytes or so were spent without an answer.
pub fn is_linearizable(operations: &[&Operation], initial: Option<&str>, memory: usize) -> Option<bool> {
    let operations: Vec<&Operation> = operations.iter().copied().filter(|one| one.matters()).collect();
    if operations.len() > MOST {
        return None;
    }
    let mut values = Values::new();
    let mut seen: HashSet<(u64, u32), RandomState> = HashSet::with_hasher(hasher());
    let mut stack = vec![(0u64, values.number(initial.map(str::to_owned)))];
    while let Some((done, value)) = stack.pop() {
        let open = |at: &usize| done >> at & 1 == 0;
        let left = || (0..operations.len()).filter(open);
        let Some(first) = left().map(|at| operations[at].deadline()).min().filter(|&place| place < u64::MAX)
        else {
            return Some(true);
        };
        for at in left().filter(|&at| operations[at].invoked < first) {
            if let Some(next) = values.after(value, at, operations[at])
                && seen.insert((done | 1 << at, next))
            {
                stack.push((done | 1 << at, next));
            }
        }
        if STATE * seen.len() + values.bytes > memory {
            return None;
        }
    }
    Some(false)
}

/// Bytes that a state met takes, with its place on the stack.
const STATE: usize = 48;

/// The values met, each kept once and named by a number, and what each operation makes of them.
struct Values {
    texts: Vec<Option<String>>,
    numbers: HashMap<Option<String>, u32, RandomState>,
    after: HashMap<(u32, usize), Option<u32>, RandomState>,
    bytes: usize,
}

impl Values {
    fn new() -> Self {
        let (numbers, after) = (HashMap::with_hasher(hasher()), HashMap::with_hasher(hasher()));
        Self { texts: Vec::new(), numbers, after, bytes: 0 }
    }

    fn number(&mut self, value: Option<String>) -> u32 {
        let next = self.texts.len() as u32;
        let number = *self.numbers.entry(value.clone()).or_insert(next);
        if number == next {
            self.bytes += 128 + 2 * value.as_ref().map_or(0, String::len);
            self.texts.push(value);
        }
        number
    }

    /// What the operation at `at` leaves of a value; `None` if it saw another.
    fn after(&mut self, value: u32, at: usize, operation: &Operation) -> Option<u32> {
        if let Some(&known) = self.after.get(&(value, at)) {
            return known;
        }
        let text = &self.texts[value as usize];
        let next = operation.observed().is_none_or(|seen| seen == text.as_deref()).then(|| {
            let mut next = text.clone();
            write(&mut next, &operation.action);
            next
        });
        let next = next.map(|next| self.number(next));
        self.bytes += STATE;
        self.after.insert((value, at), next);
        next
    }
}
