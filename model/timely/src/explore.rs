//! The dataflow: states travel to their owners, level by level.

use crate::seen::Seen;
use figure2_model::{
    CheckError, CheckOptions, Phase, Profile, Progress, Report, Searched, Space, State, System,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Capability, Concat, ConnectLoop, Feedback, ToStream};

/// How many workers explore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// Threads of this process.
    pub threads: usize,
}

/// So many states are expanded before the other operators, and the other workers' messages, have their turn.
const TURN: usize = 2048;

/// How often limits are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

/// A state on its way to its owner.
struct Found {
    state: State,
    /// The key of the state from which it was found.
    before: u64,
}

// Within a process states travel as they are. Timely asks for a form for other processes, and there are none.
impl Serialize for Found {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("states do not leave the process"))
    }
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Found, D::Error> {
        Err(serde::de::Error::custom("states do not come from other processes"))
    }
}

/// What the workers share.
struct Shared {
    space: Space,
    /// A limit was hit: nothing more is done.
    is_over: AtomicBool,
    /// The keys of broken states, all of one level.
    broken: Mutex<Vec<u64>>,
    /// The level that has them: it is judged to its end everywhere, and none follows.
    last_level: AtomicU32,
    distinct: AtomicU64,
    /// How many states each level has.
    levels: Mutex<BTreeMap<u32, u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks a profile: as [`figure2_model::check_system`], breadth first, on so many workers.
///
/// # Errors
/// When the options or the profile make no sense.
pub fn check(
    system: &System,
    profile: &Profile,
    options: &CheckOptions,
    workers: Workers,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, CheckError> {
    let options = CheckOptions { threads: workers.threads, ..*options };
    let shared = Arc::new(Shared {
        space: Space::new(system, profile, &options)?,
        is_over: AtomicBool::new(false),
        broken: Mutex::default(),
        last_level: AtomicU32::new(u32::MAX),
        distinct: AtomicU64::new(0),
        levels: Mutex::default(),
    });
    let own = shared.clone();
    let run = move |worker: &mut timely::worker::Worker| explore(&own, worker);
    let mut searched = Searched::default();
    let mut all_seen = Vec::new();
    match timely::execute(timely::Config::process(workers.threads), run) {
        Err(what) => searched.panic = Some(what),
        Ok(guards) => {
            let joined = thread::spawn(move || guards.join());
            let mut told = Instant::now();
            while !joined.is_finished() {
                thread::sleep(POLL);
                let memory = shared.space.watch_limits();
                searched.peak_memory = searched.peak_memory.max(memory);
                if told.elapsed() >= TELL {
                    told = Instant::now();
                    let depth = lock(&shared.levels).keys().last().copied().map_or(0, u64::from);
                    progress(&Progress {
                        phase: Phase::Search,
                        elapsed: shared.space.elapsed(),
                        generated: shared.space.generated(),
                        distinct: shared.distinct.load(Ordering::Relaxed),
                        depth,
                        memory,
                    });
                }
            }
            for result in joined.join().unwrap_or_default() {
                match result {
                    Ok(seen) => all_seen.push(seen),
                    Err(what) => searched.panic = Some(what),
                }
            }
        }
    }
    // Levels follow on each other: a state of one was found from a state of the one before.
    searched.levels = lock(&shared.levels).values().copied().collect();
    searched.distinct = all_seen.iter().map(Seen::len).sum();
    searched.way = lock(&shared.broken).iter().min().map(|key| way(&all_seen, *key));
    Ok(shared.space.conclude(searched))
}

/// The keys on the way to a state, without the start's: a start has itself before it.
fn way(all_seen: &[Seen], to: u64) -> Vec<u64> {
    let (mut way, mut key) = (Vec::new(), to);
    while let Some(before) = all_seen.iter().find_map(|seen| seen.before(key)).filter(|before| *before != key)
    {
        way.push(key);
        key = before;
    }
    way.reverse();
    way
}

/// The states of a level that a worker owns.
struct Mine {
    capability: Capability<u32>,
    states: Vec<State>,
    /// Their keys, while more of the level may arrive.
    keys: HashSet<u64, std::hash::BuildHasherDefault<crate::seen::IsHash>>,
    /// How many were expanded.
    expanded: usize,
}

/// A worker's part of the search; the states that it has seen.
fn explore(shared: &Arc<Shared>, worker: &mut timely::worker::Worker) -> Seen {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Seen::new()));
    let start: Vec<Found> = if worker.index() == 0 {
        let start = shared.space.start().into_iter();
        start.map(|state| Found { before: state.key(), state }).collect()
    } else {
        Vec::new()
    };
    let (own, table) = (shared.clone(), seen.clone());
    worker.dataflow::<u32, _, _>(move |scope| {
        let (again, found) = scope.feedback::<Vec<Found>>(1);
        let start = start.to_stream(scope).container::<Vec<Found>>();
        start
            .concat(found)
            .unary_frontier::<CapacityContainerBuilder<Vec<Found>>, _, _, _>(
                Exchange::new(|found: &Found| found.state.key()),
                "explore",
                move |_, info| {
                    let activator = scope.activator_for(info.address);
                    let mut levels: BTreeMap<u32, Mine> = BTreeMap::new();
                    move |(input, frontier), output| {
                        let seen = &mut *table.borrow_mut();
                        input.for_each_stamp(|stamp, arrived| {
                            let Some(capability) = stamp.retain_least(output.output_index()) else { return };
                            let mine = levels.entry(*capability.time()).or_insert_with(|| Mine {
                                capability,
                                states: Vec::new(),
                                keys: HashSet::default(),
                                expanded: 0,
                            });
                            let known = seen.len();
                            for Found { state, before } in arrived.flat_map(|all| all.drain(..)) {
                                let key = state.key();
                                if seen.add(key, before) {
                                    mine.keys.insert(key);
                                    mine.states.push(state);
                                } else if mine.keys.contains(&key) {
                                    seen.found_again(key, before);
                                }
                            }
                            own.distinct.fetch_add(seen.len() - known, Ordering::Relaxed);
                        });
                        let mut turn = TURN;
                        while let Some(mut level) = levels.first_entry() {
                            if frontier.frontier().less_equal(level.key()) {
                                break;
                            }
                            let depth = *level.key();
                            let mine = level.get_mut();
                            if mine.expanded == 0 {
                                // All of the level is here; and the one before is over everywhere.
                                mine.keys = HashSet::default();
                                if depth > own.last_level.load(Ordering::SeqCst)
                                    || own.is_over.load(Ordering::SeqCst)
                                {
                                    level.remove();
                                    continue;
                                }
                                if !mine.states.is_empty() {
                                    *lock(&own.levels).entry(depth).or_default() += mine.states.len() as u64;
                                }
                            }
                            let mut session = output.session(&mine.capability);
                            let end = mine.states.len().min(mine.expanded + turn);
                            for state in mine.states.get(mine.expanded..end).unwrap_or_default() {
                                own.take(depth, state, |found| session.give(found));
                            }
                            drop(session);
                            turn -= end - mine.expanded;
                            mine.expanded = end;
                            if end == mine.states.len() {
                                level.remove();
                            }
                            if turn == 0 {
                                activator.activate();
                                break;
                            }
                        }
                    }
                },
            )
            .connect_loop(again);
    });
    while worker.has_dataflows() {
        worker.step_or_park(None);
    }
    seen.replace(Seen::new())
}

impl Shared {
    /// Judges a state, and gives what follows on it.
    fn take(&self, depth: u32, state: &State, mut give: impl FnMut(Found)) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        if !self.space.judge(state) {
            lock(&self.broken).push(state.key());
            self.last_level.store(depth, Ordering::SeqCst);
        }
        if self.is_broken() {
            return;
        }
        let before = state.key();
        let goes_on = self.space.expand(state, |state| give(Found { state, before }));
        if !goes_on && self.space.has_hit_limit() {
            self.is_over.store(true, Ordering::SeqCst);
        }
    }

    fn is_broken(&self) -> bool {
        self.last_level.load(Ordering::SeqCst) < u32::MAX
    }
}
