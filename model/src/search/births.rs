//! How the parts of states came to be, so that another process, or a later one, makes the same parts.
//!
//! A state consists of numbers of parts, which mean nothing elsewhere. The parts themselves need not leave the process: each
//! came of a step, and whoever repeats the steps in the same order has the same parts. So what is told are the steps. It is
//! little (a part is shared by many states), it needs no format for what a node is, and rules that differ are noticed: the
//! states that come of it have other keys.

use crate::cluster::Cluster;
use crate::cluster::action::Used;
use crate::cluster::event::NodeEvent;
use crate::cluster::next::Changed;
use crate::cluster::state::{EnvelopeId, HistoryId, Network, NodeId, State};
use crate::properties::Safety;
use crate::search::packed::PackedState;
use crate::search::tables::StepId;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// How a part came to be, by the numbers that parts have in the process that tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Birth {
    /// A node took a step.
    Step {
        /// The node before.
        node: u32,
        /// The code of the event.
        event: u32,
        /// The step's number.
        number: u32,
        /// The node afterwards.
        after: u32,
        /// What it sent.
        sent: SmallVec<[u32; 4]>,
    },
    /// A step made history.
    History {
        /// The history before.
        before: u32,
        /// The step's number.
        step: u32,
        /// The history afterwards.
        after: u32,
    },
    /// A step broke a promise about several nodes.
    Broken {
        /// The history before.
        before: u32,
        /// The promise, by its place among all properties.
        safety: u8,
        /// The history afterwards.
        after: u32,
    },
}

/// What was told does not fit these rules or this profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("states that were told do not follow from the rules and the profile of this build")]
pub struct Foreign;

/// By a number that another process gave. It counts its parts, so the numbers are those of places.
#[derive(Debug)]
struct Numbers<T>(Vec<Option<T>>);

/// So far apart numbers are at most that follow on each other: threads number parts and tell them in different orders.
const APART: usize = 1 << 20;

impl<T: Copy> Numbers<T> {
    /// The first numbers.
    fn first(count: u32, of: impl Fn(u32) -> T) -> Numbers<T> {
        Numbers((0..count).map(|number| Some(of(number))).collect())
    }

    /// What a number means.
    fn get(&self, number: u32) -> Result<T, Foreign> {
        self.0.get(number as usize).copied().flatten().ok_or(Foreign)
    }

    /// Notes what a number means.
    fn insert(&mut self, number: u32, meaning: T) -> Result<(), Foreign> {
        let place = number as usize;
        if place >= self.0.len() + APART {
            return Err(Foreign);
        }
        self.0.resize(self.0.len().max(place + 1), None);
        self.0.get_mut(place).into_iter().for_each(|known| *known = Some(meaning));
        Ok(())
    }
}

/// What another process' numbers mean here.
#[derive(Debug)]
pub struct Known {
    nodes: Numbers<NodeId>,
    envelopes: Numbers<EnvelopeId>,
    histories: Numbers<HistoryId>,
    steps: Numbers<StepId>,
}

impl Known {
    /// The parts that a cluster has before its search begins have the same numbers everywhere.
    pub(crate) fn of(cluster: &Cluster) -> Known {
        let tables = cluster.tables();
        let [nodes, envelopes, histories, steps] = tables.before_births();
        Known {
            nodes: Numbers::first(nodes, |number| tables.node_id(number)),
            envelopes: Numbers::first(envelopes, |number| tables.envelope_id(number)),
            histories: Numbers::first(histories, |number| tables.history_id(number)),
            steps: Numbers::first(steps, StepId::of),
        }
    }

    /// Repeats what happened.
    ///
    /// # Errors
    /// When it does not happen here.
    pub(crate) fn learn(&mut self, cluster: &Cluster, birth: &Birth) -> Result<(), Foreign> {
        let tables = cluster.tables();
        match birth {
            Birth::Step { node, event, number, after, sent } => {
                let node = self.nodes.get(*node)?;
                let event = match NodeEvent::of_code(*event).ok_or(Foreign)? {
                    NodeEvent::Receive(told) => NodeEvent::Receive(self.envelopes.get(told)?),
                    // Not a message: nothing is asked of what it is about.
                    other => other.map(|_| tables.envelope_id(0)),
                };
                let id = cluster.step_of(node, event).ok_or(Foreign)?;
                let step = tables.step(id);
                if step.sent.len() != sent.len() {
                    return Err(Foreign);
                }
                self.steps.insert(*number, id)?;
                self.nodes.insert(*after, step.node)?;
                for (told, envelope) in sent.iter().zip(&step.sent) {
                    self.envelopes.insert(*told, *envelope)?;
                }
            }
            Birth::History { before, step, after } => {
                let before = self.histories.get(*before)?;
                let step = self.steps.get(*step)?;
                self.histories.insert(*after, tables.history_after(before, step))?;
            }
            Birth::Broken { before, safety, after } => {
                let before = self.histories.get(*before)?;
                let safety = Safety::ALL.get(usize::from(*safety)).ok_or(Foreign)?;
                self.histories.insert(*after, tables.history_with(before, *safety))?;
            }
        }
        Ok(())
    }

