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
/// It is an atomic, but under the explorers it lies behind locks: when a thread looks at an atomic before it writes to it,
/// loom leaves out interleavings (loom-tests has a control that shows it). Nothing is ordered by the flag alone: what a
/// task finds after it has looked, it finds under a lock.
#[cfg(not(loom))]
#[derive(Default)]
pub(crate) struct Flag(AtomicBool);

#[cfg(shuttle)]
#[derive(Default)]
pub(crate) struct Flag(Mutex<bool>);

/// Under loom, each thread has a cell of its own to look at, and whoever raises the flag fills them one after the other.
/// So loom explores on which side of that each look falls, but not in which order the looks of two threads come, which
/// makes no difference to anybody and takes most of the interleavings. Between the first cell and the last, one thread
/// sees the flag and another does not: more than an atomic allows, so nothing that it allows is left out.
#[cfg(all(loom, not(shuttle)))]
#[derive(Default)]
pub(crate) struct Flag {
    cells: [Mutex<bool>; loom::MAX_THREADS],
    /// Whose cell is which. (Only to tell them apart: nothing to explore.)
    threads: std::sync::Mutex<Vec<loom::thread::ThreadId>>,
}

#[cfg(not(loom))]
impl Flag {
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(shuttle)]
impl Flag {
    pub(crate) fn raise(&self) {
        *lock(&self.0) = true;
    }

    pub(crate) fn is_raised(&self) -> bool {
        *lock(&self.0)
    }
}

#[cfg(all(loom, not(shuttle)))]
impl Flag {
    pub(crate) fn raise(&self) {
        self.cells.iter().for_each(|cell| *lock(cell) = true);
    }

    pub(crate) fn is_raised(&self) -> bool {
        *lock(&self.cells[self.place()])
    }

    /// The place of this thread's cell.
    fn place(&self) -> usize {
        let me = loom::thread::current().id();
        let mut threads = self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        threads.iter().position(|thread| *thread == me).unwrap_or_else(|| {
            threads.push(me);
            threads.len() - 1
        })
    }
}

/// Locks, also after a panic of another holder: for data that every holder leaves whole at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    }
}
