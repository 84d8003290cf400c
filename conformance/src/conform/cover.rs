//! Every edge of a profile: each step of each machine is taken by a real node.

use super::{Bench, Defect, Difference, drive};
use figure2_core::RuleSet;
use figure2_model::{Bounds, Edge, Edges};
use std::collections::VecDeque;

/// What was covered of a profile.
#[derive(Clone, Debug, Default)]
pub struct Covered {
    /// Edges of the cluster whose step a node took, without a difference up to there.
    pub edges: u64,
    /// Steps of machines among them, each counted once.
    pub steps: u64,
    /// Steps that nodes took, those that only led to another one included.
    pub replayed: u64,
    /// Nodes that were started for the first time.
    pub nodes: u64,
    /// The rules that fired.
    pub rules: RuleSet,
    /// The first difference: nothing was replayed after it.
    pub difference: Option<Difference>,
}

/// Takes each step with a real node. A node goes on while there are steps left from where it is; then another one goes
/// the shortest way to the next machine with steps left.
///
/// # Errors
/// When a node cannot be made at all.
pub fn cover(edges: &Edges, bounds: &Bounds, defect: Option<Defect>) -> anyhow::Result<Covered> {
    let ways = Ways::of(edges);
    let mut covered = Covered::default();
    let mut left: Vec<Vec<usize>> = ways.out.clone();
    let mut taken = vec![false; edges.steps.len()];
    for goal in ways.order.iter().copied() {
        while left.get(goal).is_some_and(|left| !left.is_empty()) {
            let mut way = ways.to(edges, goal).into_iter();
            let Some(server) = edges.machines.get(goal).map(|machine| machine.id) else { break };
            let mut bench = Bench::new(server, bounds, defect)?;
            let mut events = Vec::new();
            covered.nodes += 1;
            let mut at = goal;
            while let Some(number) = way.next().or_else(|| left.get_mut(at).and_then(Vec::pop)) {
                let (Some(Edge { to, step, edges: served, .. }), Some(taken)) =
                    (edges.steps.get(number), taken.get_mut(number))
                else {
                    break;
                };
                let Some(after) = edges.machines.get(*to) else { break };
                events.push(step.event.clone());
                let fields = drive(&mut bench, step, after);
                covered.replayed += 1;
                if !fields.is_empty() {
                    let found = Difference { server, events, fields };
                    let shorter = ways.shortest_difference(edges, number, bounds, defect)?;
                    covered.difference = Some(shorter.unwrap_or(found));
                    return Ok(covered);
                }
                if !std::mem::replace(taken, true) {
                    covered.steps += 1;
                    covered.edges += served;
                    covered.rules = covered.rules.union(step.rules);
                }
                // On the way the goal is where it will be; afterwards each step leads on.
                if way.len() == 0 {
                    at = *to;
                }
            }
        }
    }
    Ok(covered)
}

/// The shortest ways to the machines.
struct Ways {
    /// The steps from each machine.
    out: Vec<Vec<usize>>,
    /// The step that leads to each machine first; none for those that never ran.
    first: Vec<Option<usize>>,
    /// The machines that can be reached, nearest first.
    order: Vec<usize>,
}

impl Ways {
    fn of(edges: &Edges) -> Ways {
        let mut out = vec![Vec::new(); edges.machines.len()];
        for (number, edge) in edges.steps.iter().enumerate() {
            if let Some(out) = out.get_mut(edge.from) {
                out.push(number);
            }
        }
        let starts = edges.starts();
        let mut first = vec![None; edges.machines.len()];
        let mut order: Vec<usize> = starts.clone().collect();
        let mut queue: VecDeque<usize> = starts.clone().collect();
        while let Some(machine) = queue.pop_front() {
            for number in out.get(machine).into_iter().flatten().copied() {
                let Some(to) = edges.steps.get(number).map(|edge| edge.to) else { continue };
                if let Some(place) = first.get_mut(to)
                    && place.is_none()
                    && !starts.contains(&to)
                {
                    *place = Some(number);
                    order.push(to);
                    queue.push_back(to);
                }
            }
        }
        Ways { out, first, order }
    }

    /// The steps from a first start to a machine.
    fn to(&self, edges: &Edges, machine: usize) -> Vec<usize> {
        let mut way = Vec::new();
        let mut at = machine;
        while let Some(number) = self.first.get(at).copied().flatten() {
            way.push(number);
            let Some(edge) = edges.steps.get(number) else { break };
            at = edge.from;
        }
        way.reverse();
        way
    }

    /// The first difference on the shortest way to a step, that step included; none if the node must have come another
    /// way.
    fn shortest_difference(
        &self,
        edges: &Edges,
        number: usize,
        bounds: &Bounds,
        defect: Option<Defect>,
    ) -> anyhow::Result<Option<Difference>> {
        let Some(last) = edges.steps.get(number) else { return Ok(None) };
        let server = last.step.after.id;
        let mut bench = Bench::new(server, bounds, defect)?;
        let mut events = Vec::new();
        for number in self.to(edges, last.from).into_iter().chain([number]) {
            let Some(Edge { to, step, .. }) = edges.steps.get(number) else { break };
            let Some(after) = edges.machines.get(*to) else { break };
            events.push(step.event.clone());
            let fields = drive(&mut bench, step, after);
            if !fields.is_empty() {
                return Ok(Some(Difference { server, events, fields }));
            }
        }
        Ok(None)
    }
}
