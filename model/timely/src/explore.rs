//! The dataflow: states travel to their owners, level by level.

use crate::level::{Edge, Entry, Level};
use crate::recent::Recent;
use crate::table::Table;
use figure2_model::{
    Changed, CheckError, CheckOptions, Expansion, Next, Phase, Profile, Progress, Report, Searched, Space, State, System,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::hint::black_box;
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

/// So many states are expanded together: what is looked up for all of them is read at once.
const TOGETHER: usize = 16;

/// How often limits are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

/// A state on its way to its owner.
struct Found {
    entry: Entry,
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
    let mut all_edges = Vec::new();
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
                    Ok(edges) => all_edges.push(edges),
                    Err(what) => searched.panic = Some(what),
                }
            }
        }
    }
    // Levels follow on each other: a state of one was found from a state of the one before.
    searched.levels = lock(&shared.levels).values().copied().collect();
    searched.distinct = searched.levels.iter().sum();
    searched.way = lock(&shared.broken).iter().min().map(|key| way(&all_edges, *key));
    Ok(shared.space.conclude(searched))
}

/// The keys on the way to a state of the last level, without the start's: a start has itself before it.
fn way(all_edges: &[Vec<Vec<Edge>>], to: u64) -> Vec<u64> {
    let (mut way, mut key) = (Vec::new(), to);
    let depth = all_edges.iter().map(Vec::len).max().unwrap_or_default();
    for level in (1..depth).rev() {
        let edges = all_edges.iter().filter_map(|own| own.get(level));
        let before = |edges: &Vec<Edge>| {
            let at = edges.binary_search_by_key(&key, |(key, _)| *key).ok()?;
            edges.get(at).map(|(_, before)| *before)
        };
        // The levels after that of the state do not have it.
        let Some(before) = edges.into_iter().find_map(before) else { continue };
        way.push(key);
        key = before;
    }
    way.reverse();
    way
}

/// A level, while the worker has something to do with it.
struct Mine {
    capability: Capability<u32>,
    level: Level,
    is_closed: bool,
}

/// A worker's part of the search; for each level the states that it owns, with those before them.
fn explore(shared: &Arc<Shared>, worker: &mut timely::worker::Worker) -> Vec<Vec<Edge>> {
    let all_edges = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let mut owner = Owner {
        shared: shared.clone(),
        index: worker.index() as u64,
        peers: worker.peers() as u64,
        seen: Table::new(),
        recent: Recent::new(),
        expansion: Expansion::default(),
        levels: BTreeMap::new(),
        edges: all_edges.clone(),
    };
    let start: Vec<Found> = if worker.index() == 0 {
        let start = shared.space.start().into_iter();
        start.map(|state| Found { before: state.key(), entry: Entry { state, changed: Changed::All } }).collect()
    } else {
        Vec::new()
    };
    worker.dataflow::<u32, _, _>(move |scope| {
        let (again, found) = scope.feedback::<Vec<Found>>(1);
        let start = start.to_stream(scope).container::<Vec<Found>>();
        start
            .concat(found)
            .unary_frontier::<CapacityContainerBuilder<Vec<Found>>, _, _, _>(
                Exchange::new(|found: &Found| found.entry.state.key()),
                "explore",
                move |_, info| {
                    let activator = scope.activator_for(info.address);
                    move |(input, frontier), output| {
                        input.for_each_stamp(|stamp, arrived| {
                            let Some(capability) = stamp.retain_least(output.output_index()) else { return };
                            for batch in arrived {
                                owner.take_in(&capability, batch);
                            }
                        });
                        let Some((depth, mut mine)) = owner.levels.pop_first() else { return };
                        if frontier.frontier().less_equal(&depth) {
                            owner.levels.insert(depth, mine);
                            return;
                        }
                        if owner.goes_on(depth, &mut mine) {
                            let capability = mine.capability.clone();
                            let mut session = output.session(&capability);
                            owner.expand(depth, &mut mine, |found| session.give(found));
                            drop(session);
                            owner.levels.insert(depth, mine);
                        }
                        activator.activate();
                    }
                },
            )
            .connect_loop(again);
    });
    while worker.has_dataflows() {
        worker.step_or_park(None);
    }
    all_edges.take()
}

/// What a worker keeps of the states that it owns.
struct Owner {
    shared: Arc<Shared>,
    index: u64,
    peers: u64,
    seen: Table<()>,
    recent: Recent,
    expansion: Expansion,
    /// The levels that are not over: the one that is expanded, and the one that is found.
    levels: BTreeMap<u32, Mine>,
    edges: std::rc::Rc<std::cell::RefCell<Vec<Vec<Edge>>>>,
}

