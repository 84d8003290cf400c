//! The messages of Figures 2 and 13 of the paper, and of the thesis' extensions.

use super::{Entry, Payload, Snapshot};
use serde::{Deserialize, Serialize};

/// A message with its sender and its addressee. The paper's candidateId and leaderId are `from`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<C = Payload, S = Payload> {
    /// The sender.
    pub from: u8,
    /// The addressee.
    pub to: u8,
    /// The message.
    pub message: Message<C, S>,
}

impl<C, S> Envelope<C, S> {
    /// The same, borrowed, with other forms of its commands and of its snapshot.
    pub fn shown_as<'a, D, T>(
        &'a self,
        command: impl Fn(&'a C) -> D,
        data: impl Fn(&'a S) -> T,
    ) -> Envelope<D, T> {
        let message = match &self.message {
            Message::RequestVote(request) => Message::RequestVote(request.clone()),
            Message::RequestVoteReply(reply) => Message::RequestVoteReply(reply.clone()),
            Message::AppendEntries(request) => {
                let AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit } = request;
                let entry =
                    |entry: &'a Entry<C>| Entry { term: entry.term, command: command(&entry.command) };
                Message::AppendEntries(AppendEntries {
                    term: *term,
                    prev_log_index: *prev_log_index,
                    prev_log_term: *prev_log_term,
                    entries: entries.iter().map(entry).collect(),
                    leader_commit: *leader_commit,
                })
            }
            Message::AppendEntriesReply(reply) => Message::AppendEntriesReply(reply.clone()),
            Message::InstallSnapshot(InstallSnapshot { term, snapshot }) => {
                let Snapshot { last_included_index, last_included_term, data: content } = snapshot;
                let snapshot = Snapshot {
                    last_included_index: *last_included_index,
                    last_included_term: *last_included_term,
                    data: data(content),
                };
                Message::InstallSnapshot(InstallSnapshot { term: *term, snapshot })
            }
            Message::InstallSnapshotReply(reply) => Message::InstallSnapshotReply(reply.clone()),
            Message::PreVote(request) => Message::PreVote(request.clone()),
            Message::PreVoteReply(reply) => Message::PreVoteReply(reply.clone()),
            Message::TimeoutNow(request) => Message::TimeoutNow(request.clone()),
        };
        Envelope { from: self.from, to: self.to, message }
    }
}

/// A message: a request or its reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // their names say all
pub enum Message<C = Payload, S = Payload> {
    RequestVote(RequestVote),
    RequestVoteReply(RequestVoteReply),
    AppendEntries(AppendEntries<C>),
    AppendEntriesReply(AppendEntriesReply),
    InstallSnapshot(InstallSnapshot<S>),
    InstallSnapshotReply(InstallSnapshotReply),
    PreVote(PreVote),
    PreVoteReply(PreVoteReply),
    TimeoutNow(TimeoutNow),
}

/// Arguments of the RequestVote RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVote {
    /// The candidate's term.
    pub term: u64,
    /// Index of the candidate's last log entry.
    pub last_log_index: u64,
    /// Term of the candidate's last log entry.
    pub last_log_term: u64,
    /// Whether the leader told the candidate to stand for election. False where the field is missing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub transfer: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands over a reference
fn is_false(value: &bool) -> bool {
    !value
}

/// Results of the RequestVote RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestVoteReply {
    /// The voter's current_term.
    pub term: u64,
    /// Whether the candidate received the vote.
    pub vote_granted: bool,
}

/// Arguments of the AppendEntries RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntries<C = Payload> {
    /// The leader's term.
    pub term: u64,
    /// Index of the log entry immediately preceding the new ones.
    pub prev_log_index: u64,
    /// Term of the entry at `prev_log_index`.
    pub prev_log_term: u64,
    /// The new entries; none in a heartbeat.
    pub entries: Vec<Entry<C>>,
    /// The leader's commit_index.
    pub leader_commit: u64,
}

/// Results of the AppendEntries RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesReply {
    /// The follower's current_term.
    pub term: u64,
    /// The paper's `success`, and why not.
    pub result: AppendResult,
}

/// How an AppendEntries request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppendResult {
    /// The follower's log matches the leader's up to and including `match_index`.
    Success {
        /// The request's prev_log_index and the number of its entries, added.
        match_index: u64,
    },
    /// The request's term is older than the follower's current_term.
    StaleTerm,
    /// The follower's log has no entry at prev_log_index with prev_log_term.
    Conflict {
        /// The request's prev_log_index.
        prev_log_index: u64,
        /// First index that the follower holds of `conflict_term`; without one, the index after its log's end.
        conflict_index: u64,
        /// Term of the follower's conflicting entry; none when its log is too short.
        conflict_term: Option<u64>,
        /// last_included_index of the snapshot that the follower is installing.
        installing: Option<u64>,
    },
}

/// Arguments of the InstallSnapshot RPC: the whole snapshot, in one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshot<S = Payload> {
    /// The leader's term.
    pub term: u64,
    /// The snapshot.
    pub snapshot: Snapshot<S>,
}

/// Results of the InstallSnapshot RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotReply {
    /// The follower's current_term.
    pub term: u64,
    /// The snapshot's last_included_index if the follower took it in; none if the request's term was too old.
    pub last_included_index: Option<u64>,
}

/// Asks whether the receiver would vote for the sender (thesis, section 9.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreVote {
    /// The term in which the sender would stand.
    pub term: u64,
    /// Index of the sender's last log entry.
    pub last_log_index: u64,
    /// Term of the sender's last log entry.
    pub last_log_term: u64,
}

/// The answer to a PreVote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreVoteReply {
    /// If granted, the request's term; if refused, the current_term of the server that answers.
    pub term: u64,
    /// Whether the server would vote for the sender of the request.
    pub vote_granted: bool,
}

/// A leader tells the receiver to stand for election (thesis, section 3.10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutNow {
    /// The leader's term.
    pub term: u64,
}
