//! The cluster as a stateright `Model`: what can happen in a state, and the state after it.

pub mod action;
pub mod bounds;
pub mod clients;
pub mod durability;
pub mod edges;
pub mod event;
pub mod history;
pub mod next;
pub mod node;
pub mod prefix;
pub mod script;
pub mod state;
pub mod step;

use crate::cluster::action::{Action, Used};
use crate::cluster::bounds::{Apply, Bounds};
use crate::cluster::clients::Clients;
use crate::cluster::durability::{Correct, DurabilityPolicy};
use crate::cluster::event::NodeEvent;
use crate::cluster::history::History;
use crate::cluster::next::Changed;
use crate::cluster::node::{Envelope, Node};
use crate::cluster::prefix::{Command, Prefix};
use crate::cluster::state::{EnvelopeId, Network, NodeId, State};
use crate::cluster::step::Stepper;
use crate::properties::{Safety, SafetySet, Witness};
use crate::properties::{contact, invariants};
use crate::search::search_state::SearchState;
use crate::search::tables::{Step, StepId, Tables};
use figure2_core::{Config, Extended, Rule, RuleSet, Rules, Server, ServerId};
use smallvec::SmallVec;
use stateright::{Model, Property};
use std::sync::Arc;

/// What is explored: rules, and nodes that run them.
#[derive(Clone)]
pub struct System {
    rules: Arc<dyn Rules<Command, Prefix> + Send + Sync>,
    durability: Arc<dyn DurabilityPolicy>,
}

impl System {
    /// These rules on sound nodes.
    pub fn of(rules: impl Rules<Command, Prefix> + Send + Sync + 'static) -> System {
        System { rules: Arc::new(rules), durability: Arc::new(Correct) }
    }

    /// The steps of these rules and nodes within these bounds.
    pub(crate) fn stepper(&self, bounds: &Bounds) -> Stepper<'_> {
        Stepper {
            rules: &*self.rules,
            durability: &*self.durability,
            config: bounds.config(),
            apply_at_once: bounds.apply == Apply::AtOnce,
            unwritten: bounds.unwritten,
            sending: bounds.sending,
        }
    }

    /// The rules of the core on these nodes.
    pub fn with_durability(durability: impl DurabilityPolicy + 'static) -> System {
        System { rules: Arc::new(Extended), durability: Arc::new(durability) }
    }
}

impl Default for System {
    /// The rules of the core on sound nodes: those of Figure 2, and the extensions that the bounds turn on.
    fn default() -> System {
        System::of(Extended)
    }
}

/// The cluster under some rules and within bounds.
#[derive(Clone)]
pub struct Cluster {
    system: System,
    pub(crate) bounds: Bounds,
    config: Config,
    start: State,
    always: SafetySet,
    sometimes: Arc<[Witness]>,
    symmetry: bool,
    tables: Arc<Tables>,
    control: Arc<SearchState>,
}

impl Cluster {
    /// A cluster that has never run.
    pub fn new(system: &System, bounds: Bounds, control: Arc<SearchState>) -> Self {
        Cluster::hashed(system, bounds, control, 0)
    }

    /// The same, with the parts of its states hashed by a seed of its own: other hashes, and the same states.
    pub fn hashed(system: &System, bounds: Bounds, control: Arc<SearchState>, seed: u64) -> Self {
        let config = bounds.config();
        let tables = Arc::new(Tables::new(bounds.servers, seed));
        let start = State {
            nodes: SmallVec::new(),
            network: Network::default(),
            history: tables.intern_history(History {
                clients: bounds.clients.then(Clients::default),
                ..History::default()
            }),
            used: Used::default(),
            key: 0,
        };
        let (always, sometimes) = (Safety::ALL.into_iter().collect(), Arc::from([]));
        let system = system.clone();
        let mut cluster =
            Cluster { system, bounds, config, start, always, sometimes, symmetry: false, tables, control };
        let nodes = (0..bounds.servers)
            .map(ServerId)
            .map(|id| cluster.stepper().first_start(id, bounds.extensions_of(id)));
        cluster.start.nodes = nodes.map(|node| cluster.tables.intern_node(node)).collect();
        cluster
    }

    /// A state with its key.
    fn keyed(&self, state: State) -> State {
        State { key: self.key(&state), ..state }
    }

    /// The key of a state.
    pub(crate) fn key(&self, state: &State) -> u64 {
        self.tables.key(state, self.symmetry)
    }

    /// The same cluster, starting in another of its states.
    #[must_use]
    pub fn starting_in(self, start: State) -> Self {
        Cluster { start, ..self }
    }

    /// The same cluster, checked for these properties.
    #[must_use]
    pub fn checking(self, always: &[Safety], sometimes: &[Witness]) -> Self {
        Cluster { always: always.iter().copied().collect(), sometimes: Arc::from(sometimes), ..self }
    }

    /// The same cluster, with states that differ only in the servers' names taken for one, or not.
    #[must_use]
    pub fn with_symmetry(self, symmetry: bool) -> Self {
        Cluster { symmetry, ..self }
    }

