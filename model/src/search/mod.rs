//! The search through a cluster's states: how it is run and limited, how states are told apart, and what was found.

pub mod births;
pub mod check;
pub mod hashed;
pub mod intern;
mod memo;
mod memory;
pub mod packed;
pub mod report;
pub mod search_state;
pub mod space;
pub mod symmetry;
pub mod tables;
