//! Objects other than the key/value store: a versioned register, a counter, a set, several registers in one
//! transaction. What an operation does and what it saw is one value. The search only asks whether an operation can
//! take effect in a state, and which state it leaves.

pub mod counter;
mod exhaustive;
mod search;
pub mod set;
mod shrink;
pub mod transaction;
pub mod versioned;

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

pub(crate) use exhaustive::is_linearizable;
pub(crate) use shrink::Shrunk;

use super::history::{Operation, Outcome};
use super::search::{Budget, Found};

/// An operation on an object, with what it saw.
pub trait Object: Clone + Debug + Eq + Hash {
    /// What the object holds.
    type State: Clone + Debug + Eq + Hash;

    /// What the operation leaves if it takes effect in `state`; `None` if it cannot have, because it saw something
    /// else.
    fn step(&self, state: &Self::State) -> Option<Self::State>;

    /// Whether it changes nothing, whatever the state.
    fn is_read(&self) -> bool;

    /// Whether it can take effect in every state.
    fn is_always_possible(&self) -> bool;

    /// A number that no operation makes smaller, if the object has one.
    fn level(state: &Self::State) -> i128;

    /// The operation cannot take effect in a state of a higher level.
    fn ceiling(&self) -> Option<i128>;

    /// Looks for an order of the operations of one object. The general search, unless the object has a faster one.
    #[doc(hidden)]
    fn search(operations: &[&Operation<Self>], initial: &Self::State, budget: Budget<'_>) -> Found {
        search::search(operations, initial, budget)
    }

    /// The parts of the object that the operation is about, if the object is made of parts that do not depend on each
    /// other: the elements of a set, the registers of a transaction.
    fn parts(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What the operation says about these parts alone; `None` if that is nothing.
    fn restricted(&self, _parts: &HashSet<&str>) -> Option<Self> {
        Some(self.clone())
    }

    /// The operation in words, each value of at most `most` characters.
    fn label(&self, most: usize) -> String;

    /// The state in words.
    fn show(state: &Self::State) -> String;
}

/// Decides for the operations of one object, in the order of their invocations: whether there is an order; `None` if a
/// limit was hit first.
pub fn decide<A: Object>(
    operations: &[Operation<A>],
    initial: &A::State,
    limits: super::Limits,
) -> Option<bool> {
    let kept: Vec<&Operation<A>> = operations.iter().filter(|one| matters(one)).collect();
    answer(A::search(&kept, initial, Budget::of(limits)))
}

/// [`decide`] by the general search, whatever faster one the object has; the tests compare the two.
pub fn general<A: Object>(
    operations: &[Operation<A>],
    initial: &A::State,
    limits: super::Limits,
) -> Option<bool> {
    let kept: Vec<&Operation<A>> = operations.iter().filter(|one| matters(one)).collect();
    answer(search::search(&kept, initial, Budget::of(limits)))
}

fn answer(found: Found) -> Option<bool> {
    match found {
        Found::Order(_) => Some(true),
        Found::Violation { .. } => Some(false),
        Found::Unfinished(_) => None,
    }
}

/// False for an operation that says nothing: one that failed, and a read that nobody saw the result of.
pub(crate) fn matters<A: Object>(operation: &Operation<A>) -> bool {
    match operation.outcome {
        Outcome::Failed => false,
        Outcome::Unknown => !operation.action.is_read(),
        Outcome::Ok { .. } => true,
    }
}

/// Replays `order` and checks it against the definition, as `linearization_proof` does for key/value stores. Returns what
/// is wrong, if anything is.
pub(crate) fn refute<A: Object>(
    operations: &[&Operation<A>],
    initial: &A::State,
    order: &[u32],
) -> Option<String> {
    let mut taken = vec![false; operations.len()];
    let mut latest_invocation = 0;
    let mut state = initial.clone();
    for &at in order {
        match taken.get_mut(at as usize) {
            Some(taken) if !*taken => *taken = true,
            _ => return Some(format!("operation {at} occurs twice or does not exist")),
        }
        let operation = operations[at as usize];
        if operation.deadline() < latest_invocation {
            return Some(format!("operation {at} comes after one that was invoked when it had completed"));
        }
        latest_invocation = latest_invocation.max(operation.invoked);
        let Some(next) = operation.action.step(&state) else {
            return Some(format!("operation {at} finds another state than it saw"));
        };
        state = next;
    }
    let is_missing = |at: &usize| !taken[*at] && operations[*at].deadline() < u64::MAX;
    (0..operations.len()).find(is_missing).map(|at| format!("operation {at} was done, and is missing"))
}

/// Shortens a value to `most` characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let characters = text.chars().count();
    if characters <= most {
        return text.to_owned();
    }
    let tail: String = text.chars().skip(characters - most).collect();
    format!("…{tail} ({characters} characters)")
}
