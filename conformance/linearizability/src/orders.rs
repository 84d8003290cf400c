//! The orders that were tried on a window: each goes as far as it can, and says what stops it.

use std::collections::HashSet;
use std::hash::Hash;

use super::history::Operation;

/// At most so many steps are tried.
const STEPS: usize = 5_000;
/// At most so many orders are told.
const TOLD: usize = 12;

/// An order that goes as far as it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The operations that take effect, by their numbers in the window from 0, each with what is there afterwards.
    pub steps: Vec<(usize, String)>,
    /// The operations of which one has to come next, and none can.
    pub stuck: Vec<usize>,
}

/// Orders of `operations`, at most 64, none of which explains them all: for each operation the longest that has it, and
/// so the longest of all. `step` says what an operation leaves, if it can take effect.
pub(crate) fn attempts<A, S: Clone + Eq + Hash>(
    operations: &[Operation<A>],
    initial: S,
    step: impl Fn(&S, &Operation<A>) -> Option<S>,
    show: impl Fn(&S) -> String,
) -> Vec<Attempt> {
    if operations.len() > u64::BITS as usize {
        return Vec::new();
    }
    let candidates = |done: u64| -> Vec<usize> {
        let left = (0..operations.len()).filter(|at| done >> at & 1 == 0);
        let first = left.clone().map(|at| operations[at].deadline()).min().unwrap_or(u64::MAX);
        left.filter(|&at| operations[at].invoked < first).collect()
    };
    // Each node: its parent, the operation that led to it, what is done, and the state.
    let mut nodes: Vec<(usize, usize, u64, S)> = vec![(0, usize::MAX, 0, initial.clone())];
    let mut seen: HashSet<(u64, S)> = HashSet::from([(0, initial)]);
    let mut ends: Vec<usize> = Vec::new();
    let mut stack = vec![0];
    while let Some(node) = stack.pop() {
        let (_, _, done, ref state) = nodes[node];
        let state = state.clone();
        let mut is_end = true;
        for at in candidates(done).into_iter().rev() {
            let Some(next) = step(&state, &operations[at]) else { continue };
            is_end = false;
            let done = done | 1 << at;
            if nodes.len() < STEPS && seen.insert((done, next.clone())) {
                stack.push(nodes.len());
                nodes.push((node, at, done, next));
            }
        }
        if is_end {
            ends.push(node);
        }
    }
    ends.sort_by_key(|&end| std::cmp::Reverse(nodes[end].2.count_ones()));
    let mut chosen: Vec<usize> = ends.first().copied().into_iter().collect();
    for at in 0..operations.len() {
        let longest = ends.iter().copied().find(|&end| nodes[end].2 >> at & 1 == 1);
        if let Some(longest) = longest.filter(|longest| !chosen.contains(longest) && chosen.len() < TOLD) {
            chosen.push(longest);
        }
    }
    let told = |&end: &usize| {
        let mut steps = Vec::new();
        let mut node = end;
        while node != 0 {
            steps.push((nodes[node].1, show(&nodes[node].3)));
            node = nodes[node].0;
        }
        steps.reverse();
        // One of unknown outcome need not come next.
        let must = |at: &usize| operations[*at].deadline() < u64::MAX;
        Attempt { steps, stuck: candidates(nodes[end].2).into_iter().filter(must).collect() }
    };
    chosen.iter().map(told).collect()
}
