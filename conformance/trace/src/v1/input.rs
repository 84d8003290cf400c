//! The input of a step, and the server's answer.

use super::{Envelope, Payload, Snapshot};
use serde::{Deserialize, Serialize};

/// The input of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input<C = Payload, S = Payload> {
    /// The election timer elapsed.
    ElectionTimeout,
    /// The heartbeat interval elapsed.
    HeartbeatTimeout,
    /// A message arrived.
    Receive(Envelope<C, S>),
    /// A client's command.
    Propose(C),
    /// The leader sends the entries that followers lack.
    Replicate,
    /// The leader sends its commit_index.
    SendCommit,
    /// A write became durable.
    Persisted(Persisted),
    /// The service has all entries, or the snapshot, up to `index`.
    Applied {
        /// Index of the last entry.
        index: u64,
    },
    /// The service took a snapshot of its state after the entry at `index`.
    SnapshotTaken {
        /// Index of the last entry that the snapshot covers.
        index: u64,
        /// The service's state.
        data: S,
    },
    /// The service is about to switch to a leader's snapshot.
    CondInstallSnapshot(Snapshot<S>),
    /// Somebody wants another server to lead.
    TransferLeadership {
        /// Who is to lead.
        to: u8,
    },
}

/// How far a write reached that became durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persisted {
    /// current_term in the write.
    pub current_term: u64,
    /// Index of the last log entry with it.
    pub last_log_index: u64,
}

/// A server's answer to an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// There is nothing to answer.
    Done,
    /// The command is in the leader's log.
    Proposed {
        /// Its index.
        index: u64,
        /// The leader's term.
        term: u64,
    },
    /// The server is not the leader; nothing was appended.
    NotLeader {
        /// The server's term.
        term: u64,
    },
    /// The command is too large; nothing was appended.
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The most that is possible.
        limit: u64,
    },
    /// Too much waits to be committed; nothing was appended.
    Busy {
        /// Bytes of the entries that wait.
        uncommitted: u64,
        /// The most that is possible.
        limit: u64,
    },
    /// The log is trimmed through the snapshot's index.
    SnapshotTaken,
    /// The service's snapshot was not used.
    SnapshotIgnored(SnapshotIgnored),
    /// The leader's snapshot is installed.
    Installed,
    /// The leader's snapshot is too old to be installed.
    InstallRefused,
    /// No correct peer sends this message to this server. Nothing changed.
    Rejected(Rejection),
    /// The leader hands over, and takes no commands.
    Transferring {
        /// Who is to lead.
        to: u8,
    },
    /// Leadership cannot be handed to this server.
    NoTransfer {
        /// Who was to lead.
        to: u8,
    },
}

/// Why a service's snapshot was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotIgnored {
    /// The log is already trimmed to this index or beyond.
    AlreadyCovered,
    /// The index is beyond commit_index.
    NotCommitted,
    /// A follower still lacks an entry that the snapshot covers.
    FollowersLag,
}

/// Why a message was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejection {
    /// The sender is not a member of the cluster.
    UnknownSender(u8),
    /// The sender claims to be this very server.
    FromSelf,
    /// The message is addressed to another server.
    NotAddressedToUs(u8),
    /// No cluster reaches this term.
    AbsurdTerm(u64),
    /// No cluster reaches this index, or the sender cannot know of it.
    AbsurdIndex(u64),
    /// Indexes and terms do not fit each other.
    InconsistentLog,
    /// AppendEntries, InstallSnapshot or TimeoutNow from another server in a term that this server leads.
    SecondLeader(u64),
    /// The sender's log contradicts the entry that is committed at this index.
    ContradictsCommitted(u64),
}
