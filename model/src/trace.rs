//! A violation: the way to it, as a story.

use crate::actions::Action;
use crate::cluster::Cluster;
use crate::properties::Safety;
use crate::state::State;
use crate::story::Story;
use std::fmt;

/// How a cluster gets from the start to a state that breaks a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What the last state breaks.
    pub broken: Vec<Safety>,
    /// The steps from the start.
    pub story: Story,
    /// Whether no shorter one exists. Else the search for it was too large.
    pub is_shortest: bool,
}

impl Trace {
    /// Follows the actions from the cluster's start, and says where they end. Only properties that it is checked for count as broken.
    pub(crate) fn follow_to_end(cluster: &Cluster, actions: &[Action], is_shortest: bool) -> (Trace, State) {
        let (story, end) = Story::follow_to_end(cluster, actions);
        let broken = cluster.broken(&end).intersection(cluster.always()).iter().collect();
        (Trace { broken, story, is_shortest }, end)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.story.fmt(f)
    }
}
