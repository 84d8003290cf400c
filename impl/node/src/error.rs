//! What can go wrong, and what to do about it.

use crate::codec::CodecError;
use core::time::Duration;
use figure2_core::StartError;
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
    /// There is no runtime to run the node's tasks.
    #[error("not inside a tokio runtime: call Raft::make from a task, or under Runtime::enter")]
    NoRuntime,
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
