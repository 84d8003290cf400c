//! One step of one node: the core's step, what the node does with its effects, and which properties the step breaks
//! if the rules are wrong. This file contains no rule of the protocol.

use crate::cluster::bounds::Sending;
use crate::cluster::durability::DurabilityPolicy;
use crate::cluster::event::NodeEvent;
use crate::cluster::node::{Envelope, Node, Recovery, TermVote, Unwritten};
use crate::cluster::prefix::{Command, MAX_LOG, Prefix};
use crate::properties::action_properties;
use crate::properties::contact::{self, Contact};
use crate::properties::{Safety, SafetySet};
use figure2_core::{
    Apply, Batch, Change, Config, Durable, Extensions, Index, Input, Outcome, Persisted, Persistent, Rule,
    RuleSet, Rules, Server, ServerId,
};
use smallvec::SmallVec;
use std::convert::Infallible;

/// What came out of a step.
pub struct Stepped {
    /// The node after the step.
    pub node: Node,
    /// What it sent.
    pub sent: Vec<Envelope>,
    /// The rules that fired.
    pub rules: RuleSet,
    /// Whether its election timer started anew.
    pub restarts_timer: bool,
}

impl Stepped {
    /// Nothing was sent, and no rule fired.
    fn silent(node: Node) -> Stepped {
        Stepped { node, sent: Vec::new(), rules: RuleSet::EMPTY, restarts_timer: false }
    }
}

/// Runs steps of nodes under some rules.
pub struct Stepper<'a> {
    pub rules: &'a dyn Rules<Command, Prefix>,
    pub durability: &'a dyn DurabilityPolicy,
    pub config: Config,
    /// Whether services get committed entries within the step.
    pub apply_at_once: bool,
    /// Most steps whose records are not durable yet. 0: what a step asks for is durable within the step.
    pub unwritten: u8,
    /// When a leader sends what it was given.
    pub sending: Sending,
}

