//! stateright's own Raft example, `examples/raft.rs` of its package: compiled from there, not copied.

#![allow(warnings, clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

include!(env!("STATERIGHT_RAFT"));
