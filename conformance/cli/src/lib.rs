//! # figure2-cli
//!
//! The command `figure2`: a module `*_cmd` for each subcommand, [`check`], [`verify`], and [`counterexample`], which
//! renders counterexamples.
//!
//! Only this crate may depend on all the others, and only this one knows the command line. It must not judge anything
//! itself: it calls the crates that do, and reports their results.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audit_cmd;
pub mod certs_cmd;
pub mod check;
pub mod conform_cmd;
pub mod counterexample;
pub mod disk_cmd;
pub mod explore_cmd;
pub mod kill_cmd;
pub mod lab_cmd;
pub mod linear_cmd;
pub mod mutants_cmd;
pub mod replay_cmd;
pub mod shard;
pub mod simulate_cmd;
pub mod trace_cmd;
pub mod validate_cmd;
mod values;
pub mod verify;
