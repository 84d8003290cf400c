//! What the two searches for an order share, whatever their operations do: the events, the operations in flight and
//! their bits, the effect of a completion on the configurations, and the end of a found order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;

use super::configuration::{Configuration, Configurations};
use super::history::Operation;

/// At most this many operations of one key may be in flight at once, those of unknown outcome not counted.
const MOST: usize = u128::BITS as usize;

/// An operation is invoked or completes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) place: u64,
    pub(crate) operation: u32,
    pub(crate) completes: bool,
}

/// The events of operations that are given in the order of their invocations, in the order of their places. Of what is
/// to come only the completions of operations in flight are held.
pub(crate) struct Events<'a, A> {
    operations: &'a [&'a Operation<A>],
    next: usize,
    /// Completions of what was invoked.
    due: BinaryHeap<Reverse<(u64, u32)>>,
}

impl<'a, A> Events<'a, A> {
    pub(crate) fn of(operations: &'a [&'a Operation<A>]) -> Self {
        Self { operations, next: 0, due: BinaryHeap::new() }
    }
}

impl<A> Iterator for Events<'_, A> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let invoked = self.operations.get(self.next).map_or(u64::MAX, |operation| operation.invoked);
        if let Some(&Reverse((place, operation))) = self.due.peek()
            && place < invoked
        {
            self.due.pop();
            return Some(Event { place, operation, completes: true });
        }
        let deadline = self.operations.get(self.next)?.deadline();
        let operation = self.next as u32;
        self.next += 1;
        if deadline < u64::MAX {
            self.due.push(Reverse((deadline, operation)));
        }
        Some(Event { place: invoked, operation, completes: false })
    }
}

/// The operations in flight that must take effect, each with its bit, in the order of their invocations.
#[derive(Debug)]
pub(crate) struct InFlight {
    entries: Vec<(u128, u32)>,
    /// Bits not in use.
    free: u128,
}

impl Default for InFlight {
    fn default() -> Self {
        Self { entries: Vec::new(), free: u128::MAX }
    }
}

impl InFlight {
    /// Each operation with its bit.
    pub(crate) fn entries(&self) -> &[(u128, u32)] {
        &self.entries
    }

    /// Adds an operation that is invoked at a place, and returns its bit.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn add(&mut self, operation: u32, place: u64) -> Result<u128, String> {
        if self.free == 0 {
            return Err(format!("more than {MOST} operations in flight at place {place}"));
        }
        let bit = 1 << self.free.trailing_zeros();
        self.free &= !bit;
        self.entries.push((bit, operation));
        Ok(bit)
    }

    /// The bit of an operation in flight.
    pub(crate) fn bit_of(&self, operation: u32) -> Option<u128> {
        self.entries.iter().find(|entry| entry.1 == operation).map(|entry| entry.0)
    }

    /// Takes out the operation with this bit.
    pub(crate) fn remove(&mut self, bit: u128) {
        self.entries.retain(|entry| entry.0 != bit);
        self.free |= bit;
    }
}

/// The configurations in which the operation with the bit `bit` has taken effect, after letting it, and whatever may go
/// before it, take effect in those in which it has not. `successors` tells what a configuration becomes with one more
/// operation, `spend` is told how many are held.
///
/// # Errors
/// Those of `spend`.
pub(crate) fn complete<V, I>(
    configurations: Configurations<V>,
    bit: u128,
    successors: impl Fn(&Configuration<V>) -> I,
    mut spend: impl FnMut(usize) -> Result<(), String>,
) -> Result<Configurations<V>, String>
where
    V: Clone + Eq + Hash,
    I: IntoIterator<Item = Configuration<V>>,
{
    let mut survivors = Configurations::default();
    let mut reached = Configurations::default();
    for mut one in configurations.into_vec() {
        if one.done & bit == 0 {
            reached.insert(one);
        } else {
            one.done &= !bit;
            survivors.insert(one);
        }
    }
    let mut next = 0;
    while let Some(from) = reached.get(next) {
        next += 1;
        let Some(from) = from.cloned() else { continue };
        for mut one in successors(&from) {
            if one.done & bit == 0 {
                reached.insert(one);
            } else {
                one.done &= !bit;
                survivors.insert(one);
            }
        }
        spend(reached.held() + survivors.held())?;
    }
    Ok(survivors)
}

/// An order with the operations that are left, once nothing asks for a value any more: they take effect as they complete.
pub(crate) fn finish<A>(operations: &[&Operation<A>], mut order: Vec<u32>) -> Vec<u32> {
    let mut taken = vec![false; operations.len()];
    for &operation in &order {
        taken[operation as usize] = true;
    }
    let mut left: Vec<(u64, u32)> = (0..operations.len())
        .filter(|&at| !taken[at] && operations[at].deadline() < u64::MAX)
        .map(|at| (operations[at].deadline(), at as u32))
        .collect();
    left.sort_unstable();
    order.extend(left.iter().map(|entry| entry.1));
    order
}
