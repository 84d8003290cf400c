//! Waits for the status to change.

use crate::Monitor;
use crate::Status;
use crate::state::Timers;
use crate::sync::Arc;
use core::future::poll_fn;
use core::task::{Context, Poll};

/// Sees changes of a node's status: see [`Monitor::watch`].
pub struct Watch<T: Timers> {
    monitor: Arc<Monitor<T>>,
    seen: Status,
    has_ended: bool,
    /// Its place among those who wait, while it waits.
    place: Option<u64>,
}

impl<T: Timers> Monitor<T> {
    /// From the status as it is now on.
    pub fn watch(self: &Arc<Self>) -> Watch<T> {
        Watch { monitor: self.clone(), seen: self.status(), has_ended: self.is_stopped(), place: None }
    }
}

impl<T: Timers> Watch<T> {
    /// The status that was seen last.
    pub fn status(&self) -> Status {
        self.seen
    }

    /// The status once it is another than the one that was seen last; what comes and goes in between is not seen. None
    /// when the node has stopped, and its last status was seen.
    pub async fn changed(&mut self) -> Option<Status> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Status>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let mut state = self.monitor.lock();
        let status = state.status();
        if status == self.seen && state.stop.is_none() {
            // Under the same lock as the look: what changes afterwards finds the waker.
            state.watching.wait(&mut self.place, context.waker());
            return Poll::Pending;
        }
        state.watching.leave(self.place.take());
        self.has_ended = state.stop.is_some();
        drop(state);
        if status == self.seen {
            return Poll::Ready(None);
        }
        self.seen = status;
        Poll::Ready(Some(status))
    }
}

impl<T: Timers> Drop for Watch<T> {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.monitor.lock().watching.leave(self.place.take());
        }
    }
}
