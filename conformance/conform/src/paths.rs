//! The places where a node can be, and the shortest path to each. A place is a node of the model together with the
//! state of the real node's writer. Where writes are durable at once, the writer is always idle, and a place is just
//! a node of the model.

use super::writer::Writer;
use figure2_model::{Edge, Edges, Node as ModelNode, NodeEvent};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A step of a machine from one place to another.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// The place before.
    pub from: usize,
    /// The place afterwards.
    pub to: usize,
    /// The step, by its place among the edges' steps.
    pub edge: usize,
    /// Whether the writer is late after it.
    pub writer_is_late: bool,
}

/// The places, nearest first, and what leads on from each.
pub struct Paths {
    /// What leads on from each place.
    pub moves: Vec<Vec<Move>>,
    places: Vec<(usize, Writer)>,
    /// The move that leads to each place first; none for those of nodes that never ran.
    first: Vec<Option<Move>>,
}

impl Paths {
    /// Those of all steps that nodes can take.
    pub fn of(edges: &Edges) -> Paths {
        let mut steps = vec![Vec::new(); edges.nodes.len()];
        for (number, edge) in edges.steps.iter().enumerate() {
            if let Some(steps) = steps.get_mut(edge.from) {
                steps.push(number);
            }
        }
        let mut paths = Paths { moves: Vec::new(), places: Vec::new(), first: Vec::new() };
        let mut known = HashMap::new();
        for start in edges.starts() {
            known.insert((start, Writer::default()), paths.places.len());
            paths.places.push((start, Writer::default()));
            paths.first.push(None);
        }
        let mut from = 0;
        while let Some((machine, writer)) = paths.places.get(from).copied() {
            let mut moves = Vec::new();
            for number in steps.get(machine).into_iter().flatten().copied() {
                let (Some(edge), Some(before)) = (edges.steps.get(number), edges.nodes.get(machine)) else {
                    continue;
                };
                for writer_is_late in [false, true] {
                    let Some(writer) = writer.after(before, &edge.step, writer_is_late) else { continue };
                    let next = paths.places.len();
                    let to = *known.entry((edge.to, writer)).or_insert(next);
                    let step = Move { from, to, edge: number, writer_is_late };
                    if to == next {
                        paths.places.push((edge.to, writer));
                        paths.first.push(Some(step));
                    }
                    moves.push(step);
                }
            }
            paths.moves.push(moves);
            from += 1;
        }
        paths
    }

    /// The moves from a first start to a place.
    pub fn to(&self, place: usize) -> Vec<Move> {
        let mut way = Vec::new();
        let mut at = place;
        while let Some(step) = self.first.get(at).copied().flatten() {
            way.push(step);
            at = step.from;
        }
        way.reverse();
        way
    }

    /// The machine at a place.
    pub fn machine<'a>(&self, edges: &'a Edges, place: usize) -> Option<&'a ModelNode> {
        let (machine, _) = self.places.get(place)?;
        edges.nodes.get(*machine)
    }

    /// For each step that no node can take, why.
    pub fn infeasible(&self, edges: &Edges) -> HashMap<usize, Infeasible> {
        let taken: HashSet<usize> = self.moves.iter().flatten().map(|step| step.edge).collect();
        let reached: HashSet<usize> = self.places.iter().map(|(machine, _)| *machine).collect();
        let reason = |edge: &Edge| match edge.step.event {
            _ if !reached.contains(&edge.from) => Some(Infeasible::NowhereNear),
            NodeEvent::Write(_) | NodeEvent::Crash(_) | NodeEvent::FailWrite => Some(Infeasible::SavesPart),
            NodeEvent::Apply | NodeEvent::TakeSnapshot | NodeEvent::AnswerSnapshot => {
                Some(Infeasible::ServesDuringInstall)
            }
            _ => None,
        };
        let untaken = edges.steps.iter().enumerate().filter(|(number, _)| !taken.contains(number));
        untaken.filter_map(|(number, edge)| Some((number, reason(edge)?))).collect()
    }
}

/// Why no node can take a step of the model's machine. The model lets a machine do more than a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Infeasible {
    /// A part of what waits becomes durable, or is released, without the rest.
    SavesPart,
    /// The service gets something, or takes a snapshot, while the one that it agreed to is not durable.
    ServesDuringInstall,
    /// Only such steps lead to where it begins.
    NowhereNear,
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Infeasible::SavesPart => "save or release a part of what waits: the writer takes all that waits",
            Infeasible::ServesDuringInstall => {
                "serve the service before its snapshot is durable: the node waits for that"
            }
            Infeasible::NowhereNear => "begin where only such steps lead",
        })
    }
}
