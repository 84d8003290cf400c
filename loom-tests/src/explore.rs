//! Threads, and the explorers of their interleavings: loom, or with `--cfg shuttle` shuttle.

#[cfg(not(shuttle))]
use crate::checkpoint::Checkpoint;
use core::future::poll_fn;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use core::task::{Context, Poll};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

#[cfg(not(shuttle))]
pub use loom::sync::{Mutex, MutexGuard};
#[cfg(shuttle)]
pub use shuttle::sync::{Mutex, MutexGuard};

#[cfg(not(shuttle))]
use loom::thread;
#[cfg(shuttle)]
use shuttle::thread;

/// How far to explore.
#[derive(Clone, Debug)]
#[allow(dead_code)] // each explorer reads its own
pub struct Limits {
    /// loom: most preemptions in an interleaving; none explores all interleavings. shuttle: the depth of PCT.
    pub bound: Option<usize>,
    /// Stop after this time, unfinished.
    pub time: Duration,
    /// Where loom keeps its place, to go on from there when started again.
    pub checkpoint: Option<PathBuf>,
    /// shuttle: how many interleavings to draw.
    pub draws: usize,
    /// shuttle: from which seed.
    pub seed: u64,
}

/// What was explored without finding anything wrong.
#[derive(Clone, Copy, Debug)]
pub struct Explored {
    /// Threads, the main one included.
    pub threads: usize,
    /// How many interleavings.
    pub interleavings: u64,
    /// loom: whether these were all within the bound. shuttle: whether all were drawn.
    pub finished: bool,
}

/// Interleavings begun: also read when one of them fails.
static INTERLEAVINGS: AtomicU64 = AtomicU64::new(0);
/// Threads spawned in the present interleaving.
static SPAWNED: AtomicUsize = AtomicUsize::new(0);

/// Interleavings begun so far.
pub fn interleavings() -> u64 {
    INTERLEAVINGS.load(Ordering::Relaxed)
}

/// How often loom looks at the clock, and writes its checkpoint.
#[cfg(not(shuttle))]
const CHECK_EVERY: u64 = 500;

/// Runs the scenario under loom: one interleaving after the other. Panics in one that violates something.
#[cfg(not(shuttle))]
pub fn explore(limits: &Limits, scenario: impl Fn() + Send + Sync + 'static) -> Explored {
    let checkpoint = limits.checkpoint.clone().map(Checkpoint::open).transpose();
    let checkpoint = Arc::new(checkpoint.unwrap_or_else(|error| panic!("the checkpoint: {error}")));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = limits.bound;
    builder.max_branches = 20_000;
    builder.max_duration = Some(limits.time);
    builder.checkpoint_interval = CHECK_EVERY as usize;
    builder.checkpoint_file = checkpoint.as_ref().as_ref().map(Checkpoint::file);
    let (start, written) = (Instant::now(), checkpoint.clone());
    builder.check(move || {
        // loom has just written its place: it does so before the interleavings that it counts by CHECK_EVERY.
        if let Some(checkpoint) = &*written
            && (interleavings() + 1).is_multiple_of(CHECK_EVERY)
        {
            checkpoint.keep();
        }
        begin(&scenario);
    });
    // loom does not say why it returned. It looks at the clock before the interleavings CHECK_EVERY, 2 * CHECK_EVERY, ...
    let interleavings = interleavings();
    let finished = !(interleavings + 1).is_multiple_of(CHECK_EVERY) || start.elapsed() < limits.time;
    if let Some(checkpoint) = &*checkpoint
        && !finished
    {
        checkpoint.keep();
    }
    Explored { threads: 1 + SPAWNED.load(Ordering::Relaxed), interleavings, finished }
}

/// Runs the scenario under shuttle: interleavings drawn by probabilistic concurrency testing (PCT).
#[cfg(shuttle)]
pub fn explore(limits: &Limits, scenario: impl Fn() + Send + Sync + 'static) -> Explored {
    let depth = limits.bound.unwrap_or(3).max(1);
    let scheduler = shuttle::scheduler::PctScheduler::new_from_seed(limits.seed, depth, limits.draws);
    let mut config = shuttle::Config::new();
    config.max_time = Some(limits.time);
    config.silence_warnings = true;
    let start = Instant::now();
    let drawn = shuttle::Runner::new(scheduler, config).run(move || begin(&scenario));
    let finished = drawn >= limits.draws || start.elapsed() < limits.time;
    Explored { threads: 1 + SPAWNED.load(Ordering::Relaxed), interleavings: drawn as u64, finished }
}

fn begin(scenario: &impl Fn()) {
    INTERLEAVINGS.fetch_add(1, Ordering::Relaxed);
    SPAWNED.store(0, Ordering::Relaxed);
    scenario();
}

/// A thread of the scenario.
pub struct Task(thread::JoinHandle<()>);

/// Starts a thread.
pub fn spawn(body: impl FnOnce() + Send + 'static) -> Task {
    SPAWNED.fetch_add(1, Ordering::Relaxed);
    Task(thread::spawn(body))
}

impl Task {
    /// Waits for the end of the thread: one that never ends is a deadlock, and found.
    pub fn join(self) {
        assert!(self.0.join().is_ok(), "a thread ended by a panic");
    }
}

/// Locks. (A panic ends the exploration: no other thread sees the lock after it.)
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}

