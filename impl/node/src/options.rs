//! What can be set about a node.

use crate::Command;
use crate::codec::MESSAGE_LIMIT;
use crate::error::MakeError;
use core::ops::Range;
use core::time::Duration;
use figure2_core::{Config, Entry, Extensions, ServerSet};
use figure2_engine::Install;

/// The settings of a node. All nodes of a cluster should have the same, but for the seed.
///
/// ```
/// use figure2::Options;
/// use std::time::Duration;
///
/// // Servers that are 50 ms apart.
/// let ms = Duration::from_millis;
/// let options = Options { election_timeout: ms(1000)..ms(2000), heartbeat_interval: ms(250), ..Options::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Each election timeout is drawn at random from this range (section 5.2). Its start should be several times
    /// the heartbeat interval and well above a round trip with a write to disk (section 5.6).
    pub election_timeout: Range<Duration>,
    /// How often a leader repeats its AppendEntries, a candidate its RequestVote, and a pre-candidate its PreVote. Must be shorter than the
    /// shortest election timeout.
    pub heartbeat_interval: Duration,
    /// What the server does beyond Figure 2, for networks that lose messages in one direction or for a time (thesis, sections
    /// 9.6, 6.2 and 4.2.3). With `pre_vote`, a server that is cut off does not raise its term, and so deposes nobody when it
    /// comes back. With `check_quorum`, a leader that no majority answers for an election timeout steps down, so that clients
    /// find another; and servers in contact with a leader do not listen to candidates. They belong together, on all servers:
    /// each alone leaves cases in which a cluster stays without a leader (docs/architecture.md, "Beyond Figure 2"). While a
    /// cluster is updated, servers may differ in them.
    pub extensions: Extensions,
    /// Who switches to a snapshot from the leader.
    pub install: Install,
    /// Most entries in one AppendEntries; at least 1.
    pub max_entries_per_message: u32,
    /// Most bytes of entries in one AppendEntries. An entry that is larger goes alone. (Here and below, an entry counts
    /// 16 bytes more than its command.)
    pub max_message_bytes: u64,
    /// Most bytes of entries that are on their way to one follower and not acknowledged: what a follower that is slow or
    /// silent costs the network, and a transport that queues. One message always fits.
    pub max_in_flight_bytes: u64,
    /// Longest command, in bytes: a longer one is refused at once. With its entry it must fit into one message of
    /// [`codec::MESSAGE_LIMIT`](crate::codec::MESSAGE_LIMIT).
    pub max_command_bytes: u64,
    /// Most bytes of entries that a leader has taken and that are not committed. Beyond it a command is refused as busy, or
    /// waits, as the caller chooses. One command always fits.
    pub max_uncommitted_bytes: u64,
    /// For how many heartbeat intervals a leader waits for a follower to confirm that it has received a snapshot, before it
    /// asks where the follower stands, and sends the snapshot again if it is lost; at least 1. A follower that has
    /// confirmed may take as long as it needs to install it.
    pub snapshot_patience: u8,
    /// While a follower still lacks entries that a snapshot of the leader's service covers, the leader keeps them, and
    /// does not use the snapshot, as long as they take at most so many bytes. Without it (0), a service that takes
    /// snapshots faster than a follower installs one would have that follower install one after the other.
    pub max_retained_bytes: u64,
    /// Most bytes of what peers have sent that wait for this server's own write: their entries, and 256 for each
    /// request. Beyond it their requests are dropped, as a network may drop them: what a disk that hangs costs in
    /// memory. Must be enough for all that a leader sends without an answer.
    pub max_waiting_bytes: u64,
    /// The group that the server is of: it hears messages of this group only, and starts on a storage of this group only.
    pub group: u64,
    /// Whether the node tells all it does, as `tracing` events that [`record`](crate::record) describes.
    pub record: bool,
    /// Where the random election timeouts come from: the operating system if there is none. The server's id is mixed into
    /// a seed, so that equal ones on all servers still give different timeouts; in virtual time equal seeds give equal runs.
    pub seed: Option<u64>,
}

impl Default for Options {
    /// Election timeouts of 400 to 800 ms, drawn without a seed, heartbeats every 120 ms, all extensions, snapshots installed
    /// automatically, of group 0, not recorded. At most 1,024 entries or 1 MiB in a message, 8 MiB in flight to a follower, commands of 8 MiB,
    /// 64 MiB uncommitted, 10 heartbeats of patience with a snapshot, 32 MiB retained for followers that lag, 64 MiB
    /// waiting for a write.
    fn default() -> Self {
        Options {
            election_timeout: Duration::from_millis(400)..Duration::from_millis(800),
            heartbeat_interval: Duration::from_millis(120),
            extensions: Extensions::ALL,
            install: Install::Automatic,
            max_entries_per_message: 1024,
            max_message_bytes: 1 << 20,
            max_in_flight_bytes: 8 << 20,
            max_command_bytes: 8 << 20,
            max_uncommitted_bytes: 64 << 20,
            snapshot_patience: 10,
            max_retained_bytes: 32 << 20,
            max_waiting_bytes: 64 << 20,
            group: 0,
            record: false,
            seed: None,
        }
    }
}

impl Options {
    /// Whether they make sense together. (What is wrong by itself, the core refuses.)
    pub(crate) fn check(&self) -> Result<(), MakeError> {
        let Range { start, end } = self.election_timeout.clone();
        let heartbeat_interval = self.heartbeat_interval;
        if start.is_zero() || start >= end {
            return Err(MakeError::ElectionTimeout { start, end });
        }
        if heartbeat_interval.is_zero() || heartbeat_interval >= start {
            return Err(MakeError::HeartbeatInterval { heartbeat_interval, election_timeout: start });
        }
        let overhead = Entry::<Command>::OVERHEAD;
        let most = (MESSAGE_LIMIT as u64).saturating_sub(1024);
        let limit = |option, value, problem| Err(MakeError::Limit { option, value, problem });
        if self.max_command_bytes.saturating_add(overhead) > most {
            let problem = format!("at most {} bytes fit into one message", most - overhead);
            return limit("max_command_bytes", self.max_command_bytes, problem);
        }
        if self.max_message_bytes > most {
            let problem = format!("at most {most} bytes of entries fit into one message");
            return limit("max_message_bytes", self.max_message_bytes, problem);
        }
        let message = self.max_message_bytes.max(self.max_command_bytes.saturating_add(overhead));
        let sent = self.max_in_flight_bytes.saturating_add(message);
        if self.max_waiting_bytes < sent {
            let problem = format!(
                "a leader sends {sent} bytes without an answer (max_in_flight_bytes and one message): a follower with a \
                 slow disk would lose some"
            );
            return limit("max_waiting_bytes", self.max_waiting_bytes, problem);
        }
        Ok(())
    }

    /// What of them is the core's.
    pub(crate) fn config(&self, servers: u8) -> Config {
        Config {
            voters: ServerSet::first(servers),
            max_entries_per_message: self.max_entries_per_message,
            max_message_bytes: self.max_message_bytes,
            max_in_flight_bytes: self.max_in_flight_bytes,
            max_command_bytes: self.max_command_bytes,
            max_uncommitted_bytes: self.max_uncommitted_bytes,
            snapshot_patience: self.snapshot_patience,
            max_retained_bytes: self.max_retained_bytes,
            extensions: self.extensions,
        }
    }
}
