//! # figure2
//!
//! Raft on tokio. The rules are those of [`figure2_core`], the very ones that the model checker explores; here are the
//! lock, the timers, the encoding and the tasks around them.

#![cfg_attr(loom, allow(dead_code))] // without the node nobody calls some of what it needs

pub mod codec;
#[cfg(not(loom))]
mod engine;
mod error;
mod options;
#[cfg(not(loom))]
mod peer;
mod persister;
#[cfg(not(loom))]
mod raft;
pub mod record;
mod status;
mod storage;
mod sync;
#[cfg(not(loom))]
mod timer;

// Only a build with `--cfg loom` shows the engine, and that build has no node: see loom-tests.
#[cfg(loom)]
pub mod engine;

/// For conformance checks: not part of the interface, and it may change at any time.
#[cfg(not(loom))]
#[doc(hidden)]
pub mod driven {
    pub use crate::engine::driven::{Driven, Pace, Timeout};
}

pub use error::{Failure, MakeError, ProposeError, StorageError};
pub use figure2_core::{Change, Index, Persistent, Progress, ProgressState, Record, ServerId, Term};
pub use options::{Install, Options};
#[cfg(not(loom))]
pub use peer::{Peer, Replies};
pub use persister::Persister;
#[cfg(not(loom))]
pub use raft::{Proposal, Raft, StatusWatch};
pub use status::{ApplyMsg, Position, ProposalOutcome, RoleName, Started, Status};
pub use storage::Storage;

/// A command of the service, as the service wrote it: Raft never looks inside.
pub type Command = bytes::Bytes;

/// A snapshot of the service's state, as the service wrote it.
pub type SnapshotData = bytes::Bytes;

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
