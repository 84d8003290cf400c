//! # figure2-model
//!
//! The cluster as a stateright [`Model`](stateright::Model) over `figure2-core`.

mod actions;
mod bounds;
mod check;
mod clients;
mod cluster;
mod control;
pub mod driver;
mod edges;
mod event;
mod hashed;
mod history;
mod host;
mod intern;
mod judge;
mod label;
mod machine;
mod memo;
mod memory;
pub mod mutants;
mod prefix;
mod profiles;
mod promises;
mod properties;
mod recovery;
mod report;
mod retrace;
mod script;
mod state;
mod story;
mod symmetry;
mod tables;
mod trace;
mod view;

pub use actions::Action;
pub use bounds::{Apply, Bounds, Budget, Limits, Sending};
pub use check::{CheckError, CheckOptions, Phase, Progress, check, check_system, shortest_witness};
pub use cluster::{Cluster, System};
pub use control::{Control, Limit};
pub use edges::{Edge, Edges, EdgesError, MachineEvent, MachineStep, Visible};
pub use event::{LocalEvent, NodeEvent};
pub use host::{Host, Letter as Message, Unwritten};
pub use label::{ActionLabel, Fate};
pub use prefix::{Command, Prefix};
pub use profiles::{Profile, Reduction, UNREACHABLE, nightly_profiles, profile, profiles};
pub use properties::{Safety, SafetySet, Witness};
pub use recovery::{Missing, OnTheirWay, ROUNDS, Recovered, Share, Stuck, Unrecovered};
pub use report::{Outcome, Report, Unfinished, Verdict, unreached};
pub use retrace::{Retraced, retrace};
pub use script::{Scene, ScriptError};
pub use state::State;
pub use story::{Change, Letter, Step, Story};
pub use trace::Trace;
pub use view::{Field, describe_letter};
