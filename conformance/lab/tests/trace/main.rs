//! Traces of real nodes: what is recorded, what is refused, and what the judges say of good and of falsified ones.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod auditing;
mod canaries;
mod falsify;
mod validation;
