//! The limits of what is sent and kept, as numbers of entries. No two commands of a model have the same size, so for a
//! limit of n there are always n entries that fit, whichever they are, and never n + 1.

use crate::prefix::{Command, MAX_LOG};
use figure2_core::{Config, Entry};
use std::fmt;

/// Limits, in entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Most entries in one AppendEntries, by their bytes: beside
    /// [`entries_per_message`](crate::Bounds::entries_per_message), which counts them.
    pub message: u8,
    /// Most entries that are in flight to a follower.
    pub in_flight: u8,
    /// Most entries of a leader that wait to be committed.
    pub uncommitted: u8,
    /// Up to how many entries a leader keeps for a follower that lacks one of them.
    pub retained: u8,
    /// Most bytes of a command. That of the n-th request has n, so 2 refuses the third.
    pub command: u8,
    /// For how many heartbeats a snapshot that is not acknowledged is waited for; at least 1.
    pub patience: u8,
}

impl Limits {
    /// So wide that none is reached; nothing is retained, and a snapshot is waited for during one heartbeat.
    pub const WIDE: Limits = Limits {
        message: u8::MAX,
        in_flight: u8::MAX,
        uncommitted: u8::MAX,
        retained: 0,
        command: u8::MAX,
        patience: 1,
    };

    /// What servers are told.
    pub fn config(self, servers: u8, entries_per_message: u32) -> Config {
        let bytes = |entries: u8| u64::from(entries) * (MAX_LOG as u64 + Entry::<Command>::OVERHEAD);
        Config {
            max_entries_per_message: entries_per_message,
            max_message_bytes: bytes(self.message),
            max_in_flight_bytes: bytes(self.in_flight),
            max_command_bytes: u64::from(self.command),
            max_uncommitted_bytes: bytes(self.uncommitted),
            max_retained_bytes: bytes(self.retained),
            snapshot_patience: self.patience,
            ..Config::new(servers)
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { message, in_flight, uncommitted, retained, command, patience } = *self;
        let mut told = Vec::new();
        let counts = [
            (message, Limits::WIDE.message, "of a message"),
            (in_flight, Limits::WIDE.in_flight, "in flight to a follower"),
            (uncommitted, Limits::WIDE.uncommitted, "uncommitted"),
            (retained, Limits::WIDE.retained, "retained"),
        ];
        for (most, wide, what) in counts {
            if most != wide {
                told.push(format!("{most} {what}"));
            }
        }
        if patience != Limits::WIDE.patience {
            told.push(format!("{patience} heartbeats of patience"));
        }
        if command != Limits::WIDE.command {
            told.push(format!("commands of {command} bytes"));
        }
        f.write_str(&told.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_n_fits_any_n_entries_and_no_more() {
        let size = |command: u64| command + Entry::<Command>::OVERHEAD;
        let all = MAX_LOG as u64;
        for n in 1..all {
            let limits = Limits { uncommitted: u8::try_from(n).unwrap(), ..Limits::WIDE };
            let limit = limits.config(3, 1).max_uncommitted_bytes;
            let largest: u64 = (all - n + 1..=all).map(size).sum();
            let smallest: u64 = (1..=n + 1).map(size).sum();
            assert!(largest <= limit && limit < smallest, "{n}: {largest} <= {limit} < {smallest}");
        }
    }
}
