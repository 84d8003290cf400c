//! Checks of small profiles. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod checks;
mod profiles;
mod traps;
