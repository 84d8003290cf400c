//! One run of one server, written in etcd's form.

use super::line::{Line, Told, number};
use crate::convert::{ReplayPayload, same_changes, same_state};
use figure2::RoleName;
use figure2::record::{Sent, State, Step};
use figure2_core::{
    AppendResult, Batch, Config, Effects, Envelope, Index, Input, Message, Outcome, Persistent, Rule, Server,
    ServerId, Term,
};
use std::collections::BTreeMap;
use std::convert::Infallible;

type Disk = Persistent<ReplayPayload, ReplayPayload>;

/// What a write holds.
#[derive(Clone, Copy)]
struct Written {
    term: Term,
    last: Index,
}

pub(super) struct Actor {
    pub(super) run: u32,
    id: ServerId,
    voters: Vec<String>,
    server: Server<ReplayPayload, ReplayPayload>,
    /// How many writes of this run began, and how many will be durable.
    writes: u64,
    durable: u64,
    /// Some step since the last write changed something.
    unwritten: bool,
    writing: Option<Written>,
    done: Option<Written>,
    /// Queued, and no Ready has told of it.
    waiting: Vec<Sent>,
    /// It waits for its own vote in this term to be durable.
    own_vote: Option<Term>,
    /// It leads, and waits for its own entries up to these to be durable.
    own_entries: Vec<Index>,
    /// It leads, and each server is known to have these.
    matched: BTreeMap<ServerId, Index>,
}

impl Actor {
    /// A server that starts, and its first lines. Of its writes, the first `durable` will be.
    pub(super) fn start(
        server: u8,
        run: u32,
        config: Config,
        persistent: Disk,
        durable: u64,
    ) -> anyhow::Result<(Actor, Vec<Line>)> {
        let id = ServerId(server);
        let server = Server::new(id, config, persistent)?;
        let voters: Vec<String> = config.voters.iter().map(number).collect();
        let loaded = State::of(&server);
        let nothing = State { current_term: Term::ZERO, voted_for: None, ..loaded };
        let lines = vec![
            // That form tells of a start before term and vote are loaded.
            Line::new("InitState", id, &nothing, &[]),
            Line::new("ApplyConfChange", id, &nothing, &[]).brings(&voters),
            Line::new("BecomeFollower", id, &loaded, &voters),
        ];
        let actor = Actor {
            run,
            id,
            voters,
            server,
            writes: 0,
            durable,
            unwritten: false,
            writing: None,
            done: None,
            waiting: Vec::new(),
            own_vote: None,
            own_entries: Vec::new(),
            matched: BTreeMap::new(),
        };
        Ok((actor, lines))
    }

    fn line(&self, name: &'static str, state: &State) -> Line {
        Line::new(name, self.id, state, &self.voters)
    }

    /// The lines of a step; none if the core takes it otherwise.
    pub(super) fn step(&mut self, step: Step<ReplayPayload, ReplayPayload>) -> Option<Vec<Line>> {
        let Step { input, outcome, changes, state: after } = step;
        let before = State::of(&self.server);
        let effects = self.server.step(input.clone());
        let is_same = *effects.outcome() == outcome && same_changes(effects.record().changes(), &changes);
        if !is_same || !same_state(State::of(&self.server), after) {
            return None;
        }
        self.unwritten |= !changes.is_empty();
        let done = self.done.take();
        let mut lines = Vec::new();
        if let Outcome::Rejected(_) = outcome {
            return Some(lines);
        }
        let mut shown = before;
        match &input {
            // As if it had been lost: it changes nothing, and is not answered.
            Input::Receive(_) if effects.rules().contains(Rule::CQ2) => {}
            Input::Receive(envelope) => self.receives(envelope, &mut shown, &after, &mut lines),
            Input::ElectionTimeout if after.role == RoleName::Candidate => self.stands(&after, &mut lines),
            Input::ElectionTimeout if before.role == RoleName::Leader && after.role == RoleName::Follower => {
                self.steps_down(&before, &after, &mut shown, &mut lines);
            }
            Input::Propose(_) if after.last_log_index > before.last_log_index => {
                lines.push(self.line("Replicate", &before));
                let entries = Told::own_entries(self.id, after.current_term.0, after.last_log_index);
                lines.push(self.line(entries.sending(), &after).about(entries));
                self.own_entries.push(after.last_log_index);
            }
            Input::Persisted(_) => self.hears_itself(done, &mut shown, &after, &mut lines),
            Input::CondInstallSnapshot(_) if outcome == Outcome::Installed => {
                // A snapshot comes with its configuration.
                lines.push(self.line("ApplyConfChange", &after).brings(&self.voters));
            }
            _ => {}
        }
        self.sends(effects, &shown, &after, &mut lines);
        Some(lines)
    }

    /// The node is a candidate from here on.
    fn stands(&mut self, after: &State, lines: &mut Vec<Line>) {
        self.own_vote = Some(after.current_term);
        lines.push(self.line("BecomeCandidate", after));
        let vote = Told::own_vote(self.id, after.current_term.0);
        lines.push(self.line(vote.sending(), after).about(vote));
    }

    /// The node is a follower from here on.
    fn steps_down(&mut self, before: &State, after: &State, shown: &mut State, lines: &mut Vec<Line>) {
        let voted_for = if after.current_term > before.current_term { None } else { before.voted_for };
        *shown = State { current_term: after.current_term, voted_for, role: RoleName::Follower, ..*before };
        lines.push(self.line("BecomeFollower", shown));
        (self.own_vote, self.own_entries) = (None, Vec::new());
        self.matched.clear();
    }

