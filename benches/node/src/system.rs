//! What all systems have in common: what a client sees of a cluster, and the terms on which each of them runs.

use crate::disk::Medium;
use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;

/// Voters of each cluster.
pub const VOTERS: u8 = 3;

/// Bytes of a command.
pub const COMMAND_BYTES: usize = 128;

/// How many of the applied entries a voter then keeps for others that lag. figure2 has no such number: its leader keeps
/// what a follower still lacks.
pub const KEPT: u64 = 1_000;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// This repository's node.
    Figure2,
    /// openraft 0.10.
    Openraft,
    /// raft-rs 0.7, tikv's, with batch_append.
    Raft,
    /// The protocol's syncs and messages and nothing else; on disk only.
    Floor,
}

impl System {
    /// All that can be measured on such a medium.
    pub fn all(on_disk: bool) -> Vec<System> {
        let mut all = vec![System::Figure2, System::Openraft, System::Raft];
        all.extend(on_disk.then_some(System::Floor));
        all
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            System::Figure2 => "figure2",
            System::Openraft => "openraft",
            System::Raft => "raft",
            System::Floor => "floor",
        })
    }
}

/// Takes commands: a cluster, or the one of its voters that leads.
pub trait Execute: Clone + Send + Sync + 'static {
    /// Has the leader take a command; returns once it is committed and the leader's service has it.
    ///
    /// # Errors
    /// When the leader lost its leadership, or stopped: the measurement is worth nothing then.
    fn execute(&self, command: Vec<u8>) -> impl Future<Output = Result<()>> + Send;
}

/// Three voters in this process, one of which leads.
pub trait Cluster: Execute + Sized {
    /// Starts them, with logs on this medium; returns once one of them leads.
    ///
    /// # Errors
    /// When they do not start.
    fn start(medium: &Medium) -> impl Future<Output = Result<Self>> + Send;
}

/// The command with that number: a buffer of its own, as if it had come from a network.
pub fn command(number: u64) -> Vec<u8> {
    let mut command = vec![0; COMMAND_BYTES];
    command[..8].copy_from_slice(&number.to_le_bytes());
    command
}

/// The number of a command.
pub fn number_of(command: &[u8]) -> u64 {
    command.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// The service of every voter of every system: a sum, so that each command is at least looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The sum of all numbers so far.
    pub sum: u64,
}

impl Service {
    /// Applies a command.
    pub fn apply(&mut self, command: &[u8]) {
        self.sum = self.sum.wrapping_add(number_of(command));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_its_size_and_its_number() {
        let command = command(7);
        assert_eq!((command.len(), number_of(&command)), (COMMAND_BYTES, 7));
        let mut service = Service::default();
        service.apply(&command);
        service.apply(&command);
        assert_eq!(service.sum, 14);
    }
}
