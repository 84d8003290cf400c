//! A profile's space as a search of its own explores it: the start, what follows on a state, what a state breaks, and the
//! conclusion. Whoever searches keeps the set of states that it has seen, and their order; nothing else.

use crate::cluster::action::Action;
use crate::cluster::next::{Changed, Next};
use crate::cluster::state::State;
use crate::cluster::{Cluster, System};
use crate::profiles::Profile;
use crate::properties::Safety;
use crate::recovery::Watch;
use crate::search::check::{CheckError, CheckOptions, Ended, report, violation_of};
use crate::search::memory;
use crate::search::report::{Report, Unfinished, Verdict};
use crate::search::search_state::{Limit, SearchState};
use stateright::Model as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A profile's space, and what was noted of it so far. Threads share it.
pub struct Space {
    cluster: Cluster,
    watch: Option<Watch>,
    profile: Profile,
    options: CheckOptions,
    control: Arc<SearchState>,
    generated: AtomicU64,
}

/// What a thread needs to expand states, used again for each; and the states that it generated.
#[derive(Debug, Default)]
pub struct Expansion {
    actions: Vec<Action>,
    generated: u64,
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
    /// The keys of the states on a shortest way to one that is broken, without the start's; none if none was found.
    pub way: Option<Vec<u64>>,
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
        Ok(Space { cluster, watch, profile, options, control, generated })
    }

    /// Where executions start.
    pub fn start(&self) -> Vec<State> {
        let start = self.cluster.init_states();
        self.generated.fetch_add(start.len() as u64, Ordering::Relaxed);
        start
    }

    /// Notes what a state shows. Whether it breaks nothing, and the cluster recovers from it. `changed` tells what differs
    /// from a state before it that was judged, and breaks nothing.
    pub fn judge(&self, state: &State, changed: Changed) -> bool {
        self.cluster.holds(state, changed)
            && self.watch.as_ref().is_none_or(|watch| watch.recovers(&self.cluster, state))
    }

    /// What follows on a state, with the keys. False when nothing is expanded any more: a limit was hit, or something is
    /// broken.
    pub fn expand<'a>(
        &'a self,
        state: &'a State,
        expansion: &mut Expansion,
        mut found: impl FnMut(u64, Next<'a>),
    ) -> bool {
        if !self.control.may_expand() {
            return false;
        }
        let Expansion { actions, generated } = expansion;
        actions.clear();
        self.cluster.possible(state, actions);
        let room = usize::from(self.cluster.bounds.in_flight);
        let sums = self.cluster.tables().sums(state);
        for action in actions.drain(..) {
            if let Some(next) = self.cluster.next(state, action, room) {
                self.control.count_rules(next.rules());
                *generated += 1;
                found(next.key(&sums), next);
            }
        }
        true
    }

    /// Adds what an expansion counted.
    pub fn count(&self, expansion: &mut Expansion) {
        self.generated.fetch_add(std::mem::take(&mut expansion.generated), Ordering::Relaxed);
    }

    /// Ends the search when it has taken too long, or too much memory. What the process takes, in bytes.
    pub fn watch_limits(&self) -> Option<u64> {
        if let Some(limit) = self.options.time_limit.filter(|limit| self.elapsed() >= *limit) {
            self.control.hit(Limit::Time(limit));
        }
        let memory = memory::resident();
        if let Some(limit) =
            self.options.max_memory.filter(|limit| memory.is_some_and(|memory| memory > *limit))
        {
            self.control.hit(Limit::Memory(limit));
        }
        memory
    }

    /// Whether a limit was hit: then the search is unfinished.
    pub fn has_hit_limit(&self) -> bool {
        self.control.limit().is_some()
    }

    /// How long the search has run.
    pub fn elapsed(&self) -> Duration {
        self.control.elapsed()
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
                Some(Verdict::Unfinished(Unfinished::Panicked(lost)))
            }
            _ => None,
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
