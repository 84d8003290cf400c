//! The limits of what is sent and kept. In the model all commands have one size, so they are numbers of entries.

use crate::prefix::Command;
use figure2_core::{Command as _, Config, Entry};
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
    /// Whether a command fits: else each is refused for its size.
    pub commands_fit: bool,
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
        commands_fit: true,
        patience: 1,
    };

    /// What servers are told.
    pub fn config(self, servers: u8, entries_per_message: u32) -> Config {
        let command = Command::MAX.size();
        let bytes = |entries: u8| u64::from(entries) * (command + Entry::<Command>::OVERHEAD);
        Config {
            max_entries_per_message: entries_per_message,
            max_message_bytes: bytes(self.message),
            max_in_flight_bytes: bytes(self.in_flight),
            max_command_bytes: if self.commands_fit { command } else { 0 },
            max_uncommitted_bytes: bytes(self.uncommitted),
            max_retained_bytes: bytes(self.retained),
            snapshot_patience: self.patience,
            ..Config::new(servers)
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { message, in_flight, uncommitted, retained, commands_fit, patience } = *self;
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
        if !commands_fit {
            told.push("commands are too large".to_owned());
        }
        f.write_str(&told.join(", "))
    }
}
