//! Takes commands from clients, and lets them wait until there is room for one.

use crate::state::{State, Timers};
use crate::{Command, Position, ProposeError};
use crate::{Input, Monitor};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use figure2_core::{Outcome, ServerId};

impl<T: Timers> Monitor<T> {
    /// The command goes into the leader's log, or is refused; the answer does not wait for anything.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose(&self, command: Command) -> Result<Position, ProposeError> {
        self.update(|state| state.propose(command)).unwrap_or(Err(ProposeError::Stopped))
    }

    /// As [`propose`](Self::propose), and waits while the answer is that the leader is busy.
    pub fn propose_when_ready(&self, command: Command) -> ProposeWhenReady<'_, T> {
        ProposeWhenReady { monitor: self, command, place: None }
    }
}

impl<T: Timers> State<T> {
    pub(crate) fn propose(&mut self, command: Command) -> Result<Position, ProposeError> {
        match self.step(Input::Propose(command)) {
            Outcome::Proposed { index, term } => Ok(Position { index, term }),
            Outcome::TooLarge { size, limit } => Err(ProposeError::TooLarge { size, limit }),
            Outcome::Busy { uncommitted, limit } => Err(ProposeError::Busy { uncommitted, limit }),
            Outcome::Transferring { to } => Err(ProposeError::Transferring { to }),
            _ => Err(ProposeError::NotLeader {
                term: self.server.current_term(),
                leader: self.leader_but_me(),
            }),
        }
    }

    /// Where clients are sent. A leader that stepped down within its term does not send them to itself.
    pub(crate) fn leader_but_me(&self) -> Option<ServerId> {
        self.server.leader().filter(|leader| *leader != self.server.id())
    }
}

/// The future of [`Monitor::propose_when_ready`]. Dropped before it is done, it has proposed nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct ProposeWhenReady<'a, T: Timers> {
    monitor: &'a Monitor<T>,
    command: Command,
    /// Its place among those who wait, once it waits.
    place: Option<u64>,
}

impl<T: Timers> Future for ProposeWhenReady<'_, T> {
    type Output = Result<Position, ProposeError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let proposed = this.monitor.update(|state| match state.propose(this.command.clone()) {
            Err(ProposeError::Busy { .. }) => {
                // Under the same lock as the refusal: room that appears afterwards finds the waker.
                state.queue.wait(&mut this.place, context.waker());
                None
            }
            proposed => {
                state.queue.leave(this.place.take());
                Some(proposed)
            }
        });
        match proposed {
            Some(None) => Poll::Pending,
            Some(Some(proposed)) => Poll::Ready(proposed),
            None => Poll::Ready(Err(ProposeError::Stopped)),
        }
    }
}

impl<T: Timers> Drop for ProposeWhenReady<'_, T> {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.monitor.lock().queue.leave(self.place.take());
        }
    }
}

/// Those who wait for the same, each with its waker.
#[derive(Default)]
pub(crate) struct Queue {
    next: u64,
    waiting: Vec<(u64, Waker)>,
}

impl Queue {
    /// Waits in this place, or in a new one.
    pub(crate) fn wait(&mut self, place: &mut Option<u64>, waker: &Waker) {
        let place = *place.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        match self.waiting.iter_mut().find(|(other, _)| *other == place) {
            Some((_, known)) => known.clone_from(waker),
            None => self.waiting.push((place, waker.clone())),
        }
    }

    pub(crate) fn leave(&mut self, place: Option<u64>) {
        self.waiting.retain(|(other, _)| Some(*other) != place);
    }

    /// All of them, to be woken after the lock is let go: each tries again, and waits again if there is no room left.
    pub(crate) fn take(&mut self) -> Vec<(u64, Waker)> {
        core::mem::take(&mut self.waiting)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
