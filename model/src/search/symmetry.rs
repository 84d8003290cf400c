//! Symmetry among servers. States that differ only in the servers' names behave alike, so one of them is enough: all
//! of them get the same key, and the search takes them for one.
//!
//! The key is canonical exactly, and by construction. A server's *weight* in a state is a number that does not depend on
//! names: each part of the state adds what it says of the server, whatever the others are called. The key is a sum, over
//! all renamings that put the servers in the order of their weights, of a hash of the state under each. A renamed state
//! has the same weights under the new names, so the same states come of those renamings, and the sum is the same. Mostly
//! no two weights are equal, and there is one summand; where some are, all orders among these servers count, so that
//! nothing depends on the names that they happened to have. (A representative that sorts by some fields, as
//! stateright's `RewritePlan` does, is not canonical: ties keep the order in which they were.) The states themselves are
//! not renamed, so paths need no translation.
//!
//! What a part adds to the weights, and its hash under each renaming, are computed once, when the part first comes
//! up.

use crate::cluster::history::History;
use crate::cluster::node::{Envelope, Node};
use crate::properties::SafetySet;
use crate::properties::invariants;
use crate::search::hashed::{digest_by, mix};
use figure2_core::ServerId;
use smallvec::SmallVec;
use std::hash::Hash;

/// The most servers of a cluster.
const MOST_SERVERS: usize = 5;

/// New ids by old id.
pub type Names = SmallVec<[ServerId; MOST_SERVERS]>;

/// Something that names servers.
pub trait Named: Hash + Eq + Sized {
    /// The same under other names.
    #[must_use]
    fn under(&self, names: &[ServerId]) -> Self;
    /// The properties that it breaks by itself.
    fn broken(&self) -> SafetySet;
}

impl Named for Node {
    fn under(&self, names: &[ServerId]) -> Self {
        self.renamed(names)
    }

    fn broken(&self) -> SafetySet {
        invariants::of_node(self)
    }
}

impl Named for Envelope {
    fn under(&self, names: &[ServerId]) -> Self {
        self.renamed(names)
    }

    fn broken(&self) -> SafetySet {
        SafetySet::EMPTY
    }
}

impl Named for History {
    fn under(&self, names: &[ServerId]) -> Self {
        self.renamed(names)
    }

    fn broken(&self) -> SafetySet {
        invariants::of_history(self)
    }
}

/// A part of a state, with what was computed of it when it first came up.
#[derive(Debug)]
pub struct Interned<T> {
    /// The part.
    pub content: T,
    /// The properties that it breaks by itself.
    pub broken: SafetySet,
    hashes: Hashes,
}

/// What keys are put together from: a part's, or the sums over several parts.
#[derive(Debug)]
pub struct Hashes {
    /// What the part adds to each server's weight, by id: a sum over all renamings that give the server the first name.
    weights: [u64; MOST_SERVERS],
    /// The hash under each renaming, the first of which leaves all names as they are.
    renamed: SmallVec<[u64; 6]>,
}

impl<T: Named> Interned<T> {
    /// The part with what is computed of it.
    pub fn new(content: T, renamings: &Renamings) -> Interned<T> {
        let renamed: SmallVec<[u64; 6]> =
            renamings.all().map(|names| digest_by(renamings.seed, &content.under(names))).collect();
        let mut weights = [0_u64; MOST_SERVERS];
        for (names, hash) in renamings.all().zip(&renamed) {
            let first = names.iter().position(|name| *name == ServerId(0));
            if let Some(sum) = first.and_then(|first| weights.get_mut(first)) {
                *sum = sum.wrapping_add(mix(*hash));
            }
        }
        Interned { broken: content.broken(), content, hashes: Hashes { weights, renamed } }
    }

    /// The hash of the part as it is.
    pub fn digest(&self) -> u64 {
        self.hashes.under(0)
    }

    /// What it adds to a state's key.
    pub fn hashes(&self) -> &Hashes {
        &self.hashes
    }
}

// By hand, for the numbers are copied as a block, which a derived `Clone` does not do.
impl Clone for Hashes {
    fn clone(&self) -> Self {
        Hashes { weights: self.weights, renamed: SmallVec::from_slice(&self.renamed) }
    }
}

impl Hashes {
    /// The sums over no parts.
    pub fn none(renamings: &Renamings) -> Hashes {
        Hashes { weights: [0; MOST_SERVERS], renamed: SmallVec::from_elem(0, renamings.names.len()) }
    }

    /// Adds a part, or parts.
    pub fn add(&mut self, other: &Hashes) {
        self.with(other, u64::wrapping_add);
    }

    /// Takes a part out that was added, or parts.
    pub fn take_out(&mut self, other: &Hashes) {
        self.with(other, u64::wrapping_sub);
    }

    fn with(&mut self, other: &Hashes, change: impl Fn(u64, u64) -> u64) {
        for (sum, part) in self.weights.iter_mut().zip(&other.weights) {
            *sum = change(*sum, *part);
        }
        for (sum, part) in self.renamed.iter_mut().zip(&other.renamed) {
            *sum = change(*sum, *part);
        }
    }