/// Those who wait for a change of what a mutex guards, in it.
#[derive(Default)]
pub struct Waiters(Vec<Waker>);

impl Waiters {
    /// This task waits.
    pub fn add(&mut self, context: &Context<'_>) {
        self.0.push(context.waker().clone());
    }

    /// To be woken after the lock is let go.
    pub fn take(&mut self) -> Vec<Waker> {
        core::mem::take(&mut self.0)
    }
}

/// Wakes those who waited.
pub fn wake(waiters: Vec<Waker>) {
    waiters.into_iter().for_each(Waker::wake);
}

/// Waits until `look` finds something; it is asked again whenever the waiters are woken.
pub async fn wait_for<T, R>(
    mutex: &Mutex<T>,
    waiters: impl Fn(&mut T) -> &mut Waiters,
    mut look: impl FnMut(&mut T) -> Option<R>,
) -> R {
    poll_fn(|context| {
        let mut guard = lock(mutex);
        match look(&mut guard) {
            Some(found) => Poll::Ready(found),
            None => {
                waiters(&mut guard).add(context);
                Poll::Pending
            }
        }
    })
    .await
}

/// Runs a future on a thread of the scenario.
///
/// The explorers have a `block_on` of their own. loom's wakes spuriously once, which doubles the interleavings with each
/// wait and says nothing about futures, for they may be polled at any time. This one adds no point at which threads
/// switch: a wake-up commutes with whatever the woken thread does before it looks.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let alone = Arc::<Rest>::default();
    alone.begin_task();
    match run(future, &alone) {
        Some(output) => output,
        None => unreachable!("nobody calls for a rest of this future alone"),
    }
}

/// Runs the future of a task that [`Rest::begin_task`] announced, until it ends or all tasks rest. Then it is forgotten as it is: what a task does when it
/// is stopped is explored where nodes are stopped.
pub fn run_until_rest<F: Future>(future: F, tasks: &Arc<Rest>) {
    run(future, tasks);
}

fn run<F: Future>(future: F, tasks: &Arc<Rest>) -> Option<F::Output> {
    let parker = Arc::new(Parker {
        thread: thread::current(),
        woken: AtomicBool::new(false),
        parked: AtomicBool::new(false),
        tasks: tasks.clone(),
    });
    let waker = Waker::from(parker.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            tasks.sleeps();
            return Some(output);
        }
        if !parker.woken.swap(false, Ordering::Relaxed) {
            parker.parked.store(true, Ordering::Relaxed);
            tasks.enter(&parker.thread);
            // The flag, and not the parking alone: under loom a thread that waits for a lock can lose its token.
            while !parker.woken.swap(false, Ordering::Relaxed) {
                if tasks.is_over() {
                    core::mem::forget(future);
                    return None;
                }
                thread::park();
            }
            parker.parked.store(false, Ordering::Relaxed);
        }
    }
}

/// How many tasks have something to do. When none has and none will get anything, the scenario is over.
///
/// None of this is explored: it takes no part in what the tasks do.
#[derive(Default)]
pub struct Rest {
    awake: AtomicUsize,
    /// Handlers that have not ended.
    handlers: AtomicUsize,
    /// No more handlers will come.
    called: AtomicBool,
    parked: std::sync::Mutex<Vec<thread::Thread>>,
}

impl Rest {
    /// A task will run.
    pub fn begin_task(&self) {
        self.awake.fetch_add(1, Ordering::Relaxed);
    }

    /// A handler will run.
    pub fn begin_handler(&self) {
        self.handlers.fetch_add(1, Ordering::Relaxed);
    }

    /// A handler has ended.
    pub fn end_handler(&self) {
        self.handlers.fetch_sub(1, Ordering::Relaxed);
        self.end_if_over();
    }

    /// From now on no new handler comes: once those that run have ended and no task is awake, all tasks end.
    pub fn call(&self) {
        self.called.store(true, Ordering::Relaxed);
        self.end_if_over();
    }

    fn is_over(&self) -> bool {
        self.called.load(Ordering::Relaxed)
            && self.handlers.load(Ordering::Relaxed) == 0
            && self.awake.load(Ordering::Relaxed) == 0
    }

    fn sleeps(&self) {
        self.awake.fetch_sub(1, Ordering::Relaxed);
        self.end_if_over();
    }

    fn enter(&self, thread: &thread::Thread) {
        if let Ok(mut parked) = self.parked.lock() {
            parked.push(thread.clone());
        }
        self.sleeps();
    }

    fn end_if_over(&self) {
        if self.is_over() {
            let parked = self.parked.lock().map(|mut parked| core::mem::take(&mut *parked));
            parked.into_iter().flatten().for_each(|thread| thread.unpark());
        }
    }
}

struct Parker {
    thread: thread::Thread,
    woken: AtomicBool,
    parked: AtomicBool,
    tasks: Arc<Rest>,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_parked = self.parked.load(Ordering::Relaxed);
        if !self.woken.swap(true, Ordering::Relaxed) && is_parked {
            self.tasks.awake.fetch_add(1, Ordering::Relaxed);
        }
        // Else it looks at the flag before it parks. loom would take a thread that waits for a lock for one that is parked,
        // and let it go on without the lock.
        if is_parked {
            self.thread.unpark();
        }
    }
}
