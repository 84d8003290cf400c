//! A scripted beginning: real steps of the core in a fixed order. With it a search can start in the middle of a
//! history that would otherwise be out of its reach.

use crate::cluster::Cluster;
use crate::cluster::action::{Action, Used};
use crate::cluster::event::NodeEvent;
use crate::cluster::node::Envelope;
use crate::cluster::prefix::Command;
use crate::cluster::state::{EnvelopeId, State};
use figure2_core::ServerId;

/// One step of a script. Servers are named by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScriptStep {
    /// The election timer of a server elapses.
    Timeout(u8),
    /// The heartbeat interval of a server elapses.
    Heartbeat(u8),
    /// A client gives a leader a command.
    Request(u8),
    /// A leader sends followers the entries that they lack, a message each.
    Replicate(u8),
    /// Somebody asks the first server, a leader, to hand over to the second.
    Transfer(u8, u8),
    /// All messages between two servers arrive, and the answers to them, until none is left between the two.
    Exchange(u8, u8),
    /// The messages that are on their way from the first server to the second arrive; the answers wait.
    Pass(u8, u8),
    /// All messages on their way are lost.
    LoseAll,
    /// All messages on their way are lost, but those from the first server to the second.
    LoseAllBut(u8, u8),
    /// All that waits to be written on a node becomes durable, in one write.
    Write(u8),
    /// A node stops.
    Crash(u8),
    /// A node starts again.
    Restart(u8),
}

/// A step that could not be played: the script does not fit the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {number} of the script, {step:?}, cannot be played under these rules")]
pub struct ScriptError {
    /// The step's number, from 1.
    pub number: usize,
    /// The step.
    pub step: ScriptStep,
}

/// Most deliveries in one exchange: far more than any two servers have to say, and an end if rules make them go on
/// forever.
const LONGEST_EXCHANGE: usize = 100;

/// Plays a script from the cluster's start. What the bounds count starts anew afterwards, except client requests,
/// whose count names the commands.
pub fn play(cluster: &Cluster, script: &[ScriptStep]) -> Result<State, ScriptError> {
    let mut state = cluster.start().clone();
    for (i, step) in script.iter().enumerate() {
        state = play_step(cluster, state, *step).ok_or(ScriptError { number: i + 1, step: *step })?;
    }
    state.used = Used { client_requests: state.used.client_requests, ..Used::default() };
    Ok(state)
}

fn play_step(cluster: &Cluster, mut state: State, step: ScriptStep) -> Option<State> {
    let node = |id, event| Action::Node(ServerId(id), event);
    let action = match step {
        ScriptStep::Timeout(id) => node(id, NodeEvent::ElectionTimeout),
        ScriptStep::Heartbeat(id) => node(id, NodeEvent::HeartbeatTimeout),
        ScriptStep::Request(id) => {
            node(id, NodeEvent::ClientRequest(Command(state.used.client_requests.saturating_add(1))))
        }
        ScriptStep::Replicate(id) => node(id, NodeEvent::Replicate),
        ScriptStep::Transfer(id, to) => node(id, NodeEvent::TransferLeadership(ServerId(to))),
        ScriptStep::Write(id) => {
            let waiting = cluster.nodes(&state).nth(usize::from(id)).map_or(0, |node| node.unwritten.len());
            node(id, NodeEvent::Write(u8::try_from(waiting).ok()?))
        }
        ScriptStep::Crash(id) => node(id, NodeEvent::Crash(0)),
        ScriptStep::Restart(id) => node(id, NodeEvent::Restart),
        ScriptStep::LoseAll => {
            state.network.clear();
            return Some(state);
        }
        ScriptStep::LoseAllBut(from, to) => {
            let is_kept =
                |envelope: &Envelope| (envelope.from, envelope.to) == (ServerId(from), ServerId(to));
            loop {
                let lost = cluster.envelopes(&state).position(|envelope| !is_kept(envelope));
                let Some(place) = lost else { return Some(state) };
                state.network.remove(u8::try_from(place).ok()?);
            }
        }
        ScriptStep::Pass(from, to) => return pass(cluster, state, ServerId(from), ServerId(to)),
        ScriptStep::Exchange(a, b) => return exchange(cluster, state, ServerId(a), ServerId(b)),
    };
    cluster.perform(&state, action, usize::MAX).map(|(next, _)| next)
}

fn pass(cluster: &Cluster, mut state: State, from: ServerId, to: ServerId) -> Option<State> {
    let addresses = |id: &EnvelopeId| {
        let envelope = cluster.envelope(*id);
        (envelope.from, envelope.to)
    };
    let passed: Vec<EnvelopeId> = state.network.envelopes().to_vec();
    for envelope in passed.into_iter().filter(|id| addresses(id) == (from, to)) {
        let position = state.network.envelopes().iter().position(|other| *other == envelope)?;
        (state, _) = cluster.perform(&state, Action::Deliver(u8::try_from(position).ok()?), usize::MAX)?;
    }
    Some(state)
}

fn exchange(cluster: &Cluster, mut state: State, a: ServerId, b: ServerId) -> Option<State> {
    for _ in 0..LONGEST_EXCHANGE {
        let between = |(from, to)| (from, to) == (a, b) || (from, to) == (b, a);
        let found = cluster.envelopes(&state).position(|envelope| between((envelope.from, envelope.to)));
        let Some(position) = found else { return Some(state) };
        let position = u8::try_from(position).ok()?;
        (state, _) = cluster.perform(&state, Action::Deliver(position), usize::MAX)?;
    }
    None
}
