//! What the audit finds in recordings. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod candidacies;
mod in_memory;
mod kinds;
mod known_leader;
