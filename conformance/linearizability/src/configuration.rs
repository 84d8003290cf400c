//! A configuration is one possible course of the history so far; here are configurations and sets of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use ahash::RandomState;

use super::digest::Digest;

/// What the key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    /// Nothing was ever written.
    Absent,
    /// A text.
    Text(Digest),
    /// Some value that no operation can observe before it is overwritten. All such values are one: nothing that can
    /// still be asked tells them apart.
    Unseen,
}

impl Value {
    pub(crate) fn of(text: Option<&str>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(Digest::of(text.as_bytes())))
    }
}

/// An operation taken into the order, after all the earlier ones.
#[derive(Debug)]
pub(crate) struct Step {
    operation: u32,
    previous: Order,
}

/// The order of the operations so far, last first; configurations share what they have in common.
pub(crate) type Order = Option<Rc<Step>>;

impl Drop for Step {
    /// A long list dropped by recursion would exhaust the stack.
    fn drop(&mut self) {
        let mut next = self.previous.take();
        while let Some(step) = next {
            next = Rc::try_unwrap(step).ok().and_then(|mut step| step.previous.take());
        }
    }
}

/// The operations of `order`, first to last.
pub(crate) fn in_order(order: &Order) -> Vec<u32> {
    let mut operations = Vec::new();
    let mut next = order.as_ref();
    while let Some(step) = next {
        operations.push(step.operation);
        next = step.previous.as_ref();
    }
    operations.reverse();
    operations
}

/// Adds the operations of `order`, first to last, to a list that takes a tenth of the memory.
pub(crate) fn settle(order: Order, list: &mut Vec<u32>) {
    list.extend(in_order(&order));
}

/// One way in which the history so far can have gone.
#[derive(Clone, Debug)]
pub(crate) struct Configuration<V = Value> {
    /// What the key holds.
    pub(crate) value: V,
    /// Which operations in flight have taken effect: one bit a slot.
    pub(crate) done: u128,
    /// How many of each class of operations with unknown outcome have taken effect, beyond what all configurations
    /// have in common: class and count, ordered by class, no zero.
    pub(crate) used: Vec<(u32, u32)>,
    /// The order that led here.
    pub(crate) order: Order,
}

impl<V> Configuration<V> {
    pub(crate) fn start(value: V) -> Self {
        Self { value, done: 0, used: Vec::new(), order: None }
    }

    pub(crate) fn take(&mut self, operation: u32) {
        self.order = Some(Rc::new(Step { operation, previous: self.order.take() }));
    }

    pub(crate) fn used(&self, class: u32) -> u32 {
        self.used.binary_search_by_key(&class, |entry| entry.0).map_or(0, |at| self.used[at].1)
    }

    pub(crate) fn count_use(&mut self, class: u32) {
        match self.used.binary_search_by_key(&class, |entry| entry.0) {
            Ok(at) => self.used[at].1 += 1,
            Err(at) => self.used.insert(at, (class, 1)),
        }
    }

    /// Whether this one spent no more of any class than `other` did.
    fn is_as_frugal_as(&self, other: &Self) -> bool {
        self.used.iter().all(|&(class, count)| count <= other.used(class))
    }
}

/// A table's hasher, the same in each run.
pub(crate) fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

/// Up to this many configurations are looked through one by one.
const SMALL: usize = 12;

/// Configurations of which none is as good as another: of two with the same value and the same operations in flight
/// done, one that spent no more of the operations with unknown outcome can do all that the other can.
#[derive(Debug)]
pub(crate) struct Configurations<V = Value> {
    entries: Vec<Configuration<V>>,
    beaten: Vec<bool>,
    live: usize,
    /// Places in `entries` by value and operations done; kept once there are more than a few.
    index: HashMap<(V, u128), Vec<usize>, RandomState>,
}

impl<V> Default for Configurations<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), beaten: Vec::new(), live: 0, index: HashMap::with_hasher(hasher()) }
    }
}

