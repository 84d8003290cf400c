//! Bounds: what makes the space finite. They are budgets of the model, so a search never has to be cut off; it ends
//! when nothing more can happen.

use crate::cluster::prefix::MAX_LOG;
#[cfg(doc)]
use figure2_core::Input;
use figure2_core::{Config, Extensions, ServerId};
use std::fmt;

/// How often something may happen along one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Budget {
    /// At most so often.
    AtMost(u8),
    /// Any number of times; then it need not be counted, which can make the space smaller.
    Unlimited,
}

impl Budget {
    /// Whether it may happen once more, after `used` times.
    pub fn allows(self, used: u8) -> bool {
        match self {
            Budget::AtMost(most) => used < most,
            Budget::Unlimited => true,
        }
    }

    /// The counter after it happened once more; it stands still where nothing is counted.
    pub fn count(self, used: u8) -> u8 {
        match self {
            Budget::AtMost(_) => used.saturating_add(1),
            Budget::Unlimited => used,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::AtMost(most) => write!(f, "{most}"),
            Budget::Unlimited => write!(f, "any"),
        }
    }
}

/// When a service gets committed entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Apply {
    /// In the step that commits them. A reduction: see the model's book page for why it loses nothing without snapshots.
    AtOnce,
    /// By an action of its own, one entry at a time: the finest interleaving.
    Separately,
}

/// When a leader sends what followers lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sending {
    /// Entries in the step that takes in the command, and commit_index with the next message: fewer states.
    AtOnce,
    /// By actions of their own, [`Input::Replicate`] and [`Input::SendCommit`], as a node does.
    Separately,
}

/// Limits of the servers, in bytes. An entry counts 16 bytes and those of its command, which has as many bytes as its
/// number says: c1 counts 17, c2 18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Most bytes of entries in one AppendEntries.
    pub message: u64,
    /// Most bytes of entries sent to a follower and not acknowledged.
    pub in_flight: u64,
    /// Most bytes of a command.
    pub command: u64,
    /// Most bytes of entries that wait to be committed.
    pub uncommitted: u64,
    /// Most bytes of entries that a leader keeps for a follower when its service takes a snapshot.
    pub retained: u64,
    /// Heartbeats after which an unacknowledged snapshot is given up.
    pub snapshot_patience: u8,
}

impl Limits {
    /// Limits that no log of a model reaches, no entries retained, and a snapshot given up at the next heartbeat.
    pub const NONE: Limits = Limits {
        message: u64::MAX,
        in_flight: u64::MAX,
        command: u64::MAX,
        uncommitted: u64::MAX,
        retained: 0,
        snapshot_patience: 1,
    };
}

impl fmt::Display for Limits {
    /// Those that can be met, each behind a comma.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { message, in_flight, command, uncommitted, retained, snapshot_patience } = *self;
        for (limit, name, none) in [
            (message, "bytes per message", Limits::NONE.message),
            (in_flight, "bytes in flight", Limits::NONE.in_flight),
            (command, "bytes per command", Limits::NONE.command),
            (uncommitted, "bytes uncommitted", Limits::NONE.uncommitted),
            (retained, "bytes retained", Limits::NONE.retained),
            (
                u64::from(snapshot_patience),
                "heartbeats of patience",
                u64::from(Limits::NONE.snapshot_patience),
            ),
        ] {
            if limit != none {
                write!(f, ", {name}: {limit}")?;
            }
        }
        Ok(())
    }
}

/// The bounds of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Number of servers, 1 to 5.
    pub servers: u8,
    /// Highest term in which an election may start.
    pub terms: u8,
    /// How many commands clients give, in all.
    pub client_requests: u8,
    /// How many times a server crashes, in all. A crashed server may restart at any time.
    pub crashes: u8,
    /// Most steps of a server whose records are not durable yet. 0: every step's record is durable within the step.
    pub unwritten: u8,
    /// How many writes fail, in all.
    pub failed_writes: u8,
    /// How many messages are lost.
    pub losses: Budget,
    /// How many deliveries leave a copy of the message behind.
    pub duplications: Budget,
    /// How many snapshots services take, in all.
    pub snapshots: u8,
    /// Most messages on their way at a time. A step whose messages find no room waits until there is room; with
    /// losses there always can be.
    pub in_flight: u8,
    /// Most entries in one AppendEntries.
    pub entries_per_message: u32,
    /// When leaders send entries and commit_index.
    pub sending: Sending,
    /// The servers' limits in bytes.
    pub limits: Limits,
    /// When services get committed entries.
    pub apply: Apply,
    /// Whether what clients see is recorded: it makes states differ that are otherwise the same.
    pub clients: bool,
    /// What servers do beyond Figure 2.
    pub extensions: Extensions,
    /// How many servers do without the extensions: those with the highest ids.
    pub plain_servers: u8,
    /// How often somebody asks a leader to hand over, in all.
    pub transfers: u8,
    /// Whether a server that is down can lose its disk, and start with an empty one.
    pub lost_disks: bool,
}

