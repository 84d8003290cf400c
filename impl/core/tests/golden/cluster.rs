//! A small cluster of real servers, each with a disk and a service in memory. Nothing happens by itself but writes, and
//! those only where a disk does not lag. What happens is told in [`Cluster::told`], line by line.

use crate::golden::words;
use figure2_core::{
    Apply, Batch, Config, Entry, Extensions, Index, Input, Outcome, Persistent, RuleSet, ServerId, ServerSet,
    Term,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

/// The service's state: all entries that it has applied.
pub type State = Vec<Entry<String>>;
pub type Server = figure2_core::Server<String, State>;
pub type Effects = figure2_core::Effects<String, State>;
pub type Envelope = figure2_core::Envelope<String, State>;
pub type Disk = Persistent<String, State>;

/// A machine of the cluster.
pub struct Node {
    pub id: ServerId,
    /// None while it is down.
    pub server: Option<Server>,
    pub disk: Disk,
    /// Whether it starts without the cluster's extensions.
    pub is_plain: bool,
    /// Whether writes wait for the command `write`.
    pub lags: bool,
    /// Steps that wait for a write, the oldest first.
    pub waiting: VecDeque<Effects>,
    pub service: State,
}

/// The cluster, the messages on their way, and what was told since the last command.
#[derive(Default)]
pub struct Cluster {
    pub config: Option<Config>,
    pub nodes: Vec<Node>,
    pub network: Vec<Envelope>,
    /// One side of a partition: nothing passes between these servers and the others.
    pub partition: Option<ServerSet>,
    pub told: String,
    pub rules: RuleSet,
    leaders: BTreeMap<Term, ServerId>,
}

/// Which messages a command means.
pub struct Filter {
    pub name: Option<String>,
    pub from: Option<ServerId>,
    pub to: Option<ServerId>,
    pub which: Which,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    #[default]
    All,
    First,
    Last,
}

impl Cluster {
    pub fn start(&mut self, config: Config) {
        self.config = Some(config);
        self.network.clear();
        self.nodes = config.voters.iter().map(Node::new).collect();
        for id in config.voters.iter() {
            self.restart(id);
        }
    }

    /// The server starts from its disk (rule P1), and its service from the disk's snapshot.
    pub fn restart(&mut self, id: ServerId) {
        let mut config = self.config.unwrap();
        let node = &mut self.nodes[usize::from(id.0)];
        if node.is_plain {
            config.extensions = Extensions::NONE;
        }
        node.server = Some(Server::new(id, config, node.disk.clone()).unwrap());
        node.waiting.clear();
        node.service = node.disk.log.snapshot().map_or_else(State::new, |snapshot| snapshot.data.clone());
    }

    /// The server stops. What was not durable is lost.
    pub fn crash(&mut self, id: ServerId) {
        let node = &mut self.nodes[usize::from(id.0)];
        node.server = None;
        node.waiting.clear();
    }

    pub fn node(&self, id: ServerId) -> Result<&Node, String> {
        self.nodes.get(usize::from(id.0)).ok_or_else(|| format!("there is no {id}"))
    }

    pub fn node_mut(&mut self, id: ServerId) -> Result<&mut Node, String> {
        self.nodes.get_mut(usize::from(id.0)).ok_or_else(|| format!("there is no {id}"))
    }

    pub fn server(&self, id: ServerId) -> Result<&Server, String> {
        self.node(id)?.server.as_ref().ok_or_else(|| format!("{id} is down"))
    }

    /// One step of one server. Its changes and its messages are told below the line that says what happened.
    pub fn step(&mut self, id: ServerId, what: &str, input: Input<String, State>) -> Result<Outcome, String> {
        let lags = self.node(id)?.lags;
        let (outcome, effects) = self.take_step(id, what, input, false)?;
        self.node_mut(id)?.waiting.push_back(effects);
        if lags {
            self.release_unrecorded(id)?;
        } else {
            self.write(id, usize::MAX, "  durable")?;
        }
        Ok(outcome)
    }

    /// The step itself; its early messages leave. `quiet`: a step that changes nothing is not told.
    fn take_step(
        &mut self,
        id: ServerId,
        what: &str,
        input: Input<String, State>,
        quiet: bool,
    ) -> Result<(Outcome, Effects), String> {
        let server = self.node_mut(id)?.server.as_mut().ok_or_else(|| format!("{id} is down"))?;
        let before = server.clone();
        let mut effects = server.step(input);
        let changes = words::changes(&before, server, &effects);
        let is_leader_of = server.is_leader().then(|| server.current_term());
        self.rules = self.rules.union(effects.rules());
        let (rules, outcome) = (words::rules(effects.rules()), words::outcome(effects.outcome()));
        if !(quiet && effects.rules().is_empty()) {
            writeln!(self.told, "{what}: {rules}{outcome}").unwrap();
        }
        if !changes.is_empty() {
            writeln!(self.told, "  {}", changes.join(", ")).unwrap();
        }
        if let Some(term) = is_leader_of {
            let leader = *self.leaders.entry(term).or_insert(id);
            assert_eq!(leader, id, "election safety: two leaders in term {term}");
        }
        let early = effects.take_early();
        self.send(early);
        Ok((effects.outcome().clone(), effects))
    }

    /// The oldest waiting steps become durable, with one write; then the server is told, and their messages leave.
    pub fn write(&mut self, id: ServerId, steps: usize, what: &str) -> Result<(), String> {
        let node = self.node_mut(id)?;
        let mut batch = Batch::default();
        for effects in node.waiting.drain(..steps.min(node.waiting.len())) {
            batch.push((), effects);
        }
        let disk = &mut node.disk;
        let durable = batch.persist(|record| {
            disk.apply_record(record);
            Ok::<(), String>(())
        })?;
        if let Some(persisted) = durable.persisted {
            let quiet = what.starts_with(' ');
            let (_, effects) = self.take_step(id, what, Input::Persisted(persisted), quiet)?;
            self.node_mut(id)?.waiting.push_back(effects);
        }
        for released in durable.released {
            self.send(released.messages);
        }
        self.release_unrecorded(id)
    }

    /// Steps with nothing to write wait only for those before them.
    fn release_unrecorded(&mut self, id: ServerId) -> Result<(), String> {
        let waiting = &self.node(id)?.waiting;
        let unrecorded = waiting.iter().take_while(|effects| effects.record().is_empty()).count();
        if unrecorded > 0 {
            self.write(id, unrecorded, "  durable")?;
        }
        Ok(())
    }

    /// Messages leave; those that a partition stops are lost at once.
    fn send(&mut self, envelopes: impl IntoIterator<Item = Envelope>) {
        for envelope in envelopes {
            let side = |id| self.partition.map(|partition| partition.contains(id));
            let is_lost = side(envelope.from) != side(envelope.to);
            writeln!(self.told, "  {}{}", words::envelope(&envelope), if is_lost { " (lost)" } else { "" })
                .unwrap();
            if !is_lost {
                self.network.push(envelope);
            }
        }
    }

    /// Takes the messages that the filter means out of the network.
    pub fn take(&mut self, filter: &Filter) -> Result<Vec<Envelope>, String> {
        let places: Vec<usize> =
            (0..self.network.len()).filter(|at| filter.takes(&self.network[*at])).collect();
        let chosen: &[usize] = match filter.which {
            Which::All => &places,
            Which::First => &places[..places.len().min(1)],
            Which::Last => &places[places.len().saturating_sub(1)..],
        };
        if chosen.is_empty() {
            return Err("no such message is on its way".to_owned());
        }
        let mut taken: Vec<Envelope> = chosen.iter().rev().map(|at| self.network.remove(*at)).collect();
        taken.reverse();
        Ok(taken)
    }

    /// A message arrives, at its addressee unless another server is named.
    pub fn deliver(&mut self, envelope: Envelope, at: Option<ServerId>) -> Result<(), String> {
        let (what, at) = (words::envelope(&envelope), at.unwrap_or(envelope.to));
        if self.node(at)?.server.is_none() {
            writeln!(self.told, "{what}: {at} is down").unwrap();
            return Ok(());
        }
        self.step(at, &what, Input::Receive(envelope)).map(drop)
    }

    /// The service gets what it is due, and answers a snapshot that it is offered.
    pub fn apply(&mut self, id: ServerId, limit: usize) -> Result<(), String> {
        match self.server(id)?.next_apply(limit) {
            None => {}
            Some(Apply::Entries { first_index, entries }) => {
                let what = format!("{id} applies {}", words::applied(first_index, &entries));
                let node = self.node_mut(id)?;
                assert_eq!(first_index, Index::ZERO.plus(node.service.len()).next(), "{id}: a gap");
                node.service.extend(entries);
                let index = Index::ZERO.plus(node.service.len());
                self.step(id, &what, Input::Applied { index })?;
            }
            Some(Apply::Snapshot(snapshot)) => {
                let at = words::position(snapshot.last_included_index, snapshot.last_included_term);
                let what = format!("{id}'s service asks to switch to the snapshot of {at}");
                let data = snapshot.data.clone();
                let outcome = self.step(id, &what, Input::CondInstallSnapshot(snapshot))?;
                if outcome == Outcome::Installed {
                    self.node_mut(id)?.service = data;
                }
            }
        }
        Ok(())
    }

    /// The paper's Figure 3, as far as one state shows it (election safety is checked in each step).
    pub fn check(&self) {
        for (place, one) in self.nodes.iter().enumerate() {
            for other in &self.nodes[..place] {
                let common = one.service.len().min(other.service.len());
                assert_eq!(one.service[..common], other.service[..common], "state machine safety");
                if let (Some(one), Some(other)) = (&one.server, &other.server) {
                    check_log_matching(one, other);
                }
            }
        }
    }
}

/// From the last index at which both logs have the same term, downwards, they are the same.
fn check_log_matching(one: &Server, other: &Server) {
    let mut index = one.log().last_index().min(other.log().last_index());
    let mut same = false;
    while let (Some(a), Some(b)) = (one.log().entry(index), other.log().entry(index)) {
        same |= a.term == b.term;
        assert!(!same || a == b, "log matching of {} and {} at index {index}", one.id(), other.id());
        index = index.prev();
    }
}

impl Node {
    fn new(id: ServerId) -> Node {
        Node {
            id,
            server: None,
            disk: Disk::default(),
            is_plain: false,
            lags: false,
            waiting: VecDeque::new(),
            service: State::new(),
        }
    }
}

impl Filter {
    fn takes(&self, envelope: &Envelope) -> bool {
        self.name.as_ref().is_none_or(|name| name == envelope.message.name())
            && self.from.is_none_or(|from| from == envelope.from)
            && self.to.is_none_or(|to| to == envelope.to)
    }
}
