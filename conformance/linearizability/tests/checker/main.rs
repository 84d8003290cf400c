//! What the checker must refuse, what it must accept, agreement with the definition, speed, and the files it reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod forms;
mod large;
mod objects;
mod random;
mod simulated;
mod verdicts;
