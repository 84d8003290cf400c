//! Watches a whole run of a cluster, in virtual or real time. It catches panics wherever they happen, and records all
//! nodes and judges the recording at the end. It also has the digests and seeds that make runs comparable.
//!
//! The lab and the simulation both use it, and neither should depend on the other; so it is here.

mod digest;
pub mod panics;
mod recording;

pub use digest::{Digest, mix};
pub use recording::{Judged, Recording};
