//! The steps of single nodes within a cluster, as a harness needs them to drive a real node.
//!
//! What an event does to a node depends on the node and the event alone. So an edge of the cluster's state space (an
//! action in a state) is a step of one node, and the same step serves many edges. Only the loss of a message is no
//! step of a node.

use crate::cluster::Cluster;
use crate::cluster::action::Action;
use crate::cluster::bounds::Apply;
use crate::cluster::durability::Correct;
use crate::cluster::event::NodeEvent;
use crate::cluster::node::{Envelope, Node};
use crate::cluster::prefix::{Command, Prefix};
use crate::cluster::state::State;
use crate::cluster::step::Stepper;
use crate::trace::view::describe_envelope;
use figure2_core::{Change, Extended, RuleSet, ServerId};
use std::collections::{HashMap, HashSet, VecDeque};

/// What others can see of a step while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// A message leaves.
    Sent(Envelope),
    /// A record becomes durable.
    Saved(Vec<Change<Command, Prefix>>),
}

/// A step of a node.
#[derive(Clone, Debug)]
pub struct NodeStep {
    /// What happens.
    pub event: NodeEvent<Envelope>,
    /// The node afterwards.
    pub after: Node,
    /// What left it and what it wrote, in order.
    pub visible: Vec<Visible>,
    /// The rules that fired.
    pub rules: RuleSet,
}

/// Why the steps of a cluster's nodes cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdgesError {
    /// There are more states than may be visited.
    #[error("more than {0} states: raise the limit, or choose a smaller profile")]
    TooManyStates(usize),
    /// The cluster runs other rules or nodes than the core's.
    #[error("a step of {server} differs from that of the rules of Figure 2: {event}")]
    OtherSystem {
        /// Whose step it is.
        server: ServerId,
        /// What happened.
        event: String,
    },
}

/// All steps that nodes take in a cluster, each once.
#[derive(Debug, Default)]
pub struct Edges {
    /// The nodes, in all their states: those that never ran first, by server id.
    pub nodes: Vec<Node>,
    servers: usize,
    /// The steps: from which node, what happens, to which one, on how many edges of the cluster.
    pub steps: Vec<Edge>,
    /// States of the cluster.
    pub states: u64,
    /// Edges of the cluster.
    pub edges: u64,
    /// Of these, losses of a message: no node notices.
    pub losses: u64,
}

impl Edges {
    /// The places of the nodes that never ran.
    pub fn starts(&self) -> std::ops::Range<usize> {
        0..self.servers
    }
}

/// A step between two nodes of [`Edges`].
#[derive(Debug)]
pub struct Edge {
    /// The node before, by its place.
    pub from: usize,
    /// The node afterwards.
    pub to: usize,
    /// The step.
    pub step: NodeStep,
    /// How many edges of the cluster take it.
    pub edges: u64,
}

impl Cluster {
    /// What an action, possible in the state, does to a node; none for a loss.
    pub fn full_event(&self, state: &State, action: Action) -> Option<(ServerId, NodeEvent<Envelope>)> {
        let (id, event) = self.node_event(state, action)?;
        Some((id, event.map(|envelope| self.envelope(*envelope).clone())))
    }

