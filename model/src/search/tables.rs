//! All parts of all states of a cluster, and the steps between them, each computed once.

use crate::cluster::action::Used;
use crate::cluster::clients::Clients;
use crate::cluster::event::NodeEvent;
use crate::cluster::history::History;
use crate::cluster::node::{Envelope, Node};
use crate::cluster::prefix::{Command, Prefix};
use crate::cluster::state::{EnvelopeId, HistoryId, NodeId, State};
use crate::properties::invariants::{self, CommitCheck};
use crate::properties::{Safety, SafetySet};
use crate::search::births::Birth;
use crate::search::hashed::digest;
use crate::search::intern::{Id, Interner};
use crate::search::memo::{Cache, Memo, key_parts, memo_key};
use crate::search::symmetry::{Hashes, Interned, Named, Parts, Renamings};
use figure2_core::{Index, RuleSet, ServerId};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::sync::OnceLock;
use thread_local::ThreadLocal;

/// An event that was tried on a node, and what came of it: none where it cannot happen to the node.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// The node before.
    pub node: NodeId,
    /// The event.
    pub event: NodeEvent<EnvelopeId>,
    /// The step.
    pub step: Option<StepId>,
}

/// What comes of an event.
#[derive(Debug)]
pub struct Step {
    /// The node afterwards.
    pub node: NodeId,
    /// What it sent.
    pub sent: SmallVec<[EnvelopeId; 4]>,
    /// The rules that fired.
    pub rules: RuleSet,
    /// Whether the server won an election.
    pub elected: bool,
    /// The server's commit_index afterwards; 0 when it is down.
    pub commit_index: Index,
    /// The command that the server took from a client.
    pub took: Option<Command>,
    /// What its service had applied before.
    pub had_applied: Prefix,
    /// Whether a client could notice anything.
    pub concerns_clients: bool,
    /// Whom a leader tells to stand for election.
    pub told_to_stand: Option<ServerId>,
    /// What it changes of a state's sums: the node, and all that was sent.
    pub change: Hashes,
}

/// The number of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepId(u32);

impl StepId {
    /// The step of a number that was given out.
    pub fn of(number: u32) -> StepId {
        StepId(number)
    }
}

/// No step: the event cannot happen to the node.
const IMPOSSIBLE: u32 = u32::MAX;

/// The parts and the steps. They are only ever added; searches of one cluster share them.
pub struct Tables {
    renamings: Renamings,
    nodes: Interner<Interned<Node>>,
    envelopes: Interner<Interned<Envelope>>,
    histories: Interner<Interned<History>>,
    steps: boxcar::Vec<Step>,
    memos: ThreadLocal<RefCell<Memo>>,
    births: OnceLock<Births>,
}

/// How parts came to be since it is noted.
struct Births {
    /// How many nodes, messages, histories and steps there were before.
    before: [u32; 4],
    all: boxcar::Vec<Birth>,
}

impl Tables {
    /// For a cluster of that many servers; parts are hashed by this seed.
    pub fn new(servers: u8, seed: u64) -> Tables {
        Tables {
            renamings: Renamings::of(servers, seed),
            nodes: Interner::default(),
            envelopes: Interner::default(),
            histories: Interner::default(),
            steps: boxcar::Vec::new(),
            memos: ThreadLocal::new(),
            births: OnceLock::new(),
        }
    }

    /// From now on it is noted how parts come to be.
    pub fn record(&self) {
        let [nodes, envelopes, histories] = self.parts();
        let before = [nodes, envelopes, histories, u32::try_from(self.steps.count()).unwrap_or(u32::MAX)];
        self.births.get_or_init(|| Births { before, all: boxcar::Vec::new() });
    }

    /// How many nodes, messages, histories and steps there were before it was noted.
    pub fn before_births(&self) -> [u32; 4] {
        self.births.get().map_or([0; 4], |births| births.before)
    }

    /// How parts came to be, from a place on, until now. Threads may note more meanwhile: each has noted all that is in its own
    /// states, and in those that it was handed.
    pub fn births(&self, from: usize) -> impl Iterator<Item = Birth> {
        let births = self.births.get();
        let until = births.map_or(0, |births| births.all.count());
        (from..until).filter_map(move |place| {
            let all = &births?.all;
            loop {
                // Another thread has taken this place, and is about to fill it.
                match all.get(place) {
                    Some(birth) => return Some(birth.clone()),
                    None => std::thread::yield_now(),
                }
            }
        })
    }

    fn note(&self, birth: impl FnOnce() -> Birth) {
        if let Some(births) = self.births.get() {
            births.all.push(birth());
        }
    }

