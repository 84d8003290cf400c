//! The one place that names the primitives of synchronisation: std's, or loom's or shuttle's when interleavings are
//! explored. What stands on this module alone is what is explored, and what ships.

// How Arc counts is std's own business, and no explorer's: it stays the real one.
pub(crate) use std::sync::Arc;

#[cfg(all(loom, not(shuttle)))]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

/// Locks, also after a panic of another holder: for data that every holder leaves whole at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}
