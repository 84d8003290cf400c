//! Tasks that whoever brings them work may run, instead of waking them.
//!
//! A wake-up costs more than most of what it is for, and a message passes several tasks until its reply leaves. So whoever
//! hands in a message goes on with the task that the message concerns, as far as it gets without waiting: the task is a
//! future, and a future may be polled by anybody, if only by one at a time. What is left to wait for wakes the task itself.

use crate::sync::{Arc, Mutex, lock};
use core::any::Any;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A task that others may run a part of.
pub struct Helped(Mutex<Running>);

struct Running {
    /// None once it has ended, or is being polled.
    task: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Who polls it when nobody helps; none before that has begun.
    waker: Option<Waker>,
    /// How it ended while somebody helped, if by a panic: the task itself goes on with it.
    panic: Option<Box<dyn Any + Send>>,
}

impl Helped {
    /// Around a task.
    pub fn new(task: impl Future<Output = ()> + Send + 'static) -> Helped {
        Helped(Mutex::new(Running { task: Some(Box::pin(task)), waker: None, panic: None }))
    }

    /// Runs it to its end. Dropped before, it drops the task.
    pub async fn run(&self) {
        let _drops_it = DropsIt(self);
        poll_fn(|context| {
            let mut running = lock(&self.0);
            match &mut running.waker {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            if let Some(panic) = running.panic.take() {
                drop(running);
                resume_unwind(panic);
            }
            running.poll()
        })
        .await;
    }

    /// Runs it here, as far as it gets without waiting. False when somebody else is at it, it has not begun or has ended: then
    /// it is to be woken.
    pub fn help(&self) -> bool {
        let Ok(mut running) = self.0.try_lock() else { return false };
        if running.waker.is_none() || running.task.is_none() {
            return false;
        }
        // It is the task that breaks off, not whoever helps.
        let helped = catch_unwind(AssertUnwindSafe(|| running.poll()));
        let ended = !matches!(helped, Ok(Poll::Pending));
        running.panic = helped.err();
        if let Some(waker) = running.waker.as_ref().filter(|_| ended) {
            waker.wake_by_ref();
        }
        true
    }
}

impl Running {
    fn poll(&mut self) -> Poll<()> {
        // A panic drops it.
        let (Some(mut task), Some(waker)) = (self.task.take(), &self.waker) else { return Poll::Ready(()) };
        let polled = task.as_mut().poll(&mut Context::from_waker(waker));
        if polled.is_pending() {
            self.task = Some(task);
        }
        polled
    }
}

struct DropsIt<'a>(&'a Helped);

impl Drop for DropsIt<'_> {
    fn drop(&mut self) {
        let task = lock(&self.0.0).task.take();
        drop(task);
    }
}

/// The tasks that may be helped.
pub struct Hands {
    /// [`writer::run`](crate::writer::run).
    pub writer: Helped,
    /// [`applier::run`](crate::applier::run). The writer has it, too.
    pub applier: Arc<Helped>,
}
