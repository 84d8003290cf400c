//! # figure2-model
//!
//! The cluster as a stateright [`Model`](stateright::Model) over `figure2-core`.

mod bounds;
mod check;
mod cluster;
mod control;
mod deed;
mod hashed;
mod memory;
pub mod mutants;
mod prefix;
mod profiles;
mod properties;
mod report;
mod retrace;
mod script;
mod state;
mod steps;
mod story;
mod symmetry;
mod trace;
mod view;

pub use bounds::{Apply, Bounds, Budget};
pub use check::{CheckError, CheckOptions, Phase, Progress, check, check_rules, shortest_witness};
pub use cluster::{Action, Cluster};
pub use control::{Control, Limit};
pub use deed::{Deed, Kind};
pub use hashed::Hashed;
pub use prefix::{Command, Prefix};
pub use profiles::{Profile, UNREACHABLE, profile, profiles};
pub use properties::{Safety, Witness};
pub use report::{Outcome, Report, Unfinished, Verdict, unreached};
pub use retrace::{Retraced, retrace};
pub use script::{Scene, ScriptError};
pub use state::State;
pub use story::{Change, Letter, Step, Story};
pub use trace::Trace;
pub use view::Field;
