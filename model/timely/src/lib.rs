//! # figure2-timely
//!
//! Explores a profile's space breadth first on [Timely Dataflow](https://docs.rs/timely): the same model, the same verdicts.
//!
//! The workers of a process share the set of states that were seen, in parts, each with a lock. A worker keeps the states that it
//! finds, judges and expands them; one that has none left takes some of another's. A level (all states that are equally many
//! steps away from the start) is begun when the one before is over everywhere, so depths are exact, and the first violation is
//! a nearest one: its way needs no second search. Among several that are equally near, the one with the smallest key is told,
//! and along the way the predecessor with the smallest key: neither depends on how many workers there are.
//!
//! Several processes may search together, on one machine or on several: each is told all addresses and its own number. Each
//! owns the states whose keys fall to it, and those that others find travel there: as numbers of parts, with the steps by which
//! these came to be. At each level's end the processes agree on what is next, and in the end all have the same report.
//!
//! This crate must not judge a state itself: [`Space`](figure2_model::Space) does, for every engine.

mod checkpoint;
mod edges;
mod ending;
mod explore;
mod gate;
mod guess;
mod level;
mod link;
mod plan;
mod recent;
mod seen;
mod shared;
mod spill;
mod table;
mod travel;
mod waiting;
mod window;
mod worker;

pub use checkpoint::{CheckpointError, Checkpoints, Kept};
pub use explore::check;
pub use link::{Hosts, HostsError, Lost, SILENCE};
pub use plan::{EngineError, Plan, Spills};
pub use spill::SpillError;
