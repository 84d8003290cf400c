//! A scripted beginning: real steps of the core, taken in a fixed order, so that a search can start in the middle of
//! a history that would otherwise be out of its reach.

use crate::actions::Action;
use crate::cluster::Cluster;
use crate::event::NodeEvent;
use crate::host::Letter;
use crate::prefix::Command;
use crate::state::{LetterId, State, Used};
use figure2_core::ServerId;

/// One scene of a script. Servers are named by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scene {
    /// The election timer of a server elapses.
    Timeout(u8),
    /// The heartbeat interval of a server elapses.
    Heartbeat(u8),
    /// A client gives a leader a command.
    Request(u8),
    /// A leader sends followers the entries that they lack, a message each.
    Replicate(u8),
    /// All messages between two servers arrive, and the answers to them, until none is left between the two.
    Exchange(u8, u8),
    /// The messages that are on their way from the first server to the second arrive; the answers wait.
    Pass(u8, u8),
    /// All messages on their way are lost.
    LoseAll,
    /// All messages on their way are lost, but those from the first server to the second.
    LoseAllBut(u8, u8),
    /// All that waits to be written on a machine becomes durable, in one write.
    Write(u8),
    /// A machine stops.
    Crash(u8),
    /// A machine starts again.
    Restart(u8),
}

/// A scene that could not be played: the script does not fit the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scene {number} of the script, {scene:?}, cannot be played under these rules")]
pub struct ScriptError {
    /// The scene's number, from 1.
    pub number: usize,
    /// The scene.
    pub scene: Scene,
}

/// Most deliveries in one exchange: far more than any two servers have to say, and an end if rules make them go on
/// forever.
const LONGEST_EXCHANGE: usize = 100;

/// Plays a script from the cluster's start. What the bounds count starts anew afterwards, except client requests,
/// whose count names the commands.
pub fn play(cluster: &Cluster, script: &[Scene]) -> Result<State, ScriptError> {
    let mut state = cluster.start().clone();
    for (i, scene) in script.iter().enumerate() {
        state = play_scene(cluster, state, *scene).ok_or(ScriptError { number: i + 1, scene: *scene })?;
    }
    state.used = Used { client_requests: state.used.client_requests, ..Used::default() };
    Ok(state)
}

fn play_scene(cluster: &Cluster, mut state: State, scene: Scene) -> Option<State> {
    let node = |id, event| Action::Node(ServerId(id), event);
    let action = match scene {
        Scene::Timeout(id) => node(id, NodeEvent::ElectionTimeout),
        Scene::Heartbeat(id) => node(id, NodeEvent::HeartbeatTimeout),
        Scene::Request(id) => {
            node(id, NodeEvent::ClientRequest(Command(state.used.client_requests.saturating_add(1))))
        }
        Scene::Replicate(id) => node(id, NodeEvent::Replicate),
        Scene::Write(id) => {
            let waiting = cluster.hosts(&state).nth(usize::from(id)).map_or(0, |host| host.unwritten.len());
            node(id, NodeEvent::Write(u8::try_from(waiting).ok()?))
        }
        Scene::Crash(id) => node(id, NodeEvent::Crash(0)),
        Scene::Restart(id) => node(id, NodeEvent::Restart),
        Scene::LoseAll => {
            state.network.clear();
            return Some(state);
        }
        Scene::LoseAllBut(from, to) => {
            let is_kept = |letter: &Letter| (letter.from, letter.to) == (ServerId(from), ServerId(to));
            loop {
                let lost = cluster.letters(&state).position(|letter| !is_kept(letter));
                let Some(place) = lost else { return Some(state) };
                state.network.remove(u8::try_from(place).ok()?);
            }
        }
        Scene::Pass(from, to) => return pass(cluster, state, ServerId(from), ServerId(to)),
        Scene::Exchange(a, b) => return exchange(cluster, state, ServerId(a), ServerId(b)),
    };
    cluster.perform(&state, action, usize::MAX).map(|(next, _)| next)
}

fn pass(cluster: &Cluster, mut state: State, from: ServerId, to: ServerId) -> Option<State> {
    let addresses = |id: &LetterId| {
        let letter = cluster.letter(*id);
        (letter.from, letter.to)
    };
    let passed: Vec<LetterId> = state.network.letters().to_vec();
    for letter in passed.into_iter().filter(|id| addresses(id) == (from, to)) {
        let position = state.network.letters().iter().position(|other| *other == letter)?;
        (state, _) = cluster.perform(&state, Action::Deliver(u8::try_from(position).ok()?), usize::MAX)?;
    }
    Some(state)
}

fn exchange(cluster: &Cluster, mut state: State, a: ServerId, b: ServerId) -> Option<State> {
    for _ in 0..LONGEST_EXCHANGE {
        let between = |(from, to)| (from, to) == (a, b) || (from, to) == (b, a);
        let found = cluster.letters(&state).position(|letter| between((letter.from, letter.to)));
        let Some(position) = found else { return Some(state) };
        let position = u8::try_from(position).ok()?;
        (state, _) = cluster.perform(&state, Action::Deliver(position), usize::MAX)?;
    }
    None
}
