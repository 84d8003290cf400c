//! `figure2 linear`: the histories that people have, in all their forms, and what is said of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod command;
mod inputs;
mod reports;
