//! # figure2-simulate
//!
//! Runs whole clusters of real nodes in virtual time, with random faults, after which they must recover
//! (docs/simulation.md).
//!
//! A seed determines a [`Plan`]: servers, clients, delays, and a list of faults. [`run`] runs it. While the faults last,
//! servers crash and lose their power, messages are cut off, lost, repeated and reordered, and disks are slow, hang and
//! fail; clients use a small replicated map with commands of all sizes. This is judged:
//!
//! - Once all faults have ended, a request must be answered within [`RECOVERY`] (in some plans a second one, although the
//!   leader's disk hangs), and within as long again all maps must be equal.
//! - While faults leave a connected majority, it must commit something within [`PROGRESS`].
//! - What is sent must always stay within the nodes' limits.
//! - The nodes' recording must be valid and pass the audit, and what the clients saw must be linearizable.
//!
//! Instead of having faults, a plan may begin in a state of the model ([`States`]). [`Batch`] runs many seeds, and
//! [`reduce`] makes a failing plan smaller.
//!
//! This crate must draw all chance from the plan's seed. It must not judge a recording or a history itself: other crates
//! do that.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod batch;
mod client;
mod cluster;
mod defect;
mod disk;
mod fault;
mod flow;
mod nemesis;
mod network;
mod plan;
mod progress;
mod recover;
mod reduce;
mod run;
mod server;
mod service;
mod sizes;
mod start;
mod states;
mod streams;
mod transport;
mod verdict;

pub use batch::{Batch, Done, Plans};
pub use defect::Defect;
pub use fault::{Fault, Kind, Target};
pub use flow::Sent;
pub use nemesis::Counts;
pub use plan::Plan;
pub use progress::{PROGRESS, Progressed, Waits};
pub use reduce::{Reduced, reduce};
pub use run::{Figures, RECOVERY, Run, run};
pub use sizes::{Limits, Sizes, Span};
pub use start::{Feature, OnItsWay, Start};
pub use states::States;
pub use verdict::{Failure, Verdict};
