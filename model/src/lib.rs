//! # figure2-model
//!
//! The cluster as a stateright [`Model`](stateright::Model) over `figure2-core`.

mod bounds;
mod check;
mod cluster;
mod control;
mod hashed;
mod memory;
pub mod mutants;
mod prefix;
mod profiles;
mod properties;
mod report;
mod script;
mod state;
mod steps;
mod symmetry;
mod trace;

pub use bounds::{Apply, Bounds, Budget};
pub use check::{CheckError, CheckOptions, Phase, Progress, check, check_rules};
pub use cluster::{Action, Cluster};
pub use control::{Control, Limit};
pub use hashed::Hashed;
pub use prefix::{Command, Prefix};
pub use profiles::{Profile, UNREACHABLE, profile, profiles};
pub use properties::{Safety, Witness};
pub use report::{Outcome, Report, Unfinished, Verdict, unreached};
pub use script::{Scene, ScriptError};
pub use state::State;
pub use trace::{Trace, TraceStep};
