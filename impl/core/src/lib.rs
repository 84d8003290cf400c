//! # figure2-core
//!
//! The rules of Figure 2 of *In Search of an Understandable Consensus Algorithm (Extended Version)* (Ongaro and
//! Ousterhout), and of its snapshots (section 7, Figure 13), as pure functions: no clock, no randomness, no I/O. The
//! same rules are explored by a model checker and run by a node on real disks and sockets.
//!
//! A [`Server`] takes an [`Input`] and yields [`Effects`]:
//!
//! ```
//! use figure2_core::{Batch, Config, Input, Persistent, Server, ServerId};
//!
//! let mut disk = Persistent::<u8, ()>::default();
//! let mut server = Server::new(ServerId(0), Config::new(3), disk.clone())?;
//! let mut batch = Batch::default();
//! batch.push((), server.step(Input::ElectionTimeout));
//! // The requests for votes come out only once the term and the vote are durable:
//! let durable = batch.persist(|record| { disk.apply_record(record); Ok::<(), ()>(()) });
//! assert_eq!(durable.map(|d| d.released[0].messages.len()), Ok(2));
//! # Ok::<(), figure2_core::StartError>(())
//! ```
//!
//! Every rule is one small method of a trait in [`rules`], whose default body is what the paper says. [`Rule`] lists
//! them with their places. What is *not* here: timers, random numbers, encoding, files, sockets; they are the
//! driver's.

#![no_std]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod command;
mod effects;
mod input;
mod log;
mod message;
mod persistent;
mod progress;
mod renaming;
mod rule;
pub mod rules;
mod server;
mod types;

pub use command::Command;
pub use effects::{Batch, Durable, Effects, Messages, Released};
pub use input::{Apply, Input, Outcome, Persisted, Rejection, SnapshotIgnored};
pub use log::{Entry, Log, Snapshot};
pub use message::{
    AppendEntries, AppendEntriesReply, AppendResult, Envelope, InstallSnapshot, InstallSnapshotReply,
    Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply, TimeoutNow,
};
pub use persistent::{Change, Persistent, Record};
pub use progress::{Progress, ProgressState};
pub use rule::{Rule, RuleSet};
pub use rules::{Extended, Figure2, Rules};
pub use server::{Config, Extensions, Role, Server, StartError};
pub use types::{Index, ServerId, ServerSet, Term};

/// Most servers a cluster can have.
pub const MAX_SERVERS: u8 = 64;

/// Highest term that a message may carry: at one election a nanosecond it is reached in 146 years.
pub const MAX_TERM: Term = Term(u64::MAX / 4);

/// Highest index that a message may name.
pub const MAX_INDEX: Index = Index(u64::MAX / 4);
