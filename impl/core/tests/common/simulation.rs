//! A cluster of cores with their disks, a network and a service on each; everything that happens is chosen at random
//! from a seed. The service's state is the list of all commands it has run, so a snapshot is the prefix it stands for.

use figure2_core::{
    Apply, Batch, Config, Effects, Envelope, Extensions, Figure2, Index, Input, Outcome, Persistent, Rule,
    RuleSet, Rules as _, Server, ServerId, Term,
};
use std::collections::BTreeMap;

type Command = u64;
type State = Vec<Command>;

struct Node {
    server: Server<Command, State>,
    disk: Persistent<Command, State>,
    /// Steps whose record is not durable yet.
    waiting: Batch<Command, State, ()>,
    service: State,
}

/// The cluster. All its fields are deterministic in (servers, seed).
pub struct Simulation {
    seed: u64,
    random: u64,
    nodes: Vec<Node>,
    network: Vec<Envelope<Command, State>>,
    next_command: Command,
    leaders: BTreeMap<Term, ServerId>,
    /// The longest history any service has run: all others are prefixes of it.
    history: State,
    pub crashes: usize,
    pub installed: usize,
    pub rules: RuleSet,
    /// Whether somebody asks leaders to hand over now and then.
    pub transfers: bool,
    /// Whether each step is taken by Figure 2 alone, too, and must be the same.
    pub compares: bool,
    /// Steps that were.
    pub compared: usize,
}

impl Simulation {
    pub fn new(servers: u8, seed: u64) -> Simulation {
        Simulation::with(servers, seed, |_| Extensions::NONE)
    }

    /// Servers that have these extensions, each by its id.
    pub fn with(servers: u8, seed: u64, extensions: impl Fn(u8) -> Extensions) -> Simulation {
        // An entry counts 24 bytes. Every fourth seed has limits that are never met.
        let limit = |most: u64| if seed.is_multiple_of(4) { u64::MAX } else { seed / 4 % most * 24 };
        let config = Config {
            max_entries_per_message: 3,
            max_message_bytes: limit(4),
            max_in_flight_bytes: limit(5),
            max_uncommitted_bytes: limit(7),
            max_retained_bytes: limit(3),
            snapshot_patience: 1 + u8::try_from(seed % 3).unwrap(),
            ..Config::new(servers)
        };
        let node = |id| {
            let disk = Persistent::default();
            let config = Config { extensions: extensions(id), ..config };
            let server = Server::new(ServerId(id), config, disk.clone()).unwrap();
            Node { server, disk, waiting: Batch::default(), service: State::new() }
        };
        Simulation {
            seed,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(servers),
            nodes: (0..servers).map(node).collect(),
            network: Vec::new(),
            next_command: 1,
            leaders: BTreeMap::new(),
            history: State::new(),
            crashes: 0,
            installed: 0,
            rules: RuleSet::EMPTY,
            transfers: false,
            compares: false,
            compared: 0,
        }
    }

    pub fn elections(&self) -> usize {
        self.leaders.len()
    }

    pub fn applied(&self) -> usize {
        self.history.len()
    }

    /// A number below `bound`, from a linear congruential generator (its high bits, the low ones repeat early).
    fn below(&mut self, bound: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap() % bound
    }

    /// Something happens to someone.
    pub fn random_step(&mut self) {
        let id = self.below(self.nodes.len());
        if self.transfers && self.below(50) == 0 {
            let to = ServerId(u8::try_from(self.below(self.nodes.len())).unwrap());
            self.step(id, Input::TransferLeadership { to });
        }
        match self.below(100) {
            0..2 => self.step(id, Input::ElectionTimeout),
            2..10 => self.step(id, Input::HeartbeatTimeout),
            10..20 => self.propose(id),
            20..23 => self.step(id, Input::Replicate),
            23..24 => self.step(id, Input::SendCommit),
            24..44 => self.disk_catches_up(id),
            44..52 => self.apply(id),
            52..53 => self.take_snapshot(id),
            53..54 => self.crash(id),
            54..58 => self.lose_a_message(),
            58..60 => self.deliver(true),
            _ => self.deliver(false),
        }
    }

    /// Every server is up, the network works, timers are kind: a new command must reach every service. (A leader
    /// commits nothing before it has an entry of its own term.)
    pub fn heal(&mut self) {
        self.network.clear();
        for round in 0..200 {
            let leader = (0..self.nodes.len())
                .filter(|id| self.nodes[*id].server.is_leader())
                .max_by_key(|id| self.nodes[*id].server.current_term());
            let Some(leader) = leader else {
                self.step(round % self.nodes.len(), Input::ElectionTimeout);
                self.run_until_quiet();
                continue;
            };
            let server = &self.nodes[leader].server;
            if server.log().last_term() < server.current_term() {
                self.propose(leader);
            }
            self.step(leader, Input::HeartbeatTimeout);
            self.run_until_quiet();
            let server = &self.nodes[leader].server;
            let all = server.log().last_index().since(Index::ZERO);
            if server.is_leader() && self.nodes.iter().all(|node| node.service.len() == all) {
                return;
            }
        }
        panic!("seed {}: a healthy cluster of {} makes no progress", self.seed, self.nodes.len());
    }

    fn run_until_quiet(&mut self) {
        for id in 0..self.nodes.len() {
            self.disk_catches_up(id);
        }
        while !self.network.is_empty() {
            self.deliver(false);
            for id in 0..self.nodes.len() {
                self.disk_catches_up(id);
                self.apply(id);
            }
        }
    }

