//! What watches over every run of a cluster in virtual or real time: panics wherever they happen, and the recording of
//! all nodes, judged at the end. And what makes runs comparable: digests of them, and seeds.
//!
//! The lab and the simulation both run clusters so. Neither should know the other, so it is here.

mod digest;
pub mod panics;
mod recording;

pub use digest::{Digest, mix};
pub use recording::{Judged, Recording};
