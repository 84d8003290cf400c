//! The dataflow: states travel to their owners, level by level.

use crate::checkpoint::{CheckpointError, Checkpoints, Writer};
use crate::gate::{Abandons, Gate};
use crate::level::{Edge, Entry};
use crate::owner::Owner;
use figure2_model::{
    Changed, CheckError, CheckOptions, Foreign, Phase, Profile, Progress, Report, Searched, Space, System,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Concat, ConnectLoop, Feedback, ToStream};

/// Who explores, and what is kept in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Threads of this process, a worker each.
    pub threads: usize,
    /// Where checkpoints are made, if they are.
    pub checkpoints: Option<Checkpoints>,
}

/// Why a search did not begin.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The options or the profile make no sense.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The checkpoint is of no use.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// How often limits are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

/// A state on its way to its owner.
pub(crate) struct Found {
    pub entry: Entry,
    /// The key of the state from which it was found.
    pub before: u64,
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
pub(crate) struct Shared {
    pub space: Space,
    /// A limit was hit, or nothing can be written any more: nothing more is done.
    pub is_over: AtomicBool,
    /// What could not be written.
    pub failure: Mutex<Option<String>>,
    /// The keys of broken states, all of one level.
    pub broken: Mutex<Vec<u64>>,
    /// The level that has them: it is judged to its end everywhere, and none follows.
    pub last_level: AtomicU32,
    pub distinct: AtomicU64,
    /// How many states each level has.
    pub levels: Mutex<BTreeMap<u32, u64>>,
    /// By level and worker, the states with those before them.
    pub edges: Mutex<Vec<Vec<Vec<Edge>>>>,
    /// The level with which this search begins.
    pub first_level: u32,
    /// The states of that level, by worker.
    start: Mutex<Vec<Vec<Found>>>,
    pub checkpoints: Option<Mutex<Writer>>,
    /// Whether the workers that have met make a checkpoint.
    pub is_due: AtomicBool,
    pub gate: Gate,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// A search from the start, or from its checkpoint on.
    fn new(space: Space, plan: &Plan) -> Result<Shared, EngineError> {
        let mut checkpoint = None;
        if let Some(checkpoints) = &plan.checkpoints {
            space.record();
            checkpoint = Some(Writer::open(checkpoints, &space)?);
        }
        let (checkpoints, resumed) = checkpoint.unzip();
        let mut start: Vec<Vec<Found>> = (0..plan.threads).map(|_| Vec::new()).collect();
        let mut give = |entry: Entry, before: u64| {
            let workers = plan.threads.max(1) as u64;
            let owner = usize::try_from(entry.state.key() % workers).unwrap_or_default();
            if let Some(states) = start.get_mut(owner) {
                states.push(Found { entry, before });
            }
        };
        let (mut first_level, mut edges) = (0, Vec::new());
        match resumed.flatten() {
            None => {
                for state in space.start() {
                    let before = state.key();
                    give(Entry { state, changed: Changed::All }, before);
                }
            }
            Some(resumed) => {
                let foreign = |foreign: Foreign| CheckpointError::Damaged {
                    file: plan.checkpoints.iter().map(|known| known.directory.clone()).collect(),
                    what: foreign.to_string(),
                };
                let mut known = space.known();
                for birth in &resumed.births {
                    space.learn(&mut known, birth).map_err(foreign)?;
                }
                for (packed, before) in &resumed.frontier {
                    let (state, changed) = space.unpacked(&known, packed).map_err(foreign)?;
                    give(Entry { state, changed }, *before);
                }
                space.go_on_from(&resumed.counted);
                first_level = resumed.level;
                edges = resumed.edges.into_iter().map(|level| vec![level]).collect();
            }
        }
        let sizes =
            edges.iter().map(|level: &Vec<Vec<Edge>>| level.iter().map(|chunk| chunk.len() as u64).sum());
        let levels: BTreeMap<u32, u64> = (0..).zip(sizes).collect();
        Ok(Shared {
            space,
            is_over: AtomicBool::new(false),
            failure: Mutex::default(),
            broken: Mutex::default(),
            last_level: AtomicU32::new(u32::MAX),
            distinct: AtomicU64::new(levels.values().sum()),
            levels: Mutex::new(levels),
            edges: Mutex::new(edges),
            first_level,
            start: Mutex::new(start),
            checkpoints: checkpoints.map(Mutex::new),
            is_due: AtomicBool::new(false),
            gate: Gate::new(plan.threads),
        })
    }
}

/// Checks a profile: as [`figure2_model::check_system`], breadth first, on so many workers.
///
/// # Errors
/// When the options or the profile make no sense, or the checkpoint is of no use. What cannot be written on the way makes the
/// search unfinished.
pub fn check(
    system: &System,
    profile: &Profile,
    options: &CheckOptions,
    plan: &Plan,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, EngineError> {
    let options = CheckOptions { threads: plan.threads, ..*options };
    let shared = Arc::new(Shared::new(Space::new(system, profile, &options)?, plan)?);
    let own = shared.clone();
    let run = move |worker: &mut timely::worker::Worker| explore(&own, worker);
    let mut searched = Searched::default();
    match timely::execute(timely::Config::process(plan.threads), run) {
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
            let mut panics = joined.join().unwrap_or_default().into_iter().filter_map(Result::err);
            searched.panic = panics.next().or_else(|| lock(&shared.failure).take());
        }
    }
    // Levels follow on each other: a state of one was found from a state of the one before.
    searched.levels = lock(&shared.levels).values().copied().filter(|states| *states > 0).collect();
    searched.distinct = searched.levels.iter().sum();
    searched.way = lock(&shared.broken).iter().min().map(|key| way(&lock(&shared.edges), *key));
    Ok(shared.space.conclude(searched))
}

/// The keys on the way to a state of the last level, without the start's: a start has itself before it.
fn way(edges: &[Vec<Vec<Edge>>], to: u64) -> Vec<u64> {
    let (mut way, mut key) = (Vec::new(), to);
    for level in edges.iter().skip(1).rev() {
        let before = |edges: &Vec<Edge>| {
            let at = edges.binary_search_by_key(&key, |(key, _)| *key).ok()?;
            edges.get(at).map(|(_, before)| *before)
        };
        // The levels after that of the state do not have it.
        let Some(before) = level.iter().find_map(before) else { continue };
        way.push(key);
        key = before;
    }
    way.reverse();
    way
}

/// A worker's part of the search.
fn explore(shared: &Arc<Shared>, worker: &mut timely::worker::Worker) {
    let _abandons = Abandons(&shared.gate);
    let mut owner = Owner::new(shared.clone(), worker.index(), worker.peers());
    let start = lock(&shared.start).get_mut(worker.index()).map(std::mem::take).unwrap_or_default();
    worker.dataflow::<u32, _, _>(move |scope| {
        let (again, found) = scope.feedback::<Vec<Found>>(1);
        let start = start.to_stream(scope).container::<Vec<Found>>();
        start
            .concat(found)
            .unary_frontier::<CapacityContainerBuilder<Vec<Found>>, _, _, _>(
                Exchange::new(|found: &Found| found.entry.state.key()),
                "explore",
                move |capability, info| {
                    owner.begin(&capability);
                    let activator = scope.activator_for(info.address);
                    move |(input, frontier), output| {
                        input.for_each_stamp(|stamp, arrived| {
                            let Some(capability) = stamp.retain_least(output.output_index()) else { return };
                            for batch in arrived {
                                owner.take_in(&capability, batch);
                            }
                        });
                        let is_here = |time: &u32| !frontier.frontier().less_equal(time);
                        if let Some((capability, mine)) = owner.next(is_here) {
                            let mut session = output.session(&capability);
                            owner.expand(mine, |found| session.give(found));
                            drop(session);
                            activator.activate();
                        }
                    }
                },
            )
            .connect_loop(again);
    });
    while worker.has_dataflows() {
        worker.step_or_park(None);
    }
}
