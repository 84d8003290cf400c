//! The commands, as a person runs them. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod certs;
mod conform;
mod disk;
mod kill;
mod lab;
mod processes;
mod resume;
mod shards;
mod simulate;
mod trace;