    /// What can happen in a state, within the bounds.
    pub fn possible_actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        self.possible(state, &mut actions);
        actions
    }

    /// What an event does to a node under the rules of the core, with all that can be seen of it, in order. None
    /// when it cannot happen to it.
    pub fn node_step(&self, before: &Node, event: NodeEvent<Envelope>) -> Option<NodeStep> {
        let bounds = &self.bounds;
        let lags = bounds.unwritten > 0;
        // Where writes are durable at once, they lag here too, so that each message is seen on its side of the write.
        let stepper = Stepper {
            rules: &Extended,
            durability: &Correct,
            config: bounds.config(),
            apply_at_once: bounds.apply == Apply::AtOnce,
            unwritten: if lags { bounds.unwritten } else { u8::MAX },
            sending: bounds.sending,
        };
        let mut stepped = stepper.apply_event(before, event.map(|envelope| envelope))?;
        let saved = |node: &Node, steps: u8| {
            let written = node.unwritten.iter().take(usize::from(steps));
            let changes: Vec<_> = written.flat_map(|step| step.record().changes().iter().cloned()).collect();
            (!changes.is_empty()).then_some(Visible::Saved(changes))
        };
        let mut visible = Vec::new();
        if let NodeEvent::Write(steps) | NodeEvent::Crash(steps) = event {
            visible.extend(saved(before, steps));
        }
        visible.extend(stepped.sent.drain(..).map(Visible::Sent));
        while !lags && !stepped.node.unwritten.is_empty() {
            let steps = u8::try_from(stepped.node.unwritten.len()).ok()?;
            visible.extend(saved(&stepped.node, steps));
            let written = stepper.write(&stepped.node, steps)?;
            visible.extend(written.sent.into_iter().map(Visible::Sent));
            stepped.rules = stepped.rules.union(written.rules);
            stepped.node = written.node;
        }
        Some(NodeStep { event, after: stepped.node, visible, rules: stepped.rules })
    }

    /// All steps that its nodes take within the bounds.
    ///
    /// # Errors
    /// When there are too many states, or the cluster is of a kind whose steps are not told.
    pub fn edges(&self, max_states: usize) -> Result<Edges, EdgesError> {
        let mut search =
            Search { cluster: self, places: HashMap::new(), steps: HashMap::new(), found: Edges::default() };
        let start = self.keyed_start();
        for node in start.nodes.iter().zip(self.nodes(&start)) {
            search.place(node.0.number(), node.1);
        }
        search.found.servers = search.found.nodes.len();
        let mut seen = HashSet::from([start.key]);
        let mut queue = VecDeque::from([start]);
        while let Some(state) = queue.pop_front() {
            search.found.states += 1;
            for action in self.possible_actions(&state) {
                let Some((next, _)) = self.act(&state, action) else { continue };
                search.edge(&state, action, &next)?;
                if seen.insert(next.key) {
                    if seen.len() > max_states {
                        return Err(EdgesError::TooManyStates(max_states));
                    }
                    queue.push_back(next);
                }
            }
        }
        Ok(search.found)
    }

    fn keyed_start(&self) -> State {
        use stateright::Model;
        self.init_states().pop().unwrap_or_else(|| self.start().clone())
    }
}

struct Search<'a> {
    cluster: &'a Cluster,
    /// Places of nodes, by their numbers in the cluster.
    places: HashMap<u32, usize>,
    /// Places of steps: by the node before, and the message's number or what else happens.
    steps: HashMap<(u32, NodeEvent<u32>), usize>,
    found: Edges,
}

impl Search<'_> {
    fn place(&mut self, number: u32, node: &Node) -> usize {
        let nodes = &mut self.found.nodes;
        *self.places.entry(number).or_insert_with(|| {
            nodes.push(node.clone());
            nodes.len() - 1
        })
    }

    fn edge(&mut self, state: &State, action: Action, next: &State) -> Result<(), EdgesError> {
        self.found.edges += 1;
        let Some((server, event)) = self.cluster.node_event(state, action) else {
            self.found.losses += 1;
            return Ok(());
        };
        let at = usize::from(server.0);
        let (Some(before), Some(after)) = (state.nodes.get(at), next.nodes.get(at)) else { return Ok(()) };
        let key = (before.number(), event.map(|envelope| envelope.number()));
        if let Some(edge) = self.steps.get(&key).and_then(|place| self.found.steps.get_mut(*place)) {
            edge.edges += 1;
            return Ok(());
        }
        let (Some(node), Some(node_after)) =
            (self.cluster.nodes(state).nth(at), self.cluster.nodes(next).nth(at))
        else {
            return Ok(());
        };
        let event = event.map(|envelope| self.cluster.envelope(*envelope).clone());
        let described = event.map(describe_envelope);
        let other = EdgesError::OtherSystem { server, event: described.to_string() };
        let step = self.cluster.node_step(node, event).ok_or(other.clone())?;
        let Node { server: up, disk, unwritten, .. } = &step.after;
        if (up, disk, unwritten) != (&node_after.server, &node_after.disk, &node_after.unwritten) {
            return Err(other);
        }
        let from = self.place(before.number(), node);
        let to = self.place(after.number(), node_after);
        self.steps.insert(key, self.found.steps.len());
        self.found.steps.push(Edge { from, to, step, edges: 1 });
        Ok(())
    }
}