    /// The key of the state with these parts, and with `rest` that names nobody: [`Parts::key`], or the symmetric one.
    pub fn key(&self, rest: u64, symmetry: bool, renamings: &Renamings) -> u64 {
        let rest = mix(rest);
        let under = |renaming| mix(rest.wrapping_add(self.under(renaming)));
        if !symmetry {
            return under(0);
        }
        let numbers = renamings.in_order_of(renamings.of_servers(&self.weights)).iter();
        numbers.fold(0, |sum, number| sum.wrapping_add(under(usize::from(*number))))
    }

    /// The hash under the first renaming.
    pub fn first(&self) -> u64 {
        self.under(0)
    }

    fn under(&self, renaming: usize) -> u64 {
        self.renamed.get(renaming).copied().unwrap_or_default()
    }
}

/// A state's parts, of which its key is made.
pub struct Parts<'a> {
    hashes: SmallVec<[&'a Hashes; 16]>,
    rest: u64,
}

impl<'a> Parts<'a> {
    /// None yet; `rest` is the hash of what names nobody.
    pub fn new(rest: u64) -> Parts<'a> {
        Parts { hashes: SmallVec::new(), rest: mix(rest) }
    }

    /// Adds a part.
    pub fn add<T>(&mut self, interned: &'a Interned<T>) {
        self.hashes.push(&interned.hashes);
    }

    /// The hash of the state under a renaming.
    fn under(&self, renaming: usize) -> u64 {
        let sum = self.hashes.iter().fold(self.rest, |sum, part| sum.wrapping_add(part.under(renaming)));
        mix(sum)
    }

    /// The key of the state alone.
    pub fn key(&self) -> u64 {
        self.under(0)
    }

    /// The key that the state shares with all its renamings.
    pub fn symmetric_key(&self, renamings: &Renamings) -> u64 {
        let mut weights = [0_u64; MOST_SERVERS];
        for part in &self.hashes {
            for (weight, more) in weights.iter_mut().zip(&part.weights) {
                *weight = weight.wrapping_add(*more);
            }
        }
        let numbers = renamings.in_order_of(renamings.of_servers(&weights)).iter();
        numbers.fold(0, |sum, number| sum.wrapping_add(self.under(usize::from(*number))))
    }
}

/// All renamings of a number of servers, which of them put the servers into a given order, and by which seed parts are
/// hashed.
pub struct Renamings {
    seed: u64,
    names: Vec<Names>,
    /// The numbers of the renamings for each order, by the order's [`code`].
    of_order: Vec<SmallVec<[u8; 6]>>,
}

impl Renamings {
    /// All renamings of that many servers; the first leaves all names as they are. Parts are hashed by this seed.
    pub fn of(servers: u8, seed: u64) -> Renamings {
        let names = renamings(servers);
        let mut of_order = vec![SmallVec::new(); usize::from(servers).pow(u32::from(servers))];
        let servers = usize::from(servers);
        for (number, names) in (0..).zip(&names) {
            // Each way to let neighbours be equal: bit i is set where the servers with the new names i and i + 1 are.
            for equal in 0..1_usize << servers.saturating_sub(1) {
                let first_equal =
                    |name: usize| (1..=name).rev().find(|i| equal >> (i - 1) & 1 == 0).unwrap_or(0);
                let places = names.iter().map(|name| first_equal(usize::from(name.0)));
                if let Some(numbers) = of_order.get_mut(code(servers, places)) {
                    numbers.push(number);
                }
            }
        }
        Renamings { seed, names, of_order }
    }

    fn servers(&self) -> usize {
        self.names.first().map_or(0, SmallVec::len)
    }

    /// The weights of the servers that there are.
    fn of_servers<'a>(&self, weights: &'a [u64; MOST_SERVERS]) -> &'a [u64] {
        weights.get(..self.servers()).unwrap_or(weights)
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &Names> {
        self.names.iter()
    }

    /// The numbers of those that put the servers in the order of their weights.
    fn in_order_of(&self, weights: &[u64]) -> &[u8] {
        let place = |weight: &u64| weights.iter().filter(|other| *other < weight).count();
        self.of_order.get(code(weights.len(), weights.iter().map(place))).map_or(&[], SmallVec::as_slice)
    }
}

/// A number for an order of servers in which some may be equal: the place of each is the number of those before it.
fn code(servers: usize, places: impl Iterator<Item = usize>) -> usize {
    places.fold(0, |code, place| code * servers + place)
}

/// All renamings of that many servers; the first leaves all names as they are.
fn renamings(servers: u8) -> Vec<Names> {
    let mut all = vec![Names::new()];
    for _ in 0..servers {
        let mut longer = Vec::new();
        for names in &all {
            for id in (0..servers).map(ServerId).filter(|id| !names.contains(id)) {
                let mut names = names.clone();
                names.push(id);
                longer.push(names);
            }
        }
        all = longer;
    }
    all
}

#[cfg(test)]
mod tests;
