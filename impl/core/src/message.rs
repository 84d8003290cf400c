//! The messages of Figures 2 and 13. The paper's `candidateId` and `leaderId` are the envelope's `from`.

use crate::log::{Entry, Snapshot};
use crate::types::{Index, ServerId, Term};
use alloc::vec::Vec;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Envelope<C, S> {
    /// The sender.
    pub from: ServerId,
    /// The addressee.
    pub to: ServerId,
    /// What is said.
    pub message: Message<C, S>,
}

/// All messages servers exchange: three RPCs, each a request and its reply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message<C, S> {
    /// A candidate asks for a vote (section 5.2).
    RequestVote(RequestVote),
    /// The answer to it.
    RequestVoteReply(RequestVoteReply),
    /// A leader replicates entries, or sends a heartbeat (section 5.3).
    AppendEntries(AppendEntries<C>),
    /// The answer to it.
    AppendEntriesReply(AppendEntriesReply),
    /// A leader sends its snapshot to a follower that lags behind (section 7).
    InstallSnapshot(InstallSnapshot<S>),
    /// The answer to it.
    InstallSnapshotReply(InstallSnapshotReply),
}

impl<C, S> Message<C, S> {
    /// The term every message carries.
    pub fn term(&self) -> Term {
        match self {
            Message::RequestVote(m) => m.term,
            Message::RequestVoteReply(m) => m.term,
            Message::AppendEntries(m) => m.term,
            Message::AppendEntriesReply(m) => m.term,
            Message::InstallSnapshot(m) => m.term,
            Message::InstallSnapshotReply(m) => m.term,
        }
    }

    /// Whether this is a request, to which the receiver replies.
    pub fn is_request(&self) -> bool {
        matches!(self, Message::RequestVote(_) | Message::AppendEntries(_) | Message::InstallSnapshot(_))
    }

    /// The paper's name of the message.
    pub fn name(&self) -> &'static str {
        match self {
            Message::RequestVote(_) => "RequestVote",
            Message::RequestVoteReply(_) => "RequestVoteReply",
            Message::AppendEntries(_) => "AppendEntries",
            Message::AppendEntriesReply(_) => "AppendEntriesReply",
            Message::InstallSnapshot(_) => "InstallSnapshot",
            Message::InstallSnapshotReply(_) => "InstallSnapshotReply",
        }
    }
}

/// Arguments of the RequestVote RPC (Figure 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// Index of the candidate's last log entry (section 5.4).
    pub last_log_index: Index,
    /// Term of the candidate's last log entry (section 5.4).
    pub last_log_term: Term,
}

/// Results of the RequestVote RPC (Figure 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVoteReply {
    /// The voter's current_term, for the candidate to update itself. A granted vote is a vote in this very term.
    pub term: Term,
    /// True means the candidate received the vote.
    pub vote_granted: bool,
}

/// Arguments of the AppendEntries RPC (Figure 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntries<C> {
    /// The leader's term.
    pub term: Term,
    /// Index of the log entry immediately preceding the new ones.
    pub prev_log_index: Index,
    /// Term of the entry at `prev_log_index`.
    pub prev_log_term: Term,
    /// Entries to store; empty for a heartbeat.
    pub entries: Vec<Entry<C>>,
    /// The leader's commit_index.
    pub leader_commit: Index,
}

/// Results of the AppendEntries RPC (Figure 2). A reply is not paired with its request here, so it says what the
/// leader would otherwise remember of the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntriesReply {
    /// The follower's current_term, for the leader to update itself.
    pub term: Term,
    /// The paper's `success`, and why not.
    pub result: AppendResult,
}

/// How an AppendEntries request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AppendResult {
    /// The follower's log matches the leader's up to and including `match_index`.
    Success {
        /// The request's prev_log_index + number of entries: measured, not guessed.
        match_index: Index,
    },
    /// Refused: the request's term is older than the follower's (receiver rule 1).
    StaleTerm,
    /// Refused: the follower's log has no entry at prev_log_index with prev_log_term (receiver rule 2). The rest is
    /// the fast backtracking that section 5.3 sketches.
    Conflict {
        /// The request's prev_log_index, so that the leader can tell a late refusal from the latest.
        prev_log_index: Index,
        /// First index the follower holds of `conflict_term`; without one, the index after its log's end.
        conflict_index: Index,
        /// Term of the follower's conflicting entry; none when its log is too short.
        conflict_term: Option<Term>,
        /// Last included index of the snapshot that the follower is installing: its service has it, and has yet to
        /// answer. So a slow follower can be told from one that has lost the snapshot.
        installing: Option<Index>,
    },
}

/// Arguments of the InstallSnapshot RPC (Figure 13): the whole snapshot, no offsets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshot<S> {
    /// The leader's term.
    pub term: Term,
    /// The snapshot with its last included index and term.
    pub snapshot: Snapshot<S>,
}

/// Results of the InstallSnapshot RPC (Figure 13).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshotReply {
    /// The follower's current_term, for the leader to update itself.
    pub term: Term,
    /// The snapshot's last included index when the follower took it in; none when it refused the request's term.
    pub last_included_index: Option<Index>,
}
