//! The only module that names synchronisation primitives: std's, or loom's or shuttle's when interleavings are
//! explored. Code that uses only this module is explored as it ships.

// How Arc counts is std's own business, and no explorer's: it stays the real one.
pub(crate) use std::sync::Arc;

#[cfg(all(loom, not(shuttle)))]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

/// A flag that is raised once, and stays.
///
/// It is an atomic, but under the explorers it lies behind a lock: when a thread looks at an atomic before it writes to it,
/// loom leaves out interleavings (loom-tests has a control that shows it). Nothing is ordered by the flag alone: what a
/// task finds after it has looked, it finds under a lock.
#[derive(Default)]
pub(crate) struct Flag(#[cfg(not(loom))] AtomicBool, #[cfg(loom)] Mutex<bool>);

#[cfg(not(loom))]
impl Flag {
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(loom)]
impl Flag {
    pub(crate) fn raise(&self) {
        *lock(&self.0) = true;
    }

    pub(crate) fn is_raised(&self) -> bool {
        *lock(&self.0)
    }
}

/// Locks, also after a panic of another holder: for data that every holder leaves whole at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}
