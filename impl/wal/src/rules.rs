//! The rules of the log, one small method each. What ships is [`AsWritten`], which takes every default; who runs a log has
//! no use for this module.
//!
//! It is public for tests of the log and of what runs on it. Such a test breaks one rule by overriding it, from outside, and
//! must find that something is lost: so each rule is known to be needed, and each test to see. The log has no switch for
//! that, and nothing of it in what ships. `figure2_testing::server_disk` takes rules, and so the mutants of this crate, of
//! the simulated clusters and of the drive along the model's steps are a few lines each.
//!
//! ```
//! use figure2_wal::rules::Rules;
//!
//! /// Acknowledges what is in the cache only.
//! #[derive(Clone, Default)]
//! struct NotSynced;
//!
//! impl Rules for NotSynced {
//!     fn syncs_write(&self) -> bool {
//!         false
//!     }
//! }
//! ```
//!
//! A rule may be added in any version, with its default. One that goes or changes its meaning is a change for whoever
//! overrides it, and for nobody else.

pub use crate::format::item::{GroupState, SnapshotRef};
use std::io;

/// A rule each. The defaults are what docs/storage.md says.
pub trait Rules: Clone + Default + Send + Sync + 'static {
    /// A write counts only in the segment whose epoch it carries: else what an earlier segment left in a recycled file would
    /// be read again.
    fn is_of_epoch(&self, found: u64, epoch: u64) -> bool {
        found == epoch
    }

    /// Each write has the number after that of the one before it: else one that is lost between two segments would not be
    /// missed.
    fn follows(&self, found: u64, expected: u64) -> bool {
        found == expected
    }

    /// The last write that this one names as durable: the one before it, once its sync is over.
    fn names_as_proven(&self, synced: u64, _number: u64) -> u64 {
        synced
    }

    /// Whether a damaged write is rot, which stops the server: a later write proves that it was durable.
    fn is_rot(&self, damaged: u64, proven: u64) -> bool {
        damaged <= proven
    }

    /// Whether recovery looks for writes behind the first that cannot be read.
    fn looks_behind(&self) -> bool {
        true
    }

    /// Whether recovery writes the unproven writes anew: what a failed sync left in the cache is on no disk, and no later
    /// sync writes it.
    fn writes_anew(&self) -> bool {
        true
    }

    /// Whether recovery syncs what it wrote anew, before anything is answered.
    fn syncs_anew(&self) -> bool {
        true
    }

    /// Whether a write is synced before it is acknowledged.
    fn syncs_write(&self) -> bool {
        true
    }

    /// Whether a segment's head is synced before the segment gets its name.
    fn syncs_head(&self) -> bool {
        true
    }

    /// Whether a snapshot's file is synced before the log names it.
    fn syncs_snapshot(&self) -> bool {
        true
    }

    /// Whether the identity is synced before it gets its name.
    fn syncs_identity(&self) -> bool {
        true
    }

    /// Whether the directory is synced after such a change, before anything relies on it.
    fn syncs_directory(&self, _after: NameOf) -> bool {
        true
    }

    /// What is done about a sync that failed: nothing. The system may have dropped the pages, so that one more sync would
    /// succeed and prove nothing.
    ///
    /// # Errors
    /// The failure.
    fn after_failed_sync(
        &self,
        error: io::Error,
        _again: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        Err(error)
    }

    /// Whether a log that failed stays failed.
    fn stays_failed(&self) -> bool {
        true
    }

    /// Whether a segment may go: a snapshot covers all of its entries that are in the log.
    fn is_covered(&self, highest: u64, snapshot: u64) -> bool {
        highest <= snapshot
    }

    /// Whether what a snapshot covers goes only after the record of the snapshot is durable.
    fn drops_after_sync(&self) -> bool {
        true
    }

    /// What the first write of a segment says of the state before it: all of it but the entries.
    fn carries(&self, state: &GroupState) -> GroupState {
        state.clone()
    }

    /// Whether a deletion of the log's end is written.
    fn writes_truncation(&self) -> bool {
        true
    }

    /// Whether the entries after a snapshot stay, as it is written.
    fn keeps_suffix(&self, keep_suffix: bool) -> bool {
        keep_suffix
    }

    /// Whether what was cut off is overwritten, so that it is told once.
    fn overwrites_cut(&self) -> bool {
        true
    }

    /// Whether a snapshot that is read back is compared with its checksums.
    fn checks_snapshot(&self) -> bool {
        true
    }

    /// Whether the identity is durable before the first write.
    fn identity_first(&self) -> bool {
        true
    }
}

/// What was given a name, or lost it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOf {
    /// The identity.
    Identity,
    /// A segment, before it is written.
    Segment,
    /// A segment that is taken out of use, before its file becomes another one.
    Retired,
    /// A snapshot, before the log names it.
    Snapshot,
    /// Anything, at the end of recovery.
    Recovered,
}

/// The rules as docs/storage.md has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AsWritten;

impl Rules for AsWritten {}
