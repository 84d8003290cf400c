//! Errors: why a command or a message is refused, and why a node stops.

use figure2_core::{Rejection, ServerId, Term};
use std::error::Error;
use std::sync::Arc;

/// Why a server did not take a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Another server is the leader, or nobody is.
    #[error("not the leader of term {term}; {}", hint(*.leader))]
    NotLeader {
        /// This server's current term.
        term: Term,
        /// The leader of that term, if this server has heard from it.
        leader: Option<ServerId>,
    },
    /// Too much waits to be committed. It was not taken; later it may be.
    #[error(
        "busy: {uncommitted} bytes wait to be committed, of at most {limit}; try again later, or wait with \
         propose_when_ready"
    )]
    Busy {
        /// Bytes of the entries that wait.
        uncommitted: u64,
        /// The limit `max_uncommitted_bytes`.
        limit: u64,
    },
    /// The command is larger than any may be.
    #[error(
        "a command of {size} bytes, of at most {limit}: split it, or raise max_command_bytes on all servers"
    )]
    TooLarge {
        /// The command's size in bytes.
        size: u64,
        /// The limit `max_command_bytes`.
        limit: u64,
    },
    /// The leader hands over to another server, and takes no commands until that one leads or an election timeout has passed.
    #[error("the leader hands over to {to}: try that server, or this one again in a moment")]
    Transferring {
        /// Who is to lead.
        to: ServerId,
    },
    /// The server was stopped, or has failed: its failure says why.
    #[error("the server has stopped: its failure says why; use another server")]
    Stopped,
}

/// Why leadership is not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Another server is the leader, or nobody is: only a leader hands over.
    #[error("not the leader of term {term}; {}", hint(*.leader))]
    NotLeader {
        /// This server's current term.
        term: Term,
        /// The leader of that term, if this server has heard from it.
        leader: Option<ServerId>,
    },
    /// The server that is to lead leads already.
    #[error("server {0} leads already")]
    LeadsAlready(u64),
    /// The server that is to lead is none of the cluster's.
    #[error("server {0} is not of this cluster: name one of its servers by its id")]
    UnknownServer(u64),
    /// The server was stopped, or has failed: its failure says why.
    #[error("the server has stopped: its failure says why; use another server")]
    Stopped,
}

/// Why a server did not take in a message of a peer. It counts as lost: Raft sends again what matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// Too much of what peers have sent waits for this server's own write. Later there will be room.
    #[error("busy: what peers have sent waits for a write, and reaches max_waiting_bytes")]
    Busy,
    /// No correct peer sends it to this server.
    #[error("rejected: {0}")]
    Rejected(Rejection),
    /// The server was stopped, or has failed: its failure says why.
    #[error("the server has stopped: its failure says why; use another server")]
    Stopped,
}

fn hint(leader: Option<ServerId>) -> String {
    leader.map_or("no leader is known: try another server".to_owned(), |leader| {
        format!("its leader is {leader}")
    })
}

/// Why storage could not load or save.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// What is stored is not what a server wrote.
    #[error(
        "the stored state is damaged ({0}): do not start this server on it or on an older copy, which may have forgotten \
         a vote; replace it by a server with a new id and an empty storage"
    )]
    Damaged(String),
    /// A snapshot is missing, or one is there that the state does not speak of.
    #[error(
        "the stored state and the stored snapshot do not belong together: they are written in one step, so one of them was \
         lost or replaced since; replace this server by one with a new id and an empty storage"
    )]
    SnapshotMismatch,
    /// The medium failed.
    #[error("storage failed: {0}")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
}

impl StorageError {
    /// A failure of the medium, for instance a [`std::io::Error`].
    pub fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        StorageError::Failed(Arc::from(cause.into()))
    }
}

/// Why a node stopped without being told to. It answers as one that was told.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A write failed. What the server holds in memory may not be on its disk, so it must not speak any more
    /// (a failed write is never retried into an acknowledgement).
    #[error("a write failed: {0}; repair the storage, and start the server again on it")]
    Storage(#[from] StorageError),
    /// The receiver of the apply channel is gone: as a leader this server would take commands that nobody runs.
    #[error("the service dropped its end of the apply channel: keep the receiver as long as the server runs")]
    ServiceGone,
    /// A task of the node ended by a panic, or because its runtime was shut down.
    #[error(
        "a task of the node ended early, by a panic or because the runtime was shut down: stop servers before their runtime"
    )]
    TaskEnded,
}
