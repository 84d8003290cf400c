//! The linearizability checker: what it must refuse, what it must accept, agreement with the definition, speed, and
//! the histories it reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod files;
mod forms;
mod inputs;
mod large;
mod objects;
mod random;
mod reports;
mod simulated;
mod verdicts;
