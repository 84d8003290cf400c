//! The lab's tester: a cluster on the simulated network, what the scenarios do to it, and what they check.
//!
//! A check that fails yields a [`Failure`]; what the service side sees (an entry out of order, two servers that apply
//! different commands) ends the test at once, wherever the scenario is.

mod agreement;
mod applier;
mod checks;
mod cluster;
mod failure;
mod lifecycle;
mod logs;
mod messages;
mod names;
mod snapshot;
mod storage;
mod tcp;
mod trace;

pub use agreement::Waited;
pub(crate) use applier::SNAPSHOT_INTERVAL;
pub use checks::{Claim, common_term, leader_of};
pub use cluster::{Applying, Cluster, Figures, Settings};
pub use failure::Failure;
pub use logs::AppliedLogs;
pub use storage::Medium;
pub use trace::{STORM, Trace, TraceSummary};
