//! Who does the steps of the [`Workshop`]: a thread of its own, or each write after its own sync.

use crate::error::WalError;
use crate::fs::Fs;
use crate::prepare::{Orders, Ready, Workshop};
use crate::rules::Rules;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two steps of the thread.
const PAUSE: Duration = Duration::from_millis(1);

/// What the log and its helper tell each other.
struct Desk<F: Fs> {
    orders: Orders,
    ready: Option<Ready<F>>,
    failed: Option<WalError>,
    stop: bool,
}

struct Shared<F: Fs> {
    desk: Mutex<Desk<F>>,
    changed: Condvar,
}

impl<F: Fs> Shared<F> {
    fn desk(&self) -> MutexGuard<'_, Desk<F>> {
        // Each holder leaves it whole.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prepares segments ahead of use, and removes what is not needed any more.
pub(crate) struct Helper<F: Fs, R> {
    shared: Arc<Shared<F>>,
    /// It is here when no thread has it.
    workshop: Option<Workshop<F, R>>,
    thread: Option<JoinHandle<()>>,
}

impl<F: Fs, R: Rules> Helper<F, R> {
    pub(crate) fn new(workshop: Workshop<F, R>, thread: bool) -> Result<Self, WalError> {
        let desk = Desk { orders: Orders::NONE, ready: None, failed: None, stop: false };
        let shared = Arc::new(Shared { desk: Mutex::new(desk), changed: Condvar::new() });
        if !thread {
            return Ok(Helper { shared, workshop: Some(workshop), thread: None });
        }
        let theirs = Ending(shared.clone());
        let thread = std::thread::Builder::new()
            .name("figure2-wal".to_owned())
            .spawn(move || work(&theirs.0, workshop))
            .map_err(WalError::io("starting the helper thread", "the log"))?;
        Ok(Helper { shared, workshop: None, thread: Some(thread) })
    }

    /// Tells what is to be done.
    pub(crate) fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.shared.desk().orders);
        self.shared.changed.notify_all();
    }

    /// Does one step, if no thread does.
    ///
    /// # Errors
    /// When it failed, or the thread did before.
    pub(crate) fn turn(&mut self) -> Result<(), WalError> {
        let mut desk = self.shared.desk();
        if let Some(workshop) = &mut self.workshop {
            let (_, ready) = workshop.step(&mut desk.orders)?;
            desk.ready = ready.or(desk.ready.take());
        }
        desk.failed.clone().map_or(Ok(()), Err)
    }

    /// The segment that was wanted, as soon as it is ready.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn take(&mut self) -> Result<Ready<F>, WalError> {
        loop {
            let mut desk = self.shared.desk();
            if let Some(ready) = desk.ready.take() {
                return Ok(ready);
            }
            if let Some(error) = &desk.failed {
                return Err(error.clone());
            }
            desk.orders.urgent = true;
            if self.workshop.is_none() {
                self.shared.changed.notify_all();
                drop(self.shared.changed.wait(desk).unwrap_or_else(PoisonError::into_inner));
            } else {
                drop(desk);
                self.turn()?;
            }
        }
    }
}

impl<F: Fs, R> Drop for Helper<F, R> {
    fn drop(&mut self) {
        self.shared.desk().stop = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // That it panicked was told to the log.
            drop(thread.join());
        }
    }
}

/// The thread's end of it. When the thread ends, by a panic, too, nobody must wait for it.
struct Ending<F: Fs>(Arc<Shared<F>>);

impl<F: Fs> Drop for Ending<F> {
    fn drop(&mut self) {
        let ended =
            || WalError::io("preparing a segment", "the log")(io::Error::other("the helper thread ended"));
        self.0.desk().failed.get_or_insert_with(ended);
        self.0.changed.notify_all();
    }
}

fn work<F: Fs, R: Rules>(shared: &Shared<F>, mut workshop: Workshop<F, R>) {
    loop {
        let mut orders = {
            let mut desk = shared.desk();
            if desk.stop {
                return;
            }
            let Orders { retired, removed, wanted, urgent } = &mut desk.orders;
            Orders {
                retired: std::mem::take(retired),
                removed: std::mem::take(removed),
                wanted: *wanted,
                urgent: *urgent,
            }
        };
        // Without the lock: a write must not wait for it.
        let outcome = workshop.step(&mut orders);
        let mut desk = shared.desk();
        match outcome {
            // A pause, so that a write's sync is not behind one piece after the other.
            Ok((true, None)) if !desk.orders.urgent && !desk.stop => {
                drop(shared.changed.wait_timeout(desk, PAUSE).unwrap_or_else(PoisonError::into_inner));
            }
            Ok((true, None)) => {}
            Ok((true, Some(ready))) => {
                desk.orders.wanted = None;
                desk.orders.urgent = false;
                desk.ready = Some(ready);
                shared.changed.notify_all();
            }
            Ok((false, _)) => {
                let idle = desk.orders.retired.is_empty()
                    && desk.orders.removed.is_empty()
                    && desk.orders.wanted.is_none()
                    && !desk.stop;
                if idle {
                    drop(shared.changed.wait(desk).unwrap_or_else(PoisonError::into_inner));
                }
            }
            Err(error) => {
                desk.failed = Some(error);
                shared.changed.notify_all();
                return;
            }
        }
    }
}
