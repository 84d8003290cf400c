//! What is asked of a search, besides what it explores; and why it does not begin, or has no end.

use crate::checkpoint::{CheckpointError, Checkpoints};
use crate::link::{Hosts, HostsError, Lost};
use crate::spill::SpillError;
use figure2_model::CheckError;
use std::path::PathBuf;

/// Who explores, and what is kept in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Threads of this process, a worker each. All processes have as many.
    pub threads: usize,
    /// The processes, if this is not the only one. Each begins the same search.
    pub hosts: Option<Hosts>,
    /// Where checkpoints are made, if they are. Several processes write into one directory.
    pub checkpoints: Option<Checkpoints>,
    /// Where goes what need not be in memory, if it is not to be there.
    pub spills: Option<Spills>,
    /// So many bytes a worker may have on their way to each one of other processes. When there are more, it waits until that one
    /// has taken some in: what one finds faster than another takes it in does not pile up in memory.
    pub window: u64,
    /// So many states at most a worker expands before it takes in what other processes sent.
    pub turn: usize,
}

/// What usually may be on its way from one worker to another, in bytes.
const WINDOW: u64 = 8 << 20;

/// How many states are usually expanded in a turn.
const TURN: usize = 1024;

impl Plan {
    /// A search by this process alone, that keeps nothing.
    pub fn of_threads(threads: usize) -> Plan {
        Plan { threads, hosts: None, checkpoints: None, spills: None, window: WINDOW, turn: TURN }
    }

    /// The same with directories of its own below those of this one.
    #[must_use]
    pub fn below(&self, name: &str) -> Plan {
        let mut plan = self.clone();
        plan.checkpoints.iter_mut().for_each(|checkpoints| checkpoints.directory.push(name));
        plan.spills.iter_mut().for_each(|spills| spills.directory.push(name));
        plan
    }

    /// Which process this is.
    pub(crate) fn process(&self) -> usize {
        self.hosts.as_ref().map_or(0, Hosts::process)
    }

    /// How many processes there are.
    pub(crate) fn processes(&self) -> usize {
        self.hosts.as_ref().map_or(1, Hosts::processes)
    }

    /// How many workers there are in all processes.
    pub(crate) fn workers(&self) -> usize {
        self.threads * self.processes()
    }
}

/// Where goes what need not be in memory: the states that wait, and the keys of the levels before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spills {
    /// The directory: empty or missing, or with what a search left that was killed.
    pub directory: PathBuf,
    /// So many states of a level wait in memory, of each worker; the others in a file.
    pub waiting: usize,
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
    /// The files for what need not be in memory are of no use.
    #[error("--spill: {0}")]
    Spill(#[from] SpillError),
    /// The processes do not come together.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// A process was lost on the way. Threads of this one may go on for a moment.
    #[error("{0}; nothing is proved. With --checkpoint, the same commands go on from the last one")]
    Lost(#[from] Lost),
}