    /// How many nodes, messages and histories there are.
    pub fn parts(&self) -> [u32; 3] {
        let parts = [self.nodes.len(), self.envelopes.len(), self.histories.len()];
        parts.map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// The node of a number that was given out.
    pub fn node_id(&self, number: u32) -> NodeId {
        self.nodes.id(number)
    }

    /// The message of a number that was given out.
    pub fn envelope_id(&self, number: u32) -> EnvelopeId {
        self.envelopes.id(number)
    }

    /// The history of a number that was given out.
    pub fn history_id(&self, number: u32) -> HistoryId {
        self.histories.id(number)
    }

    /// The number of a node.
    pub fn intern_node(&self, node: Node) -> NodeId {
        self.intern(&self.nodes, node)
    }

    /// The number of a message.
    pub fn intern_envelope(&self, envelope: Envelope) -> EnvelopeId {
        self.intern(&self.envelopes, envelope)
    }

    /// The number of a history.
    pub fn intern_history(&self, history: History) -> HistoryId {
        self.intern(&self.histories, history)
    }

    fn intern<T: Named>(&self, values: &Interner<Interned<T>>, content: T) -> Id<Interned<T>> {
        let same = |interned: &Interned<T>, content: &T| interned.content == *content;
        values.intern(digest(&content), content, same, |content| Interned::new(content, &self.renamings))
    }

    /// The node of a number.
    pub fn node(&self, id: NodeId) -> &Interned<Node> {
        self.nodes.get(id)
    }

    /// The message of a number.
    pub fn envelope(&self, id: EnvelopeId) -> &Interned<Envelope> {
        self.envelopes.get(id)
    }

    /// The history of a number.
    pub fn history(&self, id: HistoryId) -> &Interned<History> {
        self.histories.get(id)
    }

    /// The step of a number.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.0 as usize]
    }

    /// The key under which it is remembered what comes of an event.
    pub fn step_key(node: NodeId, event: NodeEvent<EnvelopeId>) -> u64 {
        memo_key(node.number(), event.map(|message| message.number()).code())
    }

    /// Reads where the answers to these questions are, all at once. The sum is of no use.
    pub fn touch_steps(&self, step_keys: impl Iterator<Item = u64>) -> u64 {
        let memo = self.memos.get_or_default().borrow();
        step_keys.fold(0, |sum, step_key| sum.wrapping_add(memo.steps.touch(step_key)))
    }

    /// Reads what is known of a step.
    pub fn touch_step(&self, id: StepId) -> u64 {
        let step = self.step(id);
        u64::from(step.node.number()).wrapping_add(step.change.first()).wrapping_add(step.commit_index.0)
    }

    /// Reads what is known of a node, and the places of what is remembered of it and these.
    pub fn touch_node(&self, id: NodeId) -> u64 {
        let node = self.node(id);
        node.hashes().first().wrapping_add(u64::from(node.content.server.is_some()))
    }

    /// Reads where the verdicts on a node are, beside a history and others.
    pub fn touch_verdicts(&self, node: NodeId, history: HistoryId, pairs: impl Iterator<Item = u64>) -> u64 {
        let memo = self.memos.get_or_default().borrow();
        let first = memo.commit_checks.touch(memo_key(node.number(), history.number()));
        pairs.fold(first, |sum, pair| sum.wrapping_add(memo.pairs.touch(pair)))
    }

    /// What comes of an event; `compute` is asked the first time.
    pub fn step_of(
        &self,
        node: NodeId,
        event: NodeEvent<EnvelopeId>,
        compute: impl FnOnce(&Node) -> Option<Step>,
    ) -> Option<StepId> {
        let number = self.remembered(
            |memo| &mut memo.steps,
            Self::step_key(node, event),
            || {
                let Some(step) = compute(&self.node(node).content) else { return IMPOSSIBLE };
                let (after, sent) = (step.node.number(), step.sent.clone());
                let number = u32::try_from(self.steps.push(step)).unwrap_or(IMPOSSIBLE);
                self.note(|| Birth::Step {
                    node: node.number(),
                    event: event.map(|message| message.number()).code(),
                    number,
                    after,
                    sent: sent.iter().map(|envelope| envelope.number()).collect(),
                });
                number
            },
        );
        (number != IMPOSSIBLE).then_some(StepId(number))
    }

    /// The history after a step: a new one if the step won an election, moved a commit_index beyond what is committed
    /// so far, or was noticed by a client.
    pub fn history_after(&self, before: HistoryId, id: StepId) -> HistoryId {
        let step = self.step(id);
        let old = &self.history(before).content;
        let clients_care = step.concerns_clients && old.clients.is_some();
        if !step.elected && step.commit_index <= old.committed_through() && !clients_care {
            return before;
        }
        let number = self.remembered(
            |memo| &mut memo.histories,
            memo_key(before.number(), id.0),
            || {
                let mut history = old.clone();
                let node = &self.node(step.node).content;
                if let Some(server) = &node.server {
                    if step.elected {
                        history.record_election(server);
                    }
                    history.record_commits(server);
                }
                if let Some(clients) = &mut history.clients {
                    tell_clients(clients, node, step);
                }
                let after = self.intern_history(history).number();
                self.note(|| Birth::History { before: before.number(), step: id.0, after });
                after
            },
        );
        self.histories.id(number)
    }

