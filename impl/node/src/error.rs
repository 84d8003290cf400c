//! What can go wrong, and what to do about it.

use crate::codec::CodecError;
use core::time::Duration;
use figure2_core::{Rejection, StartError};
use figure2_engine::{Identity, ReceiveError, StorageError};

/// Why a node could not be made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// The number of peers cannot be a cluster.
    #[error("{0} peers: give one per server of the cluster, this one included, from 1 to 64")]
    BadClusterSize(usize),
    /// The configuration, the id or the recovered state makes no sense.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The storage is that of another server, or of another cluster.
    #[error(
        "the storage is that of {found}, and this is {expected}: start that server on it, or give this one a storage of its \
         own"
    )]
    OtherServer {
        /// Whose it is.
        found: Identity,
        /// Who was to start on it.
        expected: Identity,
    },
    /// There is a peer with this server's own id.
    #[error("there is a peer with id {0}, which is this server's own: give one for each other server")]
    OwnPeer(u64),
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
    #[error("not inside a tokio runtime: call Raft::new from a task, or under Runtime::enter")]
    NoRuntime,
}

/// Why a node did not take in a message. It is logged, and counts as lost: Raft sends again what matters.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The bytes are no message of this cluster, or of no version that this build knows.
    #[error("undecodable: {0}; close the connection that it came from")]
    Undecodable(#[from] CodecError),
    /// It says that it is of another server than the one that the transport knows to speak.
    #[error(
        "server {speaker} sent it in the name of another server: close the connection, and see what runs as server {speaker}"
    )]
    Impostor {
        /// Who sent it.
        speaker: u64,
    },
    /// No correct peer sends it to this server.
    #[error("rejected: {0}")]
    Rejected(Rejection),
    /// Too much of what peers have sent waits for this server's disk. Later there will be room.
    #[error(
        "busy: what peers have sent waits for the disk, and reaches max_waiting_bytes; read on a little later"
    )]
    Busy,
    /// The server was stopped, or has failed: its failure says why.
    #[error("the server has stopped: stop reading for it")]
    Stopped,
}

impl From<ReceiveError> for HandleError {
    fn from(error: ReceiveError) -> HandleError {
        match error {
            ReceiveError::Rejected(rejection) => HandleError::Rejected(rejection),
            ReceiveError::Busy => HandleError::Busy,
            // There is no other.
            _ => HandleError::Stopped,
        }
    }
}

/// What was stored is read back by the codec: what it cannot read is damaged.
impl From<CodecError> for StorageError {
    fn from(error: CodecError) -> StorageError {
        StorageError::Damaged(error.to_string())
    }
}
