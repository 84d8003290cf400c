//! One step of one machine: the core's step, the write of its record, and what the step breaks if the rules are
//! wrong. No rule of the protocol is here.

use crate::prefix::{Command, MAX_LOG, Prefix};
use crate::properties::Safety;
use crate::state::{Ballot, Host, Recovery};
use figure2_core::{
    AppendResult, Apply, Batch, Config, Envelope, Index, Input, Message, Outcome, Persistent, Role, Rule,
    RuleSet, Rules, Server, ServerId,
};
use std::convert::Infallible;
use std::sync::Arc;

type Inputs<const N: usize> = [Input<Command, Prefix>; N];

/// What came out of a step.
pub struct Stepped {
    /// The machine after the step.
    pub host: Host,
    /// What it sent.
    pub sent: Vec<Envelope<Command, Prefix>>,
    /// The rules that fired.
    pub rules: RuleSet,
}

/// Runs steps of machines under some rules.
pub struct Stepper<'a, R> {
    pub rules: &'a R,
    pub config: Config,
    /// Whether services get committed entries within the step.
    pub apply_at_once: bool,
}

impl<R: Rules<Command, Prefix>> Stepper<'_, R> {
    /// Gives the inputs to the machine's server, and persists. None when the machine is down.
    pub fn step<const N: usize>(&self, before: &Host, inputs: Inputs<N>) -> Option<Stepped> {
        let mut run = Run::start(before.clone());
        run.inputs(self.rules, inputs)?;
        if self.apply_at_once {
            // No log is longer. Broken rules could go on delivering forever.
            for _ in 0..MAX_LOG {
                if run.deliver_entry(self.rules).is_none() {
                    break;
                }
            }
        }
        Some(run.finish(before))
    }

    /// Hands the service what is next, if anything: one entry, or a snapshot to answer.
    pub fn apply(&self, before: &Host) -> Option<Stepped> {
        let mut run = Run::start(before.clone());
        run.deliver_entry(self.rules)?;
        Some(run.finish(before))
    }

    /// The service answers the snapshot that it was given.
    pub fn answer(&self, before: &Host) -> Option<Stepped> {
        let mut run = Run::start(before.clone());
        let snapshot = run.host.answering.take()?;
        run.inputs(self.rules, [Input::CondInstallSnapshot(snapshot.clone())])?;
        if run.outcome == Outcome::Installed {
            if snapshot.last_included_index <= run.host.service.last_index() {
                run.host.breaches.insert(Safety::NothingGoesBack);
            }
            run.host.service = snapshot.data;
            run.host.installed = true;
        }
        Some(run.finish(before))
    }

    /// The service takes a snapshot of what it has applied.
    pub fn take_snapshot(&self, before: &Host) -> Option<Stepped> {
        let (index, data) = (before.service.last_index(), before.service);
        self.step(before, [Input::SnapshotTaken { index, data }])
    }

    /// The machine stops: only its disk remains.
    pub fn crash(&self, before: &Host) -> Host {
        Host {
            server: None,
            disk: Arc::clone(&before.disk),
            service: Prefix::default(),
            answering: None,
            installed: false,
            ballot: before.ballot,
            recovery: Recovery::None,
            breaches: before.breaches,
        }
    }

    /// The machine starts from its disk.
    pub fn restart(&self, id: ServerId, before: &Host) -> Host {
        let mut host = before.clone();
        let persistent: &Persistent<Command, Prefix> = &host.disk;
        let remembers = persistent.voted_for.is_some() || persistent.log.last_index() > Index::ZERO;
        host.recovery = if remembers { Recovery::Restarted } else { Recovery::None };
        host.service = persistent.log.snapshot().map_or(Prefix::default(), |snapshot| snapshot.data);
        host.server = Some(self.rules.restart(id, self.config, persistent.clone()));
        host
    }

    /// A machine that has never run.
    pub fn first_start(&self, id: ServerId) -> Host {
        let disk = Arc::new(Persistent::default());
        Host {
            server: Some(self.rules.restart(id, self.config, Persistent::clone(&disk))),
            disk,
            service: Prefix::default(),
            answering: None,
            installed: false,
            ballot: Ballot::default(),
            recovery: Recovery::None,
            breaches: Default::default(),
        }
    }
}

/// A step under way.
struct Run {
    host: Host,
    sent: Vec<Envelope<Command, Prefix>>,
    rules: RuleSet,
    outcome: Outcome,
}

impl Run {
    fn start(mut host: Host) -> Run {
        host.installed = false;
        Run { host, sent: Vec::new(), rules: RuleSet::EMPTY, outcome: Outcome::Done }
    }

    /// The inputs, one write for all of them, and the word that it is durable, until nothing is left to write: the
    /// disk is never behind.
    fn inputs<R: Rules<Command, Prefix>, const N: usize>(
        &mut self,
        rules: &R,
        inputs: Inputs<N>,
    ) -> Option<()> {
        let server = self.host.server.as_mut()?;
        let mut batch = Batch::default();
        for input in inputs {
            let effects = rules.step(server, input);
            self.rules = self.rules.union(effects.rules());
            self.outcome = effects.outcome().clone();
            if matches!(self.outcome, Outcome::Rejected(_)) {
                self.host.breaches.insert(Safety::NoRejection);
            }
            batch.push((), effects);
        }
        loop {
            let disk = &mut self.host.disk;
            let written = batch.persist(|record| {
                Arc::make_mut(disk).apply_record(record);
                Ok::<(), Infallible>(())
            });
            let durable = match written {
                Ok(durable) => durable,
                Err(never) => match never {},
            };
            for released in durable.released {
                self.sent.extend(released.reply);
                self.sent.extend(released.messages);
            }
            let Some(persisted) = durable.persisted else { return Some(()) };
            let effects = rules.step(server, Input::Persisted(persisted));
            self.rules = self.rules.union(effects.rules());
            batch = Batch::default();
            batch.push((), effects);
        }
    }

