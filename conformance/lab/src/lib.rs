//! # figure2-lab
//!
//! MIT's Raft tests against the real node: the lab's simulated network ([`labrpc`]), its interface and its
//! RPCs over the node ([`raft`]), the tester's cluster and checks ([`tester`]), and every scenario with its thresholds
//! ([`suite`]). docs/lab.md has them all.
//!
//! Every run is recorded, and its recording validated and audited.
//!
//! This crate must not know the model: here the node is judged by what the lab asks of it. And no threshold may be softer
//! than the lab's.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod labrpc;
pub mod raft;
pub mod suite;
pub mod tester;