impl Bounds {
    /// What the servers are told, but for those that do without the extensions: see [`extensions_of`](Self::extensions_of).
    pub fn config(&self) -> Config {
        Config {
            max_entries_per_message: self.entries_per_message,
            max_message_bytes: self.limits.message,
            max_in_flight_bytes: self.limits.in_flight,
            max_command_bytes: self.limits.command,
            max_uncommitted_bytes: self.limits.uncommitted,
            max_retained_bytes: self.limits.retained,
            snapshot_patience: self.limits.snapshot_patience,
            extensions: self.extensions,
            ..Config::new(self.servers)
        }
    }

    /// What this server does beyond Figure 2.
    pub fn extensions_of(&self, id: ServerId) -> Extensions {
        let is_plain = id.0.saturating_add(self.plain_servers) >= self.servers;
        if is_plain { Extensions::NONE } else { self.extensions }
    }

    /// The words for what goes beyond Figure 2, each behind a comma; none where nothing does.
    pub(crate) fn beyond_figure2(&self) -> String {
        let Extensions { pre_vote, check_quorum } = self.extensions;
        let count = |n: u8, one: &str, many: &str| match n {
            0 => String::new(),
            1 => format!(", 1 {one}"),
            n => format!(", {n} {many}"),
        };
        [
            (if pre_vote { ", PreVote" } else { "" }).to_owned(),
            (if check_quorum { ", CheckQuorum" } else { "" }).to_owned(),
            count(self.plain_servers, "server without them", "servers without them"),
            count(self.transfers, "transfer", "transfers"),
            (if self.lost_disks { ", disks get lost" } else { "" }).to_owned(),
        ]
        .concat()
    }

    /// What is wrong with these bounds, if anything.
    pub fn problem(&self) -> Option<String> {
        if self.servers == 0 || self.servers > 5 {
            return Some(format!("servers: {} (1 to 5 are possible)", self.servers));
        }
        if usize::from(self.client_requests) > MAX_LOG {
            return Some(format!("client requests: {} (0 to {MAX_LOG} are possible)", self.client_requests));
        }
        if self.in_flight.saturating_add(1) < self.servers {
            let least = self.servers - 1;
            return Some(format!("in flight: {} (a broadcast alone needs {least})", self.in_flight));
        }
        if self.entries_per_message == 0 {
            return Some("entries per message: 0 (at least 1)".to_owned());
        }
        if self.limits.snapshot_patience == 0 {
            return Some("heartbeats of patience: 0 (at least 1)".to_owned());
        }
        if self.failed_writes > 0 && self.unwritten == 0 {
            return Some("failed writes: they need writes that lag".to_owned());
        }
        if self.plain_servers > self.servers {
            return Some(format!("servers without extensions: {} of {}", self.plain_servers, self.servers));
        }
        if self.apply == Apply::AtOnce && self.snapshots > 0 {
            return Some("applying at once does not go with snapshots".to_owned());
        }
        None
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} servers, {} terms, {} client requests, {} crashes, {} snapshots, {} messages in flight, \
             losses: {}, duplications: {}, entries per message: {}{}, sent {}, applied {}, {}{}{}",
            self.servers,
            self.terms,
            self.client_requests,
            self.crashes,
            self.snapshots,
            self.in_flight,
            self.losses,
            self.duplications,
            if self.entries_per_message >= u32::from(self.client_requests) {
                "all".to_owned()
            } else {
                self.entries_per_message.to_string()
            },
            self.limits,
            match self.sending {
                Sending::AtOnce => "when proposed",
                Sending::Separately => "at any time, as is what is committed",
            },
            match self.apply {
                Apply::AtOnce => "when committed",
                Apply::Separately => "one by one, at any time",
            },
            match self.unwritten {
                0 => "writes at once".to_owned(),
                lag => format!("writes lag by up to {lag} steps, {} fail", self.failed_writes),
            },
            if self.clients { ", clients recorded" } else { "" },
            self.beyond_figure2()
        )
    }
}
