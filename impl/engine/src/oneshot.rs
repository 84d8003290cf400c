//! A single answer from the syncer to a caller that waits for it.

use crate::sync::{Arc, Mutex, lock};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

struct Slot<T> {
    value: Option<T>,
    closed: bool,
    waker: Option<Waker>,
}

/// Where the answer is given. Dropped without one, it answers `None`.
pub struct Sender<T>(Option<Arc<Mutex<Slot<T>>>>);

/// Where the answer arrives: a future.
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T>(Arc<Mutex<Slot<T>>>);

/// A place for one answer.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Mutex::new(Slot { value: None, closed: false, waker: None }));
    (Sender(Some(slot.clone())), Receiver(slot))
}

impl<T> Sender<T> {
    /// Answers. Whether anybody still waits does not matter.
    pub fn send(mut self, value: T) {
        self.close(Some(value));
    }

    /// Once: whoever waits is woken with what there is.
    fn close(&mut self, value: Option<T>) {
        let Some(slot) = self.0.take() else { return };
        let waker = {
            let mut slot = lock(&slot);
            (slot.value, slot.closed) = (value, true);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.close(None);
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = lock(&self.0);
        if slot.closed {
            return Poll::Ready(slot.value.take());
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}
