//! What can go wrong, and what to do about it.

use crate::codec::CodecError;
use core::time::Duration;
use figure2_core::{ServerId, StartError, Term};
use std::error::Error;
use std::sync::Arc;

/// Why a node could not be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MakeError {
    /// The number of peers cannot be a cluster.
    #[error("{0} peers: give one per server of the cluster, this one included, from 1 to 64")]
    BadClusterSize(usize),
    /// The configuration, the id or the recovered state makes no sense.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What the storage holds could not be read.
    #[error("the state of this server could not be loaded: {0}")]
    Storage(#[from] StorageError),
    /// No timeout can be drawn from the range.
    #[error("election_timeout {start:?}..{end:?}: its start must be above zero and below its end")]
    ElectionTimeout {
        /// The shortest timeout.
        start: Duration,
        /// The end of the range, not included.
        end: Duration,
    },
    /// Followers would start elections between two heartbeats.
    #[error(
        "heartbeat_interval {heartbeat_interval:?}: it must be above zero and below the shortest election timeout, \
         {election_timeout:?} (a third of it or less is a good choice)"
    )]
    HeartbeatInterval {
        /// The interval asked for.
        heartbeat_interval: Duration,
        /// The shortest election timeout.
        election_timeout: Duration,
    },
    /// A limit is too small or too large for what must fit into it.
    #[error("{option} is {value}: {problem}")]
    Limit {
        /// The option.
        option: &'static str,
        /// Its value.
        value: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no runtime to run the node's tasks.
    #[error("not inside a tokio runtime: call Raft::make from a task, or under Runtime::enter")]
    NoRuntime,
}

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
        /// [`max_uncommitted_bytes`](crate::Options::max_uncommitted_bytes).
        limit: u64,
    },
    /// The command is larger than any may be.
    #[error(
        "a command of {size} bytes, of at most {limit}: split it, or raise max_command_bytes on all servers"
    )]
    TooLarge {
        /// The command's size in bytes.
        size: u64,
        /// [`max_command_bytes`](crate::Options::max_command_bytes).
        limit: u64,
    },
    /// The server was killed, or has failed: [`Raft::failure`](crate::Raft::failure) says why.
    #[error("the server has stopped")]
    Stopped,
}

fn hint(leader: Option<ServerId>) -> String {
    leader.map_or("no leader is known: try another server".to_owned(), |leader| {
        format!("its leader is {leader}")
    })
}

/// Why storage could not load or save.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// What is stored is not what a server wrote.
    #[error(
        "the stored state is damaged ({0}): do not start this server on it; restore it from a sound copy"
    )]
    Damaged(#[from] CodecError),
    /// A snapshot is missing, or one is there that the state does not speak of.
    #[error(
        "the stored state and the stored snapshot do not belong together: they are written in one step, so one of \
         them was lost or replaced since; restore both from the same copy"
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

/// Why a node stopped without being killed. A stopped node answers as a killed one does.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// A write failed. What the server holds in memory may not be on its disk, so it must not speak any more
    /// (a failed write is never retried into an acknowledgement).
    #[error("a write failed: {0}")]
    Storage(#[from] StorageError),
    /// The receiver of the apply channel is gone: as a leader this server would take commands that nobody runs.
    #[error("the service dropped its end of the apply channel")]
    ServiceGone,
    /// A task of the node ended by a panic, or because its runtime was shut down.
    #[error("a task of the node ended early: by a panic, or because the runtime was shut down")]
    TaskEnded,
}
