//! A violation, told step by step: what happened, which rules fired, and only what changed.

use crate::cluster::{Action, Cluster};
use crate::prefix::{Command, Prefix};
use crate::properties::Safety;
use crate::state::{Host, State};
use figure2_core::{AppendResult, Entry, Envelope, Log, Message, Role, RuleSet, Rules, Server, Snapshot};
use std::fmt;
use std::fmt::Write as _;

/// How a cluster gets from the start to a state that breaks a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What the last state breaks.
    pub broken: Vec<Safety>,
    /// The steps from the start.
    pub steps: Vec<TraceStep>,
    /// Whether no shorter one exists. Else the search for it was too large.
    pub is_shortest: bool,
}

/// One step of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    /// What happened.
    pub action: String,
    /// The rules that fired.
    pub rules: RuleSet,
    /// What changed, a line per machine.
    pub changes: Vec<String>,
    /// Messages that came on their way.
    pub sent: Vec<String>,
}

impl Trace {
    /// Follows the actions from the cluster's start.
    pub(crate) fn follow<R: Rules<Command, Prefix>>(
        cluster: &Cluster<R>,
        actions: &[Action],
        always: &[Safety],
        is_shortest: bool,
    ) -> Trace {
        let mut state = cluster.start().clone();
        let mut steps = Vec::new();
        for action in actions {
            let Some((next, rules)) = cluster.act(&state, *action) else { break };
            steps.push(TraceStep {
                action: describe(&state, *action),
                rules,
                changes: changes(&state, &next),
                sent: sent(&state, &next),
            });
            state = next;
        }
        let broken = always.iter().copied().filter(|safety| !safety.holds(&state)).collect();
        Trace { broken, steps, is_shortest }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.len().to_string().len();
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{:>width$}. {}", i + 1, step.action)?;
            if !step.rules.is_empty() {
                let ids: Vec<&str> = step.rules.iter().map(|rule| rule.id()).collect();
                write!(f, "  [{}]", ids.join(" "))?;
            }
            writeln!(f)?;
            for change in &step.changes {
                writeln!(f, "{:width$}    {change}", "")?;
            }
            for message in &step.sent {
                writeln!(f, "{:width$}    sends {message}", "")?;
            }
        }
        Ok(())
    }
}

fn describe(state: &State, action: Action) -> String {
    let message = |position: u8| {
        let packet = state.network.packets().get(usize::from(position));
        packet.map_or_else(|| "a message".to_owned(), |packet| describe_envelope(&packet.envelope()))
    };
    match action {
        Action::Deliver(position) => format!("arrives: {}", message(position)),
        Action::Duplicate(position) => format!("arrives, a copy stays: {}", message(position)),
        Action::Drop(position) => format!("lost: {}", message(position)),
        Action::ElectionTimeout(id) => format!("{id} election timeout"),
        Action::HeartbeatTimeout(id) => format!("{id} heartbeat timeout"),
        Action::ClientRequest(id) => format!("{id} client request c{}", state.used.client_requests + 1),
        Action::Crash(id) => format!("{id} crashes"),
        Action::Restart(id) => format!("{id} restarts"),
        Action::Apply(id) => format!("{id} applies"),
        Action::TakeSnapshot(id) => format!("{id} service takes a snapshot"),
        Action::AnswerSnapshot(id) => format!("{id} service answers the snapshot"),
    }
}

/// A message in one line.
pub fn describe_envelope(envelope: &Envelope<Command, Prefix>) -> String {
    let Envelope { from, to, message } = envelope;
    let mut text = format!("{} {from}→{to} term {}", message.name(), message.term());
    // Writing to a string does not fail.
    let _ = match message {
        Message::RequestVote(m) => write!(text, " last {}@{}", m.last_log_index, m.last_log_term),
        Message::RequestVoteReply(m) => {
            write!(text, " {}", if m.vote_granted { "granted" } else { "refused" })
        }
        Message::AppendEntries(m) => write!(
            text,
            " prev {}@{} entries {} commit {}",
            m.prev_log_index,
            m.prev_log_term,
            describe_entries(&m.entries),
            m.leader_commit
        ),
        Message::AppendEntriesReply(m) => match m.result {
            AppendResult::Success { match_index } => write!(text, " success match {match_index}"),
            AppendResult::StaleTerm => write!(text, " stale term"),
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term } => {
                let conflict_term = conflict_term.map_or_else(|| "none".to_owned(), |term| term.to_string());
                write!(text, " conflict prev {prev_log_index} index {conflict_index} term {conflict_term}")
            }
        },
        Message::InstallSnapshot(m) => write!(text, " {}", describe_snapshot(&m.snapshot)),
        Message::InstallSnapshotReply(m) => match m.last_included_index {
            Some(index) => write!(text, " taken through {index}"),
            None => write!(text, " stale term"),
        },
    };
    text
}

