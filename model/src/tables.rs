//! All parts of all states of a cluster, and the steps between them, each computed once.

use crate::clients::Clients;
use crate::event::NodeEvent;
use crate::hashed::digest;
use crate::history::History;
use crate::host::{Host, Letter};
use crate::intern::{Id, Interner};
use crate::judge::{self, Standing};
use crate::memo::{Answers, Memo, asked_about, question};
use crate::prefix::{Command, Prefix};
use crate::properties::SafetySet;
use crate::state::{HistoryId, HostId, LetterId, State};
use crate::symmetry::{Card, Named, Parts, Renamings};
use figure2_core::{Index, RuleSet};
use smallvec::SmallVec;
use std::cell::RefCell;
use thread_local::ThreadLocal;

/// A number for an event.
fn code(event: NodeEvent<LetterId>) -> u32 {
    let (kind, operand) = match event {
        NodeEvent::Receive(letter) => (0, letter.number()),
        NodeEvent::ElectionTimeout => (1, 0),
        NodeEvent::HeartbeatTimeout => (2, 0),
        NodeEvent::ClientRequest(command) => (3, u32::from(command.0)),
        NodeEvent::Crash(kept) => (4, u32::from(kept)),
        NodeEvent::TornCrash => (5, 0),
        NodeEvent::Restart => (6, 0),
        NodeEvent::Write(steps) => (7, u32::from(steps)),
        NodeEvent::FailWrite => (8, 0),
        NodeEvent::Apply => (9, 0),
        NodeEvent::TakeSnapshot => (10, 0),
        NodeEvent::AnswerSnapshot => (11, 0),
        NodeEvent::Replicate => (12, 0),
        NodeEvent::SendCommit => (13, 0),
    };
    operand << 4 | kind
}

/// The event of a number.
fn event_of(code: u32, letter: impl FnOnce(u32) -> LetterId) -> Option<NodeEvent<LetterId>> {
    let operand = code >> 4;
    let small = operand.to_le_bytes()[0];
    Some(match code & 15 {
        0 => NodeEvent::Receive(letter(operand)),
        1 => NodeEvent::ElectionTimeout,
        2 => NodeEvent::HeartbeatTimeout,
        3 => NodeEvent::ClientRequest(Command(small)),
        4 => NodeEvent::Crash(small),
        5 => NodeEvent::TornCrash,
        6 => NodeEvent::Restart,
        7 => NodeEvent::Write(small),
        8 => NodeEvent::FailWrite,
        9 => NodeEvent::Apply,
        10 => NodeEvent::TakeSnapshot,
        11 => NodeEvent::AnswerSnapshot,
        12 => NodeEvent::Replicate,
        13 => NodeEvent::SendCommit,
        _ => return None,
    })
}

/// An event that was tried on a machine, and what came of it: none where it cannot happen to the machine.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// The machine before.
    pub host: HostId,
    /// The event.
    pub event: NodeEvent<LetterId>,
    /// The step.
    pub step: Option<StepId>,
}

/// What comes of an event.
#[derive(Debug)]
pub struct Step {
    /// The machine afterwards.
    pub host: HostId,
    /// What it sent.
    pub sent: SmallVec<[LetterId; 4]>,
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
}

/// The number of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepId(u32);

/// No step: the event cannot happen to the machine.
const IMPOSSIBLE: u32 = u32::MAX;

/// The parts and the steps. They are only ever added; searches of one cluster share them.
pub struct Tables {
    renamings: Renamings,
    hosts: Interner<Card<Host>>,
    letters: Interner<Card<Letter>>,
    histories: Interner<Card<History>>,
    steps: boxcar::Vec<Step>,
    memos: ThreadLocal<RefCell<Memo>>,
}

impl Tables {
    /// For a cluster of that many servers.
    pub fn new(servers: u8) -> Tables {
        Tables {
            renamings: Renamings::of(servers),
            hosts: Interner::default(),
            letters: Interner::default(),
            histories: Interner::default(),
            steps: boxcar::Vec::new(),
            memos: ThreadLocal::new(),
        }
    }

    /// The number of a machine.
    pub fn intern_host(&self, host: Host) -> HostId {
        self.intern(&self.hosts, host)
    }

    /// The number of a message.
    pub fn intern_letter(&self, letter: Letter) -> LetterId {
        self.intern(&self.letters, letter)
    }

    /// The number of a history.
    pub fn intern_history(&self, history: History) -> HistoryId {
        self.intern(&self.histories, history)
    }

