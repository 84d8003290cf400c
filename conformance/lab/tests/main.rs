//! The lab: its suite, and what it is made of. In one program: each further one would be linked with all of the crates below.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod adapter;
mod disk;
mod lab;
mod network;
mod runner;
mod tester;