    fn step(&mut self, id: usize, input: Input<Command, State>) {
        let server = &mut self.nodes[id].server;
        let by_figure2 = self.compares.then(|| (server.clone(), input.clone()));
        let effects = server.step(input);
        if let Some((mut figure2, input)) = by_figure2 {
            assert_eq!(Figure2.step(&mut figure2, input), effects, "seed {}", self.seed);
            assert_eq!(figure2, *server, "seed {}", self.seed);
            self.compared += 1;
        }
        self.carry_out(id, effects);
    }

    /// Early messages may leave at once; the rest waits for the disk.
    fn carry_out(&mut self, id: usize, mut effects: Effects<Command, State>) {
        assert!(!effects.rules().contains(Rule::V1), "seed {}: {:?}", self.seed, effects.outcome());
        self.rules = self.rules.union(effects.rules());
        if self.below(2) == 0 {
            self.network.extend(effects.take_early());
        }
        let node = &mut self.nodes[id];
        node.waiting.push((), effects);
        let term = node.server.current_term();
        if node.server.is_leader() {
            let leader = *self.leaders.entry(term).or_insert(node.server.id());
            assert_eq!(leader, node.server.id(), "seed {}: two leaders in term {term}", self.seed);
        }
    }

    fn propose(&mut self, id: usize) {
        let command = self.next_command;
        if self.nodes[id].server.is_leader() {
            self.next_command += 1;
        }
        self.step(id, Input::Propose(command));
    }

    fn disk_catches_up(&mut self, id: usize) {
        let node = &mut self.nodes[id];
        let disk = &mut node.disk;
        let write = |record| {
            disk.apply_record(record);
            Ok::<(), ()>(())
        };
        let durable = std::mem::take(&mut node.waiting).persist(write).unwrap();
        if let Some(persisted) = durable.persisted {
            self.step(id, Input::Persisted(persisted));
        }
        for released in durable.released {
            self.network.extend(released.messages);
        }
    }

    fn apply(&mut self, id: usize) {
        let limit = 1 + self.below(3);
        match self.nodes[id].server.next_apply(limit) {
            None => {}
            Some(Apply::Entries { first_index, entries }) => {
                let node = &mut self.nodes[id];
                assert_eq!(
                    first_index,
                    Index::ZERO.plus(node.service.len()).next(),
                    "seed {}: a gap",
                    self.seed
                );
                node.service.extend(entries.into_iter().map(|entry| entry.command));
                let index = Index::ZERO.plus(node.service.len());
                self.step(id, Input::Applied { index });
            }
            Some(Apply::Snapshot(snapshot)) => {
                let effects = self.nodes[id].server.step(Input::CondInstallSnapshot(snapshot.clone()));
                if *effects.outcome() == Outcome::Installed {
                    self.installed += 1;
                    self.nodes[id].service = snapshot.data;
                }
                self.carry_out(id, effects);
            }
        }
    }

    fn take_snapshot(&mut self, id: usize) {
        let data = self.nodes[id].service.clone();
        self.step(id, Input::SnapshotTaken { index: Index::ZERO.plus(data.len()), data });
    }

    /// What was not durable is gone, and the service starts from the snapshot on the disk.
    fn crash(&mut self, id: usize) {
        self.crashes += 1;
        let node = &mut self.nodes[id];
        node.waiting = Batch::default();
        let config = node.server.config();
        node.server = Server::new(node.server.id(), config, node.disk.clone()).unwrap();
        node.service = node.disk.log.snapshot().map_or_else(State::new, |snapshot| snapshot.data.clone());
    }

    fn lose_a_message(&mut self) {
        if !self.network.is_empty() {
            let lost = self.below(self.network.len());
            self.network.swap_remove(lost);
        }
    }

    /// Any message may be next; a duplicated one is left in the network to arrive again.
    fn deliver(&mut self, duplicate: bool) {
        if self.network.is_empty() {
            return;
        }
        let next = self.below(self.network.len());
        let envelope = if duplicate { self.network[next].clone() } else { self.network.swap_remove(next) };
        self.step(usize::from(envelope.to.0), Input::Receive(envelope));
    }

    /// The properties of the paper's Figure 3 that can be seen in one state.
    pub fn check(&mut self) {
        let seed = self.seed;
        for node in &self.nodes {
            let common = node.service.len().min(self.history.len());
            assert_eq!(node.service[..common], self.history[..common], "seed {seed}: state machine safety");
            if node.service.len() > common {
                self.history.clone_from(&node.service);
            }
            let server = &node.server;
            assert!(server.log().base_index() <= server.last_applied(), "seed {seed}");
            assert!(server.last_applied() <= server.commit_index(), "seed {seed}");
            assert!(server.commit_index() <= server.log().last_index(), "seed {seed}");
        }
        for (place, one) in self.nodes.iter().enumerate() {
            for other in &self.nodes[..place] {
                self.check_log_matching(&one.server, &other.server);
            }
        }
        let newest =
            self.nodes.iter().filter(|node| node.server.is_leader()).max_by_key(|n| n.server.current_term());
        if let Some(leader) = newest {
            let holds = leader.server.log().last_index();
            let committed = self.nodes.iter().map(|n| n.server.commit_index()).max();
            let newer = self.nodes.iter().any(|n| n.server.current_term() > leader.server.current_term());
            assert!(newer || Some(holds) >= committed, "seed {seed}: leader completeness");
        }
    }

    /// Log matching: from the last index at which both have the same term, downwards, the logs are the same.
    fn check_log_matching(&self, one: &Server<Command, State>, other: &Server<Command, State>) {
        let mut index = one.log().last_index().min(other.log().last_index());
        let mut same = false;
        while let (Some(a), Some(b)) = (one.log().entry(index), other.log().entry(index)) {
            same |= a.term == b.term;
            assert!(!same || a == b, "seed {}: log matching at index {index}", self.seed);
            index = index.prev();
        }
    }
}
