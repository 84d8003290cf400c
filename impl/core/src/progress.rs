//! What a leader knows of each server: Figure 2, "Volatile state on leaders", and how fast it may send.

use crate::types::Index;

/// A leader's view of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Progress {
    /// Index of the next log entry to send: a guess while probing, and past all that was sent while replicating. The
    /// leader's own is unused.
    pub next_index: Index,
    /// Index of the highest log entry known to be replicated there; for the leader itself, of the highest durable one.
    /// Measured, and never goes back.
    pub match_index: Index,
    /// What may be sent at the moment.
    pub state: ProgressState,
}

/// What a leader may send to a follower (the three states are etcd's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ProgressState {
    /// It is not known where the logs match. Only empty AppendEntries are sent, one after an election or a refusal, and
    /// one at each heartbeat: nothing large goes out on a guess.
    Probe,
    /// The logs match up to match_index. Entries are sent without waiting for replies (thesis, section 10.2.2), as long
    /// as what is unanswered stays within [`max_in_flight_bytes`](crate::Config::max_in_flight_bytes).
    Replicate {
        /// Bytes of the entries after match_index and before next_index: sent, and not acknowledged. Those that the
        /// leader has discarded since count until all of them are acknowledged.
        in_flight: u64,
    },
    /// The follower lacks entries that the leader has discarded, and was sent a snapshot that ends before next_index.
    /// It is sent once; the heartbeats' replies tell what became of it.
    Snapshot {
        /// Whether the follower said that it has the snapshot, and is installing it.
        acknowledged: bool,
        /// Heartbeats since it was sent, while it is not acknowledged.
        unanswered: u8,
    },
}

impl Progress {
    /// A follower about which nothing is known yet.
    #[inline]
    pub(crate) fn probing(next_index: Index) -> Progress {
        Progress { next_index, match_index: Index::ZERO, state: ProgressState::Probe }
    }

    /// Whether entries may be sent without waiting for a reply.
    #[must_use]
    #[inline]
    pub fn is_replicating(&self) -> bool {
        matches!(self.state, ProgressState::Replicate { .. })
    }
}
