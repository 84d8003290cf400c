//! What a driver tells a server, and what the server answers.

use crate::log::{Entry, Snapshot};
use crate::message::Envelope;
use crate::types::{Index, ServerId, Term};
use alloc::vec::Vec;
use core::fmt;

/// Everything that can happen to a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input<C, S> {
    /// The election timer elapsed. A leader's runs, too: it finds out by it that its own write has stalled, that a
    /// majority is out of reach, or that the server to which it wanted to hand over was not elected.
    ElectionTimeout,
    /// The heartbeat interval elapsed.
    HeartbeatTimeout,
    /// A message arrived.
    Receive(Envelope<C, S>),
    /// A client's command. Answered by [`Outcome::Proposed`], [`Outcome::NotLeader`],
    /// [`Outcome::TooLarge`], [`Outcome::Busy`] or [`Outcome::Transferring`].
    Propose(C),
    /// Send what followers lack (Figure 2, Leaders 3). A driver gives it once after one or many `Propose`, so that
    /// concurrent commands share a message.
    Replicate,
    /// The leader's commit_index moved: tell the followers now instead of with the next heartbeat. It does what
    /// `Replicate` does, so a driver gives one or the other, once for all that has happened.
    SendCommit,
    /// A write became durable: [`Durable::persisted`](crate::Durable::persisted), passed back.
    Persisted(Persisted),
    /// The service has all entries, or the snapshot, up to `index`.
    Applied {
        /// Index of the last entry delivered.
        index: Index,
    },
    /// The service took a snapshot of its state after the entry at `index`. Answered by
    /// [`Outcome::SnapshotTaken`] or [`Outcome::SnapshotIgnored`].
    SnapshotTaken {
        /// Index of the last entry the snapshot covers.
        index: Index,
        /// The service's state.
        data: S,
    },
    /// The service, offered a snapshot, is about to switch to it (CondInstallSnapshot in MIT's lab). Answered by
    /// [`Outcome::Installed`] or [`Outcome::InstallRefused`].
    CondInstallSnapshot(Snapshot<S>),
    /// Somebody wants another server to lead (thesis, section 3.10). Answered by [`Outcome::Transferring`],
    /// [`Outcome::NotLeader`] or [`Outcome::NoTransfer`].
    TransferLeadership {
        /// Who is to lead.
        to: ServerId,
    },
}

/// How far a server had come when a record was complete: what is durable once the record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Persisted {
    /// current_term at that moment.
    pub current_term: Term,
    /// Index of the last log entry at that moment.
    pub last_log_index: Index,
}

/// What the service gets next (Figure 2, Rules for Servers, All 1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Apply<C, S> {
    /// Committed entries; the first has index `first_index`, which is last_applied + 1.
    Entries {
        /// Index of the first entry.
        first_index: Index,
        /// The entries, in order.
        entries: Vec<Entry<C>>,
    },
    /// A snapshot from the leader. No entries follow until the service has answered with
    /// [`Input::CondInstallSnapshot`].
    Snapshot(Snapshot<S>),
}

/// What a step answers to its caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome {
    /// Nothing to answer.
    Done,
    /// The command is in the leader's log: if it is ever committed as the leader's, then at this index.
    Proposed {
        /// Where the command stands.
        index: Index,
        /// The leader's term.
        term: Term,
    },
    /// This server is not the leader; nothing was appended.
    NotLeader {
        /// This server's term.
        term: Term,
    },
    /// The command is larger than [`max_command_bytes`](crate::Config::max_command_bytes); nothing was appended.
    TooLarge {
        /// The command's size in bytes.
        size: u64,
        /// The most that is possible.
        limit: u64,
    },
    /// So much is waiting to be committed that the command would exceed
    /// [`max_uncommitted_bytes`](crate::Config::max_uncommitted_bytes); nothing was appended. Later it may be.
    Busy {
        /// Bytes of the entries that wait.
        uncommitted: u64,
        /// The most that is possible.
        limit: u64,
    },
    /// The leader is handing over, and takes no commands until another server leads or an election timeout has passed.
    Transferring {
        /// Who is to lead.
        to: ServerId,
    },
    /// Leadership cannot be handed to this server: it leads already, or it is no voter.
    NoTransfer {
        /// Who was to lead.
        to: ServerId,
    },
    /// The log is trimmed through the snapshot's index.
    SnapshotTaken,
    /// Nothing was trimmed.
    SnapshotIgnored(SnapshotIgnored),
    /// The snapshot is installed: the service must switch to it.
    Installed,
    /// The snapshot is old: the service must not switch to it.
    InstallRefused,
    /// The message is not one a correct peer sends to this server; nothing changed.
    Rejected(Rejection),
}

/// Why a snapshot the service took was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SnapshotIgnored {
    /// The log is already trimmed to this index or beyond.
    AlreadyCovered,
    /// The index is beyond commit_index: the service cannot have seen that entry.
    NotCommitted,
    /// A follower still lacks an entry that the snapshot covers, and the log is small enough to wait for it (see
    /// [`max_retained_bytes`](crate::Config::max_retained_bytes)). A later snapshot will do.
    FollowersLag,
}

/// Why a message was rejected. A rejected message changes nothing, not even the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Rejection {
    /// The sender is not a member of the cluster.
    UnknownSender(ServerId),
    /// The sender claims to be this very server.
    FromSelf,
    /// The message is addressed to another server.
    NotAddressedToUs(ServerId),
    /// Term 0, or beyond [`MAX_TERM`](crate::MAX_TERM).
    AbsurdTerm(Term),
    /// An index beyond [`MAX_INDEX`](crate::MAX_INDEX), or beyond what the sender can know of.
    AbsurdIndex(Index),
    /// An index without a term or a term without an index, entries whose terms go back, or a log from the future of
    /// its own term.
    InconsistentLog,
    /// AppendEntries, InstallSnapshot or TimeoutNow from another server in a term that this server leads.
    SecondLeader(Term),
    /// The sender's log contradicts what this server knows to be committed at this index.
    ContradictsCommitted(Index),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::UnknownSender(id) => write!(f, "sender {id} is not in the cluster"),
            Rejection::FromSelf => write!(f, "the sender claims to be this server: is an id used twice?"),
            Rejection::NotAddressedToUs(id) => write!(f, "addressed to {id}: is a peer's address wrong?"),
            Rejection::AbsurdTerm(term) => write!(f, "term {term} makes no sense"),
            Rejection::AbsurdIndex(index) => write!(f, "index {index} makes no sense"),
            Rejection::InconsistentLog => write!(f, "its indexes and terms do not fit each other"),
            Rejection::SecondLeader(term) => write!(f, "this server leads term {term}"),
            Rejection::ContradictsCommitted(index) => {
                write!(f, "it contradicts the entry committed at index {index}: was a server's disk wiped?")
            }
        }
    }
}
