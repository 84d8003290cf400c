//! What a node does with the effects of a step, as a trait. The model's node is right by default, and a mutant
//! overrides one method. In the real node this is the task of sender and syncer; the conformance tests check them
//! against this.

use crate::cluster::node::Unwritten;
use crate::cluster::prefix::{Command, Prefix};
use figure2_core::{Change, Persisted, Persistent, Record};

/// The node's part of the contract of `Effects` and `Batch`.
pub trait DurabilityPolicy: Send + Sync {
    /// Whether a step's messages leave although its record is not durable: never.
    fn releases_before_durable(&self, _step: &Unwritten) -> bool {
        false
    }

    /// What one write for several steps puts on the disk, in the order in which the disk takes it in: the merged record.
    fn written(&self, _steps: &[Unwritten], merged: Record<Command, Prefix>) -> Vec<Change<Command, Prefix>> {
        merged.into_iter().collect()
    }

    /// What the server is told after one write for several steps: how far it had come when the last of them was done.
    fn persisted(&self, _steps: &[Unwritten], merged: Option<Persisted>) -> Option<Persisted> {
        merged
    }

    /// Whether the server goes on as if nothing had happened after a write failed: never, it stops.
    fn goes_on_after_failed_write(&self) -> bool {
        false
    }

    /// What a power loss in the middle of writing a change leaves on the disk, if that is neither the disk before nor
    /// the disk after: nothing does, for a record is written whole or not at all.
    fn torn_write(
        &self,
        _disk: &Persistent<Command, Prefix>,
        _change: &Change<Command, Prefix>,
    ) -> Option<Persistent<Command, Prefix>> {
        None
    }
}

/// The node as it should be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Correct;

impl DurabilityPolicy for Correct {}