    /// The same cluster for another search.
    #[must_use]
    pub fn controlled_by(self, control: Arc<SearchState>) -> Self {
        Cluster { control, ..self }
    }

    /// The parts of its states.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The parts of its states, and the steps that were computed; none while another search of the cluster goes on.
    pub(crate) fn tables_mut(&mut self) -> Option<&mut Tables> {
        Arc::get_mut(&mut self.tables)
    }

    /// Where executions start.
    pub fn start(&self) -> &State {
        &self.start
    }

    /// What must always hold in it.
    pub fn always(&self) -> SafetySet {
        self.always
    }

    /// The nodes of a state, by server id.
    pub fn nodes(&self, state: &State) -> impl Iterator<Item = &Node> {
        state.nodes.iter().map(|node| &self.tables.node(*node).content)
    }

    /// The messages on their way in a state.
    pub fn envelopes(&self, state: &State) -> impl Iterator<Item = &Envelope> {
        state.network.envelopes().iter().map(|envelope| self.envelope(*envelope))
    }

    fn history(&self, state: &State) -> &History {
        &self.tables.history(state.history).content
    }

    /// A message.
    pub fn envelope(&self, id: EnvelopeId) -> &Envelope {
        &self.tables.envelope(id).content
    }

    /// Ends the search.
    pub(crate) fn stop(&self) {
        self.control.stop();
    }

    /// The properties that a state breaks.
    pub fn broken(&self, state: &State) -> SafetySet {
        self.broken_by(state, Changed::All)
    }

    /// The properties that a state breaks, by what differs from a state before it that breaks none.
    pub(crate) fn broken_by(&self, state: &State, changed: Changed) -> SafetySet {
        let server = match changed {
            Changed::Network => return SafetySet::EMPTY,
            Changed::Node(id) => Some(usize::from(id.0)),
            Changed::All => None,
        };
        let has_changed = |position: usize| server.is_none_or(|changed| changed == position);
        let history = self.tables.history(state.history);
        let committed = history.content.committed.len();
        let mut broken = history.broken;
        let mut disks: SmallVec<[u8; 8]> = SmallVec::new();
        for (position, node) in state.nodes.iter().enumerate() {
            if has_changed(position) || committed > 0 {
                let commit_check = self.tables.commit_check(*node, state.history);
                disks.push(commit_check.holds);
                broken = broken.union(commit_check.broken);
            }
            if has_changed(position) {
                broken = broken.union(self.tables.node(*node).broken);
            }
            for (further, other) in state.nodes.iter().enumerate().skip(position + 1) {
                if has_changed(position) || has_changed(further) {
                    broken = broken.union(self.tables.pair_breaks(*node, *other));
                }
            }
        }
        if !invariants::on_majority(committed, disks.iter().copied()) {
            broken.insert(Safety::CommittedOnMajority);
        }
        broken
    }

    /// Whether a state shows a witness.
    pub fn shows(&self, state: &State, witness: Witness) -> bool {
        let mut nodes = self.nodes(state);
        match witness {
            Witness::Leader => nodes.any(|node| invariants::shows::leader(node).is_some()),
            Witness::TwoLeaders => {
                nodes.filter(|node| invariants::shows::leader(node).is_some()).count() >= 2
            }
            Witness::Commit => nodes.any(invariants::shows::commit),
            Witness::InstalledSnapshot => nodes.any(|node| node.installed),
            Witness::RecoveredCrash => nodes.any(invariants::shows::recovered_crash),
            Witness::Figure8 => nodes.any(|node| {
                invariants::shows::older_uncommitted(node).is_some_and(|(index, entry)| {
                    let on_disk = |other: &&Node| other.disk.log.entry(index) == Some(entry);
                    self.nodes(state).filter(on_disk).count() >= self.config.majority()
                })
            }),
            Witness::OlderCommitted => {
                self.history(state).committed.iter().any(|entry| entry.term < entry.committed_in)
            }
            Witness::TwoAnswers => {
                self.history(state).clients.as_ref().is_some_and(|clients| clients.answers() >= 2)
            }
            Witness::ReappearingIndex => {
                let history = self.history(state);
                let committed = |index| history.committed_at(index).map(|entry| entry.command);
                history.clients.as_ref().is_some_and(|clients| clients.index_reappeared(committed))
            }
            Witness::InstallerDown => nodes.any(|node| {
                let is_down = |follower: &Node| {
                    follower.server.is_none() && invariants::shows::waits_for(node, follower.id)
                };
                self.nodes(state).any(is_down)
            }),
            Witness::SenderDown => nodes.any(|node| {
                let installs =
                    |follower: &Node| invariants::shows::installs(follower) == node.disk.log.snapshot();
                node.server.is_none() && node.disk.log.snapshot().is_some() && self.nodes(state).any(installs)
            }),
        }
    }

