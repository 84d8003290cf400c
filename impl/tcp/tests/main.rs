//! The transport over TCP and over streams in memory. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod certificates;
mod common;
mod disks;
mod hostile;
mod snapshots;
mod suite;
