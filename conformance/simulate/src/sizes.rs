//! The sizes of commands and snapshots in a run, and the limits of its nodes.

use figure2::{Command, Options};
use figure2_core::Entry;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde::{Deserialize, Serialize};
use std::fmt;

/// From the first number to the second, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(pub u64, pub u64);

/// The limits of all nodes of a run: those of [`Options`], with their names.
///
/// Small ones are drawn as often as large ones: with the limits of a common network and the few, small commands of a
/// simulated client, batches never overlap, nothing waits for room, and no snapshot is asked for twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most entries in one AppendEntries.
    pub max_entries_per_message: u32,
    /// Most bytes of entries in one AppendEntries; one entry always fits.
    pub max_message_bytes: u64,
    /// Most bytes of entries sent to one follower and not acknowledged; one entry always fits.
    pub max_in_flight_bytes: u64,
    /// Most bytes of a command; a larger one is refused.
    pub max_command_bytes: u64,
    /// Most bytes of entries that are not committed; one command always fits.
    pub max_uncommitted_bytes: u64,
    /// After how many heartbeats a snapshot that is not acknowledged is asked for again.
    pub snapshot_patience: u8,
    /// Up to how many bytes of entries a leader keeps while a follower lacks one of them.
    pub max_retained_bytes: u64,
    /// Most bytes of what peers have sent that wait for a write; it must hold what a leader sends without an answer.
    pub max_waiting_bytes: u64,
}

/// The largest command, snapshot or limit of a plan, in bytes: what fits in a message with room to spare.
const LARGEST: u64 = 32 << 20;

impl Default for Limits {
    /// Those of the nodes.
    fn default() -> Self {
        Limits::of(&Options::default())
    }
}

impl Limits {
    /// Those of a node's options.
    fn of(options: &Options) -> Limits {
        Limits {
            max_entries_per_message: options.max_entries_per_message,
            max_message_bytes: options.max_message_bytes,
            max_in_flight_bytes: options.max_in_flight_bytes,
            max_command_bytes: options.max_command_bytes,
            max_uncommitted_bytes: options.max_uncommitted_bytes,
            snapshot_patience: options.snapshot_patience,
            max_retained_bytes: options.max_retained_bytes,
            max_waiting_bytes: options.max_waiting_bytes,
        }
    }

    pub(super) fn draw(random: &mut StdRng) -> Limits {
        let usual = Limits::default();
        let one_of = |random: &mut StdRng, small: &[u64], usual: u64| match small.choose(random) {
            Some(small) if random.random_bool(0.75) => *small,
            _ => usual,
        };
        let entries = [1, 2, 3, random.random_range(1..=1024)].choose(random).copied();
        let mut limits = Limits {
            max_entries_per_message: entries
                .filter(|_| random.random_bool(0.75))
                .unwrap_or(usual.max_entries_per_message),
            max_message_bytes: one_of(random, &[1, 100, 300, 2000, 50_000], usual.max_message_bytes),
            max_in_flight_bytes: one_of(random, &[1, 200, 1000, 10_000, 100_000], usual.max_in_flight_bytes),
            max_command_bytes: one_of(
                random,
                &[150, 300, 1000, 4096, 20_000, 100_000, 1 << 20],
                usual.max_command_bytes,
            ),
            max_uncommitted_bytes: one_of(random, &[1, 150, 500, 5000, 100_000], usual.max_uncommitted_bytes),
            snapshot_patience: *[1, 1, 2, 4, usual.snapshot_patience].choose(random).unwrap_or(&1),
            max_retained_bytes: *[0, 0, 300, 3000, usual.max_retained_bytes].choose(random).unwrap_or(&0),
            max_waiting_bytes: usual.max_waiting_bytes,
        };
        // Heartbeats during a slow write take some room, too.
        let heartbeats = 10_000;
        limits.max_waiting_bytes =
            one_of(random, &[limits.least_waiting_bytes() + heartbeats], usual.max_waiting_bytes);
        limits
    }

    /// What a leader may send without an answer.
    fn least_waiting_bytes(&self) -> u64 {
        let command = self.max_command_bytes.saturating_add(Entry::<Command>::OVERHEAD);
        self.max_in_flight_bytes.saturating_add(self.max_message_bytes.max(command))
    }

    /// Makes the limits fit each other, after one of them was changed.
    pub(super) fn fit(&mut self) {
        self.max_waiting_bytes = self.max_waiting_bytes.max(self.least_waiting_bytes());
    }

