//! The cluster as a stateright `Model`: what can happen in a state, and the state after it.

use crate::actions::Action;
use crate::bounds::{Apply, Bounds};
use crate::clients::Clients;
use crate::control::Control;
use crate::driver::{Driver, Sound};
use crate::event::NodeEvent;
use crate::history::History;
use crate::host::{Host, Letter};
use crate::judge;
use crate::machine::Stepper;
use crate::prefix::{Command, Prefix};
use crate::properties::{Safety, SafetySet, Witness};
use crate::state::{HostId, LetterId, Network, State, Used};
use crate::tables::{Step, StepId, Tables};
use figure2_core::{Config, Figure2, Rule, RuleSet, Rules, Server, ServerId};
use smallvec::SmallVec;
use stateright::{Model, Property};
use std::sync::Arc;

/// What is explored: rules, and machines that run them.
#[derive(Clone)]
pub struct System {
    rules: Arc<dyn Rules<Command, Prefix> + Send + Sync>,
    driver: Arc<dyn Driver>,
}

impl System {
    /// These rules on sound machines.
    pub fn of(rules: impl Rules<Command, Prefix> + Send + Sync + 'static) -> System {
        System { rules: Arc::new(rules), driver: Arc::new(Sound) }
    }

    /// The steps of these rules and machines within these bounds.
    pub(crate) fn stepper(&self, bounds: &Bounds) -> Stepper<'_> {
        Stepper {
            rules: &*self.rules,
            driver: &*self.driver,
            config: bounds.config(),
            apply_at_once: bounds.apply == Apply::AtOnce,
            unwritten: bounds.unwritten,
            sending: bounds.sending,
        }
    }

    /// The rules of Figure 2 on these machines.
    pub fn driven_by(driver: impl Driver + 'static) -> System {
        System { rules: Arc::new(Figure2), driver: Arc::new(driver) }
    }
}