impl<V: Clone + Eq + Hash> Configurations<V> {
    /// Adds `new` unless one is there that is as good; takes out those it beats.
    pub(crate) fn insert(&mut self, new: Configuration<V>) {
        if self.entries.len() < SMALL {
            for at in 0..self.entries.len() {
                let same = self.entries[at].value == new.value && self.entries[at].done == new.done;
                if same && !self.compare(at, &new) {
                    return;
                }
            }
        } else {
            if self.index.is_empty() {
                for (at, entry) in self.entries.iter().enumerate() {
                    self.index.entry((entry.value.clone(), entry.done)).or_default().push(at);
                }
            }
            let mut places = self.index.remove(&(new.value.clone(), new.done)).unwrap_or_default();
            let wanted = places.iter().all(|&at| self.compare(at, &new));
            if wanted {
                places.retain(|&at| !self.beaten[at]);
                places.push(self.entries.len());
            }
            self.index.insert((new.value.clone(), new.done), places);
            if !wanted {
                return;
            }
        }
        self.entries.push(new);
        self.beaten.push(false);
        self.live += 1;
    }

    /// Compares the entry at `at` with `new`, of the same value and operations done: false if `new` is not wanted.
    fn compare(&mut self, at: usize, new: &Configuration<V>) -> bool {
        if self.beaten[at] {
            return true;
        }
        if self.entries[at].is_as_frugal_as(new) {
            return false;
        }
        if new.is_as_frugal_as(&self.entries[at]) {
            self.beaten[at] = true;
            self.live -= 1;
        }
        true
    }

    /// The entry at `at`, in the order of insertion; `None` in the inner option if another beats it.
    pub(crate) fn get(&self, at: usize) -> Option<Option<&Configuration<V>>> {
        let entry = self.entries.get(at)?;
        Some((!self.beaten[at]).then_some(entry))
    }

    /// How many are held in memory.
    pub(crate) fn held(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The only one, if there is only one.
    pub(crate) fn single_mut(&mut self) -> Option<&mut Configuration<V>> {
        if self.live != 1 {
            return None;
        }
        self.entries.iter_mut().zip(&self.beaten).find(|entry| !entry.1).map(|entry| entry.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Configuration<V>> {
        self.entries.iter().zip(&self.beaten).filter(|entry| !entry.1).map(|entry| entry.0)
    }

    pub(crate) fn into_vec(self) -> Vec<Configuration<V>> {
        let beaten = self.beaten;
        self.entries.into_iter().zip(beaten).filter(|entry| !entry.1).map(|entry| entry.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(done: u128, used: &[(u32, u32)]) -> Configuration {
        Configuration { value: Value::Absent, done, used: used.to_vec(), order: None }
    }

    #[test]
    fn the_frugal_beat_the_lavish_and_the_incomparable_stay() {
        for filler in [0, 40] {
            let mut set = Configurations::default();
            for bit in 0..filler {
                set.insert(with(1 << (bit + 1), &[]));
            }
            let alike = |set: &Configurations| {
                set.iter().filter(|one| one.done == 0).map(|one| one.used.clone()).collect::<Vec<_>>()
            };
            set.insert(with(0, &[(1, 2), (5, 1)]));
            set.insert(with(0, &[(1, 1), (5, 2)]));
            assert_eq!(alike(&set), [vec![(1, 2), (5, 1)], vec![(1, 1), (5, 2)]]);
            set.insert(with(0, &[(1, 2), (5, 2)]));
            assert_eq!(alike(&set).len(), 2);
            set.insert(with(0, &[(1, 1)]));
            assert_eq!(alike(&set), [vec![(1, 1)]]);
            assert_eq!(set.iter().count(), filler + 1);
        }
    }

    #[test]
    fn a_long_order_is_dropped_without_recursion() {
        let mut one = with(0, &[]);
        for operation in 0..1_000_000 {
            one.take(operation);
        }
        assert_eq!(in_order(&one.order).len(), 1_000_000);
        drop(one);
    }
}
