//! The lock, the outbox, the sender, the syncer and the applier: what must be right under every interleaving.
//!
//! It stands on [`crate::sync`] and on plain futures alone. Storage, the way to the peers, the way to the service and
//! the timers are traits, so the same code runs as tokio tasks, on threads, and under an explorer of interleavings.
//!
//! ```text
//!  handlers ──lock, step──┬─> outbox ──> syncer: save ──> Persisted (lock) ──> answer
//!                         │                                      │
//!                         ├─> ready  <───────────────────────────┘
//!                         │     └───────> sender: send
//!                         └─> commit_index moved ──> applier: next_apply (lock) ──> deliver ──> Applied (lock)
//! ```

mod applied;
pub mod applier;
#[cfg(not(loom))]
pub mod driven;
mod monitor;
mod observe;
pub mod oneshot;
mod propose;
pub mod sender;
mod signal;
mod state;
pub mod syncer;
mod watch;

pub use applied::AwaitOutcome;
pub use applier::Service;
pub use monitor::Monitor;
pub use sender::Link;
pub use state::{Due, Timers};
pub use watch::Watch;

use crate::{Command, SnapshotData};

/// The server that the lock guards.
pub type Server = figure2_core::Server<Command, SnapshotData>;
/// What it is told.
pub type Input = figure2_core::Input<Command, SnapshotData>;
/// A message, as the engine has it: not encoded.
pub type Envelope = figure2_core::Envelope<Command, SnapshotData>;
/// What the service gets next.
pub type Apply = figure2_core::Apply<Command, SnapshotData>;
/// A snapshot of the service.
pub type Snapshot = figure2_core::Snapshot<SnapshotData>;
type Batch = figure2_core::Batch<Command, SnapshotData, Tag>;
type Durable = figure2_core::Durable<Command, SnapshotData, Tag>;

/// Who waits for the outcome of a step to be durable. Dropped without an answer, it tells them that there is none.
pub enum Tag {
    /// Nobody.
    Nobody,
    /// The caller of an RPC, for the reply.
    Caller(oneshot::Sender<Envelope>),
    /// Whoever asked to install the snapshot that ends at `index`.
    Installer {
        /// Index of the last entry that the snapshot covers.
        index: figure2_core::Index,
        /// The answer, once it is durable.
        installed: bool,
        /// Where it is given.
        answer: oneshot::Sender<bool>,
    },
}

#[cfg(all(test, not(loom)))]
mod tests;
