//! The log, from outside. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod directory;
mod node;
mod stall;
mod storages;