impl Stepper<'_> {
    /// What an event does to a node. None when it cannot happen to it.
    pub fn apply_event(&self, before: &Node, event: NodeEvent<&Envelope>) -> Option<Stepped> {
        let mut stepped = self.happens(before, event)?;
        contact::judge(&mut stepped, before, event);
        Some(stepped)
    }

    fn happens(&self, before: &Node, event: NodeEvent<&Envelope>) -> Option<Stepped> {
        match event {
            NodeEvent::Receive(envelope) => self.step(before, [Input::Receive(envelope.clone())]),
            NodeEvent::ElectionTimeout => self.step(before, [Input::ElectionTimeout]),
            NodeEvent::HeartbeatTimeout => self.step(before, [Input::HeartbeatTimeout]),
            NodeEvent::ClientRequest(command) => self.request(before, command),
            NodeEvent::Replicate => self.step(before, [Input::Replicate]),
            NodeEvent::SendCommit => self.step(before, [Input::SendCommit]),
            NodeEvent::TransferLeadership(to) => self.step(before, [Input::TransferLeadership { to }]),
            NodeEvent::Write(steps) => self.write(before, steps),
            NodeEvent::FailWrite => self.fail_write(before),
            NodeEvent::Crash(kept) => self.crash(before, kept).map(Stepped::silent),
            NodeEvent::TornCrash => self.torn_crash(before).map(Stepped::silent),
            NodeEvent::LoseDisk => lose_disk(before).map(Stepped::silent),
            NodeEvent::Restart => self.restart(before),
            NodeEvent::Apply => self.apply(before),
            NodeEvent::TakeSnapshot => self.take_snapshot(before),
            NodeEvent::AnswerSnapshot => self.answer(before),
        }
    }

    /// A client gives the node's server a command.
    fn request(&self, before: &Node, command: Command) -> Option<Stepped> {
        let replicate = (self.sending == Sending::AtOnce).then_some(Input::Replicate);
        self.step(before, [Some(Input::Propose(command)), replicate].into_iter().flatten())
    }

    /// Gives the inputs to the node's server. None when the node is down, or when too much is unwritten.
    fn step(
        &self,
        before: &Node,
        inputs: impl IntoIterator<Item = Input<Command, Prefix>>,
    ) -> Option<Stepped> {
        let mut run = Run::start(self, before);
        run.inputs(inputs)?;
        run.apply_all();
        run.finish(before)
    }

    /// Hands the service what is next, if anything: one entry, or a snapshot to answer.
    fn apply(&self, before: &Node) -> Option<Stepped> {
        let mut run = Run::start(self, before);
        run.deliver_entry()?;
        run.finish(before)
    }

    /// The service answers the snapshot that it was given.
    fn answer(&self, before: &Node) -> Option<Stepped> {
        let mut run = Run::start(self, before);
        let snapshot = run.node.answering.take()?;
        run.inputs([Input::CondInstallSnapshot(snapshot.clone())])?;
        if run.outcome == Outcome::Installed {
            if snapshot.last_included_index <= run.node.service.last_index() {
                run.node.violations.insert(Safety::NothingGoesBack);
            }
            run.node.service = snapshot.data;
            run.node.installed = true;
        }
        run.finish(before)
    }

    /// The service takes a snapshot of what it has applied.
    fn take_snapshot(&self, before: &Node) -> Option<Stepped> {
        let (index, data) = (before.service.last_index(), before.service);
        let is_new = index > before.server.as_ref()?.log().base_index() && before.answering.is_none();
        if is_new { self.step(before, [Input::SnapshotTaken { index, data }]) } else { None }
    }

    /// A write of the records of the `steps` oldest steps becomes durable.
    pub fn write(&self, before: &Node, steps: u8) -> Option<Stepped> {
        let mut run = Run::start(self, before);
        run.write(usize::from(steps), true)?;
        run.apply_all();
        run.finish(before)
    }

    /// A write of the records of all steps fails, and leaves nothing on the disk. The server stops, and what waited
    /// for the write is never sent.
    fn fail_write(&self, before: &Node) -> Option<Stepped> {
        if before.unwritten.is_empty() {
            return None;
        }
        if !self.durability.goes_on_after_failed_write() {
            return Some(Stepped::silent(stopped(before, before.disk.clone())));
        }
        let mut run = Run::start(self, before);
        run.write(before.unwritten.len(), false)?;
        run.apply_all();
        run.finish(before)
    }

    /// The node loses its power: of what was not durable, the disk keeps the records of the `kept` oldest steps.
    fn crash(&self, before: &Node, kept: u8) -> Option<Node> {
        before.server.as_ref()?;
        let mut disk = before.disk.clone();
        for step in before.unwritten.get(..usize::from(kept))? {
            disk.apply_record(step.record().clone());
        }
        // Records that are empty make no difference: the crash that keeps one less is the same.
        let is_same = kept > 0 && before.unwritten.get(usize::from(kept) - 1)?.record().is_empty();
        (!is_same).then(|| stopped(before, disk))
    }

    /// The node loses its power in the middle of the oldest write, if its durability policy lets writes be torn.
    fn torn_crash(&self, before: &Node) -> Option<Node> {
        let mut disk = before.disk.clone();
        for change in before.unwritten.first()?.record().changes() {
            if let Some(torn) = self.durability.torn_write(&disk, change) {
                return Some(stopped(before, torn));
            }
            disk.apply(Change::clone(change));
        }
        None
    }

    /// The node starts from its disk.
    fn restart(&self, before: &Node) -> Option<Stepped> {
        if before.server.is_some() {
            return None;
        }
        let mut node = before.clone();
        let disk = &node.disk;
        let remembers = disk.voted_for.is_some() || disk.log.last_index() > Index::ZERO;
        node.recovery = if remembers { Recovery::Restarted } else { Recovery::None };
        node.service = disk.log.snapshot().map_or(Prefix::default(), |snapshot| snapshot.data);
        let config = Config { extensions: node.extensions, ..self.config };
        node.server = Some(self.rules.restart(node.id, config, disk.clone()));
        // A restart yields no effects, so its rule is noted here.
        let mut rules = RuleSet::EMPTY;
        rules.insert(Rule::P1);
        Some(Stepped { rules, restarts_timer: true, ..Stepped::silent(node) })
    }

    /// A node that has never run.
    pub fn first_start(&self, id: ServerId, extensions: Extensions) -> Node {
        let disk = Persistent::default();
        Node {
            id,
            extensions,
            server: Some(self.rules.restart(id, Config { extensions, ..self.config }, disk.clone())),
            disk,
            unwritten: SmallVec::new(),
            service: Prefix::default(),
            answering: None,
            installed: false,
            term_vote: TermVote::default(),
            recovery: Recovery::None,
            contact: Contact::default(),
            violations: SafetySet::EMPTY,
        }
    }
}

