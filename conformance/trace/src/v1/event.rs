//! What a line says: something that a node did.

use super::{AppendResult, Change, Config, Envelope, Input, Message, Outcome, Payload, Persistent};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something a node did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event<C = Payload, S = Payload> {
    /// The node starts.
    Start {
        /// The cluster.
        config: Config,
        /// What the storage held.
        persistent: Persistent<C, S>,
    },
    /// A step of the server.
    Step(Step<C, S>),
    /// A write begins: the changes of all steps since the last one.
    Write,
    /// That write is durable.
    Durable,
    /// A message is handed to the transport.
    Sent(Sent),
    /// An entry is handed to the service.
    Deliver {
        /// Its index.
        index: u64,
        /// Its term.
        term: u64,
        /// Its command.
        command: C,
    },
    /// A snapshot is handed to the service.
    DeliverSnapshot {
        /// Index of the last entry that the snapshot covers.
        index: u64,
        /// Term of that entry.
        term: u64,
        /// The service's state.
        data: S,
    },
    /// The node stops; nothing follows but what its tasks had under way.
    Stop {
        /// Why it stopped by itself; none when it was killed.
        failure: Option<String>,
    },
}

/// A step of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step<C = Payload, S = Payload> {
    /// The input.
    pub input: Input<C, S>,
    /// The server's answer to it.
    pub outcome: Outcome,
    /// The changes of the persistent state.
    pub changes: Vec<Change<C, S>>,
    /// The server after the step.
    pub state: State,
}

/// A server after a step, in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Latest term that the server has seen.
    pub current_term: u64,
    /// The candidate that got its vote in that term.
    pub voted_for: Option<u8>,
    /// Follower, pre-candidate, candidate or leader.
    pub role: Role,
    /// The leader of the current term, if the server has heard from it, or is it. Recordings made before nodes told it have
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<u8>,
    /// Index of the highest entry known to be committed.
    pub commit_index: u64,
    /// Index of the highest entry that the service has.
    pub last_applied: u64,
    /// Index of the last log entry.
    pub last_log_index: u64,
    /// Term of that entry.
    pub last_log_term: u64,
}

/// A server's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // their names say all
pub enum Role {
    Follower,
    #[serde(rename = "pre_candidate")]
    PreCandidate,
    Candidate,
    Leader,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Follower => "follower",
            Role::PreCandidate => "pre-candidate",
            Role::Candidate => "candidate",
            Role::Leader => "leader",
        })
    }
}

/// A message that leaves, in short: the step that made it has the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The addressee.
    pub to: u8,
    /// Which message.
    pub message: MessageName,
    /// Its term.
    pub term: u64,
    /// An index of the message: last_log_index of RequestVote and PreVote, prev_log_index of AppendEntries, match_index of its reply
    /// (prev_log_index if it reports a conflict), last_included_index of InstallSnapshot and its reply; 0 if it has none.
    pub index: u64,
    /// How many entries it carries.
    pub entries: u64,
    /// Of a reply: the vote or pre-vote is granted, the entries match, the snapshot is taken in. False for a request.
    pub success: bool,
}

impl Sent {
    /// The short form of a message.
    #[must_use]
    pub fn of<C, S>(envelope: &Envelope<C, S>) -> Sent {
        let (message, term, index, entries, success) = match &envelope.message {
            Message::RequestVote(m) => (MessageName::RequestVote, m.term, m.last_log_index, 0, false),
            Message::RequestVoteReply(m) => (MessageName::RequestVoteReply, m.term, 0, 0, m.vote_granted),
            Message::AppendEntries(m) => {
                (MessageName::AppendEntries, m.term, m.prev_log_index, m.entries.len() as u64, false)
            }
            Message::AppendEntriesReply(m) => {
                let (index, success) = match m.result {
                    AppendResult::Success { match_index } => (match_index, true),
                    AppendResult::StaleTerm => (0, false),
                    AppendResult::Conflict { prev_log_index, .. } => (prev_log_index, false),
                };
                (MessageName::AppendEntriesReply, m.term, index, 0, success)
            }
            Message::InstallSnapshot(m) => {
                (MessageName::InstallSnapshot, m.term, m.snapshot.last_included_index, 0, false)
            }
            Message::InstallSnapshotReply(m) => {
                let index = m.last_included_index;
                (MessageName::InstallSnapshotReply, m.term, index.unwrap_or(0), 0, index.is_some())
            }
            Message::PreVote(m) => (MessageName::PreVote, m.term, m.last_log_index, 0, false),
            Message::PreVoteReply(m) => (MessageName::PreVoteReply, m.term, 0, 0, m.vote_granted),
            Message::TimeoutNow(m) => (MessageName::TimeoutNow, m.term, 0, 0, false),
        };
        Sent { to: envelope.to, message, term, index, entries, success }
    }
}

/// The names of the messages in the paper and the thesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // their names say all
pub enum MessageName {
    RequestVote,
    RequestVoteReply,
    AppendEntries,
    AppendEntriesReply,
    InstallSnapshot,
    InstallSnapshotReply,
    PreVote,
    PreVoteReply,
    TimeoutNow,
}