impl Default for System {
    /// The rules of Figure 2 on sound machines.
    fn default() -> System {
        System::of(Figure2)
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
    control: Arc<Control>,
}

impl Cluster {
    /// A cluster that has never run.
    pub fn new(system: &System, bounds: Bounds, control: Arc<Control>) -> Self {
        let config = bounds.config();
        let tables = Arc::new(Tables::new(bounds.servers));
        let start = State {
            hosts: SmallVec::new(),
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
        let hosts = (0..bounds.servers).map(ServerId).map(|id| cluster.stepper().first_start(id));
        cluster.start.hosts = hosts.map(|host| cluster.tables.intern_host(host)).collect();
        cluster
    }

    /// A state with its key.
    fn keyed(&self, state: State) -> State {
        State { key: self.tables.key(&state, self.symmetry), ..state }
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
    pub fn controlled_by(self, control: Arc<Control>) -> Self {
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

    /// The machines of a state, by server id.
    pub fn hosts(&self, state: &State) -> impl Iterator<Item = &Host> {
        state.hosts.iter().map(|host| &self.tables.host(*host).content)
    }

    /// The messages on their way in a state.
    pub fn letters(&self, state: &State) -> impl Iterator<Item = &Letter> {
        state.network.letters().iter().map(|letter| self.letter(*letter))
    }

    fn history(&self, state: &State) -> &History {
        &self.tables.history(state.history).content
    }

    /// A message.
    pub fn letter(&self, id: LetterId) -> &Letter {
        &self.tables.letter(id).content
    }

    /// Ends the search.
    pub(crate) fn stop(&self) {
        self.control.stop();
    }

    /// The properties that a state breaks.
    pub fn broken(&self, state: &State) -> SafetySet {
        let history = self.tables.history(state.history);
        let mut broken = history.broken;
        let mut disks: SmallVec<[u8; 8]> = SmallVec::new();
        for (position, host) in state.hosts.iter().enumerate() {
            let standing = self.tables.standing(*host, state.history);
            disks.push(standing.holds);
            broken = broken.union(self.tables.host(*host).broken).union(standing.broken);
            for other in state.hosts.iter().skip(position + 1) {
                broken = broken.union(self.tables.pair_breaks(*host, *other));
            }
        }
        if !judge::on_majority(history.content.committed.len(), disks.iter().copied()) {
            broken.insert(Safety::CommittedOnMajority);
        }
        broken
    }

    /// Whether a state shows a witness.
    pub fn shows(&self, state: &State, witness: Witness) -> bool {
        let mut hosts = self.hosts(state);
        match witness {
            Witness::Leader => hosts.any(|host| judge::shows::leader(host).is_some()),
            Witness::TwoLeaders => hosts.filter(|host| judge::shows::leader(host).is_some()).count() >= 2,
            Witness::Commit => hosts.any(judge::shows::commit),
            Witness::InstalledSnapshot => hosts.any(|host| host.installed),
            Witness::RecoveredCrash => hosts.any(judge::shows::recovered_crash),
            Witness::Figure8 => hosts.any(|host| {
                judge::shows::older_uncommitted(host).is_some_and(|(index, entry)| {
                    let on_disk = |other: &&Host| other.disk.log.entry(index) == Some(entry);
                    self.hosts(state).filter(on_disk).count() >= self.config.majority()
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
            Witness::InstallerDown => hosts.any(|host| {
                let is_down =
                    |follower: &Host| follower.server.is_none() && judge::shows::waits_for(host, follower.id);
                self.hosts(state).any(is_down)
            }),
            Witness::SenderDown => hosts.any(|host| {
                let installs = |follower: &Host| judge::shows::installs(follower) == host.disk.log.snapshot();
                host.server.is_none() && host.disk.log.snapshot().is_some() && self.hosts(state).any(installs)
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
        let mut used = state.used;
        let mut network = state.network.clone();
        match action {
            Action::Drop(position) => {
                used.losses = self.bounds.losses.count(used.losses);
                network.remove(position);
                return Some((State { network, used, ..state.clone() }, RuleSet::EMPTY));
            }
            Action::Deliver(position) => network.remove(position),
            Action::Duplicate(_) => used.duplications = self.bounds.duplications.count(used.duplications),
            Action::Node(_, event) => used.count(&event),
        }
        let (id, event) = self.node_event(state, action)?;
        let step_id = self.step_of(*state.hosts.get(usize::from(id.0))?, event)?;
        let step = self.tables.step(step_id);
        // Many actions find no room: nothing more is done for them.
        if network.with(&step.sent) > room {
            return None;
        }
        for letter in &step.sent {
            network.insert(*letter, |letter| self.tables.letter(letter).digest());
        }
        let mut hosts = SmallVec::from_slice(&state.hosts);
        *hosts.get_mut(usize::from(id.0))? = step.host;
        let history = self.tables.history_after(state.history, step_id);
        Some((State { hosts, network, history, used, key: 0 }, step.rules))
    }

    /// What an action, possible in the state, does to which node; none for a loss.
    pub(crate) fn node_event(
        &self,
        state: &State,
        action: Action,
    ) -> Option<(ServerId, NodeEvent<LetterId>)> {
        match action {
            Action::Drop(_) => None,
            Action::Deliver(position) | Action::Duplicate(position) => {
                let letter = state.network.letter(position)?;
                Some((self.letter(letter).to, NodeEvent::Receive(letter)))
            }
            Action::Node(id, event) => Some((id, event.at_node())),
        }
    }

    fn step_of(&self, host: HostId, event: NodeEvent<LetterId>) -> Option<StepId> {
        self.tables.step_of(host, event, |host| self.compute(host, event))
    }

    fn stepper(&self) -> Stepper<'_> {
        self.system.stepper(&self.bounds)
    }

    /// What an event does to a node.
    fn compute(&self, host: &Host, event: NodeEvent<LetterId>) -> Option<Step> {
        let stepped = self.stepper().apply_event(host, event.map(|letter| self.letter(*letter)))?;
        let mut step = self.step(host, stepped.host, stepped.sent, stepped.rules);
        if let NodeEvent::ClientRequest(command) = event {
            step.took = Some(command).filter(|_| step.rules.contains(Rule::L2));
            step.concerns_clients |= step.took.is_some();
        }
        Some(step)
    }

    fn step(&self, before: &Host, host: Host, sent: Vec<Letter>, rules: RuleSet) -> Step {
        Step {
            elected: rules.contains(Rule::L1),
            commit_index: host.server.as_ref().map(Server::commit_index).unwrap_or_default(),
            took: None,
            had_applied: before.service,
            concerns_clients: host.server.is_none() || host.service != before.service,
            host: self.tables.intern_host(host),
            sent: sent.into_iter().map(|letter| self.tables.intern_letter(letter)).collect(),
            rules,
        }
    }

    /// Notes what a state shows and what it breaks. False when it is the first that breaks something.
    pub(crate) fn keeps(&self, state: &State) -> bool {
        for witness in self.sometimes.iter().copied() {
            if !self.control.has_found(witness) && self.shows(state, witness) {
                self.control.found(witness);
            }
        }
        let broken = self.broken(state).intersection(self.always);
        // The checker keeps the last report of a property, and the first is the one with the shortest trace.
        let mut is_first = false;
        for safety in broken.iter() {
            is_first |= self.control.broken(safety);
        }
        !is_first
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
