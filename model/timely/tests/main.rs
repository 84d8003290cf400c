//! The tests of figure2-timely, in one program: linking one takes longer than running it.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod checkpoint;
mod engine;
mod processes;
