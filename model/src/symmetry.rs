//! Symmetry among servers. States that differ only in the servers' names behave alike, so one of them is enough: all
//! of them get the same key, and the search takes them for one.
//!
//! The key is canonical exactly, and by construction: it is a sum over *all* renamings of the servers, of a hash of
//! the state under each. Renaming a state only changes the order of the summands. (A representative that sorts by
//! some fields, as stateright's `RewritePlan` does, is not canonical: ties keep the order in which they were.) The
//! states themselves are not renamed, so paths need no translation.
//!
//! The hash of a state under a renaming is put together from those of its parts, and a part's are computed once, when
//! the part first comes up.

use crate::hashed::{digest, mix};
use crate::history::History;
use crate::host::{Host, Letter};
use crate::judge;
use crate::properties::SafetySet;
use figure2_core::ServerId;
use smallvec::SmallVec;
use std::hash::Hash;

/// New ids by old id.
pub type Names = SmallVec<[ServerId; 5]>;

/// Something that names servers.
pub trait Named: Hash + Eq + Sized {
    /// The same under other names.
    #[must_use]
    fn under(&self, names: &[ServerId]) -> Self;
    /// The properties that it breaks by itself.
    fn broken(&self) -> SafetySet;
}

impl Named for Host {
    fn under(&self, names: &[ServerId]) -> Self {
        self.renamed(names)
    }

    fn broken(&self) -> SafetySet {
        judge::of_host(self)
    }
}

impl Named for Letter {
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
        judge::of_history(self)
    }
}

/// A part of a state, with what was computed of it when it first came up.
#[derive(Debug)]
pub struct Card<T> {
    /// The part.
    pub content: T,
    /// The properties that it breaks by itself.
    pub broken: SafetySet,
    /// Its hash under each renaming, the first of which leaves all names as they are.
    digests: SmallVec<[u64; 6]>,
}

impl<T: Named> Card<T> {
    /// The part with what is computed of it.
    pub fn new(content: T, renamings: &[Names]) -> Card<T> {
        let digests = renamings.iter().map(|names| digest(&content.under(names))).collect();
        Card { broken: content.broken(), content, digests }
    }

    /// The hash of the part as it is.
    pub fn digest(&self) -> u64 {
        self.digests.first().copied().unwrap_or_default()
    }
}

/// Puts a key together from a state's parts.
pub struct Key(SmallVec<[u64; 24]>);

impl Key {
    /// For that many renamings; `rest` is the hash of what names nobody.
    pub fn new(renamings: usize, rest: u64) -> Key {
        Key(SmallVec::from_elem(mix(rest), renamings))
    }

    /// Adds a part.
    pub fn add<T>(&mut self, card: &Card<T>) {
        for (sum, digest) in self.0.iter_mut().zip(&card.digests) {
            *sum = sum.wrapping_add(*digest);
        }
    }

    /// The key: a sum over the renamings.
    pub fn finish(self) -> u64 {
        self.0.into_iter().fold(0, |sum, under_names| sum.wrapping_add(mix(under_names)))
    }
}

/// All renamings of that many servers; the first leaves all names as they are.
pub fn renamings(servers: u8) -> Vec<Names> {
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
mod tests {
    use super::*;
    use crate::bounds::{Apply, Bounds, Budget};
    use crate::cluster::{Cluster, System};
    use crate::control::Control;
    use crate::state::{Network, State};
    use stateright::Model;
    use std::collections::{HashMap, HashSet};
    use std::sync::Arc;

    /// A space in which writes lag, so that everything that names servers comes up.
    const BOUNDS: Bounds = Bounds {
        servers: 3,
        terms: 1,
        client_requests: 1,
        crashes: 1,
        unwritten: 1,
        failed_writes: 0,
        losses: Budget::Unlimited,
        duplications: Budget::AtMost(0),
        snapshots: 0,
        in_flight: 2,
        entries_per_message: 1,
        apply: Apply::AtOnce,
        clients: true,
    };

    fn renamed(cluster: &Cluster, state: &State, names: &[ServerId]) -> State {
        let tables = cluster.tables();
        let mut hosts = state.hosts.clone();
        for host in cluster.hosts(state) {
            let host = host.under(names);
            let place = usize::from(host.id.0);
            hosts[place] = tables.intern_host(host);
        }
        let mut network = Network::default();
        for letter in cluster.letters(state) {
            let letter = tables.intern_letter(letter.under(names));
            network.insert(letter, |letter| tables.letter(letter).digest());
        }
        let history = tables.intern_history(tables.history(state.history).content.under(names));
        let mut renamed = State { hosts, network, history, used: state.used, key: 0 };
        renamed.key = tables.key(&renamed, tables.renamings());
        renamed
    }

    /// All states of the space, told apart by their whole content.
    fn reachable(cluster: &Cluster) -> HashSet<State> {
        let mut seen: HashSet<State> = cluster.init_states().into_iter().collect();
        let mut pending: Vec<State> = seen.iter().cloned().collect();
        while let Some(state) = pending.pop() {
            for (_, next) in cluster.next_steps(&state) {
                if seen.insert(next.clone()) {
                    pending.push(next);
                }
            }
        }
        seen
    }

    #[test]
    fn states_have_the_same_key_exactly_when_one_is_the_other_renamed() {
        let cluster =
            Cluster::new(&System::default(), BOUNDS, Arc::new(Control::new(None))).with_symmetry(true);
        let all_names = renamings(3);
        let mut first_of_key: HashMap<u64, State> = HashMap::new();
        let states = reachable(&cluster);
        for state in states.iter().filter(|state| **state != *cluster.start()) {
            let all: Vec<State> = all_names.iter().map(|names| renamed(&cluster, state, names)).collect();
            assert!(all.iter().all(|renamed| renamed.key == state.key), "{}", cluster.describe(state));
            let first = first_of_key.entry(state.key).or_insert_with(|| state.clone());
            assert!(all.contains(first), "one key, but no renaming:\n{first:?}\n{state:?}");
        }
        assert!(first_of_key.len() * 5 < states.len(), "{} of {}", first_of_key.len(), states.len());
    }

    #[test]
    fn every_renaming_is_there_once_and_the_first_changes_nothing() {
        let names: HashSet<Names> = renamings(4).into_iter().collect();
        assert_eq!(names.len(), 24);
        let first: Vec<ServerId> = (0..4).map(ServerId).collect();
        assert_eq!(renamings(4)[0].to_vec(), first);
    }
}
