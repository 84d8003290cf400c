//! Symmetry among servers. States that differ only in the servers' names behave alike, so one of them is enough: all
//! of them get the same key, and the search takes them for one state.
//!
//! The key is canonical exactly: it is the least hash over all renamings that put the servers in the order of their
//! signatures, where a signature is what can be said about a server without naming any. Renamed states have the same
//! signatures, hence the same candidates, hence the same key. (A representative that sorts by some fields only, as
//! stateright's `RewritePlan` does, is not canonical: ties keep the order in which they were.) The states themselves
//! are not renamed, so paths need no translation.

use crate::hashed::digest;
use crate::state::{History, Host, Machine, State};
use figure2_core::{Index, Persistent, Role, Server, ServerId};
use smallvec::SmallVec;
use std::sync::Arc;

/// New ids by old id.
type Names = SmallVec<[ServerId; 7]>;

/// The key of a state: equal for states that differ in the servers' names only.
pub fn canonical_key(state: &State) -> u64 {
    let signatures = signatures(state);
    let mut order: SmallVec<[usize; 7]> = (0..state.hosts.len()).collect();
    order.sort_unstable_by_key(|position| signatures.get(*position));
    let mut least = u64::MAX;
    for_each_order(&signatures, &mut order, 0, &mut |order| {
        least = least.min(key_under(state, &names_of(order)));
    });
    least
}

/// The new names: the server that comes first in the order is called 0, and so on.
fn names_of(order: &[usize]) -> Names {
    let mut names: Names = SmallVec::from_elem(ServerId(0), order.len());
    for (new, old) in (0..).map(ServerId).zip(order) {
        if let Some(name) = names.get_mut(*old) {
            *name = new;
        }
    }
    names
}

/// Calls `visit` with every order by signature: servers with equal signatures stand in all orders.
fn for_each_order(
    signatures: &[u64],
    order: &mut SmallVec<[usize; 7]>,
    from: usize,
    visit: &mut dyn FnMut(&[usize]),
) {
    if from + 1 >= order.len() {
        return visit(order);
    }
    let signature = |order: &[usize], at: usize| order.get(at).and_then(|position| signatures.get(*position));
    let mut other = from;
    while other < order.len() && signature(order, other) == signature(order, from) {
        order.swap(from, other);
        for_each_order(signatures, order, from + 1, visit);
        order.swap(from, other);
        other += 1;
    }
}

/// What can be said about each server without naming any.
fn signatures(state: &State) -> SmallVec<[u64; 7]> {
    let mut signatures: SmallVec<[u64; 7]> = state.hosts.iter().map(|machine| machine.signature()).collect();
    let mut add = |id: ServerId, part: u64| {
        if let Some(signature) = signatures.get_mut(usize::from(id.0)) {
            *signature = signature.wrapping_add(part);
        }
    };
    for packet in state.network.packets() {
        add(packet.from, mix(packet.content_digest()));
        add(packet.to, mix(!packet.content_digest()));
    }
    for election in &state.history.elections {
        add(election.leader, mix(election.term.0));
    }
    signatures
}