impl Owner {
    /// States of a level arrive, their own workers' or others'.
    fn take_in(&mut self, capability: &Capability<u32>, batch: &mut Vec<Found>) {
        let level = &mut mine_at(&mut self.levels, capability).level;
        let touched = batch.iter().map(|found| touch(level, &self.seen, found.entry.state.key()));
        black_box(touched.fold(0, u64::wrapping_add));
        let before = level.len();
        for Found { entry, before } in batch.drain(..) {
            if level.find(entry.state.key(), before, &mut self.seen) {
                level.push(entry);
            }
        }
        self.shared.distinct.fetch_add(level.len() - before, Ordering::Relaxed);
    }

    /// Whether there is more to do on a level, all of which is here, while the one before is over everywhere.
    fn goes_on(&mut self, depth: u32, mine: &mut Mine) -> bool {
        let shared = &self.shared;
        if !mine.is_closed {
            mine.is_closed = true;
            let is_beyond = depth > shared.last_level.load(Ordering::SeqCst);
            if is_beyond || shared.is_over.load(Ordering::SeqCst) {
                return false;
            }
            let edges = mine.level.close();
            if !edges.is_empty() {
                *lock(&shared.levels).entry(depth).or_default() += edges.len() as u64;
            }
            let mut all_edges = self.edges.borrow_mut();
            while all_edges.len() < depth as usize {
                all_edges.push(Vec::new());
            }
            all_edges.push(edges);
        }
        !mine.level.is_over()
    }

    /// Judges and expands some states of a level.
    fn expand(&mut self, depth: u32, mine: &mut Mine, mut send: impl FnMut(Found)) {
        let Some(entries) = mine.level.pop() else { return };
        let later = mine.capability.delayed(&(depth + 1));
        let level = &mut mine_at(&mut self.levels, &later).level;
        let known = level.len();
        let mut found: Vec<(u64, u64, Next<'_>)> = Vec::new();
        for together in entries.chunks(TOGETHER) {
            found.clear();
            let (shared, recent) = (&self.shared, &mut self.recent);
            shared.take(depth, together, &mut self.expansion, |before, key, next| {
                if !recent.knows(key, before) {
                    found.push((key, before, next));
                }
            });
            let touched = found.iter().map(|(key, ..)| touch(level, &self.seen, *key));
            black_box(touched.fold(0, u64::wrapping_add));
            for (key, before, next) in &found {
                let is_own = key % self.peers == self.index;
                if !is_own || level.find(*key, *before, &mut self.seen) {
                    let entry = Entry { state: next.state(*key), changed: next.changed() };
                    if is_own {
                        level.push(entry);
                    } else {
                        send(Found { entry, before: *before });
                    }
                }
            }
        }
        self.shared.distinct.fetch_add(level.len() - known, Ordering::Relaxed);
        self.shared.space.count(&mut self.expansion);
    }
}

fn mine_at<'a>(levels: &'a mut BTreeMap<u32, Mine>, capability: &Capability<u32>) -> &'a mut Mine {
    levels.entry(*capability.time()).or_insert_with(|| Mine {
        capability: capability.clone(),
        level: Level::new(),
        is_closed: false,
    })
}

fn touch(level: &Level, seen: &Table<()>, key: u64) -> u64 {
    level.touch(key).wrapping_add(seen.touch(key))
}

impl Shared {
    /// Judges some states, and gives what follows on them: the key of which, its own, and what it is.
    fn take<'a>(
        &'a self,
        depth: u32,
        entries: &'a [Entry],
        expansion: &mut Expansion,
        mut give: impl FnMut(u64, u64, Next<'a>),
    ) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        self.space.look_ahead(entries.iter().map(|entry| (&entry.state, entry.changed)));
        for Entry { state, changed } in entries {
            if !self.space.judge(state, *changed) {
                lock(&self.broken).push(state.key());
                self.last_level.store(depth, Ordering::SeqCst);
            }
        }
        if self.is_broken() {
            return;
        }
        let states: SmallVec<[&State; TOGETHER]> = entries.iter().map(|entry| &entry.state).collect();
        let goes_on = self.space.expand(&states, expansion, |place, key, next| {
            give(states.get(place).map_or(key, |state| state.key()), key, next);
        });
        if !goes_on && self.space.has_hit_limit() {
            self.is_over.store(true, Ordering::SeqCst);
        }
    }

    fn is_broken(&self) -> bool {
        self.last_level.load(Ordering::SeqCst) < u32::MAX
    }
}
