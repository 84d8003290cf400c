//! States of the model, drawn from a seed.

use super::start::{OnItsWay, Start};
use figure2_core::Persistent;
use figure2_model::{
    Action, Cluster, Command, Node as ModelNode, NodeEvent, Prefix, Profile, State, System, profile, profiles,
};
use figure2_validate::instrument::mix;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};

/// What the seed is mixed with here.
const STATE: u64 = 15;
/// Most actions of a walk. The deepest space of the profiles that are checked on every change has fewer.
const MOST_ACTIONS: usize = 100;
/// A message is mostly as late as the network makes it, and sometimes so many ms more.
const LATE_MS: u64 = 1500;

/// The profiles whose states runs begin in.
pub struct States {
    name: String,
    clusters: Vec<(String, Cluster)>,
}

impl States {
    /// The states of the profile of this name, or of all that `figure2 check --profile all` explores.
    ///
    /// # Errors
    /// When there is no such profile, or it makes no sense, in words.
    pub fn of(name: &str) -> Result<States, String> {
        let chosen = match name {
            "all" => profiles(),
            name => vec![profile(name).ok_or_else(|| {
                let names: Vec<String> = profiles().into_iter().map(|profile| profile.name).collect();
                format!("there is no profile {name}; possible are all, {}", names.join(", "))
            })?],
        };
        let cluster = |profile: Profile| {
            let cluster = profile.cluster(&System::default()).map_err(|error| error.to_string())?;
            // Each server under its own name.
            Ok((profile.name, cluster.with_symmetry(false)))
        };
        let clusters: Result<_, String> = chosen.into_iter().map(cluster).collect();
        Ok(States { name: name.to_owned(), clusters: clusters? })
    }

    /// What it was asked for by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The state of a seed: of the profiles in turn, somewhere on a random walk from the profile's start. All places on the
    /// walk are as likely, so the depths are even, though the states are not. And the messages on their way: all lost in
    /// one run of four, each as late as may be in another.
    pub(super) fn start(&self, seed: u64) -> Option<Start> {
        let random = &mut StdRng::seed_from_u64(mix(&[seed, STATE]));
        let turn = usize::try_from(seed % (self.clusters.len().max(1) as u64)).unwrap_or(0);
        let (profile, cluster) = self.clusters.get(turn)?;
        // Each walk has its own likes, for one that does a little of everything never gets far into anything.
        let likes: [u32; SORTS] = std::array::from_fn(|_| *[1, 4, 16].choose(random).unwrap_or(&1));
        let mut path = vec![cluster.start().clone()];
        while let Some(next) = path.last().and_then(|state| step(cluster, state, &likes, random)) {
            path.push(next);
            if path.len() > MOST_ACTIONS {
                break;
            }
        }
        let depth = random.random_range(0..path.len());
        let state = path.get(depth)?;
        let late_ms = *[0, 0, LATE_MS].choose(random).unwrap_or(&0);
        let mut on_their_way = Vec::new();
        if !random.random_bool(0.25) {
            for message in cluster.envelopes(state).cloned() {
                on_their_way.push(OnItsWay { after_ms: random.random_range(0..=late_ms), message });
            }
        }
        Some(Start {
            profile: profile.clone(),
            depth: u32::try_from(depth).unwrap_or(u32::MAX),
            committed: committed(cluster.nodes(state)),
            disks: cluster.nodes(state).map(|host| left(host, random)).collect(),
            on_their_way,
        })
    }
}

/// Sorts of actions that a walk likes more or less.
const SORTS: usize = 7;

fn sort(action: &Action) -> usize {
    match action {
        Action::Deliver(_) => 0,
        Action::Duplicate(_) => 1,
        Action::Drop(_) => 2,
        Action::Node(_, NodeEvent::ElectionTimeout) => 3,
        Action::Node(_, NodeEvent::HeartbeatTimeout) => 4,
        Action::Node(_, NodeEvent::ClientRequest(_)) => 5,
        _ => 6,
    }
}

/// A state after this one, by an action drawn among those that are possible, as the walk likes their sorts.
fn step(cluster: &Cluster, state: &State, likes: &[u32; SORTS], random: &mut StdRng) -> Option<State> {
    let mut possible = cluster.possible_actions(state);
    while !possible.is_empty() {
        let liking = |action: &Action| likes.get(sort(action)).copied().unwrap_or(1);
        let all: u32 = possible.iter().map(liking).sum();
        let mut drawn = random.random_range(0..all.max(1));
        let place = possible.iter().position(|action| {
            let is_it = drawn < liking(action);
            drawn = drawn.saturating_sub(liking(action));
            is_it
        });
        let action = possible.swap_remove(place.unwrap_or(0));
        if let Some((next, _)) = cluster.act(state, action) {
            return Some(next);
        }
    }
    None
}

/// What a loss of power leaves on a disk: what is durable, and the records of the oldest steps that wait for a write, of
/// none, some or all of them.
fn left(host: &ModelNode, random: &mut StdRng) -> Persistent<Command, Prefix> {
    let kept = random.random_range(0..=host.unwritten.len());
    let mut disk = host.disk.clone();
    host.unwritten.iter().take(kept).for_each(|step| disk.apply_record(step.record().clone()));
    disk
}

/// The longest prefix that a server knows to be committed, or has in a snapshot.
fn committed<'a>(hosts: impl Iterator<Item = &'a ModelNode>) -> Prefix {
    let mut longest = Prefix::default();
    for host in hosts {
        let up = host.server.as_ref().map(|server| {
            let mut known = Vec::from(Prefix::of_log(server.log()));
            known.truncate(usize::try_from(server.commit_index().0).unwrap_or(usize::MAX));
            // It is not longer than the log of the model that it comes from.
            Prefix::try_from(known).unwrap_or_default()
        });
        let on_disk = host.disk.log.snapshot().map(|snapshot| snapshot.data);
        for known in up.into_iter().chain(on_disk) {
            if known.last_index() > longest.last_index() {
                longest = known;
            }
        }
    }
    longest
}
