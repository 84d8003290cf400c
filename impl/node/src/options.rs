//! What can be set about a node.

use crate::error::MakeError;
use core::ops::Range;
use core::time::Duration;

/// The settings of a node. All nodes of a cluster should have the same, but for the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Each election timeout is drawn at random from this range (section 5.2). Its start should be several times
    /// the heartbeat interval and well above a round trip with a write to disk (section 5.6).
    pub election_timeout: Range<Duration>,
    /// How often a leader repeats its AppendEntries, and a candidate its RequestVote. Must be shorter than the
    /// shortest election timeout.
    pub heartbeat_interval: Duration,
    /// Who switches to a snapshot from the leader.
    pub install: Install,
    /// Most entries in one AppendEntries; at least 1. Together they must stay within
    /// [`codec::MESSAGE_LIMIT`](crate::codec::MESSAGE_LIMIT).
    pub max_entries_per_message: u32,
    /// Whether the node tells all it does, as `tracing` events that [`record`](crate::record) describes.
    pub record: bool,
    /// Where the random election timeouts come from. The server's id is mixed in, so that equal seeds on all servers
    /// still give different timeouts; in virtual time equal seeds give equal runs.
    pub seed: u64,
}

impl Default for Options {
    /// Election timeouts of 400 to 800 ms, heartbeats every 120 ms, at most 1,024 entries in a message, the service
    /// asked before a snapshot is installed, not recorded, seed 0.
    fn default() -> Self {
        Options {
            election_timeout: Duration::from_millis(400)..Duration::from_millis(800),
            heartbeat_interval: Duration::from_millis(120),
            install: Install::Conditional,
            max_entries_per_message: 1024,
            record: false,
            seed: 0,
        }
    }
}

impl Options {
    /// Whether the durations make sense together.
    pub(crate) fn check(&self) -> Result<(), MakeError> {
        let Range { start, end } = self.election_timeout.clone();
        let heartbeat_interval = self.heartbeat_interval;
        if start.is_zero() || start >= end {
            Err(MakeError::ElectionTimeout { start, end })
        } else if heartbeat_interval.is_zero() || heartbeat_interval >= start {
            Err(MakeError::HeartbeatInterval { heartbeat_interval, election_timeout: start })
        } else {
            Ok(())
        }
    }
}

/// Who switches to a snapshot that the leader sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Install {
    /// The service decides when, by [`Raft::cond_install_snapshot`](crate::Raft::cond_install_snapshot) (the lab up
    /// to 2021). Until it has answered an offered snapshot, nothing else is handed to it.
    #[default]
    Conditional,
    /// Raft switches by itself and then hands the snapshot over (the lab since 2023).
    Automatic,
}