    /// A node's options with these limits.
    pub(super) fn set(&self, options: Options) -> Options {
        Options {
            max_entries_per_message: self.max_entries_per_message,
            max_message_bytes: self.max_message_bytes,
            max_in_flight_bytes: self.max_in_flight_bytes,
            max_command_bytes: self.max_command_bytes,
            max_uncommitted_bytes: self.max_uncommitted_bytes,
            snapshot_patience: self.snapshot_patience,
            max_retained_bytes: self.max_retained_bytes,
            max_waiting_bytes: self.max_waiting_bytes,
            ..options
        }
    }

    /// Whether they can be.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.max_entries_per_message == 0 || self.snapshot_patience == 0 {
            return Err("limits: max_entries_per_message and snapshot_patience are at least 1".to_owned());
        }
        if self.max_command_bytes > LARGEST {
            return Err(format!("limits: max_command_bytes is at most {LARGEST}"));
        }
        let least = self.least_waiting_bytes();
        if self.max_waiting_bytes < least {
            return Err(format!(
                "limits: max_waiting_bytes is at least {least}, which a leader sends without an answer"
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} entries or {} bytes a message, {} bytes in flight, commands of {} bytes, {} bytes uncommitted, \
             {} heartbeats of patience, {} bytes retained, {} waiting for a write",
            self.max_entries_per_message,
            self.max_message_bytes,
            self.max_in_flight_bytes,
            self.max_command_bytes,
            self.max_uncommitted_bytes,
            self.snapshot_patience,
            self.max_retained_bytes,
            self.max_waiting_bytes
        )
    }
}

/// How large commands and snapshots are. Most commands are as short as what they ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Of 1000 commands so many are padded,
    pub large_per_mille: u16,
    /// to so many bytes.
    pub large_bytes: Span,
    /// Of 1000 commands so many are padded to just below, at, or just above the largest that is possible.
    pub at_limit_per_mille: u16,
    /// Snapshots are padded to so many bytes.
    pub snapshot_bytes: u64,
}

/// About how many bytes of large commands, and of large snapshots, a run of a minute has; its time grows with them.
const BUDGET: u64 = 2_000_000;
/// About how many requests clients make in a minute.
const REQUESTS: u64 = 800;

impl Sizes {
    pub(super) fn draw(limits: &Limits, snapshot_every: u64, random: &mut StdRng) -> Sizes {
        let limit = limits.max_command_bytes;
        let affordable = |bytes: u64, most: u64| {
            let per_mille = BUDGET * 1000 / REQUESTS / bytes.max(1);
            u16::try_from(per_mille.clamp(1, most)).unwrap_or(1)
        };
        let most = [200, 2000, 20_000, 200_000].choose(random).copied().unwrap_or(200).min(limit);
        // What costs time is how many bytes of snapshots there are in all.
        let rare = if snapshot_every > 10 && random.random_bool(0.05) {
            LARGEST / 8
        } else {
            10_000 * snapshot_every
        };
        let snapshots = [0, 0, 0, 500, 5000, random.random_range(0..=rare.max(1))];
        // A minute has more than one command of a thousand, so where a single one goes beyond the budget, fewer plans have any.
        let share = (BUDGET as f64 * 1000.0 / REQUESTS as f64 / limit.max(1) as f64).min(1.0);
        Sizes {
            large_per_mille: if random.random_bool(0.6) { affordable(most / 2, 300) } else { 0 },
            large_bytes: Span(most / 8, most),
            at_limit_per_mille: if random.random_bool(0.6 * share) { affordable(limit, 60) } else { 0 },
            snapshot_bytes: *snapshots.choose(random).unwrap_or(&0),
        }
    }

    /// To how many bytes a client pads its next command.
    pub(super) fn next_command(&self, limits: &Limits, random: &mut StdRng) -> u64 {
        let Span(least, most) = self.large_bytes;
        match random.random_range(0..1000) {
            drawn if drawn < self.at_limit_per_mille => {
                limits.max_command_bytes.saturating_add(random.random_range(0..3)).saturating_sub(1)
            }
            drawn if drawn < self.at_limit_per_mille.saturating_add(self.large_per_mille) => {
                random.random_range(least..=most)
            }
            _ => 0,
        }
    }

    /// Whether they can be.
    pub(super) fn check(&self) -> Result<(), String> {
        let Span(least, most) = self.large_bytes;
        if least > most || most > LARGEST || self.snapshot_bytes > LARGEST {
            return Err(format!("sizes: from the smaller to the greater, at most {LARGEST} bytes"));
        }
        Ok(())
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span(least, most) = self.large_bytes;
        write!(
            f,
            "of 1000 commands {} of {least} to {most} bytes and {} near the limit, snapshots of {} bytes and more",
            self.large_per_mille, self.at_limit_per_mille, self.snapshot_bytes
        )
    }
}
