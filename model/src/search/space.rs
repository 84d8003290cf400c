//! A profile's space as a search of its own explores it: the start, what follows on a state, what a state breaks, and the
//! conclusion. Whoever searches keeps the set of states that it has seen, and their order; nothing else.

use crate::SOURCES;
use crate::cluster::action::Action;
use crate::cluster::event::NodeEvent;
use crate::cluster::next::{Changed, Next};
use crate::cluster::state::{EnvelopeId, NodeId, State};
use crate::cluster::{Cluster, System};
use crate::profiles::Profile;
use crate::properties::Safety;
use crate::recovery::Watch;
use crate::search::births::{Birth, Foreign, Known};
use crate::search::check::{CheckError, CheckOptions, Ended, report, violation_of};
use crate::search::memory;
use crate::search::packed::PackedState;
use crate::search::report::{Report, Unfinished, Verdict};
use crate::search::search_state::{Limit, SearchState};
use crate::search::symmetry::Hashes;
use crate::search::tables::{StepId, Tables};
use figure2_core::{Rule, ServerId};
use serde::{Deserialize, Serialize};
use stateright::Model as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A profile's space, and what was noted of it so far. Threads share it.
pub struct Space {
    pub(crate) cluster: Cluster,
    watch: Option<Watch>,
    profile: Profile,
    options: CheckOptions,
    control: Arc<SearchState>,
    generated: AtomicU64,
    earlier: OnceLock<Duration>,
}

/// What a part of a search has counted: another process' part, or what came before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    generated: u64,
    expanded: u64,
    rules: Vec<u64>,
    /// What was found broken, and witnesses, a bit each.
    found: u64,
    judged: u64,
    rounds: u32,
    elapsed: Duration,
}

/// Whose node, which one it is, and what happens to it.
type Asked = (ServerId, NodeId, NodeEvent<EnvelopeId>);
/// Whose node takes which step.
type Step = (ServerId, StepId);

/// What a thread needs to expand states, used again for each group of them; and what it has counted.
#[derive(Debug)]
pub struct Expansion {
    actions: Vec<Action>,
    /// The actions of a group of states: of which of them, and what happens to which node.
    asked: Vec<(usize, Action, Option<Asked>)>,
    /// Those that can happen, with the nodes' steps.
    steps: Vec<(usize, Action, Option<Step>)>,
    generated: u64,
    rules: [u64; Rule::ALL.len()],
}

impl Default for Expansion {
    fn default() -> Self {
        let (actions, asked, steps) = Default::default();
        Expansion { actions, asked, steps, generated: 0, rules: [0; Rule::ALL.len()] }
    }
}

/// What a search of a space came to, once no state is left or it was stopped.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// How many distinct states were seen.
    pub distinct: u64,
    /// How many states each level has.
    pub levels: Vec<u64>,
    /// Most memory that the process had, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
    /// The message of a thread that panicked.
    pub panic: Option<String>,
    /// What failed besides: a file that could not be written.
    pub failure: Option<String>,
    /// The keys of the states on a shortest way to one that is broken, without the start's; none if none was found.
    pub way: Option<Vec<u64>>,
}

impl Counted {
    /// Adds what another part of the same search counted.
    pub fn add(&mut self, other: &Counted) {
        self.generated += other.generated;
        self.expanded += other.expanded;
        self.found |= other.found;
        self.judged += other.judged;
        self.rounds = self.rounds.max(other.rounds);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.rules.resize(self.rules.len().max(other.rules.len()), 0);
        self.rules.iter_mut().zip(&other.rules).for_each(|(rule, more)| *rule += more);
    }
}

impl Space {
    /// The space of a profile under some rules, on some nodes.
    ///
    /// # Errors
    /// When the options or the profile make no sense.
    pub fn new(system: &System, profile: &Profile, options: &CheckOptions) -> Result<Space, CheckError> {
        if options.threads == 0 {
            return Err(CheckError::NoThreads);
        }
        let control = Arc::new(SearchState::new(options.max_states));
        let cluster = profile.hashed_cluster(system, options.rehash)?.controlled_by(Arc::clone(&control));
        let watch = options.recovery.map(|share| Watch::new(system, &profile.bounds, share));
        let (profile, options, generated) = (profile.clone(), *options, AtomicU64::new(0));
        Ok(Space { cluster, watch, profile, options, control, generated, earlier: OnceLock::new() })
    }

    /// Where executions start.
    pub fn start(&self) -> Vec<State> {
        self.cluster.init_states()
    }

    /// Counts states that were generated, but by [`expand`](Self::expand), whose are [counted](Self::count) with all else.
    pub fn generate(&self, states: u64) {
        self.generated.fetch_add(states, Ordering::Relaxed);
    }

    /// Notes what a state shows. Whether it breaks nothing, and the cluster recovers from it. `changed` tells what differs
    /// from a state before it that was judged, and breaks nothing.
    pub fn judge(&self, state: &State, changed: Changed) -> bool {
        self.cluster.holds(state, changed)
            && self.watch.as_ref().is_none_or(|watch| watch.recovers(&self.cluster, state))
    }

