//! # figure2-model
//!
//! The cluster as a stateright [`Model`](stateright::Model) over `figure2-core`, and the search that checks it.
//!
//! | module | what is there |
//! |---|---|
//! | `cluster` | nodes, messages, what can happen to them, and the state after it |
//! | `properties` | what must hold in each state or step, and what must hold in some state |
//! | `search` | the search, its limits, symmetry, and what makes it fast |
//! | `recovery` | whether the cluster continues once faults have ended |
//! | `trace` | a path of the search, step by step, and how it is repeated on the model |
//! | `profiles` | the clusters that are checked |
//! | [`mutants`] | rules with a bug each, and which property finds it |
//!
//! No rule of the protocol is here: every step of a server is a step of the core. Nothing that ships depends on this crate.

/// A hash of the sources that decide what a search explores: of the core, and of this crate. Two builds with the same one
/// explore the same.
pub const SOURCES: &str = env!("FIGURE2_SOURCES");

mod cluster;
pub mod mutants;
mod profiles;
mod properties;
mod recovery;
mod search;
mod trace;

pub use cluster::action::Action;
pub use cluster::bounds::{Apply, Bounds, Budget, Limits, Sending};
pub use cluster::durability;
pub use cluster::edges::{Edge, Edges, EdgesError, NodeStep, Visible};
pub use cluster::event::{LocalEvent, NodeEvent};
pub use cluster::next::{Changed, Next};
pub use cluster::node::{Envelope, Node, Unwritten};
pub use cluster::prefix::{Command, Prefix};
pub use cluster::script::{ScriptError, ScriptStep};
pub use cluster::state::State;
pub use cluster::{Cluster, System};
pub use profiles::{
    Profile, Reduction, UNREACHABLE, broken_profiles, known_profiles, nightly_profiles, profile, profiles,
};
pub use properties::{Safety, SafetySet, Witness};
pub use recovery::{Missing, OnTheirWay, ROUNDS, Recovered, Share, Stuck, Unrecovered};
pub use search::births::{Birth, Foreign, Known};
pub use search::check::{CheckError, CheckOptions, Phase, Progress, check, check_system, shortest_witness};
pub use search::packed::PackedState;
pub use search::report::{MOST_COLLISIONS, Outcome, Report, Unfinished, Verdict, unreached};
pub use search::search_state::{Limit, SearchState, interrupt};
pub use search::space::{Counted, Expansion, Searched, Space};
pub use trace::counterexample::Counterexample;
pub use trace::label::{ActionLabel, Fate};
pub use trace::replay::{Replayed, replay};
pub use trace::view::{Field, describe_envelope};
pub use trace::{Change, SentMessage, Step, Trace};