    /// The state after an action and the rules that fired, within the bounds. None when the action is not possible.
    pub fn act(&self, state: &State, action: Action) -> Option<(State, RuleSet)> {
        let (next, rules) = self.perform(state, action, usize::from(self.bounds.in_flight))?;
        Some((self.keyed(next), rules))
    }

    /// As [`act`](Self::act), but with room for so many messages on their way, and without a key: for scripts.
    pub(crate) fn perform(&self, state: &State, action: Action, room: usize) -> Option<(State, RuleSet)> {
        let next = self.next(state, action, room)?;
        Some((next.state(0), next.rules()))
    }

    /// What an action, possible in the state, does to which node; none for a loss.
    pub(crate) fn node_event(
        &self,
        state: &State,
        action: Action,
    ) -> Option<(ServerId, NodeEvent<EnvelopeId>)> {
        match action {
            Action::Drop(_) => None,
            Action::Deliver(position) | Action::Duplicate(position) => {
                let envelope = state.network.envelope(position)?;
                Some((self.envelope(envelope).to, NodeEvent::Receive(envelope)))
            }
            Action::Node(id, event) => Some((id, event.at_node())),
        }
    }

    pub(crate) fn step_of(&self, node: NodeId, event: NodeEvent<EnvelopeId>) -> Option<StepId> {
        self.tables.step_of(node, event, |content| self.compute(node, content, event))
    }

    fn stepper(&self) -> Stepper<'_> {
        self.system.stepper(&self.bounds)
    }

    /// What an event does to a node.
    fn compute(&self, id: NodeId, node: &Node, event: NodeEvent<EnvelopeId>) -> Option<Step> {
        let stepped = self.stepper().apply_event(node, event.map(|envelope| self.envelope(*envelope)))?;
        let told_to_stand = contact::told_to_stand(&stepped.sent, event.map(|_| ()));
        let mut step = self.step((id, node), stepped.node, stepped.sent, stepped.rules);
        step.told_to_stand = told_to_stand;
        if let NodeEvent::ClientRequest(command) = event {
            step.took = Some(command).filter(|_| step.rules.contains(Rule::L2));
            step.concerns_clients |= step.took.is_some();
        }
        Some(step)
    }

    fn step(&self, (id, before): (NodeId, &Node), after: Node, sent: Vec<Envelope>, rules: RuleSet) -> Step {
        let commit_index = after.server.as_ref().map(Server::commit_index).unwrap_or_default();
        let concerns_clients = after.server.is_none() || after.service != before.service;
        let node = self.tables.intern_node(after);
        let sent: SmallVec<[EnvelopeId; 4]> =
            sent.into_iter().map(|envelope| self.tables.intern_envelope(envelope)).collect();
        Step {
            elected: rules.contains(Rule::L1),
            commit_index,
            took: None,
            told_to_stand: None,
            had_applied: before.service,
            concerns_clients,
            change: self.tables.change(id, node, &sent),
            node,
            sent,
            rules,
        }
    }

    /// Notes what a state shows and what it breaks. False when it is the first that breaks something.
    pub(crate) fn keeps(&self, state: &State) -> bool {
        self.note_witnesses(state);
        let broken = self.broken(state).intersection(self.always);
        // The checker keeps the last report of a property, and the first is the one with the shortest trace.
        let mut is_first = false;
        for safety in broken.iter() {
            is_first |= self.control.broken(safety);
        }
        !is_first
    }

    /// Notes what a state shows and what it breaks, by what differs from a state before it that breaks nothing. Whether it
    /// breaks nothing.
    pub(crate) fn holds(&self, state: &State, changed: Changed) -> bool {
        self.note_witnesses(state);
        let broken = self.broken_by(state, changed).intersection(self.always);
        for safety in broken.iter() {
            self.control.broken(safety);
        }
        broken == SafetySet::EMPTY
    }

    fn note_witnesses(&self, state: &State) {
        for witness in self.sometimes.iter().copied() {
            if !self.control.has_found(witness) && self.shows(state, witness) {
                self.control.found(witness);
            }
        }
    }

    /// Whether a state is the first that shows a witness.
    fn is_news(&self, state: &State) -> bool {
        let mut sought = self.sometimes.iter().copied().filter(|witness| !self.control.has_found(*witness));
        sought.any(|witness| self.shows(state, witness) && self.control.found(witness))
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.keyed(self.start.clone())]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if self.control.may_expand() {
            self.possible(state, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let (next, rules) = self.act(state, action)?;
        self.control.count_rules(rules);
        Some(next)
    }

    /// One property that stands for all: asking the checker about each of them, in each state, would be most of its
    /// work. Which one is broken, and what was shown, is noted by the way.
    fn properties(&self) -> Vec<Property<Self>> {
        if self.always.is_empty() {
            vec![Property::sometimes(SOUGHT, Cluster::is_news)]
        } else {
            vec![Property::always(KEPT, Cluster::keeps)]
        }
    }
}

/// The name of the property for the checker: all that must always hold does.
pub(crate) const KEPT: &str = "kept";
/// The name of the property for the checker, of a search for a witness.
pub(crate) const SOUGHT: &str = "sought";
