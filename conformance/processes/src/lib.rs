//! # figure2-processes
//!
//! Runs a cluster of real processes on real files, under load, and kills them with SIGKILL at random moments.
//!
//! Each server is a process of its own ([`serve`]) with its log on disk. [`kill`] starts them, carries their messages
//! between their standard inputs and outputs, has clients use a small replicated map, kills servers and starts them again.
//! Afterwards it judges:
//!
//! - Every server must start again on what its directory holds.
//! - What the clients saw must be linearizable, with a read of every key at the end: no acknowledged write is lost.
//! - The recordings of all lives of all servers must pass the audit.
//!
//! What SIGKILL shows: that nothing depends on the process ending well. It does not show what a loss of power does, since
//! the system keeps what was written: that is tested on the simulated disk (docs/storage.md).
//!
//! This crate must not judge a recording or a history itself: other crates do that.

mod clients;
mod cluster;
mod round;
mod server;
mod wire;

pub use round::{Figures, Killed, Plan, Verdict, kill};
pub use server::{Defect, Life, serve};
