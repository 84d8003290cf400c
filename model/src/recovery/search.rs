//! A search that judges, besides the properties, whether the cluster recovers from the states that it visits.

use super::{Judge, Unrecovered};
use crate::cluster::action::Action;
use crate::cluster::bounds::Bounds;
use crate::cluster::state::State;
use crate::cluster::{Cluster, KEPT, System};
use crate::search::hashed::mix;
use stateright::{Model, Property};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use thread_local::ThreadLocal;

/// In which of the states that a search visits recovery is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// In all of them.
    All,
    /// In about one of so many distinct states. Which ones depends on the seed, and on what the states are: not on the way
    /// of the search.
    OneIn {
        /// How many.
        states: u64,
        /// The seed.
        seed: u64,
    },
    /// In a part of such a share: the parts of several searches together are the share, and no state is in two.
    Part {
        /// One in how many states is in the share; 1 for all.
        states: u64,
        /// The seed.
        seed: u64,
        /// Which part it is, from 0 on.
        index: u64,
        /// How many parts there are.
        of: u64,
    },
}

impl Share {
    /// A part of the share, the `index`-th from 0 on of so many.
    #[must_use]
    pub fn part(self, index: u64, of: u64) -> Share {
        match self {
            Share::All => Share::Part { states: 1, seed: 1, index, of },
            Share::OneIn { states, seed } | Share::Part { states, seed, .. } => {
                Share::Part { states, seed, index, of }
            }
        }
    }

    fn has(self, key: u64) -> bool {
        match self {
            Share::All => true,
            Share::OneIn { states, seed } => mix(key ^ mix(seed)).is_multiple_of(states.max(1)),
            Share::Part { states, seed, index, of } => {
                let (states, drawn) = (states.max(1), mix(key ^ mix(seed)));
                drawn.is_multiple_of(states) && (drawn / states) % of.max(1) == index
            }
        }
    }
}

/// What a search found out about recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// In which states it was to be judged.
    pub share: Share,
    /// In how many it was.
    pub judged: u64,
    /// The most rounds that it took.
    pub rounds: u32,
}

/// Judges recovery in a share of the states; shared by the threads of a search.
pub struct Watch {
    system: System,
    bounds: Bounds,
    share: Share,
    judges: ThreadLocal<RefCell<Judge>>,
    judged: AtomicU64,
    rounds: AtomicU32,
    is_broken: AtomicBool,
}

impl Watch {
    pub fn new(system: &System, bounds: &Bounds, share: Share) -> Watch {
        Watch {
            system: system.clone(),
            bounds: *bounds,
            share,
            judges: ThreadLocal::new(),
            judged: AtomicU64::new(0),
            rounds: AtomicU32::new(0),
            is_broken: AtomicBool::new(false),
        }
    }

    /// The same for another search.
    pub fn anew(&self) -> Watch {
        Watch::new(&self.system, &self.bounds, self.share)
    }

    /// Whether some state was met from which the cluster does not recover.
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// What was found out.
    pub fn recovered(&self) -> Recovered {
        Recovered {
            share: self.share,
            judged: self.judged.load(Ordering::Relaxed),
            rounds: self.rounds.load(Ordering::Relaxed),
        }
    }

    /// Another part of the search judged so many states, and found that it takes so many rounds.
    pub fn add(&self, judged: u64, rounds: u32) {
        self.judged.fetch_add(judged, Ordering::Relaxed);
        self.rounds.fetch_max(rounds, Ordering::Relaxed);
    }

    /// Judges a state, whether or not it is in the share.
    pub fn judge(&self, cluster: &Cluster, state: &State) -> Result<(), Box<Unrecovered>> {
        let judge = self.judges.get_or(|| RefCell::new(Judge::new(&self.system, &self.bounds)));
        let mut judge = judge.borrow_mut();
        judge.judge(cluster.nodes(state), cluster.envelopes(state))?;
        self.rounds.fetch_max(judge.longest(), Ordering::Relaxed);
        Ok(())
    }

    /// Whether the cluster recovers from a state, if it is in the share.
    pub fn recovers(&self, cluster: &Cluster, state: &State) -> bool {
        if !self.share.has(state.key) {
            return true;
        }
        self.judged.fetch_add(1, Ordering::Relaxed);
        let recovers = self.judge(cluster, state).is_ok();
        if !recovers {
            self.is_broken.store(true, Ordering::Relaxed);
        }
        recovers
    }

    fn keeps(&self, cluster: &Cluster, state: &State) -> bool {
        let recovers = self.recovers(cluster, state);
        if !recovers {
            cluster.stop();
        }
        recovers
    }
}

/// A cluster, and what judges recovery in its states, if anything does.
#[derive(Clone)]
pub struct Watched {
    /// The cluster.
    pub cluster: Cluster,
    /// What judges recovery.
    pub watch: Option<Arc<Watch>>,
}

impl Watched {
    fn keeps(&self, state: &State) -> bool {
        self.cluster.keeps(state) && self.watch.as_ref().is_none_or(|watch| watch.keeps(&self.cluster, state))
    }
}

impl Model for Watched {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        self.cluster.init_states()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.cluster.actions(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.cluster.next_state(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(KEPT, Watched::keeps)]
    }
}
