//! No input stops a cluster: commands and snapshots of any size, followers that are away, slow or silent, networks that
//! lose one direction. Each test is one thing that did, or could have, and what must come of it; all in virtual time.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod disks;
mod flow;
mod links;
mod one_way;
mod sizes;
mod snapshots;
mod transfers;
mod world;
