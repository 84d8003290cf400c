//! Recovery: from a state, once faults end, the cluster continues.
//!
//! Faults end: crashed servers restart, writes finish, no more messages are lost. What was in flight either all
//! arrives or is all lost; both are judged. Then the run is fair (see [`run`]), repeated with each server as the
//! first whose election timer elapses. Within [`ROUNDS`] rounds there must be one leader, equal logs, and a new
//! command that is committed and applied everywhere; and from then on only heartbeats and their answers are sent.
//!
//! Nothing depends on the servers' names: they are ordered by what the state says of each, and where it says the same
//! of several, every order of these is judged. So states that the search treats as one are judged alike.

mod orders;
mod run;
mod search;
mod words;
mod world;

use crate::cluster::System;
use crate::cluster::bounds::Bounds;
use crate::cluster::node::{Envelope, Node};
use crate::search::hashed::{digest, mix};
use crate::trace::view::describe_envelope;
use hashbrown::HashMap;
use orders::{orders, turned};
use run::{Endless, Nodes, Order, Round, Run, Told};
use world::{EnvelopeId, Event, World, nameless};

pub use run::Missing;
pub use search::{Recovered, Share};
pub(crate) use search::{Watch, Watched};

/// Most rounds that a recovery may take.
pub const ROUNDS: u32 = 30;

/// Most events that are told of a run in which something comes without an end.
const LONGEST_ENDLESS: usize = 60;

/// The worlds are emptied when they hold so much.
const MOST_HELD: usize = 2_000_000;

/// What becomes of the messages that are on their way when faults end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTheirWay {
    /// They arrive: those of older terms first, then by kind and content.
    Arrive,
    /// They are lost.
    Lost,
}

/// Why a fair run is no recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Messages go to and fro without an end in this round.
    Endless {
        /// The round; 0 before the first.
        round: u32,
    },
    /// Nothing changes any more after this round, and something is missing, or is still sent.
    AtRest {
        /// The round.
        round: u32,
        /// What is missing; nothing, when it is only that more is sent than heartbeats.
        missing: Option<Missing>,
    },
    /// After this round the nodes are as they were before an earlier one, and the servers' turns, too: so it goes on.
    Returns {
        /// The round.
        round: u32,
        /// The earlier one.
        to: u32,
    },
    /// The rounds did not suffice.
    TooLong {
        /// What is missing at their end.
        missing: Option<Missing>,
    },
}

/// A fair run that is no recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecovered {
    /// What became of the messages on their way.
    pub on_their_way: OnTheirWay,
    /// Why it is none.
    pub stuck: Stuck,
    /// What happened in it, a line an event.
    pub trace: Vec<String>,
}

/// Judges states. One for each thread.
pub struct Judge {
    world: World,
    /// How many rounds it takes from these nodes at rest, in this order of the servers; none when it never ends well.
    known: HashMap<(Nodes, u32), Option<u32>, ahash::RandomState>,
    /// The longest recovery so far, in rounds.
    longest: u32,
}

impl Judge {
    /// For states of a cluster with these bounds, under these rules.
    pub fn new(system: &System, bounds: &Bounds) -> Judge {
        Judge { world: World::new(system, bounds), known: HashMap::default(), longest: 0 }
    }

    /// The longest recovery so far, in rounds.
    pub fn longest(&self) -> u32 {
        self.longest
    }