/// A node that is down: only its disk remains.
fn stopped(before: &Node, disk: Persistent<Command, Prefix>) -> Node {
    let mut node = Node {
        id: before.id,
        extensions: before.extensions,
        server: None,
        disk,
        unwritten: SmallVec::new(),
        service: Prefix::default(),
        answering: None,
        installed: false,
        term_vote: before.term_vote,
        recovery: Recovery::None,
        contact: Contact::default(),
        violations: before.violations,
    };
    judge_disk(&mut node, before);
    action_properties::bind(&mut node);
    node
}

/// A node that is down gets an empty disk in the place of its own. None when it is up, or its disk is empty as it is.
fn lose_disk(before: &Node) -> Option<Node> {
    let empty = Persistent::default();
    (before.server.is_none() && before.disk != empty).then(|| stopped(before, empty))
}

/// Notes when a node could not start from its disk any more.
fn judge_disk(node: &mut Node, before: &Node) {
    let parts = before.server.as_ref().map(|server| (server.id(), server.config()));
    if let Some((id, config)) = parts.filter(|_| before.disk != node.disk)
        && Server::new(id, config, node.disk.clone()).is_err()
    {
        node.violations.insert(Safety::Recoverable);
    }
}

/// A step under way.
struct Run<'a> {
    stepper: &'a Stepper<'a>,
    node: Node,
    sent: Vec<Envelope>,
    rules: RuleSet,
    restarts_timer: bool,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn start(stepper: &'a Stepper<'a>, before: &Node) -> Run<'a> {
        let mut node = before.clone();
        node.installed = false;
        let (rules, outcome) = (RuleSet::EMPTY, Outcome::Done);
        Run { stepper, node, sent: Vec::new(), rules, restarts_timer: false, outcome }
    }

    /// One step of the server for each input, all in one batch.
    fn inputs(&mut self, inputs: impl IntoIterator<Item = Input<Command, Prefix>>) -> Option<()> {
        let server = self.node.server.as_mut()?;
        let mut batch = Batch::default();
        for input in inputs {
            let mut effects = self.stepper.rules.step(server, input);
            self.rules = self.rules.union(effects.rules());
            self.restarts_timer |= effects.reset_election_timer();
            self.outcome = effects.outcome().clone();
            if matches!(self.outcome, Outcome::Rejected(_)) {
                self.node.violations.insert(Safety::NoRejection);
            }
            // As early as they may: whenever they really leave, the network could have delayed them until then.
            self.sent.extend(effects.take_early());
            if !effects.is_empty() {
                batch.push((), effects);
            }
        }
        self.take(batch)
    }

    /// What a step asks for waits behind what waits already; what has nothing to wait for leaves at once.
    fn take(&mut self, batch: Batch<Command, Prefix, ()>) -> Option<()> {
        if batch.is_empty() {
            return Some(());
        }
        let nothing_to_write = batch.record().is_empty() && self.node.unwritten.is_empty();
        let mut step = Unwritten { batch, released: false };
        if !nothing_to_write && self.stepper.durability.releases_before_durable(&step) {
            step.released = true;
            self.send(step.clone());
        }
        self.node.unwritten.push(step);
        if nothing_to_write || self.stepper.unwritten == 0 {
            return self.write(self.node.unwritten.len(), true);
        }
        (self.node.unwritten.len() <= usize::from(self.stepper.unwritten)).then_some(())
    }

    /// One write for the oldest steps: all of it or nothing; then what waited for it leaves, and the server learns
    /// that it is durable. `succeeds` is false only for a durability policy that ignores that the write failed.
    fn write(&mut self, steps: usize, succeeds: bool) -> Option<()> {
        if steps == 0 || steps > self.node.unwritten.len() {
            return None;
        }
        let written: SmallVec<[Unwritten; 2]> = self.node.unwritten.drain(..steps).collect();
        let persisted = if succeeds {
            self.make_durable(&written)
        } else {
            written
                .iter()
                .filter(|step| !step.released)
                .filter_map(|step| persist(step.batch.clone()).persisted)
                .next_back()
        };
        for step in written.into_iter().filter(|step| !step.released) {
            self.send(step);
        }
        let Some(persisted) = persisted else { return Some(()) };
        // What the step answers to its caller is not about the write.
        let outcome = self.outcome.clone();
        self.inputs([Input::Persisted(persisted)])?;
        self.outcome = outcome;
        Some(())
    }

    /// Puts the merged record of these steps on the disk, and says what is durable then.
    fn make_durable(&mut self, steps: &[Unwritten]) -> Option<Persisted> {
        let mut batch = Batch::default();
        steps.iter().for_each(|step| batch.join(step.batch.clone()));
        let (disk, durability) = (&mut self.node.disk, self.stepper.durability);
        let written = batch.persist(|record| {
            durability.written(steps, record).into_iter().for_each(|change| disk.apply(change));
            Ok::<(), Infallible>(())
        });
        let Ok(durable) = written;
        durability.persisted(steps, durable.persisted)
    }

    /// Sends what waited for a step's record.
    fn send(&mut self, step: Unwritten) {
        for released in persist(step.batch).released {
            self.sent.extend(released.messages);
        }
    }

    /// Hands the service all that it may have, where that is part of the step.
    fn apply_all(&mut self) {
        if self.stepper.apply_at_once {
            // No log is longer. Broken rules could go on delivering forever.
            for _ in 0..MAX_LOG {
                if self.deliver_entry().is_none() {
                    break;
                }
            }
        }
    }

    /// Hands the service one entry, or a snapshot to answer. None when nothing is due, or when the service is busy
    /// with a snapshot.
    fn deliver_entry(&mut self) -> Option<()> {
        if self.node.answering.is_some() {
            return None;
        }
        match self.stepper.rules.next_apply(self.node.server.as_ref()?, 1)? {
            Apply::Entries { first_index, entries } => {
                if first_index != self.node.service.last_index().next() {
                    self.node.violations.insert(Safety::AppliedInOrder);
                }
                let index = first_index.plus(entries.len()).prev();
                for entry in entries {
                    self.node.service.push(entry.command);
                }
                self.inputs([Input::Applied { index }])?;
            }
            Apply::Snapshot(snapshot) => self.node.answering = Some(snapshot),
        }
        Some(())
    }

    /// Judges the step as a whole.
    fn finish(mut self, before: &Node) -> Option<Stepped> {
        judge_disk(&mut self.node, before);
        action_properties::judge(&mut self.node, before, &self.sent, self.rules);
        let Run { node, sent, rules, restarts_timer, .. } = self;
        Some(Stepped { node, sent, rules, restarts_timer })
    }
}

/// What a batch hands out once its record is durable. The record is not written here.
fn persist<T>(batch: Batch<Command, Prefix, T>) -> Durable<Command, Prefix, T> {
    let Ok(durable) = batch.persist(|_| Ok::<(), Infallible>(()));
    durable
}
