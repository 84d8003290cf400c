//! Commands of clients that wait for one answer: what became of them.
//!
//! They do not wait for the lock of the server, but in a queue with a lock of its own, which nobody holds for longer than it
//! takes to add one. The sender takes all of them into the log under one lock of the server: with many clients that is one for
//! many commands, and a message has all of them.

use crate::state::{State, Timers};
use crate::sync::lock;
use crate::{Command, Monitor, Position, ProposalOutcome, ProposeError, oneshot};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

/// What whoever submitted a command is told.
type Submission = Result<(Position, ProposalOutcome), ProposeError>;

/// Where it is told.
pub(crate) type Answer = oneshot::Sender<Submission>;

/// Somebody to be told.
pub(crate) struct Told {
    pub(crate) answer: Answer,
    pub(crate) result: Submission,
}

impl Told {
    pub(crate) fn tell(self) {
        self.answer.send(self.result);
    }
}

/// The queue.
#[derive(Default)]
pub(crate) struct Inbox {
    commands: Vec<(Command, Answer)>,
    /// The sender was woken, and has not found since that nothing is in the queue: it need not be woken again.
    is_awake: bool,
    /// The node has stopped: nothing comes in any more.
    is_closed: bool,
}

impl Inbox {
    /// From here on nothing comes in; what is there is not taken.
    pub(crate) fn close(&mut self) -> Vec<(Command, Answer)> {
        self.is_closed = true;
        core::mem::take(&mut self.commands)
    }
}

impl<T: Timers> Monitor<T> {
    /// The command goes into the leader's log, or is refused; the future tells what became of it. As
    /// [`propose`](Self::propose) and [`outcome`](Self::outcome), but for the two there is one answer.
    pub fn submit(&self, command: Command) -> Submitted {
        let (answer, submitted) = oneshot::channel();
        let wake = {
            let mut inbox = lock(&self.inbox);
            if !inbox.is_closed {
                inbox.commands.push((command, answer));
            }
            !core::mem::replace(&mut inbox.is_awake, true)
        };
        if wake {
            self.sender.notify();
        }
        Submitted(submitted)
    }

    /// For the sender: all commands that are in the queue; `taken` is empty.
    pub(crate) fn take_submitted(&self, taken: &mut Vec<(Command, Answer)>) {
        core::mem::swap(&mut lock(&self.inbox).commands, taken);
    }

    /// For the sender, which has found nothing to do: whether nothing has come in since. Then it is woken by what comes next.
    pub(crate) fn nothing_submitted(&self) -> bool {
        let mut inbox = lock(&self.inbox);
        inbox.is_awake = !inbox.commands.is_empty();
        !inbox.is_awake
    }
}

impl<T: Timers> State<T> {
    /// The commands go into the leader's log, one after the other.
    pub(crate) fn take_in(&mut self, submitted: &mut Vec<(Command, Answer)>) {
        for (command, answer) in submitted.drain(..) {
            match self.propose(command) {
                Ok(position) => self.applied.submitted(position, answer),
                Err(error) => self.applied.refused(error, answer),
            }
        }
    }
}

/// The future of [`Monitor::submit`].
#[must_use = "futures do nothing unless awaited"]
pub struct Submitted(oneshot::Receiver<Submission>);

impl Future for Submitted {
    type Output = Result<(Position, ProposalOutcome), ProposeError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let told = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(told.unwrap_or(Err(ProposeError::Stopped)))
    }
}
