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

/// All messages servers exchange: the three RPCs of Figures 2 and 13, each a request and its reply, and those of the
/// thesis' extensions.
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
    /// A server asks whether it would get a vote (thesis, section 9.6).
    PreVote(PreVote),
    /// The answer to it.
    PreVoteReply(PreVoteReply),
    /// A leader tells the server to which it hands over to stand for election at once (thesis, section 3.10). There is no
    /// answer: the election is one.
    TimeoutNow(TimeoutNow),
}

impl<C, S> Message<C, S> {
    /// The term every message carries: the sender's, but for a PreVote and a granted reply to it, which name the term in
    /// which the sender of the PreVote would stand.
    pub fn term(&self) -> Term {
        match self {
            Message::RequestVote(m) => m.term,
            Message::RequestVoteReply(m) => m.term,
            Message::AppendEntries(m) => m.term,
            Message::AppendEntriesReply(m) => m.term,
            Message::InstallSnapshot(m) => m.term,
            Message::InstallSnapshotReply(m) => m.term,
            Message::PreVote(m) => m.term,
            Message::PreVoteReply(m) => m.term,
            Message::TimeoutNow(m) => m.term,
        }
    }

    /// The term that some server had when this was said, for All Servers 2; none where only a term to come is named.
    pub fn current_term(&self) -> Option<Term> {
        match self {
            Message::PreVote(_) | Message::PreVoteReply(PreVoteReply { vote_granted: true, .. }) => None,
            said => Some(said.term()),
        }
    }

    /// Whether this is a request, to which the receiver replies.
    pub fn is_request(&self) -> bool {
        matches!(
            self,
            Message::RequestVote(_)
                | Message::AppendEntries(_)
                | Message::InstallSnapshot(_)
                | Message::PreVote(_)
        )
    }

    /// The name of the message in the paper or the thesis.
    pub fn name(&self) -> &'static str {
        match self {
            Message::RequestVote(_) => "RequestVote",
            Message::RequestVoteReply(_) => "RequestVoteReply",
            Message::AppendEntries(_) => "AppendEntries",
            Message::AppendEntriesReply(_) => "AppendEntriesReply",
            Message::InstallSnapshot(_) => "InstallSnapshot",
            Message::InstallSnapshotReply(_) => "InstallSnapshotReply",
            Message::PreVote(_) => "PreVote",
            Message::PreVoteReply(_) => "PreVoteReply",
            Message::TimeoutNow(_) => "TimeoutNow",
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
    /// Whether the leader itself asked for this election (thesis, section 3.10): then contact with that leader is no reason
    /// to disregard it.
    pub transfer: bool,
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

/// Asks whether the receiver would vote for the sender in an election that has not begun (thesis, section 9.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PreVote {
    /// The term in which the sender would stand: the one after its current_term.
    pub term: Term,
    /// Index of the sender's last log entry.
    pub last_log_index: Index,
    /// Term of the sender's last log entry.
    pub last_log_term: Term,
}

/// The answer to a [`PreVote`]. It promises nothing and is not remembered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PreVoteReply {
    /// If granted, the request's term, which nobody need have reached; if refused, the current_term of the server that
    /// answers.
    pub term: Term,
    /// Whether the server would vote for the sender of the request.
    pub vote_granted: bool,
}

/// Tells the receiver to stand for election at once (thesis, section 3.10).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimeoutNow {
    /// The leader's term.
    pub term: Term,
}