    /// Hands the service one entry, or a snapshot to answer. None when nothing is due, or when the service is busy
    /// with a snapshot.
    fn deliver_entry<R: Rules<Command, Prefix>>(&mut self, rules: &R) -> Option<()> {
        if self.host.answering.is_some() {
            return None;
        }
        match rules.next_apply(self.host.server.as_ref()?, 1)? {
            Apply::Entries { first_index, entries } => {
                if first_index != self.host.service.last_index().next() {
                    self.host.breaches.insert(Safety::AppliedInOrder);
                }
                let index = first_index.plus(entries.len()).prev();
                for entry in entries {
                    self.host.service.push(entry.command);
                }
                self.inputs(rules, [Input::Applied { index }])?;
            }
            Apply::Snapshot(snapshot) => self.host.answering = Some(snapshot),
        }
        Some(())
    }

    /// Judges the step as a whole.
    fn finish(mut self, before: &Host) -> Stepped {
        let host = &mut self.host;
        if let (Some(old), Some(new)) = (&before.server, &host.server) {
            let disk_changed = !Arc::ptr_eq(&before.disk, &host.disk);
            if disk_changed && Server::new(new.id(), new.config(), Persistent::clone(&host.disk)).is_err() {
                host.breaches.insert(Safety::Recoverable);
            }
            if goes_back(old, new) {
                host.breaches.insert(Safety::NothingGoesBack);
            }
            if !leader_only_appended(old, new) {
                host.breaches.insert(Safety::LeaderAppendOnly);
            }
            if accepts_leader(&self.sent) && !matches!(new.role(), Role::Follower) {
                host.breaches.insert(Safety::FollowersAccept);
            }
            if let Some(ballot) = ballot_after(host.ballot, new) {
                host.ballot = ballot;
            }
        }
        host.recovery = match host.recovery {
            Recovery::Restarted if takes_part(&self.sent, self.rules) => Recovery::Rejoined,
            Recovery::Restarted => Recovery::Restarted,
            Recovery::None | Recovery::Rejoined => Recovery::None,
        };
        Stepped { host: self.host, sent: self.sent, rules: self.rules }
    }
}

/// Whether something went back in a step that must only grow.
fn goes_back(old: &Server<Command, Prefix>, new: &Server<Command, Prefix>) -> bool {
    let match_index_goes_back = match (old.role(), new.role()) {
        (Role::Leader { match_index: before, .. }, Role::Leader { match_index: after, .. }) => {
            old.current_term() == new.current_term()
                && before.iter().zip(after).any(|(before, after)| after < before)
        }
        _ => false,
    };
    match_index_goes_back
        || new.commit_index() < old.commit_index()
        || new.last_applied() < old.last_applied()
}

/// Whether a step answered a leader as its follower: not with "your term is old".
fn accepts_leader(sent: &[Envelope<Command, Prefix>]) -> bool {
    sent.iter().any(|envelope| match &envelope.message {
        Message::AppendEntriesReply(reply) => reply.result != AppendResult::StaleTerm,
        Message::InstallSnapshotReply(reply) => reply.last_included_index.is_some(),
        _ => false,
    })
}

/// The ballot to remember, if it is not the one remembered: a newer term's, or the first vote in the same term.
fn ballot_after(known: Ballot, server: &Server<Command, Prefix>) -> Option<Ballot> {
    let (term, vote) = (server.current_term(), server.voted_for());
    let is_news = term > known.term || (term == known.term && known.vote.is_none() && vote.is_some());
    is_news.then_some(Ballot { term, vote })
}

/// Whether a server that leads the same term before and after a step has kept all its entries.
fn leader_only_appended(old: &Server<Command, Prefix>, new: &Server<Command, Prefix>) -> bool {
    let leads = |server: &Server<Command, Prefix>| matches!(server.role(), Role::Leader { .. });
    if !(leads(old) && leads(new) && old.current_term() == new.current_term()) {
        return true;
    }
    if new.log().last_index() < old.log().last_index() {
        return false;
    }
    let mut index = old.log().base_index().max(new.log().base_index());
    while index < old.log().last_index() {
        index = index.next();
        if old.log().entry(index) != new.log().entry(index) {
            return false;
        }
    }
    true
}

/// Whether a step shows that the server takes part: it granted a vote, took in entries, or was elected.
fn takes_part(sent: &[Envelope<Command, Prefix>], rules: RuleSet) -> bool {
    rules.contains(Rule::L1)
        || sent.iter().any(|envelope| match &envelope.message {
            Message::RequestVoteReply(reply) => reply.vote_granted,
            Message::AppendEntriesReply(reply) => matches!(reply.result, AppendResult::Success { .. }),
            _ => false,
        })
}