    /// The state, as it is here, and what differs from the state from which it was found.
    ///
    /// # Errors
    /// When it has parts that were not told, or another key here.
    pub(crate) fn state(&self, cluster: &Cluster, packed: &PackedState) -> Result<(State, Changed), Foreign> {
        let nodes = packed.nodes.iter().map(|number| self.nodes.get(*number)).collect::<Result<_, _>>()?;
        let network =
            packed.network.iter().map(|number| self.envelopes.get(*number)).collect::<Result<_, _>>()?;
        let history = self.histories.get(packed.history)?;
        let used = Used::unpacked(packed.used);
        let state = State { nodes, network: Network::of(network), history, used, key: packed.key };
        (cluster.key(&state) == packed.key).then(|| (state, packed.changed())).ok_or(Foreign)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cluster::System;
    use crate::search::check::CheckOptions;
    use crate::search::space::{Expansion, Space};
    use std::collections::HashSet;

    /// The states of the first levels; each level in the order in which it was found, or the last first.
    fn first_levels(space: &Space, levels: usize, backwards: bool) -> Vec<(State, Changed)> {
        let mut all: Vec<_> = space.start().into_iter().map(|state| (state, Changed::All)).collect();
        let mut seen: HashSet<u64> = all.iter().map(|(state, _)| state.key()).collect();
        let mut last = 0;
        for _ in 0..levels {
            let mut found = Vec::new();
            let mut level: Vec<&State> = all[last..].iter().map(|(state, _)| state).collect();
            if backwards {
                level.reverse();
            }
            space.expand(&level, &mut Expansion::default(), |_, key, next| {
                if seen.insert(key) {
                    found.push((next.state(key), next.changed()));
                }
            });
            last = all.len();
            all.extend(found);
        }
        all
    }

    /// Profiles with histories, scripted beginnings and promises about several nodes among them.
    fn spaces(rehash: u64) -> Vec<Space> {
        let options = CheckOptions { rehash, ..CheckOptions::default() };
        let names = ["election", "split-votes", "transfer", "power-loss-1", "limits-of-one"];
        let profiles = names.map(|name| crate::profiles::profile(name).unwrap());
        profiles.iter().map(|profile| Space::new(&System::default(), profile, &options).unwrap()).collect()
    }

    #[test]
    fn another_process_makes_the_same_states_of_what_it_is_told() {
        let (mut all, mut other_numbers) = (0, 0);
        for (ours, theirs) in spaces(0).into_iter().zip(spaces(0)) {
            ours.record();
            theirs.record();
            // The other one has explored before, in another order: its numbers are others.
            let mut known = Known::of(&theirs.cluster);
            first_levels(&theirs, 4, true);
            let states = first_levels(&ours, 7, false);
            for birth in ours.births(0) {
                known.learn(&theirs.cluster, &birth).unwrap();
            }
            for (state, changed) in &states {
                let packed = PackedState::new(state, *changed);
                let (same, same_changed) = known.state(&theirs.cluster, &packed).unwrap();
                assert_eq!((same.key(), same_changed), (state.key(), *changed));
                assert!(ours.cluster.nodes(state).eq(theirs.cluster.nodes(&same)));
                assert!(ours.cluster.envelopes(state).eq(theirs.cluster.envelopes(&same)));
                other_numbers += u32::from(same.history != state.history || same.nodes != state.nodes);
                all += 1;
            }
        }
        assert!(all > 1000 && other_numbers > 100, "{other_numbers} of {all}");
    }

    #[test]
    fn states_of_other_rules_or_another_hash_are_refused() {
        let (ours, theirs) = (spaces(0).remove(0), spaces(1).remove(0));
        ours.record();
        theirs.record();
        let (state, changed) = first_levels(&ours, 2, false).pop().unwrap();
        let packed = PackedState::new(&state, changed);
        let mut known = Known::of(&theirs.cluster);
        assert_eq!(known.state(&theirs.cluster, &packed).unwrap_err(), Foreign, "parts that were not told");
        for birth in ours.births(0) {
            known.learn(&theirs.cluster, &birth).unwrap();
        }
        assert_eq!(known.state(&theirs.cluster, &packed).unwrap_err(), Foreign, "another hash");
        let unknown = Birth::Step { node: 1 << 20, event: 1, number: 0, after: 0, sent: SmallVec::new() };
        assert_eq!(known.learn(&theirs.cluster, &unknown), Err(Foreign));
        let impossible = NodeEvent::<u32>::Restart.code();
        let impossible =
            Birth::Step { node: 0, event: impossible, number: 0, after: 0, sent: SmallVec::new() };
        assert_eq!(known.learn(&theirs.cluster, &impossible), Err(Foreign));
    }

    #[test]
    fn a_number_to_which_nobody_counted_takes_no_memory() {
        let mut numbers = Numbers::first(3, |number| number + 10);
        assert_eq!((numbers.get(2), numbers.get(3)), (Ok(12), Err(Foreign)));
        assert_eq!(numbers.insert(u32::MAX, 1), Err(Foreign));
        numbers.insert(5, 7).unwrap();
        assert_eq!((numbers.get(4), numbers.get(5), numbers.0.len()), (Err(Foreign), Ok(7), 6));
    }
}
