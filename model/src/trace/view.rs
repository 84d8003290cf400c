//! Nodes and messages as text: what a trace shows of a state.

use crate::cluster::Cluster;
use crate::cluster::node::{Envelope, Node};
use crate::cluster::prefix::{Command, Prefix};
use crate::cluster::state::State;
use figure2_core::{
    AppendResult, Entry, Log, Message, Progress, ProgressState, Role, Server, ServerSet, Snapshot,
};

/// A field of a node. A node that is down has few; a follower has no next_index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, the paper's where the paper has one.
    pub name: &'static str,
    /// Its value, in words.
    pub value: String,
}

/// A message in one line, with its addresses.
pub fn describe_envelope(envelope: &Envelope) -> String {
    let Envelope { from, to, message } = envelope;
    let (name, content) = describe_message(message);
    format!("{name} {from}→{to} {content}")
}

/// A message's name and what it says. Different messages have different descriptions.
pub fn describe_message(message: &Message<Command, Prefix>) -> (&'static str, String) {
    let said = match message {
        Message::RequestVote(m) => {
            let transfer = if m.transfer { " transfer" } else { "" };
            format!("last {}@{}{transfer}", m.last_log_index, m.last_log_term)
        }
        Message::RequestVoteReply(m) => if m.vote_granted { "granted" } else { "refused" }.to_owned(),
        Message::AppendEntries(m) => format!(
            "prev {}@{} entries {} commit {}",
            m.prev_log_index,
            m.prev_log_term,
            describe_entries(&m.entries),
            m.leader_commit
        ),
        Message::AppendEntriesReply(m) => match m.result {
            AppendResult::Success { match_index } => format!("success match {match_index}"),
            AppendResult::StaleTerm => "stale term".to_owned(),
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
                let conflict_term = conflict_term.map_or_else(|| "none".to_owned(), |term| term.to_string());
                let installing = installing.map_or_else(String::new, |index| format!(" installing {index}"));
                format!(
                    "conflict prev {prev_log_index} index {conflict_index} term {conflict_term}{installing}"
                )
            }
        },
        Message::InstallSnapshot(m) => describe_snapshot(&m.snapshot),
        Message::InstallSnapshotReply(m) => match m.last_included_index {
            Some(index) => format!("taken through {index}"),
            None => "stale term".to_owned(),
        },
        Message::PreVote(m) => format!("last {}@{}", m.last_log_index, m.last_log_term),
        Message::PreVoteReply(m) => if m.vote_granted { "granted" } else { "refused" }.to_owned(),
        Message::TimeoutNow(_) => return (message.name(), format!("term {}", message.term())),
    };
    (message.name(), format!("term {} {said}", message.term()))
}

fn describe_entries(entries: &[Entry<Command>]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|entry| format!("{}@{}", entry.command, entry.term)).collect();
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

fn describe_role(role: &Role) -> &'static str {
    match role {
        Role::Follower { .. } => "follower",
        Role::PreCandidate { .. } => "pre-candidate",
        Role::Candidate { .. } => "candidate",
        Role::Leader { .. } => "leader",
    }
}

fn describe_set(servers: ServerSet) -> String {
    let servers: Vec<String> = servers.iter().map(|id| id.to_string()).collect();
    format!("{{{}}}", servers.join(" "))
}

fn describe_each(progress: &[Progress], of: impl Fn(&Progress) -> String) -> String {
    progress.iter().map(of).collect::<Vec<_>>().join("/")
}

fn describe_progress(state: &ProgressState) -> String {
    match state {
        ProgressState::Probe => "probe".to_owned(),
        ProgressState::Replicate { .. } => "replicate".to_owned(),
        ProgressState::Snapshot { acknowledged: true, .. } => "snapshot taken in".to_owned(),
        ProgressState::Snapshot { acknowledged: false, .. } => "snapshot sent".to_owned(),
    }
}

/// The fields of a node. Of a node that is down only the disk is left, and its fields are the disk's.
pub fn fields(node: &Node) -> Vec<Field> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let persistent = node.server.as_ref().map_or(&node.disk, Server::persistent);
    let mut fields = Vec::new();
    let mut add = |name, value| fields.push(Field { name, value });
    add("node", if node.server.is_some() { "up" } else { "down" }.to_owned());
    if let Some(server) = &node.server {
        add("role", describe_role(server.role()).to_owned());
    }
    add("current_term", persistent.current_term.to_string());
    add("voted_for", or_none(persistent.voted_for.map(|id| id.to_string())));
    add("log", describe_log(&persistent.log));
    if *persistent != node.disk {
        let disk = &node.disk;
        let vote = or_none(disk.voted_for.map(|id| id.to_string()));
        add("disk", format!("term {} voted_for {vote} log {}", disk.current_term, describe_log(&disk.log)));
    }
    let Some(server) = &node.server else { return fields };
    add("commit_index", server.commit_index().to_string());
    add("last_applied", server.last_applied().to_string());
    match server.role() {
        Role::Follower { leader } => add("leader", or_none(leader.map(|id| id.to_string()))),
        Role::PreCandidate { votes } => add("pre-votes", describe_set(*votes)),
        Role::Candidate { votes, transfer } => {
            add("votes", describe_set(*votes));
            if *transfer {
                add("transfer", "asked for by the leader".to_owned());
            }
        }
        Role::Leader { progress, stalled_at, heard, transfer_to, .. } => {
            add("next_index", describe_each(progress, |of| of.next_index.to_string()));
            add("match_index", describe_each(progress, |of| of.match_index.to_string()));
            add("progress", describe_each(progress, |of| describe_progress(&of.state)));
            if let Some(index) = stalled_at {
                add("stalled_at", index.to_string());
            }
            if server.config().extensions.check_quorum {
                add("heard", describe_set(*heard));
            }
            if let Some(to) = transfer_to {
                add("transfer_to", to.to_string());
            }
        }
    }
    add("offered", or_none(server.offered().map(describe_snapshot)));
    add("answering", or_none(node.answering.as_ref().map(describe_snapshot)));
    add("service", node.service.to_string());
    fields
}

impl Cluster {
    /// The nodes of a state and the messages on their way, a line each.
    pub fn describe(&self, state: &State) -> String {
        let mut text = String::new();
        for node in self.nodes(state) {
            text.push_str(&node.id.to_string());
            for field in fields(node) {
                let is_plain = matches!(field.name, "node" | "role");
                text.push_str(&if is_plain {
                    format!(" {}", field.value)
                } else {
                    format!(" {} {}", field.name, field.value)
                });
            }
            text.push('\n');
        }
        for envelope in self.envelopes(state) {
            text.push_str(&format!("on its way: {}\n", describe_envelope(envelope)));
        }
        text
    }
}
