//! What is asked of a search, besides what it explores; and why it does not begin, or has no end.

use crate::checkpoint::{CheckpointError, Checkpoints};
use crate::link::{Hosts, HostsError, Lost};
use figure2_model::CheckError;

/// Who explores, and what is kept in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Threads of this process, a worker each. All processes have as many.
    pub threads: usize,
    /// The processes, if this is not the only one. Each begins the same search.
    pub hosts: Option<Hosts>,
    /// Where checkpoints are made, if they are. Several processes write into one directory.
    pub checkpoints: Option<Checkpoints>,
}

impl Plan {
    /// A search by this process alone, that keeps nothing.
    pub fn of_threads(threads: usize) -> Plan {
        Plan { threads, hosts: None, checkpoints: None }
    }

    /// Which process this is.
    pub(crate) fn process(&self) -> usize {
        self.hosts.as_ref().map_or(0, Hosts::process)
    }

    /// How many workers there are in all processes.
    pub(crate) fn workers(&self) -> usize {
        self.threads * self.hosts.as_ref().map_or(1, Hosts::processes)
    }
}

/// Why a search did not begin, or has no end.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The options or the profile make no sense.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The checkpoint is of no use.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The processes do not come together.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// A process was lost on the way. Threads of this one may go on for a moment.
    #[error("{0}; nothing is proved. With --checkpoint, the same commands go on from the last one")]
    Lost(#[from] Lost),
}
