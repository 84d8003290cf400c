//! Covers every edge of a profile: a real node takes each step of each node of the model.

use super::paths::{Infeasible, Move, Paths};
use super::{Difference, NodeUnderTest, Setup, drive};
use figure2_core::RuleSet;
use figure2_model::{Bounds, Edges};
use std::collections::BTreeMap;

/// What was covered of a profile.
#[derive(Clone, Debug, Default)]
pub struct Covered {
    /// Edges of the cluster whose step a node took, without a difference up to there.
    pub edges: u64,
    /// Steps of machines among them, each counted once.
    pub steps: u64,
    /// Where writes lag, a node can do less than the model's machine: how many edges it cannot take, by how many steps of
    /// machines, and why.
    pub infeasible: BTreeMap<Infeasible, Infeasibles>,
    /// Steps that nodes took, those that only led to another one included.
    pub replayed: u64,
    /// Nodes that were started for the first time.
    pub nodes: u64,
    /// The rules that fired.
    pub rules: RuleSet,
    /// The first difference: nothing was replayed after it.
    pub difference: Option<Difference>,
}

/// Steps that no node can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Infeasibles {
    /// Edges of the cluster.
    pub edges: u64,
    /// Steps of machines among them, each counted once.
    pub steps: u64,
}

impl Covered {
    /// Edges whose step no node can take.
    #[must_use]
    pub fn infeasible_edges(&self) -> u64 {
        self.infeasible.values().map(|count| count.edges).sum()
    }
}

/// Takes each step with a real node; where writes lag, from wherever its writer can be then. A node goes on while there
/// are steps left from where it is; then another one goes the shortest way to the next place with steps left.
///
/// # Errors
/// When a node cannot be made at all.
pub fn cover(edges: &Edges, bounds: &Bounds, setup: impl Into<Setup>) -> anyhow::Result<Covered> {
    let setup = setup.into();
    let paths = Paths::of(edges);
    let mut covered = Covered::default();
    for (number, why) in paths.infeasible(edges) {
        let count = covered.infeasible.entry(why).or_default();
        count.edges += edges.steps.get(number).map_or(0, |edge| edge.edges);
        count.steps += 1;
    }
    let mut left: Vec<Vec<Move>> = paths.moves.clone();
    let mut taken = vec![false; edges.steps.len()];
    for goal in 0..left.len() {
        while left.get(goal).is_some_and(|left| !left.is_empty()) {
            let mut way = paths.to(goal).into_iter();
            let Some(server) = paths.machine(edges, goal).map(|machine| machine.id) else { break };
            let mut node = NodeUnderTest::new(server, bounds, setup)?;
            let mut events = Vec::new();
            covered.nodes += 1;
            let mut at = goal;
            while let Some(next) = way.next().or_else(|| left.get_mut(at).and_then(Vec::pop)) {
                let (Some(edge), Some(taken)) = (edges.steps.get(next.edge), taken.get_mut(next.edge)) else {
                    break;
                };
                let Some(after) = edges.nodes.get(edge.to) else { break };
                let fields = drive(&mut node, &edge.step, next.writer_is_late, after, &mut events);
                covered.replayed += 1;
                if !fields.is_empty() {
                    let found = Difference { server, events, fields };
                    let shorter = shortest(&paths, edges, next, bounds, setup)?;
                    covered.difference = Some(shorter.unwrap_or(found));
                    return Ok(covered);
                }
                if !std::mem::replace(taken, true) {
                    covered.steps += 1;
                    covered.edges += edge.edges;
                    covered.rules = covered.rules.union(edge.step.rules);
                }
                // On the way the goal is where it will be; afterwards each step leads on.
                if way.len() == 0 {
                    at = next.to;
                }
            }
        }
    }
    Ok(covered)
}

/// The first difference on the shortest way to a move, that one included; none if the node must have come another way.
fn shortest(
    paths: &Paths,
    edges: &Edges,
    last: Move,
    bounds: &Bounds,
    setup: Setup,
) -> anyhow::Result<Option<Difference>> {
    let Some(server) = paths.machine(edges, last.to).map(|machine| machine.id) else { return Ok(None) };
    let mut node = NodeUnderTest::new(server, bounds, setup)?;
    let mut events = Vec::new();
    for next in paths.to(last.from).into_iter().chain([last]) {
        let Some(edge) = edges.steps.get(next.edge) else { break };
        let Some(after) = edges.nodes.get(edge.to) else { break };
        let fields = drive(&mut node, &edge.step, next.writer_is_late, after, &mut events);
        if !fields.is_empty() {
            return Ok(Some(Difference { server, events, fields }));
        }
    }
    Ok(None)
}
