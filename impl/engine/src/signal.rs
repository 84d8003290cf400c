//! A signal that wakes one task.

use crate::sync::{Mutex, lock};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// Wakes one waiting task. A notification before the wait is kept, so none is lost; several before it count as one,
/// so whoever waits looks for all there is to do.
#[derive(Default)]
pub struct Signal {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    set: bool,
    waker: Option<Waker>,
}

impl Signal {
    /// Ends the present wait, or the next one.
    pub fn notify(&self) {
        let waker = {
            let mut inner = lock(&self.inner);
            inner.set = true;
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the next wait, and not the present one: for whoever polls it then anyway.
    pub(crate) fn set(&self) {
        lock(&self.inner).set = true;
    }

    /// Ends when notified. For one task at a time: a second one would take the first one's place.
    pub fn wait(&self) -> Wait<'_> {
        Wait { signal: self }
    }
}

/// The future of [`Signal::wait`].
#[must_use = "futures do nothing unless awaited"]
pub struct Wait<'a> {
    signal: &'a Signal,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = lock(&self.signal.inner);
        if core::mem::take(&mut inner.set) {
            inner.waker = None;
            return Poll::Ready(());
        }
        // Under the same lock as the look at `set`: a notification in between finds the waker.
        match &mut inner.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// Lets the other tasks run once: for a task that may find work without end.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
