//! The cluster as a stateright `Model`: what can happen in a state, and the state after it.

use crate::bounds::{Apply, Bounds};
use crate::control::Control;
use crate::hashed::Hashed;
use crate::prefix::{Command, Prefix};
use crate::properties::{Safety, Witness};
use crate::state::{Committed, Election, History, Host, Machine, Network, State, Used};
use crate::steps::{Stepped, Stepper};
use crate::symmetry::canonical_key;
use figure2_core::{Config, Envelope, Index, Input, Rule, RuleSet, Rules, Server, ServerId, Term};
use stateright::{Model, Property};
use std::sync::Arc;

/// Something that can happen. Messages are named by their position in the network of the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A message arrives.
    Deliver(u8),
    /// A message arrives, and a copy of it is still on its way.
    Duplicate(u8),
    /// A message is lost.
    Drop(u8),
    /// A server's election timer elapses.
    ElectionTimeout(ServerId),
    /// A leader's or candidate's heartbeat interval elapses.
    HeartbeatTimeout(ServerId),
    /// A client gives a leader a command (the lab's Start); the leader replicates it in the same step.
    ClientRequest(ServerId),
    /// A machine stops.
    Crash(ServerId),
    /// A machine starts from its disk.
    Restart(ServerId),
    /// The service gets the next committed entry, or a snapshot that it has yet to answer.
    Apply(ServerId),
    /// The service takes a snapshot of what it has applied.
    TakeSnapshot(ServerId),
    /// The service answers the snapshot (the lab's CondInstallSnapshot).
    AnswerSnapshot(ServerId),
}

/// The cluster under some rules and within bounds.
#[derive(Clone, Debug)]
pub struct Cluster<R> {
    rules: R,
    bounds: Bounds,
    config: Config,
    start: State,
    always: Arc<[Safety]>,
    sometimes: Arc<[Witness]>,
    symmetry: bool,
    control: Arc<Control>,
}

impl<R: Rules<Command, Prefix>> Cluster<R> {
    /// A cluster that has never run.
    pub fn new(rules: R, bounds: Bounds, control: Arc<Control>) -> Self {
        let config = Config { servers: bounds.servers, max_entries_per_message: bounds.entries_per_message };
        let stepper = Stepper { rules: &rules, config, apply_at_once: false };
        let hosts =
            (0..bounds.servers).map(ServerId).map(|id| Arc::new(Machine::new(id, stepper.first_start(id))));
        let start = State {
            hosts: hosts.collect(),
            network: Network::default(),
            history: Arc::new(Hashed::new(History::default())),
            used: Used::default(),
        };
        let (always, sometimes) = (Arc::from(Safety::ALL), Arc::from([]));
        Cluster { rules, bounds, config, start, always, sometimes, symmetry: false, control }
    }

    /// The same cluster, starting in another state.
    #[must_use]
    pub fn starting_in(self, start: State) -> Self {
        Cluster { start, ..self }
    }