    /// Whether the cluster recovers from these nodes, in the order of their ids, and these messages on their way.
    ///
    /// # Errors
    /// A fair run that is no recovery.
    pub fn judge<'a>(
        &mut self,
        nodes: impl Iterator<Item = &'a Node>,
        envelopes: impl Iterator<Item = &'a Envelope>,
    ) -> Result<(), Box<Unrecovered>> {
        if self.world.len() + self.known.len() > MOST_HELD {
            let bounds = *self.world.bounds();
            self.world = World::new(&self.world.system().clone(), &bounds);
            self.known.clear();
        }
        let mut numbers = Nodes::new();
        let mut looks: Vec<u64> = Vec::new();
        for node in nodes {
            looks.push(nameless(node));
            numbers.push(self.world.add_node(node));
        }
        let mut sent: Vec<(u64, EnvelopeId)> = Vec::new();
        for envelope in envelopes {
            let content = digest(&envelope.message);
            for (id, more) in [(envelope.from, 1), (envelope.to, 2)] {
                if let Some(look) = looks.get_mut(usize::from(id.0)) {
                    *look = look.wrapping_add(mix(content ^ more));
                }
            }
            sent.push((content, self.world.add_envelope(envelope)));
        }
        for order in orders(&looks) {
            let arriving = self.in_order(&sent, &order);
            for (on_their_way, envelopes) in [(OnTheirWay::Arrive, arriving), (OnTheirWay::Lost, Vec::new())]
            {
                if on_their_way == OnTheirWay::Arrive && envelopes.is_empty() {
                    continue;
                }
                self.recovers(&numbers, &order, &envelopes).map_err(|(first, stuck)| {
                    let trace = self.trace(&numbers, &order, first, &envelopes, stuck);
                    Box::new(Unrecovered { on_their_way, stuck, trace })
                })?;
            }
        }
        Ok(())
    }

    /// The messages in the order in which they arrive: those of older terms first, then by content, then by their addresses.
    fn in_order(&self, sent: &[(u64, EnvelopeId)], order: &[u8]) -> Vec<EnvelopeId> {
        let place = |id: figure2_core::ServerId| order.iter().position(|other| *other == id.0);
        let mut sorted = sent.to_vec();
        sorted.sort_by_cached_key(|(content, id)| {
            let envelope = self.world.envelope(*id);
            (envelope.message.term(), *content, place(envelope.from), place(envelope.to))
        });
        sorted.into_iter().map(|(_, envelope)| envelope).collect()
    }

    /// Each server is the first whose election timer elapses, in turn.
    fn recovers(
        &mut self,
        nodes: &Nodes,
        order: &Order,
        envelopes: &[EnvelopeId],
    ) -> Result<(), (usize, Stuck)> {
        let mut run = Run::new(&mut self.world, nodes.clone(), false);
        run.end_faults(order, envelopes).map_err(|Endless| (0, Stuck::Endless { round: 0 }))?;
        let begin = run.nodes().clone();
        for first in 0..order.len() {
            let rounds = self.rounds(&begin, order, first).map_err(|stuck| (first, stuck))?;
            self.longest = self.longest.max(rounds);
        }
        Ok(())
    }

    /// How many rounds it takes.
    fn rounds(&mut self, begin: &Nodes, order: &Order, first: usize) -> Result<u32, Stuck> {
        let mut passed: Vec<(Nodes, u32)> = Vec::new();
        let mut nodes = begin.clone();
        let end = loop {
            let done = u32::try_from(passed.len()).unwrap_or(ROUNDS);
            let turn = turned(order, first + passed.len());
            let key = (nodes.clone(), code(&turn));
            if let Some(to) = passed.iter().position(|earlier| *earlier == key) {
                break Err(Stuck::Returns { round: done, to: u32::try_from(to).unwrap_or(ROUNDS) + 1 });
            }
            // What goes wrong is run again, and told.
            if let Some(more) = self.known.get(&key).copied().flatten().filter(|more| done + more <= ROUNDS) {
                break Ok(done + more);
            }
            let mut run = Run::new(&mut self.world, nodes.clone(), false);
            run.begin_at_rest();
            let round = run.round(done + 1, &turn).map_err(|Endless| Stuck::Endless { round: done + 1 });
            let missing = run.missing();
            let after = run.nodes().clone();
            let round = match round {
                Ok(round) => round,
                Err(stuck) => break Err(stuck),
            };
            let unchanged = after == nodes && !round.timed_out;
            passed.push(key);
            match after_round(unchanged, &round, missing, done + 1) {
                Some(Ok(())) => break Ok(done),
                Some(Err(stuck)) => break Err(stuck),
                None => nodes = after,
            }
        };
        for (place, key) in passed.into_iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(ROUNDS);
            self.known.insert(key, end.ok().map(|rounds: u32| rounds.saturating_sub(place)));
        }
        end
    }

    /// The same run once more, told up to the round that says why it is no recovery.
    fn trace(
        &mut self,
        nodes: &Nodes,
        order: &Order,
        first: usize,
        envelopes: &[EnvelopeId],
        stuck: Stuck,
    ) -> Vec<String> {
        let last = match stuck {
            Stuck::Endless { round } | Stuck::AtRest { round, .. } | Stuck::Returns { round, .. } => round,
            Stuck::TooLong { .. } => ROUNDS,
        };
        let mut run = Run::new(&mut self.world, nodes.clone(), true);
        let mut is_endless = run.end_faults(order, envelopes).is_err();
        for number in 1..=last {
            let turn = turned(order, first + number as usize - 1);
            is_endless = is_endless || run.round(number, &turn).is_err();
        }
        let mut trace = run.into_story();
        if is_endless {
            trace.truncate(LONGEST_ENDLESS);
        }
        trace.into_iter().map(|told| self.words(told)).collect()
    }

    fn words(&self, told: Told) -> String {
        match told {
            Told::Round(number) => format!("round {number}"),
            Told::Event(id, Event::Receive(envelope)) => {
                format!("{id} ← {}", describe_envelope(self.world.envelope(envelope)))
            }
            Told::Event(id, event) => {
                format!("{id} {}", event.map(|envelope| describe_envelope(self.world.envelope(*envelope))))
            }
        }
    }
}

