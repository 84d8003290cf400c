//! # figure2-simulate
//!
//! Whole clusters of real nodes on virtual time, with random faults, until they must recover (docs/conformance.md).
//!
//! A [`Plan`] follows from a seed: servers, clients, delays, and a list of faults. [`run`] runs it: for as long as the
//! plan says, servers crash and lose their power, messages are cut off, lost, repeated and overtake each other, disks
//! are slow, hang and fail, while clients ask a small replicated map with commands of all sizes. Then all faults end; within
//! [`RECOVERY`] a request must be answered (in some plans another one, although the leader's disk hangs), and within as long
//! again all maps be equal. While faults leave a connected majority, it must commit something within [`PROGRESS`]. What is
//! sent must keep the nodes' limits all the time. What the nodes recorded is validated and audited, and what the clients saw
//! checked for linearizability. Instead of having faults, a plan may begin in a state of the model ([`States`]). [`Batch`]
//! runs many seeds, [`reduce`] makes a failing plan small.
//!
//! This crate must draw all chance from the plan's seed, and must not judge a recording or a history itself: it asks the
//! crates that do.

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
mod service;
mod sizes;
mod start;
mod states;
mod store;
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