    /// Reads what [`judge`](Self::judge) and [`expand`](Self::expand) will look at, of several states at once: a processor that
    /// waits for one read can wait for others at the same time.
    pub fn look_ahead<'a>(&self, states: impl Iterator<Item = (&'a State, Changed)> + Clone) {
        let tables = self.cluster.tables();
        let nodes = states.clone().flat_map(|(state, _)| &state.nodes);
        black_box(nodes.fold(0, |sum, node| tables.touch_node(*node).wrapping_add(sum)));
        let verdicts = states.map(|(state, changed)| {
            let Changed::Node(id) = changed else { return 0 };
            let id = usize::from(id.0);
            let Some(node) = state.nodes.get(id) else { return 0 };
            let others = state.nodes.iter().enumerate().filter(|(other, _)| *other != id);
            let pairs = others.map(|(place, other)| {
                if place < id { Tables::pair_key(*other, *node) } else { Tables::pair_key(*node, *other) }
            });
            tables.touch_verdicts(*node, state.history, pairs)
        });
        black_box(verdicts.fold(0, u64::wrapping_add));
    }

    /// What follows on some states: of which of them, the key, and what is needed to build it. False when nothing is expanded
    /// any more: a limit was hit, or something is broken.
    pub fn expand<'a>(
        &'a self,
        states: &[&'a State],
        expansion: &mut Expansion,
        mut found: impl FnMut(usize, u64, Next<'a>),
    ) -> bool {
        let Expansion { actions, asked, steps, generated, rules } = expansion;
        let (cluster, tables) = (&self.cluster, self.cluster.tables());
        asked.clear();
        for (place, state) in states.iter().enumerate() {
            if !self.control.may_expand() {
                return false;
            }
            actions.clear();
            cluster.possible(state, actions);
            for action in actions.drain(..) {
                let concerned = match action {
                    Action::Drop(_) => None,
                    _ => {
                        let Some((id, event)) = cluster.node_event(state, action) else { continue };
                        let Some(node) = state.nodes.get(usize::from(id.0)) else { continue };
                        Some((id, *node, event))
                    }
                };
                asked.push((place, action, concerned));
            }
        }
        let keys = asked.iter().filter_map(|(.., concerned)| *concerned);
        black_box(tables.touch_steps(keys.map(|(_, node, event)| Tables::step_key(node, event))));
        steps.clear();
        for (place, action, concerned) in asked.iter() {
            match concerned {
                None => steps.push((*place, *action, None)),
                Some((id, node, event)) => {
                    if let Some(step) = cluster.step_of(*node, *event) {
                        steps.push((*place, *action, Some((*id, step))));
                    }
                }
            }
        }
        let known = steps.iter().filter_map(|(.., step)| *step);
        black_box(known.fold(0, |sum, (_, step)| tables.touch_step(step).wrapping_add(sum)));
        let room = usize::from(cluster.bounds.in_flight);
        let mut sums: Option<(usize, Hashes)> = None;
        for (place, action, step) in steps.iter() {
            let Some(state) = states.get(*place) else { continue };
            let Some(next) = cluster.next_by(state, *action, *step, room) else { continue };
            *generated += 1;
            for rule in next.rules().iter() {
                if let Some(count) = rules.get_mut(rule as usize) {
                    *count += 1;
                }
            }
            if sums.as_ref().is_none_or(|(of, _)| of != place) {
                sums = Some((*place, tables.sums(state)));
            }
            let Some((_, sums)) = &sums else { continue };
            found(*place, next.key(sums), next);
        }
        true
    }

    /// Adds what expansions counted.
    pub fn count(&self, expansion: &mut Expansion) {
        self.generated.fetch_add(std::mem::take(&mut expansion.generated), Ordering::Relaxed);
        for (rule, count) in Rule::ALL.iter().zip(&mut expansion.rules) {
            self.control.count_rule(*rule, std::mem::take(count));
        }
    }

    /// Ends the search when it has taken too long or too much memory, or was interrupted. What the process takes, in bytes.
    pub fn watch_limits(&self) -> Option<u64> {
        let memory = memory::resident();
        self.control.watch(self.options.time_limit, self.options.max_memory, memory);
        memory
    }

    /// The limit that was hit, if one was: then the search is unfinished.
    pub fn limit(&self) -> Option<Limit> {
        self.control.limit().cloned()
    }

    /// Another part of the search hit a limit: it ends here, too.
    pub fn hit(&self, limit: Limit) {
        self.control.hit(limit);
    }

    /// How long the search has run, with what went before when it goes on.
    pub fn elapsed(&self) -> Duration {
        self.control.elapsed() + self.earlier.get().copied().unwrap_or_default()
    }

    /// What was counted so far, while no thread expands or judges, and all have [counted](Self::count).
    pub fn counted(&self) -> Counted {
        let recovered = self.watch.as_ref().map(Watch::recovered);
        Counted {
            generated: self.generated(),
            expanded: self.control.expanded(),
            rules: self.control.rule_counts().into_iter().map(|(_, times)| times).collect(),
            found: self.control.all_found(),
            judged: recovered.map_or(0, |recovered| recovered.judged),
            rounds: recovered.map_or(0, |recovered| recovered.rounds),
            elapsed: self.elapsed(),
        }
    }

    /// An earlier search of the same space counted this, and this one goes on where that one ended.
    pub fn go_on_from(&self, counted: &Counted) {
        self.add(counted);
        self.earlier.get_or_init(|| counted.elapsed);
    }

    /// Another part of this search counted this.
    pub fn add(&self, counted: &Counted) {
        self.generated.fetch_add(counted.generated, Ordering::Relaxed);
        self.control.add(counted.expanded, counted.found);
        for (rule, times) in Rule::ALL.iter().zip(&counted.rules) {
            self.control.count_rule(*rule, *times);
        }
        if let Some(watch) = &self.watch {
            watch.add(counted.judged, counted.rounds);
        }
    }

    /// From now on it is noted how parts of states come to be. To be called before anything is expanded.
    pub fn record(&self) {
        self.cluster.tables().record();
    }

    /// How parts came to be since then, from a place on.
    pub fn births(&self, from: usize) -> impl Iterator<Item = Birth> {
        self.cluster.tables().births(from)
    }

    /// What the numbers of another process mean here, before it has told anything. To be called before anything is expanded.
    pub fn known(&self) -> Known {
        Known::of(&self.cluster)
    }

    /// Repeats how a part came to be elsewhere.
    ///
    /// # Errors
    /// When it does not come to be here.
    pub fn learn(&self, known: &mut Known, birth: &Birth) -> Result<(), Foreign> {
        known.learn(&self.cluster, birth)
    }

    /// A state that another process tells.
    ///
    /// # Errors
    /// When it is no state of this space.
    pub fn unpacked(&self, known: &Known, packed: &PackedState) -> Result<(State, Changed), Foreign> {
        known.state(&self.cluster, packed)
    }

    /// A state that this process packed.
    ///
    /// # Errors
    /// When it did not.
    pub fn own(&self, packed: &PackedState) -> Result<(State, Changed), Foreign> {
        packed.own(&self.cluster)
    }

    /// What decides which states the space has, and which keys: two spaces that say the same are the same.
    pub fn identity(&self) -> String {
        let Profile { name, bounds, script, always, sometimes, symmetry, .. } = &self.profile;
        let (seed, recovery) = (self.options.rehash, self.options.recovery);
        format!(
            "{name}, {bounds:?}, symmetry {symmetry}, from {script:?}, always {always:?}, sometimes {sometimes:?}, \
             recovery {recovery:?}, hash {seed}, rules {SOURCES}"
        )
    }

    /// States expanded.
    pub fn expanded(&self) -> u64 {
        self.control.expanded()
    }

    /// States generated, repeats included.
    pub fn generated(&self) -> u64 {
        self.generated.load(Ordering::Relaxed)
    }

    /// The conclusion.
    pub fn conclude(&self, searched: Searched) -> Report {
        let ended = Ended {
            generated: self.generated(),
            distinct: searched.distinct,
            depth: searched.levels.len() as u64,
            levels: searched.levels,
            elapsed: self.elapsed(),
            peak_memory: searched.peak_memory.max(memory::resident()),
            panic: searched.panic,
        };
        let found = searched.way.map(|way| self.actions(&way));
        let broken: Vec<Safety> =
            self.profile.always.iter().copied().filter(|safety| self.control.is_broken(*safety)).collect();
        let is_unrecovered = self.watch.as_ref().is_some_and(Watch::is_broken);
        let recovered = self.watch.as_ref().map(Watch::recovered);
        let verdict = match found {
            Some(Some(actions)) => Some(violation_of(&self.cluster, self.watch.as_ref(), &actions, true)),
            // The way was not found again: the search and the model part.
            _ if !broken.is_empty() || is_unrecovered => {
                let lost = "a violation was found, and no way to it".to_owned();
                Some(Verdict::Unfinished(Unfinished::Failed(lost)))
            }
            _ => searched.failure.map(|what| Verdict::Unfinished(Unfinished::Failed(what))),
        };
        report(&self.profile, &self.options, &self.control, ended, recovered, verdict)
    }

    /// The actions along a way, of each step the first that leads there. None when the model has no such way.
    fn actions(&self, way: &[u64]) -> Option<Vec<Action>> {
        self.control.replay();
        let mut state = self.cluster.init_states().into_iter().next()?;
        let mut taken = Vec::new();
        for key in way {
            let mut possible = Vec::new();
            self.cluster.possible(&state, &mut possible);
            let (action, next) = possible.into_iter().find_map(|action| {
                let (next, _) = self.cluster.act(&state, action).filter(|(next, _)| next.key() == *key)?;
                Some((action, next))
            })?;
            taken.push(action);
            state = next;
        }
        Some(taken)
    }
}