    fn intern<T: Named>(&self, values: &Interner<Card<T>>, content: T) -> Id<Card<T>> {
        let same = |card: &Card<T>, content: &T| card.content == *content;
        values.intern(digest(&content), content, same, |content| Card::new(content, &self.renamings))
    }

    /// The machine of a number.
    pub fn host(&self, id: HostId) -> &Card<Host> {
        self.hosts.get(id)
    }

    /// The message of a number.
    pub fn letter(&self, id: LetterId) -> &Card<Letter> {
        self.letters.get(id)
    }

    /// The history of a number.
    pub fn history(&self, id: HistoryId) -> &Card<History> {
        self.histories.get(id)
    }

    /// The step of a number.
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.0 as usize]
    }

    /// What comes of an event; `compute` is asked the first time.
    pub fn step_of(
        &self,
        host: HostId,
        event: NodeEvent<LetterId>,
        compute: impl FnOnce(&Host) -> Option<Step>,
    ) -> Option<StepId> {
        let number = self.remembered(
            |memo| &mut memo.steps,
            question(host.number(), code(event)),
            || {
                let step = compute(&self.host(host).content);
                step.map_or(IMPOSSIBLE, |step| u32::try_from(self.steps.push(step)).unwrap_or(IMPOSSIBLE))
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
            question(before.number(), id.0),
            || {
                let mut history = old.clone();
                let host = &self.host(step.host).content;
                if let Some(server) = &host.server {
                    if step.elected {
                        history.record_election(server);
                    }
                    history.record_commits(server);
                }
                if let Some(clients) = &mut history.clients {
                    tell_clients(clients, host, step);
                }
                self.intern_history(history).number()
            },
        );
        self.histories.id(number)
    }

    /// A machine judged against a history.
    pub fn standing(&self, host: HostId, history: HistoryId) -> Standing {
        let answer = self.remembered(
            |memo| &mut memo.standings,
            question(host.number(), history.number()),
            || judge::of_host_in(&self.host(host).content, &self.history(history).content).packed(),
        );
        Standing::unpacked(answer)
    }

    /// What two machines break between them.
    pub fn pair_breaks(&self, one: HostId, other: HostId) -> SafetySet {
        let answer = self.remembered(
            |memo| &mut memo.pairs,
            question(one.number(), other.number()),
            || judge::of_pair(&self.host(one).content, &self.host(other).content).packed(),
        );
        SafetySet::unpacked(answer)
    }

    /// The key of a state: its own, or with symmetry the one that it shares with all its renamings.
    pub fn key(&self, state: &State, symmetry: bool) -> u64 {
        let mut parts = Parts::new(state.used.packed());
        parts.add(self.history(state.history));
        state.hosts.iter().for_each(|host| parts.add(self.host(*host)));
        state.network.letters().iter().for_each(|letter| parts.add(self.letter(*letter)));
        if symmetry { parts.symmetric_key(&self.renamings) } else { parts.key() }
    }

    /// All that was tried so far.
    pub fn tried(&mut self) -> Vec<Tried> {
        let (hosts, letters) = (&self.hosts, &self.letters);
        let asked = self.memos.iter_mut().flat_map(|memo| memo.get_mut().steps.all());
        let tried = asked.filter_map(|(question, answer)| {
            let (host, code) = asked_about(question);
            let event = event_of(code, |number| letters.id(number))?;
            Some(Tried {
                host: hosts.id(host),
                event,
                step: (answer != IMPOSSIBLE).then_some(StepId(answer)),
            })
        });
        tried.collect()
    }

    fn remembered(
        &self,
        answers: impl Fn(&mut Memo) -> &mut Answers,
        question: u64,
        compute: impl FnOnce() -> u32,
    ) -> u32 {
        let memo = self.memos.get_or_default();
        if let Some(answer) = answers(&mut memo.borrow_mut()).get(question) {
            return answer;
        }
        let answer = compute();
        answers(&mut memo.borrow_mut()).insert(question, answer);
        answer
    }
}

/// What clients notice of a step.
fn tell_clients(clients: &mut Clients, host: &Host, step: &Step) {
    let Some(server) = &host.server else { return clients.stopped(host.id) };
    if let Some(command) = step.took {
        clients.took(host.id, server.log().last_index(), command);
    }
    if !host.installed {
        let mut before = step.had_applied;
        for command in host.service.beyond(step.had_applied) {
            clients.applied(host.id, command, before);
            before.push(command);
        }
    }
}