fn describe_entries(entries: &[Entry<Command>]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|entry| format!("c{}@{}", entry.command, entry.term)).collect();
    format!("[{}]", entries.join(" "))
}

fn describe_snapshot(snapshot: &Snapshot<Prefix>) -> String {
    format!("snapshot {}@{} {}", snapshot.last_included_index, snapshot.last_included_term, snapshot.data)
}

fn describe_log(log: &Log<Command, Prefix>) -> String {
    match log.snapshot() {
        Some(snapshot) => format!("({}){}", describe_snapshot(snapshot), describe_entries(log.entries())),
        None => describe_entries(log.entries()),
    }
}

fn describe_role(server: &Server<Command, Prefix>) -> &'static str {
    match server.role() {
        Role::Follower => "follower",
        Role::Candidate { .. } => "candidate",
        Role::Leader { .. } => "leader",
    }
}

/// The fields of a machine, by name: what a line of changes compares.
fn fields(host: &Host) -> Vec<(&'static str, String)> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let persistent = host.server.as_ref().map_or(&*host.disk, Server::persistent);
    let mut fields = vec![
        ("", if host.server.is_some() { "up" } else { "down" }.to_owned()),
        ("term", persistent.current_term.to_string()),
        ("voted_for", or_none(persistent.voted_for.map(|id| id.to_string()))),
        ("log", describe_log(&persistent.log)),
    ];
    if *persistent != *host.disk {
        let disk = &host.disk;
        let vote = or_none(disk.voted_for.map(|id| id.to_string()));
        fields.push((
            "disk",
            format!("term {} voted_for {vote} log {}", disk.current_term, describe_log(&disk.log)),
        ));
    }
    if let Some(server) = &host.server {
        fields.push(("", describe_role(server).to_owned()));
        fields.push(("commit_index", server.commit_index().to_string()));
        fields.push(("last_applied", server.last_applied().to_string()));
        match server.role() {
            Role::Follower => {}
            Role::Candidate { votes } => {
                let votes: Vec<String> = votes.iter().map(|id| id.to_string()).collect();
                fields.push(("votes", format!("{{{}}}", votes.join(" "))));
            }
            Role::Leader { next_index, match_index, .. } => {
                fields.push(("next_index", describe_indexes(next_index)));
                fields.push(("match_index", describe_indexes(match_index)));
            }
        }
        fields.push(("offered", or_none(server.offered().map(describe_snapshot))));
        fields.push(("answering", or_none(host.answering.as_ref().map(describe_snapshot))));
        fields.push(("service", host.service.to_string()));
    }
    fields
}

fn describe_indexes(indexes: &[figure2_core::Index]) -> String {
    let indexes: Vec<String> = indexes.iter().map(|index| index.to_string()).collect();
    indexes.join("/")
}

/// One line for each machine that changed, with the fields that changed.
fn changes(before: &State, after: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, (old, new)) in before.hosts.iter().zip(&after.hosts).enumerate() {
        if old == new {
            continue;
        }
        let (old, new) = (fields(old), fields(new));
        let mut line = format!("S{id}");
        for (i, (name, value)) in new.iter().enumerate() {
            // The unnamed fields are told apart by how many came before them.
            let unnamed_before = new.iter().take(i).filter(|(other, _)| other.is_empty()).count();
            let was = if name.is_empty() {
                old.iter().filter(|(other, _)| other.is_empty()).nth(unnamed_before)
            } else {
                old.iter().find(|(other, _)| other == name)
            };
            let gap = if name.is_empty() { "" } else { " " };
            match was {
                Some((_, was)) if was == value => {}
                Some((_, was)) => line.push_str(&format!(" {name}{gap}{was}→{value}")),
                None if value == "none" || value == "0" => {}
                None => line.push_str(&format!(" {name}{gap}{value}")),
            }
        }
        if line.contains(' ') {
            lines.push(line);
        }
    }
    lines
}

fn sent(before: &State, after: &State) -> Vec<String> {
    let known = before.network.packets();
    let new = after.network.packets().iter().filter(|packet| !known.contains(packet));
    new.map(|packet| describe_envelope(&packet.envelope())).collect()
}
