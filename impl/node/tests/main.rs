//! The node, from outside. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod cluster;
mod common;
mod durability;
mod interface;
mod proposals;
mod snapshots;
mod submitted;