    /// The same cluster, checked for these properties.
    #[must_use]
    pub fn checking(self, always: &[Safety], sometimes: &[Witness]) -> Self {
        Cluster { always: Arc::from(always), sometimes: Arc::from(sometimes), ..self }
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

    /// Where executions start.
    pub fn start(&self) -> &State {
        &self.start
    }

    /// What must always hold in it.
    pub fn always(&self) -> &[Safety] {
        &self.always
    }

    /// The state after an action and the rules that fired, within the bounds. None when the action is not possible.
    pub fn act(&self, state: &State, action: Action) -> Option<(State, RuleSet)> {
        let (next, rules) = self.perform(state, action)?;
        let fits = next.network.packets().len() <= usize::from(self.bounds.in_flight);
        fits.then_some((next, rules))
    }

    /// As [`act`](Self::act), but with any number of messages in flight: for scripts.
    pub(crate) fn perform(&self, state: &State, action: Action) -> Option<(State, RuleSet)> {
        let stepper = Stepper {
            rules: &self.rules,
            config: self.config,
            apply_at_once: self.bounds.apply == Apply::AtOnce,
        };
        let mut next = state.clone();
        match action {
            Action::Drop(position) => {
                next.network.remove(usize::from(position));
                next.used.losses = self.bounds.losses.count(next.used.losses);
                Some((next, RuleSet::EMPTY))
            }
            Action::Deliver(position) => {
                let envelope = envelope_at(state, position)?;
                next.network.remove(usize::from(position));
                self.receive(&stepper, next, envelope)
            }
            Action::Duplicate(position) => {
                next.used.duplications = self.bounds.duplications.count(next.used.duplications);
                self.receive(&stepper, next, envelope_at(state, position)?)
            }
            Action::ElectionTimeout(id) => {
                let stepped = stepper.step(state.host(id)?, [Input::ElectionTimeout])?;
                Some(merge(next, id, stepped))
            }
            Action::HeartbeatTimeout(id) => {
                let stepped = stepper.step(state.host(id)?, [Input::HeartbeatTimeout])?;
                Some(merge(next, id, stepped))
            }
            Action::ClientRequest(id) => {
                let command = state.used.client_requests + 1;
                let stepped = stepper.step(state.host(id)?, [Input::Propose(command), Input::Replicate])?;
                next.used.client_requests = command;
                Some(merge(next, id, stepped))
            }
            Action::Crash(id) => {
                let host = stepper.crash(state.host(id)?);
                next.used.crashes = next.used.crashes.saturating_add(1);
                set_host(&mut next, id, host);
                Some((next, RuleSet::EMPTY))
            }
            Action::Restart(id) => {
                let host = stepper.restart(id, state.host(id)?);
                set_host(&mut next, id, host);
                // A restart yields no effects, so its rule is noted here.
                let mut rules = RuleSet::EMPTY;
                rules.insert(Rule::P1);
                Some((next, rules))
            }
            Action::Apply(id) => Some(merge(next, id, stepper.apply(state.host(id)?)?)),
            Action::TakeSnapshot(id) => {
                let stepped = stepper.take_snapshot(state.host(id)?)?;
                next.used.snapshots = next.used.snapshots.saturating_add(1);
                Some(merge(next, id, stepped))
            }
            Action::AnswerSnapshot(id) => Some(merge(next, id, stepper.answer(state.host(id)?)?)),
        }
    }

    fn receive(
        &self,
        stepper: &Stepper<'_, R>,
        next: State,
        envelope: Envelope<Command, Prefix>,
    ) -> Option<(State, RuleSet)> {
        let id = envelope.to;
        let stepped = stepper.step(next.host(id)?, [Input::Receive(envelope)])?;
        Some(merge(next, id, stepped))
    }

    /// What can happen in a state, but for what [`act`](Self::act) refuses because its messages find no room.
    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        self.network_actions(state, actions);
        for (id, host) in (0u8..).map(ServerId).zip(&state.hosts) {
            self.host_actions(state, id, host, actions);
        }
    }

    /// What can happen to the machine of `id`.
    fn host_actions(&self, state: &State, id: ServerId, host: &Host, actions: &mut Vec<Action>) {
        let Some(server) = &host.server else {
            actions.push(Action::Restart(id));
            return;
        };
        if server.is_leader() {
            if state.used.client_requests < self.bounds.client_requests {
                actions.push(Action::ClientRequest(id));
            }
            actions.push(Action::HeartbeatTimeout(id));
        } else {
            if server.current_term() < Term(u64::from(self.bounds.terms)) {
                actions.push(Action::ElectionTimeout(id));
            }
            if matches!(server.role(), figure2_core::Role::Candidate { .. }) {
                actions.push(Action::HeartbeatTimeout(id));
            }
        }
        if state.used.crashes < self.bounds.crashes {
            actions.push(Action::Crash(id));
        }
        if self.bounds.apply == Apply::Separately {
            if host.answering.is_some() {
                actions.push(Action::AnswerSnapshot(id));
            } else {
                if self.rules.next_apply(server, 1).is_some() {
                    actions.push(Action::Apply(id));
                }
                if state.used.snapshots < self.bounds.snapshots
                    && host.service.last_index() > server.log().base_index()
                {
                    actions.push(Action::TakeSnapshot(id));
                }
            }
        }
    }

    fn network_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let may_lose = self.bounds.losses.allows(state.used.losses);
        let may_duplicate = self.bounds.duplications.allows(state.used.duplications);
        for (position, packet) in (0u8..).zip(state.network.packets()) {
            if state.host(packet.to).is_some_and(|host| host.server.is_some()) {
                actions.push(Action::Deliver(position));
                if may_duplicate {
                    actions.push(Action::Duplicate(position));
                }
            }
            if may_lose {
                actions.push(Action::Drop(position));
            }
        }
    }
}

impl<R: Rules<Command, Prefix>> Model for Cluster<R> {
    type State = Hashed<State>;
    type Action = Action;

    fn init_states(&self) -> Vec<Hashed<State>> {
        vec![self.keyed(self.start.clone())]
    }

