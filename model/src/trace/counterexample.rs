//! A violation: the way to it, as a trace.

use crate::cluster::Cluster;
use crate::cluster::action::Action;
use crate::cluster::state::State;
use crate::properties::Safety;
use crate::trace::Trace;
use std::fmt;

/// How a cluster gets from the start to a state that breaks a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// What the last state breaks.
    pub broken: Vec<Safety>,
    /// The steps from the start.
    pub trace: Trace,
    /// Whether no shorter one exists. Else the search for it was too large.
    pub is_shortest: bool,
}

impl Counterexample {
    /// Follows the actions from the cluster's start, and says where they end. Only properties that it is checked for count as broken.
    pub(crate) fn follow_to_end(
        cluster: &Cluster,
        actions: &[Action],
        is_shortest: bool,
    ) -> (Counterexample, State) {
        let (trace, end) = Trace::follow_to_end(cluster, actions);
        let broken = cluster.broken(&end).intersection(cluster.always()).iter().collect();
        (Counterexample { broken, trace, is_shortest }, end)
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.fmt(f)
    }
}
