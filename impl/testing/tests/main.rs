//! The simulated disks, and the suites for storages and transports. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod addresses;
mod disk;
mod server_disk;
mod storages;
mod transports;