    fn leads(&mut self, shown: &mut State, after: &State, lines: &mut Vec<Line>) {
        if shown.role == RoleName::Candidate && after.role == RoleName::Leader {
            shown.role = RoleName::Leader;
            lines.push(self.line("BecomeLeader", shown));
            self.own_entries.clear();
            self.matched = BTreeMap::from([(self.id, shown.last_log_index)]);
        }
    }

    /// A leader hears that a server has its log up to an index.
    fn hears(&mut self, of: ServerId, index: Index, after: &State, lines: &mut Vec<Line>) {
        let matched = self.matched.entry(of).or_insert(Index::ZERO);
        if index > *matched {
            *matched = index;
            lines.push(self.line("Commit", after));
        }
    }

    fn receives(
        &mut self,
        envelope: &Envelope<ReplayPayload, ReplayPayload>,
        shown: &mut State,
        after: &State,
        lines: &mut Vec<Line>,
    ) {
        let before = *shown;
        if let Some(told) = Told::of(envelope) {
            lines.push(self.line(told.receiving(), &before).about(told));
        }
        let is_newer = after.current_term > before.current_term;
        if is_newer && after.role == RoleName::Candidate {
            // A majority would vote for it, or a leader told it to stand.
            self.own_entries.clear();
            self.matched.clear();
            *shown = *after;
            return self.stands(after, lines);
        }
        if after.role == RoleName::Follower && (is_newer || before.role != RoleName::Follower) {
            self.steps_down(&before, after, shown, lines);
        }
        self.leads(shown, after, lines);
        if let Message::AppendEntriesReply(reply) = &envelope.message
            && let AppendResult::Success { match_index } = reply.result
            && reply.term == before.current_term
            && before.role == RoleName::Leader
            && after.role == RoleName::Leader
        {
            self.hears(envelope.from, match_index, after, lines);
        }
    }

    /// A write is durable: a candidate hears its own vote, a leader that it has its entries. Of several acknowledgements
    /// that one write makes true, the last is told.
    fn hears_itself(
        &mut self,
        done: Option<Written>,
        shown: &mut State,
        after: &State,
        lines: &mut Vec<Line>,
    ) {
        let Some(Written { term, last }) = done else { return };
        if self.own_vote.is_some_and(|voted| voted == term && shown.role == RoleName::Candidate) {
            self.own_vote = None;
            let vote = Told::own_vote(self.id, term.0);
            lines.push(self.line(vote.receiving(), shown).about(vote));
        }
        self.leads(shown, after, lines);
        if shown.role != RoleName::Leader || term != shown.current_term {
            return;
        }
        let durable = self.own_entries.iter().take_while(|index| **index <= last).count();
        let heard: Vec<Index> = self.own_entries.drain(..durable).collect();
        if let Some(index) = heard.last().copied() {
            let entries = Told::own_entries(self.id, term.0, index);
            lines.push(self.line(entries.receiving(), shown).about(entries));
            self.hears(self.id, index, after, lines);
        }
    }

    /// What the step leaves to be sent.
    fn sends(
        &mut self,
        mut effects: Effects<ReplayPayload, ReplayPayload>,
        shown: &State,
        after: &State,
        lines: &mut Vec<Line>,
    ) {
        let early = effects.take_early();
        let may_leave = !early.is_empty();
        let mut batch = Batch::default();
        batch.push((), effects);
        let Ok(done) = batch.persist(|_| Ok::<(), Infallible>(()));
        let released = done.released.into_iter().flat_map(|released| released.messages);
        for envelope in released.chain(early) {
            let Some(told) = Told::of(&envelope) else { continue };
            // The answer to a candidate is told before the vote is noted.
            let state = match envelope.message {
                Message::RequestVoteReply(_) => State { current_term: after.current_term, ..*shown },
                _ => *after,
            };
            lines.push(self.line(told.sending(), &state).about(told));
            self.waiting.push(Sent::of(&envelope));
        }
        let is_saved = !self.unwritten && self.writing.is_none();
        if may_leave || (is_saved && !self.waiting.is_empty()) {
            lines.push(self.ready());
        }
    }

    /// What is queued is handed over.
    fn ready(&mut self) -> Line {
        self.waiting.clear();
        self.line("Ready", &State::of(&self.server))
    }

    /// A write begins. One that a crash takes is not told: in that form, what a Ready told is on the disk.
    pub(super) fn write(&mut self) -> Vec<Line> {
        let (term, last) = (self.server.current_term(), self.server.log().last_index());
        self.writing = Some(Written { term, last });
        self.unwritten = false;
        self.writes += 1;
        if self.writes <= self.durable { vec![self.ready()] } else { Vec::new() }
    }

    /// The write is durable.
    pub(super) fn durable(&mut self) -> Vec<Line> {
        self.done = self.writing.take();
        if self.unwritten || self.waiting.is_empty() { Vec::new() } else { vec![self.ready()] }
    }

    /// A message leaves.
    pub(super) fn sent(&mut self, sent: &Sent) -> Vec<Line> {
        if self.waiting.contains(sent) { vec![self.ready()] } else { Vec::new() }
    }
}
