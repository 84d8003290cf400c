//! Where the workers of a process wait for each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often those who wait look whether somebody will never come.
const LOOK: Duration = Duration::from_millis(50);

/// As many come as there are workers; then all go on. When one panics, nobody waits for it.
pub(crate) struct Gate {
    workers: usize,
    /// How many wait, and how often all have gone on.
    waiting: Mutex<(usize, u64)>,
    open: Condvar,
    is_abandoned: AtomicBool,
}

impl Gate {
    pub(crate) fn new(workers: usize) -> Gate {
        Gate {
            workers,
            waiting: Mutex::new((0, 0)),
            open: Condvar::new(),
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// Waits until all are here. True for one of them.
    pub(crate) fn wait(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.0 += 1;
        if waiting.0 == self.workers {
            *waiting = (0, waiting.1 + 1);
            self.open.notify_all();
            return true;
        }
        let round = waiting.1;
        while waiting.1 == round && !self.is_abandoned.load(Ordering::SeqCst) {
            waiting = self.open.wait_timeout(waiting, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Whether somebody will not come any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::SeqCst)
    }

    /// One of the workers will not come any more.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::SeqCst);
    }
}

/// Abandons a gate when the thread panics.
pub(crate) struct Abandons<'a>(pub &'a Gate);

impl Drop for Abandons<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)] // a worker fails by panicking

    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    #[test]
    fn all_go_on_together_and_one_of_them_leads() {
        let (gate, led, passed) = (Gate::new(3), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 1..=100 {
                        passed.fetch_add(1, Ordering::SeqCst);
                        led.fetch_add(usize::from(gate.wait()), Ordering::SeqCst);
                        assert!(passed.load(Ordering::SeqCst) >= 3 * round);
                    }
                });
            }
        });
        assert_eq!(led.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn nobody_waits_for_a_worker_that_panicked() {
        let gate = Gate::new(2);
        thread::scope(|scope| {
            let failing = scope.spawn(|| {
                let _abandons = Abandons(&gate);
                panic!("this worker");
            });
            assert!(!gate.wait());
            assert!(failing.join().is_err());
        });
    }
}
