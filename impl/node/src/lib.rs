//! # figure2
//!
//! Raft on tokio. The rules are those of [`figure2_core`], the very ones that the model checker explores; here are the
//! lock, the timers, the encoding and the tasks around them.

pub mod codec;
mod error;
mod messages;
mod options;
mod peer;
mod persister;
mod proposal;
mod raft;
mod snapshots;
mod tasks;
mod timer;

pub use error::{HandleError, MakeError};
pub use figure2_core::{
    Change, Extensions, Index, Persistent, Progress, ProgressState, Record, Rejection, ServerId, Term,
};
pub use figure2_engine::{
    ApplyMsg, Cluster, Command, Failure, Identity, Install, Loaded, Position, ProposalOutcome, ProposeError,
    RoleName, Snapshot, SnapshotData, SnapshotStore, SnapshotWriter, Status, Storage, StorageError,
    StoredSnapshot, TransferError, WriteSnapshot, record,
};
pub use options::Options;
pub use peer::Peer;
pub use persister::Persister;
pub use proposal::{Proposal, ProposalFuture, StatusWatch};
pub use raft::Raft;
pub use tasks::ApplyChannel;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