    fn actions(&self, state: &Hashed<State>, actions: &mut Vec<Action>) {
        if !self.control.may_expand() {
            return;
        }
        self.possible(state, actions);
    }

    fn next_state(&self, state: &Hashed<State>, action: Action) -> Option<Hashed<State>> {
        let (next, rules) = self.act(state, action)?;
        self.control.count_rules(rules);
        Some(self.keyed(next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = self.always.iter().map(|safety| safety_property(*safety));
        let sometimes = self.sometimes.iter().map(|witness| witness_property(*witness));
        always.chain(sometimes).collect()
    }
}

macro_rules! property {
    ($kind:ident, $method:ident, $value:expr, $type:ident: $($variant:ident)*) => {
        match $value {
            $($type::$variant => Property::$kind($value.name(), |cluster: &Cluster<R>, state: &Hashed<State>| {
                cluster.$method($type::$variant, state)
            }),)*
        }
    };
}

/// stateright takes a property's condition as a function pointer: one for each.
fn safety_property<R: Rules<Command, Prefix>>(safety: Safety) -> Property<Cluster<R>> {
    property!(always, upholds, safety, Safety:
        ElectionSafety LeaderAppendOnly LogMatching LeaderCompleteness StateMachineSafety OneVote CommittedAgree
        CommittedOnMajority NothingGoesBack AppliedInOrder SnapshotIsPrefix Recoverable FollowersAccept NoRejection)
}

fn witness_property<R: Rules<Command, Prefix>>(witness: Witness) -> Property<Cluster<R>> {
    property!(sometimes, shows, witness, Witness:
        Leader TwoLeaders Commit InstalledSnapshot RecoveredCrash Figure8 OlderCommitted)
}

impl<R> Cluster<R> {
    /// The state as the checker tells it from others.
    fn keyed(&self, state: State) -> Hashed<State> {
        if self.symmetry {
            let key = canonical_key(&state);
            Hashed::with_key(state, key)
        } else {
            Hashed::new(state)
        }
    }

    fn upholds(&self, safety: Safety, state: &State) -> bool {
        safety.holds(state) || !self.control.broken(safety)
    }

    fn shows(&self, witness: Witness, state: &State) -> bool {
        !self.control.has_found(witness) && witness.holds(state) && self.control.found(witness)
    }
}

fn envelope_at(state: &State, position: u8) -> Option<Envelope<Command, Prefix>> {
    state.network.packets().get(usize::from(position)).map(|packet| packet.envelope())
}

fn set_host(state: &mut State, id: ServerId, host: Host) {
    if let Some(place) = state.hosts.get_mut(usize::from(id.0)) {
        *place = Arc::new(Machine::new(id, host));
    }
}

/// The cluster after a step of one machine: the machine, what it sent, and what it adds to history.
fn merge(mut state: State, id: ServerId, stepped: Stepped) -> (State, RuleSet) {
    let Stepped { host, sent, rules, .. } = stepped;
    for envelope in sent {
        state.network.insert(envelope);
    }
    if let Some(server) = &host.server {
        let elected = rules.contains(Rule::L1);
        let committed = server.commit_index().since(Index(state.history.committed.len() as u64)) > 0;
        if elected || committed {
            let mut history = History::clone(&state.history);
            if elected {
                record_election(&mut history, server);
            }
            record_commits(&mut history, server);
            state.history = Arc::new(Hashed::new(history));
        }
    }
    set_host(&mut state, id, host);
    (state, rules)
}

fn record_election(history: &mut History, server: &Server<Command, Prefix>) {
    let election =
        Election { term: server.current_term(), leader: server.id(), log: Prefix::of_log(server.log()) };
    if !history.elections.contains(&election) {
        let later = |other: &Election| (other.term, other.leader) > (election.term, election.leader);
        let place = history.elections.iter().position(later).unwrap_or(history.elections.len());
        history.elections.insert(place, election);
    }
}

fn record_commits(history: &mut History, server: &Server<Command, Prefix>) {
    let contents = Prefix::of_log(server.log());
    let mut index = Index(history.committed.len() as u64);
    while index < server.commit_index() {
        index = index.next();
        // Under the paper's rules the entry is there. Broken rules can commit what they do not hold; command and
        // term 0 belong to no entry, so every server that holds one at this index contradicts them.
        history.committed.push(Committed {
            command: contents.get(index).unwrap_or_default(),
            term: server.log().term_at(index).unwrap_or(Term::ZERO),
            committed_in: server.current_term(),
        });
    }
}
