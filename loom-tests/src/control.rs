//! What loom 0.7.2 hides, and whether it hides anything of the engine's.
//!
//! When a thread begins with an atomic load, and then stores to the same place, loom may leave out interleavings (its
//! issues 166 and 392). The engine has one atomic, the flag that says that the node has stopped. Under the explorers it
//! lies behind a lock, as all else does, for loom explores locks whatever comes before. This shows both: that loom hides
//! outcomes of a flag that is an atomic, and that it sees all of what tasks, handlers and stop do with the engine's.

use crate::explore::{Task, spawn};
use crate::fakes::{Clock, Monitor};
use crate::setup::follower;
use core::sync::atomic::Ordering;
use figure2_engine::Failure;
use loom::sync::Mutex;
use loom::sync::atomic::AtomicBool;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a thread saw of a flag, one look after the other.
type Outcome = Vec<bool>;
type Outcomes = BTreeSet<Outcome>;

/// A small program, and the outcomes that it has.
struct Program {
    about: &'static str,
    run: fn() -> Outcome,
    /// Whether loom is known to hide some, so that this shows the limit and not a fault.
    is_known: bool,
    outcomes: &'static [&'static [bool]],
}

const ONCE: &[&[bool]] = &[&[false], &[true]];
const EACH: &[&[bool]] = &[&[false, false], &[false, true], &[true, false], &[true, true]];
const TWICE: &[&[bool]] = &[&[false, false], &[false, true], &[true, true]];

const PROGRAMS: &[Program] = &[
    Program { about: "a load and a store of one flag", run: load_and_store, is_known: true, outcomes: ONCE },
    Program {
        about: "a load, a lock, and a store of one flag",
        run: load_lock_and_store,
        is_known: true,
        outcomes: ONCE,
    },
    Program {
        about: "the engine: a task looks and fails",
        run: task_fails,
        is_known: false,
        outcomes: TWICE,
    },
    Program {
        about: "the engine: a task looks, works and ends, against stop",
        run: task_ends,
        is_known: false,
        outcomes: TWICE,
    },
    Program { about: "the engine: stop against a task's looks", run: stop, is_known: false, outcomes: TWICE },
    Program {
        about: "the engine: stop against a look of each of two tasks",
        run: two_look,
        is_known: false,
        outcomes: EACH,
    },
];

/// Prints what loom sees of each. An error names what it hides of the engine.
pub fn run() -> Result<(), String> {
    let mut hidden = Vec::new();
    for program in PROGRAMS {
        let seen = outcomes_of(program.run);
        let all: Outcomes = program.outcomes.iter().map(|outcome| outcome.to_vec()).collect();
        let word = if seen == all { "sees" } else { "HIDES SOME OF" };
        println!("control: loom {word} the {} outcomes of {}", all.len(), program.about);
        if seen != all && !program.is_known {
            hidden.push(program.about);
        }
    }
    if hidden.is_empty() {
        Ok(())
    } else {
        Err(format!("loom cannot be relied upon for: {}", hidden.join("; ")))
    }
}

fn outcomes_of(program: fn() -> Outcome) -> Outcomes {
    let seen = Arc::<std::sync::Mutex<Outcomes>>::default();
    let notes = seen.clone();
    loom::model::Builder::new().check(move || {
        let outcome = program();
        if let Ok(mut notes) = notes.lock() {
            notes.insert(outcome);
        }
    });
    seen.lock().map(|seen| seen.clone()).unwrap_or_default()
}

fn load_and_store() -> Outcome {
    let flag = Arc::new(AtomicBool::new(false));
    let other = flag.clone();
    let task = spawn(move || {
        other.load(Ordering::Acquire);
        other.store(true, Ordering::Release);
    });
    let seen = flag.load(Ordering::Acquire);
    task.join();
    vec![seen]
}

fn load_lock_and_store() -> Outcome {
    let flag = Arc::new((AtomicBool::new(false), Mutex::new(())));
    let other = flag.clone();
    let task = spawn(move || {
        other.0.load(Ordering::Acquire);
        let held = other.1.lock();
        other.0.store(true, Ordering::Release);
        drop(held);
    });
    let seen = flag.0.load(Ordering::Acquire);
    task.join();
    vec![seen]
}

fn monitor() -> Arc<Monitor> {
    Arc::new(Monitor::new(follower(0).server, Clock::still()))
}

fn looks(monitor: &Monitor) -> Outcome {
    vec![monitor.is_stopped(), monitor.is_stopped()]
}

fn task_fails() -> Outcome {
    let monitor = monitor();
    let other = monitor.clone();
    let task = spawn(move || {
        if !other.is_stopped() {
            other.fail(Failure::ServiceGone);
        }
    });
    let seen = looks(&monitor);
    task.join();
    seen
}

fn task_ends() -> Outcome {
    let monitor = monitor();
    let other = monitor.clone();
    let task = spawn(move || {
        let end = other.stop_at_end();
        if !other.is_stopped() {
            other.status();
        }
        drop(end);
    });
    let seen = looks(&monitor);
    monitor.stop();
    task.join();
    seen
}

fn stop() -> Outcome {
    let monitor = monitor();
    let other = monitor.clone();
    let task = spawn(move || other.stop());
    let seen = looks(&monitor);
    task.join();
    seen
}

fn two_look() -> Outcome {
    let monitor = monitor();
    // Only told at the end: nothing to explore.
    let seen = [false; 2].map(|_| Arc::<std::sync::Mutex<bool>>::default());
    let tasks = seen.clone().map(|seen| {
        let other = monitor.clone();
        spawn(move || {
            let look = other.is_stopped();
            if let Ok(mut seen) = seen.lock() {
                *seen = look;
            }
        })
    });
    monitor.stop();
    tasks.into_iter().for_each(Task::join);
    seen.iter().map(|seen| seen.lock().is_ok_and(|seen| *seen)).collect()
}