/// Spreads the bits of a hash, so that sums of different hashes differ.
fn mix(hash: u64) -> u64 {
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// The hash of the whole state under new names.
fn key_under(state: &State, names: &[ServerId]) -> u64 {
    let mut hosts: SmallVec<[u64; 7]> = SmallVec::from_elem(0, state.hosts.len());
    for (machine, name) in state.hosts.iter().zip(names) {
        if let Some(place) = hosts.get_mut(usize::from(name.0)) {
            *place = machine.renamed_digest(names);
        }
    }
    let name = |id: ServerId| names.get(usize::from(id.0)).copied().unwrap_or(id);
    let packets = state.network.packets().iter();
    let mut network: SmallVec<[u64; 8]> = packets
        .map(|packet| digest(&(packet.content_digest(), name(packet.from), name(packet.to))))
        .collect();
    network.sort_unstable();
    digest(&(hosts, network, history_under(&state.history, name), state.used))
}

fn history_under(history: &History, name: impl Fn(ServerId) -> ServerId) -> History {
    let mut renamed = history.clone();
    for election in &mut renamed.elections {
        election.leader = name(election.leader);
    }
    renamed.elections.sort_by_key(|election| (election.term, election.leader));
    renamed
}

impl Host {
    /// The machine of the same server under new names.
    pub fn renamed(&self, names: &[ServerId]) -> Host {
        // Every field is listed: a new one that holds ids must not be forgotten here.
        let Host { server, disk, service, answering, installed, ballot, recovery, breaches } = self;
        let name = |id: ServerId| names.get(usize::from(id.0)).copied().unwrap_or(id);
        let Persistent { current_term, voted_for, log } = &**disk;
        let (server, mut ballot) = (server.as_ref().map(|server| server.renamed(names)), *ballot);
        ballot.vote = ballot.vote.map(name);
        let disk =
            Persistent { current_term: *current_term, voted_for: voted_for.map(name), log: log.clone() };
        Host {
            server,
            disk: Arc::new(disk),
            service: *service,
            answering: answering.clone(),
            installed: *installed,
            ballot,
            recovery: *recovery,
            breaches: *breaches,
        }
    }

    /// What can be said about this machine without naming any server but its own. It need not say all: what it
    /// leaves out only makes ties, and ties are tried in all orders.
    pub fn signature(&self, id: ServerId) -> u64 {
        let anonymous = |vote: Option<ServerId>| vote.map(|candidate| candidate == id);
        let disk = &self.disk;
        let role = self.server.as_ref().map(|server| anonymous_role(id, server));
        let indexes = self.server.as_ref().map(|server| (server.commit_index(), server.last_applied()));
        digest(&(
            disk.current_term,
            anonymous(disk.voted_for),
            &disk.log,
            role,
            indexes,
            self.service,
            self.recovery,
        ))
    }
}

/// A role, with a leader's followers in an order that does not depend on their names.
fn anonymous_role<C, S>(id: ServerId, server: &Server<C, S>) -> (u8, usize, SmallVec<[(Index, Index); 7]>) {
    match server.role() {
        Role::Follower => (0, 0, SmallVec::new()),
        Role::Candidate { votes } => (1, 2 * votes.len() + usize::from(votes.contains(id)), SmallVec::new()),
        Role::Leader { next_index, match_index, pipelining } => {
            let mut followers: SmallVec<[(Index, Index); 7]> =
                next_index.iter().copied().zip(match_index.iter().copied()).collect();
            followers.sort_unstable();
            (2, pipelining.len(), followers)
        }
    }
}

/// How many renamings of 3 servers there are; for clusters of that size a machine remembers its hash under each.
pub const RENAMINGS_OF_3: usize = 6;

/// The number of a renaming of at most 3 servers.
pub fn renaming_number(names: &[ServerId]) -> Option<usize> {
    match names {
        [_] => Some(0),
        [a, _] => Some(usize::from(a.0)),
        [a, b, c] => Some(usize::from(a.0) * 2 + usize::from(b.0 > c.0)),
        _ => None,
    }
}

impl Machine {
    /// The hash of this machine under new names.
    fn renamed_digest(&self, names: &[ServerId]) -> u64 {
        match renaming_number(names) {
            Some(number) => self.remembered(1 + number, |host| digest(&host.renamed(names))),
            None => digest(&self.renamed(names)),
        }
    }

    /// The signature of this machine.
    fn signature(&self) -> u64 {
        self.remembered(0, |host| host.signature(self.id()))
    }
}

#[cfg(test)]
// A state's hash and equality are its content's; what a machine remembers besides changes neither.
#[allow(clippy::mutable_key_type)]
mod tests {
    use super::*;
    use crate::bounds::{Apply, Bounds, Budget};
    use crate::cluster::Cluster;
    use crate::control::Control;
    use crate::hashed::Hashed;
    use crate::state::Network;
    use figure2_core::{Envelope, Figure2};
    use stateright::Model;
    use std::collections::{HashMap, HashSet};

    fn renamed(state: &State, names: &[ServerId]) -> State {
        let name = |id: ServerId| names[usize::from(id.0)];
        let mut hosts = state.hosts.clone();
        for machine in &state.hosts {
            let id = name(machine.id());
            hosts[usize::from(id.0)] = Arc::new(Machine::new(id, machine.renamed(names)));
        }
        let mut network = Network::default();
        for packet in state.network.packets() {
            let Envelope { from, to, message } = packet.envelope();
            network.insert(Envelope { from: name(from), to: name(to), message });
        }
        let history = Arc::new(Hashed::new(history_under(&state.history, name)));
        State { hosts, network, history, used: state.used }
    }

    fn renamings() -> Vec<Vec<ServerId>> {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        orders.iter().map(|order| order.iter().copied().map(ServerId).collect()).collect()
    }

    /// All states of a small space, told apart by their whole content.
    fn reachable() -> HashSet<State> {
        let bounds = Bounds {
            servers: 3,
            terms: 1,
            client_requests: 1,
            crashes: 1,
            losses: Budget::Unlimited,
            duplications: Budget::AtMost(0),
            snapshots: 0,
            in_flight: 2,
            entries_per_message: 1,
            apply: Apply::Separately,
        };
        let cluster = Cluster::new(Figure2, bounds, Arc::new(Control::new(None)));
        let mut seen = HashSet::from([cluster.start().clone()]);
        let mut pending = vec![cluster.start().clone()];
        while let Some(state) = pending.pop() {
            for (_, next) in cluster.next_steps(&Hashed::new(state)) {
                if seen.insert(State::clone(&next)) {
                    pending.push(State::clone(&next));
                }
            }
        }
        seen
    }

    #[test]
    fn states_have_the_same_key_exactly_when_one_is_the_other_renamed() {
        let mut first_of_key: HashMap<u64, State> = HashMap::new();
        let states = reachable();
        for state in &states {
            let key = canonical_key(state);
            let all: Vec<State> = renamings().iter().map(|names| renamed(state, names)).collect();
            assert!(all.iter().all(|renamed| canonical_key(renamed) == key), "{state:?}");
            let first = first_of_key.entry(key).or_insert_with(|| state.clone());
            assert!(all.contains(first), "one key, but no renaming:\n{first:?}\n{state:?}");
        }
        assert!(first_of_key.len() * 5 < states.len(), "{} of {}", first_of_key.len(), states.len());
    }

    #[test]
    fn the_renamings_of_three_servers_are_numbered_apart() {
        let numbers: HashSet<_> = renamings().iter().map(|names| renaming_number(names)).collect();
        assert_eq!(numbers, (0..RENAMINGS_OF_3).map(Some).collect());
    }
}
