//! Renamed states have one key, and no others; and mutants treat all ids alike, but for those that say so.

use super::*;
use crate::cluster::bounds::{Apply, Bounds, Budget};
use crate::cluster::state::{Network, State};
use crate::cluster::{Cluster, System};
use crate::search::search_state::SearchState;
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
    sending: crate::cluster::bounds::Sending::AtOnce,
    limits: crate::cluster::bounds::Limits::NONE,
    apply: Apply::AtOnce,
    clients: true,
    extensions: figure2_core::Extensions::NONE,
    plain_servers: 0,
    transfers: 0,
    lost_disks: false,
};

fn renamed(cluster: &Cluster, state: &State, names: &[ServerId]) -> State {
    let tables = cluster.tables();
    let mut nodes = state.nodes.clone();
    for node in cluster.nodes(state) {
        let node = node.under(names);
        let place = usize::from(node.id.0);
        nodes[place] = tables.intern_node(node);
    }
    let mut network = Network::default();
    for envelope in cluster.envelopes(state) {
        let envelope = tables.intern_envelope(envelope.under(names));
        network.insert(envelope, |envelope| tables.envelope(envelope).digest());
    }
    let history = tables.intern_history(tables.history(state.history).content.under(names));
    let mut renamed = State { nodes, network, history, used: state.used, key: 0 };
    renamed.key = tables.key(&renamed, true);
    renamed
}

/// The states of the space, told apart by their whole content: all of them, or some when there are that many.
fn reachable(cluster: &Cluster, enough: usize) -> HashSet<State> {
    let mut seen: HashSet<State> = cluster.init_states().into_iter().collect();
    let mut pending: Vec<State> = seen.iter().cloned().collect();
    while let Some(state) = pending.pop()
        && seen.len() < enough
    {
        for (_, next) in cluster.next_steps(&state) {
            if seen.insert(next.clone()) {
                pending.push(next);
            }
        }
    }
    seen
}

/// How many keys some states of the space have, each of which stands for renamings of one state alone; and how
/// many states these are.
fn keys_and_states(bounds: Bounds, enough: usize) -> (usize, usize) {
    let cluster =
        Cluster::new(&System::default(), bounds, Arc::new(SearchState::new(None))).with_symmetry(true);
    let all_names = renamings(bounds.servers);
    let mut first_of_key: HashMap<u64, State> = HashMap::new();
    let states = reachable(&cluster, enough);
    for state in states.iter().filter(|state| **state != *cluster.start()) {
        let all: Vec<State> = all_names.iter().map(|names| renamed(&cluster, state, names)).collect();
        assert!(all.iter().all(|renamed| renamed.key == state.key), "{}", cluster.describe(state));
        let first = first_of_key.entry(state.key).or_insert_with(|| state.clone());
        assert!(all.contains(first), "one key, but no renaming:\n{first:?}\n{state:?}");
    }
    (first_of_key.len(), states.len())
}

#[test]
fn states_have_the_same_key_exactly_when_one_is_the_other_renamed() {
    let (keys, states) = keys_and_states(BOUNDS, usize::MAX);
    assert!(keys * 5 < states, "{keys} of {states}");
    for servers in [4, 5] {
        let bounds = Bounds { servers, in_flight: 4, ..BOUNDS };
        let (keys, states) = keys_and_states(bounds, 400);
        assert!(keys > 50 && states >= 400, "{keys} of {states}");
    }
}

/// The keys, without names, of all states that follow one.
fn followers(cluster: &Cluster, state: &State) -> Vec<u64> {
    let mut keys: Vec<u64> =
        cluster.next_steps(state).iter().map(|(_, next)| cluster.tables().key(next, true)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The kill table explores mutants with symmetry, but for those that do not treat all ids alike. Which these are is
/// found out here: from a state whose servers are renamed the same must follow, renamed.
#[test]
fn all_mutants_but_those_that_say_so_treat_all_ids_alike() {
    for case in crate::mutants::cases() {
        let Ok(cluster) = case.profile().cluster(case.system()) else { panic!("{}", case.id()) };
        let all_names = renamings(case.profile().bounds.servers);
        let sampled = if all_names.len() > 6 { 40 } else { 250 };
        let treats_alike = reachable(&cluster, sampled).iter().all(|state| {
            let expected = followers(&cluster, state);
            let mut names = all_names.iter().skip(1).step_by(1 + all_names.len() / 12);
            names.all(|names| followers(&cluster, &renamed(&cluster, state, names)) == expected)
        });
        assert_eq!(treats_alike, case.is_symmetric(), "{}", case.id());
    }
}

/// A server without the extensions is one under any name, and after a restart.
#[test]
fn servers_that_differ_in_their_extensions_keep_them_under_other_names() {
    let bounds = Bounds {
        terms: 2,
        client_requests: 0,
        unwritten: 0,
        clients: false,
        extensions: figure2_core::Extensions::ALL,
        plain_servers: 1,
        transfers: 1,
        ..BOUNDS
    };
    let (keys, states) = keys_and_states(bounds, 2_000);
    assert!(keys > 500 && states >= 2_000, "{keys} of {states}");
    let cluster =
        Cluster::new(&System::default(), bounds, Arc::new(SearchState::new(None))).with_symmetry(true);
    let mut restarts = 0;
    for state in reachable(&cluster, 2_000) {
        restarts += u32::from(cluster.nodes(&state).any(|node| node.server.is_none()));
        let expected = followers(&cluster, &state);
        for names in renamings(3) {
            assert_eq!(followers(&cluster, &renamed(&cluster, &state, &names)), expected);
        }
    }
    assert!(restarts >= 3, "{restarts}");
}

/// Each part gets another hash by another seed, and so does each state.
#[test]
fn a_seed_changes_the_keys_of_all_states() {
    let keys = |seed| {
        let control = Arc::new(SearchState::new(None));
        let cluster = Cluster::hashed(&System::default(), BOUNDS, control, seed).with_symmetry(true);
        let mut keys: Vec<u64> =
            reachable(&cluster, 500).iter().map(|state| cluster.tables().key(state, true)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    let (one, other) = (keys(0), keys(1));
    assert_eq!(one, keys(0));
    assert!(one.len() > 100, "{}", one.len());
    assert!(one.iter().all(|key| other.binary_search(key).is_err()));
}

#[test]
fn the_renamings_in_the_order_of_the_weights_are_all_that_do_not_turn_two_round() {
    let renamings = Renamings::of(4, 0);
    for weights in (0..256).map(|n: u64| [n % 4, n / 4 % 4, n / 16 % 4, n / 64]) {
        let keeps = |names: &Names| {
            let before =
                |one: usize, other: usize| weights[one] >= weights[other] || names[one] < names[other];
            (0..4).all(|one| (0..4).all(|other| before(one, other)))
        };
        let expected: Vec<u8> =
            (0..).zip(renamings.all()).filter(|(_, names)| keeps(names)).map(|(n, _)| n).collect();
        assert!(!expected.is_empty());
        assert_eq!(renamings.in_order_of(&weights), expected, "{weights:?}");
    }
}

#[test]
fn every_renaming_is_there_once_and_the_first_changes_nothing() {
    let names: HashSet<Names> = renamings(4).into_iter().collect();
    assert_eq!(names.len(), 24);
    let first: Vec<ServerId> = (0..4).map(ServerId).collect();
    assert_eq!(renamings(4)[0].to_vec(), first);
}
