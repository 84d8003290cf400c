//! The state that survives a crash, the changes to it, and the configuration.

use super::Payload;
use serde::{Deserialize, Serialize};

/// The cluster and the limits, as a server was configured with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Number of servers; their ids count from 0.
    pub servers: u8,
    /// Most entries in one AppendEntries.
    pub max_entries_per_message: u32,
    /// Most bytes of entries in one AppendEntries.
    pub max_message_bytes: u64,
    /// Most bytes of entries that were sent to one follower and are not acknowledged.
    pub max_in_flight_bytes: u64,
    /// Most bytes of a command.
    pub max_command_bytes: u64,
    /// Most bytes of entries in a leader's log that are not committed.
    pub max_uncommitted_bytes: u64,
    /// After how many heartbeats a leader gives up on a snapshot that was not acknowledged.
    pub snapshot_patience: u8,
    /// Up to how many bytes of entries a leader keeps for a follower that lacks them.
    pub max_retained_bytes: u64,
    /// What the server did beyond Figure 2. Where the field is missing: nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_none")]
    pub extensions: Extensions,
}

/// The thesis' extensions, each of which a server has or has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extensions {
    /// Before it stands for election, it asks whether it would win.
    #[serde(default)]
    pub pre_vote: bool,
    /// As a leader it steps down without the answers of a majority; in contact with a leader it disregards candidates.
    #[serde(default)]
    pub check_quorum: bool,
}

impl Extensions {
    /// Whether the server has none of them.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Extensions::default()
    }
}

/// Figure 2, "Persistent state on all servers", and the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persistent<C = Payload, S = Payload> {
    /// Latest term that the server has seen.
    pub current_term: u64,
    /// The candidate that got its vote in that term.
    pub voted_for: Option<u8>,
    /// The log.
    pub log: Log<C, S>,
}

/// A log: a snapshot in the place of a prefix, and the entries after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log<C = Payload, S = Payload> {
    /// The snapshot, if there is one.
    pub snapshot: Option<Snapshot<S>>,
    /// The entries that follow it.
    pub entries: Vec<Entry<C>>,
}

impl<C, S> Log<C, S> {
    /// Index of the last entry, stored or covered by the snapshot.
    #[must_use]
    pub fn last_index(&self) -> u64 {
        let base = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last_included_index);
        base.saturating_add(self.entries.len() as u64)
    }
}

/// A log entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<C = Payload> {
    /// The term in which a leader appended it.
    pub term: u64,
    /// Its command.
    pub command: C,
}

/// A snapshot of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot<S = Payload> {
    /// The snapshot covers all entries up to and including this index.
    pub last_included_index: u64,
    /// Term of the entry at that index.
    pub last_included_term: u64,
    /// The service's state.
    pub data: S,
}

/// One change of the persistent state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change<C = Payload, S = Payload> {
    /// Term and vote, always together.
    TermAndVote {
        /// The new current_term.
        current_term: u64,
        /// The vote in that term, if there is one.
        voted_for: Option<u8>,
    },
    /// Entries are appended at the end of the log.
    Append {
        /// The entries.
        entries: Vec<Entry<C>>,
    },
    /// The entry at `from` and all that follow it are deleted.
    Truncate {
        /// First index that is deleted.
        from: u64,
    },
    /// A snapshot takes the place of the entries that it covers.
    Snapshot {
        /// The snapshot.
        snapshot: Snapshot<S>,
        /// Whether the entries after it stay; else the whole log is discarded.
        keep_suffix: bool,
    },
}
