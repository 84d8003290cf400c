//! The dataflow: states travel to the processes that own them, level by level.

use crate::gate::Abandons;
use crate::guess;
use crate::link::{BEAT, Words};
use crate::plan::{EngineError, Plan};
use crate::shared::{Data, Shared};
use crate::travel::Sent;
use crate::worker::Worker;
use figure2_model::{CheckOptions, Phase, Profile, Progress, Report, Space, System};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use timely::WorkerConfig;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};
use timely::communication::{Hooks, WorkerGuards};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{ConnectLoop, Feedback};

/// How often limits are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

/// How often a worker that waits looks whether the search was abandoned.
const LOOK: Duration = Duration::from_millis(100);

/// When a process is lost, so long the threads of this one have to come to an end by themselves.
const LEAVE: Duration = Duration::from_secs(2);

/// Checks a profile: as [`figure2_model::check_system`], breadth first, on so many workers, in one process or in several, each
/// of which has the whole report in the end.
///
/// # Errors
/// When the options or the profile make no sense, the checkpoint is of no use, or the processes do not come together; and
/// when one of them is lost on the way. What cannot be written on the way makes the search unfinished.
pub fn check(
    system: &System,
    profile: &Profile,
    options: &CheckOptions,
    plan: &Plan,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, EngineError> {
    let options = CheckOptions { threads: plan.threads, ..*options };
    let (shared, data) = Shared::new(Space::new(system, profile, &options)?, &options, plan)?;
    let shared = Arc::new(shared);
    let listeners = listen(&shared);
    let mut peak_memory = None;
    let panic = match begin(&shared, data) {
        Err(what) => Some(what),
        Ok(guards) => {
            let joined = thread::spawn(move || guards.join());
            watch(&shared, &joined, &mut peak_memory, progress);
            match joined.is_finished() {
                true => {
                    shared.release();
                    // When the thread itself panicked, a connection for states broke.
                    match joined.join() {
                        Ok(ended) => ended.into_iter().find_map(Result::err),
                        Err(_) => Some("a connection for states is broken".to_owned()),
                    }
                }
                // Only a lost process is not waited for.
                false => None,
            }
        }
    };
    let Some(link) = &shared.link else { return Ok(shared.conclude_alone(shared.part(peak_memory, panic))) };
    if let Some(what) = panic {
        // When another process is gone, the connections for states break first.
        let seen = Instant::now();
        while link.lost().is_none() && seen.elapsed() < LEAVE {
            thread::sleep(POLL);
        }
        link.give_up(what);
    }
    let report = match link.lost() {
        None => shared.conclude_together(link, shared.part(peak_memory, None), &listeners),
        Some(_) => None,
    };
    report.ok_or_else(|| link.reason().into())
}

/// Listens to the other processes, and tells them that this one is there.
fn listen(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let Some(link) = &shared.link else { return Vec::new() };
    let to_others = |process: usize| {
        let shared = shared.clone();
        thread::spawn(move || {
            if let Some(link) = &shared.link {
                link.listen(process, |level, key| shared.before(level, key));
            }
        })
    };
    let listeners: Vec<JoinHandle<()>> = link.peers().map(to_others).collect();
    let weak = Arc::downgrade(shared);
    thread::spawn(move || {
        while let Some(shared) = weak.upgrade() {
            let Some(link) = shared.link.as_ref().filter(|link| !link.is_ended()) else { return };
            link.say_to_all(&Words::Alive(shared.counts(shared.space.watch_limits())));
            drop(shared);
            thread::sleep(BEAT);
        }
    });
    listeners
}

/// Begins the workers of this process.
fn begin(shared: &Arc<Shared>, data: Data) -> Result<WorkerGuards<()>, String> {
    let threads = shared.plan.threads;
    let hooks = Hooks::default();
    let within = ProcessBuilder::new_typed_vector(threads, hooks.refill.clone(), hooks.spill.clone());
    let (builders, others): (Vec<AllocatorBuilder>, Box<dyn Any + Send>) = if data.is_empty() {
        (within.into_iter().map(AllocatorBuilder::Process).collect(), Box::new(()))
    } else {
        let process = shared.plan.process();
        let (builders, guard) = initialize_networking_from_sockets(within, data, process, threads, hooks)
            .map_err(|error| error.to_string())?;
        (builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard))
    };
    let own = shared.clone();
    let run = move |worker: &mut timely::worker::Worker| explore(&own, worker);
    timely::execute::execute_from(builders, others, WorkerConfig::default(), run)
}

