//! Nodes and messages of fair runs, and the steps between them, each computed once. They are separate from those of
//! the search: a fair run exceeds the search's bounds, and must leave nothing there.

use crate::cluster::System;
use crate::cluster::bounds::{Apply, Bounds};
use crate::cluster::event::NodeEvent;
use crate::cluster::node::{Envelope, Node, Recovery, TermVote};
use crate::cluster::prefix::Command;
use crate::properties::SafetySet;
use crate::properties::contact::Contact;
use crate::search::hashed::digest;
use figure2_core::{AppendResult, Message, Role};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::hash::Hash;
use std::sync::Arc;

/// The number of a node.
pub type NodeId = u32;
/// The number of a message.
pub type EnvelopeId = u32;

/// What happens to a node in a fair run.
pub type Event = NodeEvent<EnvelopeId>;

/// What comes of an event.
#[derive(Clone, Debug)]
pub struct Step {
    /// The node afterwards.
    pub node: NodeId,
    /// What it sent.
    pub sent: SmallVec<[EnvelopeId; 4]>,
    /// Whether its election timer started anew.
    pub restarts_timer: bool,
}

/// The command that a client asks for when faults have ended. None of a profile's requests has this number, and its size
/// fits every limit.
pub const NEW_COMMAND: Command = Command(0);

/// All that fair runs of a cluster have met.
pub struct World {
    system: System,
    bounds: Bounds,
    nodes: Numbered<Node>,
    envelopes: Numbered<Envelope>,
    steps: HashMap<(NodeId, Event), Option<Step>, ahash::RandomState>,
}

impl World {
    /// An empty one. Services apply what is committed at once, and writes are done within a step.
    pub fn new(system: &System, bounds: &Bounds) -> World {
        World {
            system: system.clone(),
            bounds: Bounds { apply: Apply::AtOnce, unwritten: 0, ..*bounds },
            nodes: Numbered::default(),
            envelopes: Numbered::default(),
            steps: HashMap::default(),
        }
    }

    /// How many nodes, messages and steps are held.
    pub fn len(&self) -> usize {
        self.nodes.all.len() + self.envelopes.all.len() + self.steps.len()
    }

    /// The rules and the nodes.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The bounds that fair runs keep: limits in bytes, and how a leader sends.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The number of a node. What only the search's properties look at is left out.
    pub fn add_node(&mut self, node: &Node) -> NodeId {
        self.nodes.number(Node {
            term_vote: TermVote::default(),
            recovery: Recovery::None,
            contact: Contact::default(),
            violations: SafetySet::EMPTY,
            installed: false,
            ..node.clone()
        })
    }

    /// The number of a message.
    pub fn add_envelope(&mut self, envelope: &Envelope) -> EnvelopeId {
        self.envelopes.number(envelope.clone())
    }

    /// The node of a number.
    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id)
    }

    /// The message of a number.
    pub fn envelope(&self, id: EnvelopeId) -> &Envelope {
        self.envelopes.get(id)
    }

    /// What comes of an event. None when it cannot happen to the node.
    pub fn step(&mut self, node: NodeId, event: Event) -> Option<Step> {
        if let Some(known) = self.steps.get(&(node, event)) {
            return known.clone();
        }
        let step = self.compute(node, event);
        self.steps.insert((node, event), step.clone());
        step
    }

    fn compute(&mut self, id: NodeId, event: Event) -> Option<Step> {
        let stepper = self.system.stepper(&self.bounds);
        let stepped =
            stepper.apply_event(self.nodes.get(id), event.map(|envelope| self.envelopes.get(*envelope)))?;
        let sent = stepped.sent.iter().map(|envelope| self.add_envelope(envelope)).collect();
        Some(Step { node: self.add_node(&stepped.node), sent, restarts_timer: stepped.restarts_timer })
    }
}

/// Whether a message is one that a cluster at rest sends: a heartbeat, or the answer that it matches.
pub fn is_of_rest(envelope: &Envelope) -> bool {
    match &envelope.message {
        Message::AppendEntries(message) => message.entries.is_empty(),
        Message::AppendEntriesReply(reply) => matches!(reply.result, AppendResult::Success { .. }),
        _ => false,
    }
}

/// What a node and the messages from and to it say of it, whatever the servers are called.
pub fn nameless(node: &Node) -> u64 {
    let vote = |vote: Option<figure2_core::ServerId>| vote.map(|vote| vote == node.id);
    let role = node.server.as_ref().map(|server| match server.role() {
        Role::Follower { leader } => {
            (0_u8, vec![leader.map_or(0, |leader| 1 + u64::from(leader == node.id))])
        }
        Role::PreCandidate { votes } => (3, vec![votes.len() as u64]),
        Role::Candidate { votes, transfer: false } => (1, vec![votes.len() as u64]),
        Role::Candidate { votes, transfer: true } => (4, vec![votes.len() as u64]),
        Role::Leader { progress, heard, transfer_to, .. } => {
            let mut known: Vec<u64> = progress.iter().map(digest).collect();
            known.sort_unstable();
            // Nothing is added where neither is used.
            if !heard.is_empty() || transfer_to.is_some() {
                known.extend([heard.len() as u64, u64::from(transfer_to.is_some())]);
            }
            (2, known)
        }
    });
    let server = node.server.as_ref().map(|server| {
        let persistent = server.persistent();
        let term_vote = (persistent.current_term, vote(persistent.voted_for));
        (
            term_vote,
            persistent.log.clone(),
            server.commit_index(),
            server.last_applied(),
            server.offered().cloned(),
        )
    });
    let disk = (node.disk.current_term, vote(node.disk.voted_for), &node.disk.log);
    digest(&(role, server, disk, node.unwritten.len(), node.service, &node.answering))
}

/// Values with numbers, each value once.
struct Numbered<T> {
    all: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u32, ahash::RandomState>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { all: Vec::new(), numbers: HashMap::default() }
    }
}

impl<T: Hash + Eq> Numbered<T> {
    fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        // A world is emptied long before there are so many.
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let value = Arc::new(value);
        self.all.push(Arc::clone(&value));
        self.numbers.insert(value, number);
        number
    }

    fn get(&self, number: u32) -> &T {
        &self.all[number as usize]
    }
}
