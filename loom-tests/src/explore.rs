//! Threads, and the explorers of their interleavings: loom, or with `--cfg shuttle` shuttle.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[cfg(not(shuttle))]
pub use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(shuttle)]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard};

#[cfg(not(shuttle))]
use loom::thread;
#[cfg(shuttle)]
use shuttle::thread;

/// How far to explore.
#[derive(Clone, Debug)]
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
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = limits.bound;
    builder.max_branches = 20_000;
    builder.max_duration = Some(limits.time);
    builder.checkpoint_interval = CHECK_EVERY as usize;
    builder.checkpoint_file.clone_from(&limits.checkpoint);
    let start = Instant::now();
    builder.check(move || begin(&scenario));
    // loom does not say why it returned. It looks at the clock before the interleavings CHECK_EVERY, 2 * CHECK_EVERY, ...
    let interleavings = interleavings();
    let finished = (interleavings + 1) % CHECK_EVERY != 0 || start.elapsed() < limits.time;
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

/// Waits until the condition holds.
pub fn wait_until<T>(mutex: &Mutex<T>, changed: &Condvar, condition: impl Fn(&T) -> bool) {
    let mut guard = lock(mutex);
    while !condition(&guard) {
        guard = match changed.wait(guard) {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
    }
}

#[cfg(shuttle)]
pub use shuttle::future::block_on;

#[cfg(not(shuttle))]
pub use parker::block_on;

/// Runs a future on a thread. loom's own `block_on` wakes spuriously once a wait, which doubles the interleavings with
/// each task and says nothing about futures: they may be polled at any time.
#[cfg(not(shuttle))]
mod parker {
    use super::{Condvar, Mutex, lock, wait_until};
    use core::pin::pin;
    use core::task::{Context, Poll};
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Parker {
        woken: Mutex<bool>,
        changed: Condvar,
    }

    impl Wake for Parker {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            *lock(&self.woken) = true;
            self.changed.notify_one();
        }
    }

    pub fn block_on<F: Future>(future: F) -> F::Output {
        let parker = Arc::new(Parker::default());
        let waker = Waker::from(parker.clone());
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            wait_until(&parker.woken, &parker.changed, |woken| *woken);
            *lock(&parker.woken) = false;
        }
    }
}