/// Watches over the search until its workers are done, or have had their time to leave after a process was lost.
fn watch(
    shared: &Shared,
    joined: &JoinHandle<Vec<Result<(), String>>>,
    peak_memory: &mut Option<u64>,
    progress: &mut dyn FnMut(&Progress),
) {
    let (mut told, mut left) = (Instant::now(), None);
    while !joined.is_finished() {
        thread::sleep(POLL);
        let memory = shared.space.watch_limits();
        *peak_memory = (*peak_memory).max(memory);
        let mut all = shared.counts(memory);
        if let Some(link) = &shared.link {
            for other in link.counts() {
                all.generated += other.generated;
                all.distinct += other.distinct;
                all.disk += other.disk;
                all.memory = all.memory.zip(other.memory).map(|(one, more)| one + more).or(all.memory);
                // What one of them cannot finish, none can.
                if let Some(limit) = other.limit {
                    shared.space.hit(limit);
                }
            }
            if let Some(most) = shared.options.max_states.filter(|most| all.distinct > *most) {
                shared.space.hit(figure2_model::Limit::States(most));
            }
            if link.lost().is_some() {
                shared.is_over.store(true, Ordering::SeqCst);
                shared.gate.abandon();
                if left.get_or_insert_with(Instant::now).elapsed() > LEAVE {
                    return;
                }
            }
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            let sizes = shared.sizes();
            let found = all.distinct.saturating_sub(sizes.iter().sum());
            progress(&Progress {
                phase: Phase::Search,
                elapsed: shared.space.elapsed(),
                generated: all.generated,
                distinct: all.distinct,
                depth: sizes.len().saturating_sub(1) as u64,
                frontier: sizes.last().copied(),
                left: guess::left(&sizes).map(|left| left.saturating_sub(found)),
                memory: all.memory,
                disk: shared.spill.is_some().then_some(all.disk),
            });
        }
    }
}

/// A worker's part of the search.
fn explore(shared: &Arc<Shared>, worker: &mut timely::worker::Worker) {
    let _abandons = Abandons(&shared.gate);
    let (of_worker, index) = (shared.clone(), worker.index());
    worker.dataflow::<u32, _, _>(move |scope| {
        let (again, found) = scope.feedback::<Vec<Sent>>(1);
        found
            .unary_frontier::<CapacityContainerBuilder<Vec<Sent>>, _, _, _>(
                Exchange::new(|sent: &Sent| sent.to),
                "explore",
                move |capability, info| {
                    let mut explorer = Worker::new(of_worker, index, capability);
                    // The first level is here from the beginning.
                    let activator = scope.activator_for(info.address);
                    activator.activate();
                    move |(input, frontier), output| {
                        // States that arrive are of the level that is being found: the worker has its capability. They are
                        // taken in one after the other as they come, for a parcel builds on those before it. So not by
                        // `for_each_stamp`, which sorts them, and may exchange those of the same time.
                        input.for_each(|stamp, batch| {
                            let mut session = output.session(&stamp);
                            explorer.take_in(batch.drain(..), |sent| session.give(sent));
                        });
                        let is_here = |time: &u32| !frontier.frontier().less_equal(time);
                        if let Some((capability, entries)) = explorer.next(is_here) {
                            let mut session = output.session(&capability);
                            explorer.expand(*capability.time(), &entries, |sent| session.give(sent));
                            drop(session);
                            activator.activate();
                        }
                    }
                },
            )
            .connect_loop(again);
    });
    while worker.has_dataflows() {
        worker.step_or_park(Some(LOOK));
        if shared.is_abandoned() {
            worker.installed_dataflows().into_iter().for_each(|dataflow| worker.drop_dataflow(dataflow));
        }
    }
}
