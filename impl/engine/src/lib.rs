//! # figure2-engine
//!
//! The part between the rules and the runtime: the lock, the outbox, the sender, the syncer and the applier. It must be
//! right under every interleaving. So it uses only plain futures and one module of synchronisation primitives, which an
//! explorer of interleavings can replace. Storage, peers, service and timers are traits: the same code runs as tokio tasks,
//! on threads, one step at a time in a harness, and under loom.
//!
//! It must not depend on a runtime, a clock, a network or an encoding, and must not decide anything that is a rule of
//! [`figure2_core`]. To embed Raft, use the crate `figure2`, which runs this one on tokio.
//!
//! ```text
//!  handlers ──lock, step──┬─> outbox ──> syncer: save ──> Persisted (lock)
//!                         │                                      │
//!                         ├─> ready  <───────────────────────────┘
//!                         │     └───────> sender: send
//!                         └─> commit_index moved ──> applier: next_apply (lock) ──> deliver ──> Applied (lock)
//! ```

mod applied;
pub mod applier;
mod cluster;
mod error;
mod helped;
mod inbox;
mod monitor;
mod observe;
pub mod oneshot;
mod propose;
pub mod record;
pub mod sender;
mod signal;
mod snapshot;
mod state;
mod status;
mod storage;
mod sync;
pub mod syncer;
mod transfer;
mod wake;
mod watch;
pub mod writer;

pub use applied::AwaitOutcome;
pub use applier::Service;
pub use cluster::{Cluster, Identity};
pub use error::{Failure, ProposeError, ReceiveError, StorageError, TransferError};
pub use helped::{Hands, Helped};
pub use inbox::Submitted;
pub use monitor::{Monitor, StopAtEnd};
pub use propose::ProposeWhenReady;
pub use sender::Link;
pub use signal::{Signal, Wait};
pub use snapshot::{SnapshotData, SnapshotStore, SnapshotWriter, StoredSnapshot, WriteSnapshot};
pub use state::{Due, Timers};
pub use status::{ApplyMsg, Install, Position, ProposalOutcome, RoleName, Status};
pub use storage::{Loaded, Storage};
pub use watch::Watch;

/// A command of the service, as the service wrote it: Raft never looks inside.
pub type Command = bytes::Bytes;

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
type Batch = figure2_core::Batch<Command, SnapshotData, Option<state::Installer>>;
type Durable = figure2_core::Durable<Command, SnapshotData, Option<state::Installer>>;

#[cfg(all(test, not(loom)))]
mod tests;
