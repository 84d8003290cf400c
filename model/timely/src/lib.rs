//! # figure2-timely
//!
//! Explores a profile's space breadth first on [Timely Dataflow](https://docs.rs/timely): the same model, the same verdicts.
//!
//! Each worker owns the states whose keys fall to it. A state travels to its owner, which judges and expands it once. A level
//! (all states that are equally many steps away from the start) is begun when the one before is over everywhere, so depths
//! are exact, and the first violation is a nearest one: its way needs no second search. Among several that are equally near,
//! the one with the smallest key is told, and along the way the predecessor with the smallest key: neither depends on how
//! many workers there are.
//!
//! This crate must not judge a state itself: [`Space`](figure2_model::Space) does, for every engine.

mod checkpoint;
mod explore;
mod gate;
mod level;
mod owner;
mod recent;
mod table;

pub use checkpoint::{CheckpointError, Checkpoints};
pub use explore::{EngineError, Plan, check};
