//! Whole clusters of real nodes on virtual time, with random faults, until they must recover (docs/conformance.md).
//!
//! A [`Plan`] follows from a seed: servers, clients, weather, and a list of faults. [`run`] runs it: for as long as the
//! plan says, servers crash and lose their power, messages are cut off, lost, repeated and overtake each other, disks
//! are slow and fail, while clients ask a small replicated map. Then all faults end; within [`RECOVERY`] a request must
//! be answered, and within as long again all maps be equal. What the nodes recorded is validated and audited, and what
//! the clients saw checked for linearizability. [`Batch`] runs many seeds, [`reduce`] makes a failing plan small.

mod batch;
mod client;
mod defect;
mod disk;
mod network;
mod plan;
mod reduce;
mod run;
mod service;
mod store;
mod verdict;
mod weather;
mod world;

pub use batch::{Batch, Done};
pub use defect::Defect;
pub use plan::{Fault, Kind, Plan, Span, Target};
pub use reduce::{Reduced, reduce};
pub use run::{Figures, RECOVERY, Run, run};
pub use verdict::{Failure, Verdict};
pub use weather::Counts;
