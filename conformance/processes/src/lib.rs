//! # figure2-processes
//!
//! Runs a cluster of real processes on real files, under load, and kills them with SIGKILL at random moments.
//!
//! Each server is a process of its own ([`serve`]) with its log on disk. [`kill`] starts them, has clients use a small
//! replicated map, kills servers and starts them again. Their messages go between their standard inputs and outputs, or over
//! figure2-tcp with mutual TLS; then servers are also stopped, and the [faults](Fault) of a network come from proxies between
//! them. Afterwards it judges:
//!
//! - Every server must start again on what its directory holds.
//! - Over TCP, all servers must be connected again once faults have ended, and have the same.
//! - What the clients saw must be linearizable, with a read of every key at the end: no acknowledged write is lost.
//! - The recordings of all lives of all servers must pass the audit.
//!
//! What SIGKILL shows: that nothing depends on the process ending well. It does not show what a loss of power does, since
//! the system keeps what was written: that is tested on the simulated disk (docs/storage.md).
//!
//! This crate must not judge a recording or a history itself: other crates do that.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod clients;
mod cluster;
mod faults;
mod namespaces;
mod proxy;
mod round;
mod server;
mod storm;
mod tcp;
mod wire;

pub use faults::{Counts, Fault, Network};
pub use namespaces::{Namespaces, namespaces_are_possible};
pub use round::{Figures, Killed, Plan, Verdict, kill};
pub use server::{Defect, Life, serve};
pub use tcp::Wiring;