/// Whether the run is over after a round, and how it ended.
fn after_round(
    unchanged: bool,
    round: &Round,
    missing: Option<Missing>,
    number: u32,
) -> Option<Result<(), Stuck>> {
    match (unchanged, missing) {
        (true, None) if !round.is_busy => Some(Ok(())),
        (true, missing) => Some(Err(Stuck::AtRest { round: number, missing })),
        (false, missing) if number > ROUNDS => Some(Err(Stuck::TooLong { missing })),
        (false, _) => None,
    }
}

/// A number for an order.
fn code(order: &[u8]) -> u32 {
    order.iter().fold(0, |code, id| code * 5 + u32::from(*id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;
    use crate::cluster::state::State;
    use crate::mutants::{Kind, survivors};
    use crate::search::check::CheckOptions;
    use figure2_core::ServerId;
    use stateright::Model;
    use std::collections::HashSet;

    /// Some states of a cluster, nearest first.
    fn states(cluster: &Cluster, most: usize) -> Vec<State> {
        let mut all = cluster.init_states();
        let mut seen: HashSet<u64> = HashSet::new();
        let mut next = 0;
        while next < all.len() && all.len() < most {
            let mut actions = Vec::new();
            cluster.actions(&all[next], &mut actions);
            for action in actions {
                if let Some(state) =
                    cluster.next_state(&all[next], action).filter(|state| seen.insert(state.key))
                {
                    all.push(state);
                }
            }
            next += 1;
        }
        all
    }

    #[test]
    fn states_that_differ_in_the_servers_names_are_judged_alike() {
        let mut stuck = 0;
        for id in ["C4-once", "S3F-never", "RV2F-ever"] {
            let survivor = survivors().into_iter().find(|survivor| survivor.id == id).unwrap();
            let cluster = survivor.profile.cluster(&survivor.system).unwrap().with_symmetry(true);
            let judge = || Judge::new(&survivor.system, &survivor.profile.bounds);
            let (mut one, mut other) = (judge(), judge());
            for state in states(&cluster, 3_000) {
                let recovers = one.judge(cluster.nodes(&state), cluster.envelopes(&state)).is_ok();
                stuck += u32::from(!recovers);
                for names in [[1, 2, 0], [2, 1, 0]].map(|names| names.map(ServerId)) {
                    let mut nodes: Vec<Node> =
                        cluster.nodes(&state).map(|node| node.renamed(&names)).collect();
                    nodes.sort_by_key(|node| node.id);
                    let envelopes: Vec<Envelope> =
                        cluster.envelopes(&state).map(|envelope| envelope.renamed(&names)).collect();
                    assert_eq!(
                        other.judge(nodes.iter(), envelopes.iter()).is_ok(),
                        recovers,
                        "{id}: {nodes:#?}"
                    );
                }
            }
        }
        assert!(stuck > 100, "{stuck}");
    }

    #[test]
    fn a_search_that_judges_recovery_sees_the_same_states_and_judges_the_share_that_it_says() {
        let profile = crate::profile("power-loss-snapshots-1").unwrap();
        let checked = |recovery: Option<Share>| {
            crate::check(&profile, &CheckOptions { recovery, ..CheckOptions::default() }, &mut |_| ())
                .unwrap()
        };
        let (without, all) = (checked(None), checked(Some(Share::All)));
        assert_eq!((without.distinct, without.generated), (all.distinct, all.generated));
        assert_eq!(without.recovered, None);
        assert_eq!(all.recovered.map(|recovered| recovered.judged), Some(all.distinct));
        let judged = |seed: u64| {
            checked(Some(Share::OneIn { states: 10, seed }))
                .recovered
                .map(|recovered| recovered.judged)
                .unwrap()
        };
        // About a tenth, the same one for the same seed.
        assert!((1_000..2_500).contains(&judged(1)), "{}", judged(1));
        assert_eq!(judged(1), judged(1));
        assert_ne!(judged(1), judged(2));
    }

    #[test]
    fn the_fair_run_is_told_to_the_round_in_which_it_is_stuck() {
        let survivor = survivors().into_iter().find(|survivor| survivor.id == "C4-once").unwrap();
        assert_eq!(survivor.kind, Kind::Liveness);
        let report = survivor.check_recovery(&CheckOptions::default()).unwrap();
        let crate::Verdict::Unrecovered { run, trace } = report.verdict else {
            panic!("{:?}", report.verdict)
        };
        assert_eq!(run.stuck, Stuck::Returns { round: 3, to: 1 });
        assert!(trace.is_shortest);
        let told = run.to_string();
        assert!(told.contains("round 3\n") && !told.contains("round 4\n"), "{told}");
        assert!(
            told.ends_with("no recovery: after round 3 all is as it was before round 1, and so it goes on")
        );
    }
}