    /// The history after a step that broke a promise about several nodes.
    pub fn history_with(&self, before: HistoryId, broken: Safety) -> HistoryId {
        let mut history = self.history(before).content.clone();
        history.violations.insert(broken);
        let after = self.intern_history(history);
        let (before, safety) = (before.number(), broken as u8);
        self.note(|| Birth::Broken { before, safety, after: after.number() });
        after
    }

    /// A node judged against a history.
    pub fn commit_check(&self, node: NodeId, history: HistoryId) -> CommitCheck {
        let answer = self.remembered(
            |memo| &mut memo.commit_checks,
            memo_key(node.number(), history.number()),
            || invariants::of_node_in(&self.node(node).content, &self.history(history).content).packed(),
        );
        CommitCheck::unpacked(answer)
    }

    /// The key under which it is remembered what two nodes break between them.
    pub fn pair_key(one: NodeId, other: NodeId) -> u64 {
        memo_key(one.number(), other.number())
    }

    /// What two nodes break between them.
    pub fn pair_breaks(&self, one: NodeId, other: NodeId) -> SafetySet {
        let answer = self.remembered(
            |memo| &mut memo.pairs,
            Self::pair_key(one, other),
            || invariants::of_pair(&self.node(one).content, &self.node(other).content).packed(),
        );
        SafetySet::unpacked(answer)
    }

    /// What a step from one node to another changes of a state's sums.
    pub fn change(&self, before: NodeId, after: NodeId, sent: &[EnvelopeId]) -> Hashes {
        let mut change = Hashes::none(&self.renamings);
        change.take_out(self.node(before).hashes());
        change.add(self.node(after).hashes());
        sent.iter().for_each(|envelope| change.add(self.envelope(*envelope).hashes()));
        change
    }

    /// The sums over a state's parts. Those of a state that follows differ by little, so its key costs less than a new sum.
    pub fn sums(&self, state: &State) -> Hashes {
        let mut sums = Hashes::none(&self.renamings);
        sums.add(self.history(state.history).hashes());
        state.nodes.iter().for_each(|node| sums.add(self.node(*node).hashes()));
        state.network.envelopes().iter().for_each(|envelope| sums.add(self.envelope(*envelope).hashes()));
        sums
    }

    /// The key of the state with these sums: what [`key`](Self::key) says of it.
    pub fn key_of_sums(&self, sums: &Hashes, used: Used, symmetry: bool) -> u64 {
        sums.key(used.packed(), symmetry, &self.renamings)
    }

    /// The key of a state: its own, or with symmetry the one that it shares with all its renamings.
    pub fn key(&self, state: &State, symmetry: bool) -> u64 {
        let mut parts = Parts::new(state.used.packed());
        parts.add(self.history(state.history));
        state.nodes.iter().for_each(|node| parts.add(self.node(*node)));
        state.network.envelopes().iter().for_each(|envelope| parts.add(self.envelope(*envelope)));
        if symmetry { parts.symmetric_key(&self.renamings) } else { parts.key() }
    }

    /// All that was tried so far.
    pub fn tried(&mut self) -> Vec<Tried> {
        let (nodes, envelopes) = (&self.nodes, &self.envelopes);
        let asked = self.memos.iter_mut().flat_map(|memo| memo.get_mut().steps.all());
        let tried = asked.filter_map(|(memo_key, answer)| {
            let (node, code) = key_parts(memo_key);
            let event = NodeEvent::of_code(code)?.map(|number| envelopes.id(*number));
            Some(Tried {
                node: nodes.id(node),
                event,
                step: (answer != IMPOSSIBLE).then_some(StepId(answer)),
            })
        });
        tried.collect()
    }

    fn remembered(
        &self,
        answers: impl Fn(&mut Memo) -> &mut Cache,
        memo_key: u64,
        compute: impl FnOnce() -> u32,
    ) -> u32 {
        let memo = self.memos.get_or_default();
        if let Some(answer) = answers(&mut memo.borrow_mut()).get(memo_key) {
            return answer;
        }
        let answer = compute();
        answers(&mut memo.borrow_mut()).insert(memo_key, answer);
        answer
    }
}

/// What clients notice of a step.
fn tell_clients(clients: &mut Clients, node: &Node, step: &Step) {
    let Some(server) = &node.server else { return clients.stopped(node.id) };
    if let Some(command) = step.took {
        clients.took(node.id, server.log().last_index(), command);
    }
    if !node.installed {
        let mut before = step.had_applied;
        for command in node.service.beyond(step.had_applied) {
            clients.applied(node.id, command, before);
            before.push(command);
        }
    }
}
