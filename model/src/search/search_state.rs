//! What the threads of a search share with each other and with observers: the stop flag, the limits, and counters.
//! None of it is part of a state.

use crate::properties::{Safety, Witness};
use figure2_core::{Rule, RuleSet};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counters are kept per thread, so that counting does not make threads wait for each other; threads beyond this
/// number share.
const SHARDS: usize = 16;

/// States are counted exactly, but compared with the limit only every so many.
const STATES_BETWEEN_LIMIT_CHECKS: u64 = 64;

/// A limit that ended a search before the space was exhausted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// The time limit.
    Time(Duration),
    /// The limit on distinct states.
    States(u64),
    /// The limit on the memory of the process, in bytes.
    Memory(u64),
    /// Somebody [interrupted](crate::interrupt) it.
    Interrupted,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Time(limit) => write!(f, "the time limit of {} s was hit", limit.as_secs_f64()),
            Limit::States(limit) => write!(f, "the limit of {limit} states was hit"),
            Limit::Interrupted => f.write_str("it was interrupted"),
            Limit::Memory(limit) => write!(f, "the memory limit of {} MB was hit", limit / 1_000_000),
        }
    }
}

/// Whether somebody interrupted the searches of this process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Ends all searches of this process within a moment: they are unfinished, as by a limit. True the first time.
pub fn interrupt() -> bool {
    !INTERRUPTED.swap(true, Ordering::SeqCst)
}

/// Shared by the threads of one search.
#[derive(Debug)]
pub struct SearchState {
    begun: Instant,
    stop: AtomicBool,
    replaying: AtomicBool,
    limit: OnceLock<Limit>,
    max_states: Option<u64>,
    found: AtomicU64,
    shards: [Shard; SHARDS],
}

// Two cache lines each: neighbouring shards are written by different threads.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    expanded: AtomicU64,
    rules: [AtomicU64; Rule::ALL.len()],
}

impl Default for Shard {
    fn default() -> Self {
        Shard { expanded: AtomicU64::new(0), rules: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl SearchState {
    /// For one search that begins now, with a limit on distinct states if one is given.
    pub fn new(max_states: Option<u64>) -> SearchState {
        SearchState {
            begun: Instant::now(),
            stop: AtomicBool::new(false),
            replaying: AtomicBool::new(false),
            limit: OnceLock::new(),
            max_states,
            found: AtomicU64::new(0),
            shards: std::array::from_fn(|_| Shard::default()),
        }
    }

    /// How long the search has run.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Ends the search when a limit is hit: it has taken so long, or so much memory, or was interrupted.
    pub fn watch(&self, time: Option<Duration>, memory: Option<u64>, taken: Option<u64>) {
        if let Some(limit) = time.filter(|limit| self.elapsed() >= *limit) {
            self.hit(Limit::Time(limit));
        }
        if let Some(limit) = memory.filter(|limit| taken.is_some_and(|taken| taken > *limit)) {
            self.hit(Limit::Memory(limit));
        }
        if INTERRUPTED.load(Ordering::SeqCst) {
            self.hit(Limit::Interrupted);
        }
    }

    /// Ends the search because of a limit. The first limit counts.
    pub fn hit(&self, limit: Limit) {
        // A limit that comes second is not news: the search has ended by then.
        let _ = self.limit.set(limit);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Ends the search, for a state was found that it need not go beyond.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The limit that ended the search, if one did.
    pub fn limit(&self) -> Option<&Limit> {
        self.limit.get()
    }

    /// The search is over, and its paths are about to be followed again: nothing is stopped or counted any more.
    pub fn replay(&self) {
        self.replaying.store(true, Ordering::Relaxed);
    }

    /// A state is about to be expanded. False when the search has ended.
    pub fn may_expand(&self) -> bool {
        if self.replaying.load(Ordering::Relaxed) {
            return true;
        }
        if self.stop.load(Ordering::Relaxed) {
            return false;
        }
        let expanded_here = self.shard().expanded.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(limit) = self.max_states
            && (expanded_here.is_multiple_of(STATES_BETWEEN_LIMIT_CHECKS))
            && self.expanded() > limit
        {
            self.hit(Limit::States(limit));
        }
        true
    }

    /// How many states were expanded.
    pub fn expanded(&self) -> u64 {
        self.shards.iter().map(|shard| shard.expanded.load(Ordering::Relaxed)).sum()
    }

    /// Rules fired in a step.
    pub fn count_rules(&self, rules: RuleSet) {
        let shard = self.shard();
        for rule in rules.iter() {
            if let Some(counter) = shard.rules.get(rule as usize) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A rule fired so often.
    pub fn count_rule(&self, rule: Rule, times: u64) {
        if let Some(counter) = self.shard().rules.get(rule as usize).filter(|_| times > 0) {
            counter.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// The properties that were found broken and the witnesses that were found, a bit each.
    pub fn all_found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// Another part of the search expanded so many states, and found this.
    pub fn add(&self, expanded: u64, found: u64) {
        self.shard().expanded.fetch_add(expanded, Ordering::Relaxed);
        self.found.fetch_or(found, Ordering::Relaxed);
    }

    /// How often each rule fired.
    pub fn rule_counts(&self) -> Vec<(Rule, u64)> {
        let count = |rule: Rule| {
            self.shards
                .iter()
                .filter_map(|shard| shard.rules.get(rule as usize))
                .map(|n| n.load(Ordering::Relaxed))
                .sum()
        };
        Rule::ALL.iter().map(|rule| (*rule, count(*rule))).collect()
    }

    /// A property is broken: the search ends. True only the first time, for the checker keeps the last report of a
    /// property, and the first is the one with the shortest trace.
    pub fn broken(&self, safety: Safety) -> bool {
        self.stop.store(true, Ordering::Relaxed);
        self.first(1 << (safety as u8))
    }

    /// Whether a property was found broken.
    pub fn is_broken(&self, safety: Safety) -> bool {
        self.found.load(Ordering::Relaxed) & (1 << (safety as u8)) != 0
    }

    /// Whether a witness was found already: then states need not be tested for it any more.
    pub fn has_found(&self, witness: Witness) -> bool {
        self.found.load(Ordering::Relaxed) & witness_bit(witness) != 0
    }

    /// A witness is found. True only the first time.
    pub fn found(&self, witness: Witness) -> bool {
        self.first(witness_bit(witness))
    }

    fn first(&self, bit: u64) -> bool {
        self.found.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    fn shard(&self) -> &Shard {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        let mut mine = MINE.get();
        if mine == usize::MAX {
            mine = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            MINE.set(mine);
        }
        &self.shards[mine % SHARDS]
    }
}

fn witness_bit(witness: Witness) -> u64 {
    1 << (32 + witness as u8)
}
