//! # figure2-conformance
//!
//! Whether what runs is what was checked.
//!
//! - The lab: MIT's Raft tests against the real node, on a simulated network ([`labrpc`]), with the tester's checks
//!   ([`tester`]) and every scenario with its thresholds ([`suite`]).
//! - The model's steps drive real nodes ([`conform`]); what nodes recorded is taken again by the core
//!   ([`figure2_validate`]) and judged without it ([`figure2_audit`]).
//! - Whole clusters under random faults ([`simulate`]), whose clients' histories are decided by
//!   [`figure2_linearizability`].
//! - The command `figure2`: a module `*_cmd` for each subcommand, [`check`], [`verify`], and [`story`], which tells
//!   counterexamples.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audit_cmd;
pub mod check;
pub mod conform;
pub mod conform_cmd;
pub mod explore_cmd;
pub mod lab_cmd;
pub mod labrpc;
pub mod linear_cmd;
pub mod mutants_cmd;
pub mod replay_cmd;
pub mod simulate;
pub mod simulate_cmd;
pub mod story;
pub mod suite;
pub mod tester;
pub mod trace_cmd;
pub mod validate_cmd;
pub mod verify;
