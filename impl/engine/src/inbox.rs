//! Commands of clients that wait for one answer: what became of them.
//!
//! They do not wait for the lock of the server, but in a queue with a lock of its own, which nobody holds for longer than it
//! takes to add one. The sender takes all of them into the log under one lock of the server: with many clients that is one for
//! many commands, and a message has all of them. During a save they may [wait there](State::holds) for its end.

use crate::state::{State, Timers};
use crate::sync::lock;
use crate::{Command, Hands, Monitor, Position, ProposalOutcome, ProposeError, oneshot};
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use figure2_core::{Command as _, Entry};

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
pub(crate) struct Inbox {
    commands: Vec<(Command, Answer)>,
    /// Bytes of the entries that the commands will be.
    bytes: u64,
    /// So many bytes fill a message: then the commands wait for no more.
    enough: u64,
    /// The sender was woken, and has not found since that nothing is in the queue: it need not be woken again.
    is_awake: bool,
    /// The node has stopped: nothing comes in any more.
    is_closed: bool,
    pace: Pace,
}

/// Whether commands come one at a time. Then whoever brings one gains nothing by letting others run first, and may go on with
/// it ([`Monitor::submit_and_help`]).
///
/// That nobody else has a command shows only when others were let run: a client that goes on by itself may be the only one
/// just because nobody else comes to it. So after so many commands others are let run again.
#[derive(Default)]
pub(crate) struct Pace {
    /// So many times in a row one command was there, and no more, after others were let run.
    lone_turns: u32,
    /// So many more commands may be gone on with.
    left: u32,
    /// Whoever brought the command goes on with it: the next turn says nothing of others.
    is_helped: bool,
}

impl Pace {
    /// So often one command must have been the only one: once may be chance, with as many clients as there are threads.
    pub(crate) const LONE_TURNS: u32 = 8;

    /// So many commands in a row are gone on with. A client holds its thread for so long: tokio allows a task twice as much.
    pub(crate) const IN_A_ROW: u32 = 64;

    /// A command has come, and so many are there: whether whoever brought it goes on with it.
    fn is_alone(&mut self, commands: usize) -> bool {
        self.is_helped = commands == 1 && self.left > 0;
        self.left -= u32::from(self.is_helped);
        self.is_helped
    }

    /// So many commands are taken.
    fn turn(&mut self, commands: usize) {
        let is_helped = core::mem::take(&mut self.is_helped);
        match commands {
            0 => {}
            1 if is_helped => {}
            1 => {
                self.lone_turns = self.lone_turns.saturating_add(1);
                self.left = if self.lone_turns >= Self::LONE_TURNS { Self::IN_A_ROW } else { 0 };
            }
            _ => (self.lone_turns, self.left) = (0, 0),
        }
    }
}

impl Inbox {
    /// An empty one, for messages of so many bytes.
    pub(crate) fn new(enough: u64) -> Inbox {
        Inbox {
            commands: Vec::new(),
            bytes: 0,
            enough,
            is_awake: false,
            is_closed: false,
            pace: Pace::default(),
        }
    }

    /// Whether the sender is to be woken.
    fn push(&mut self, command: Command, answer: Answer) -> bool {
        let had_enough = self.bytes >= self.enough;
        self.bytes = self.bytes.saturating_add(Entry::<Command>::OVERHEAD).saturating_add(command.size());
        self.commands.push((command, answer));
        let wakes = !self.is_awake || (!had_enough && self.bytes >= self.enough);
        self.is_awake = true;
        wakes
    }

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
        self.enqueue(command, None::<(&Hands, fn() -> bool)>)
    }

    /// The same, and where commands come one at a time, goes on with what follows, instead of leaving it to the tasks: the
    /// command may be replicated, and its answer be there, before this returns. Only where it comes to that, the caller is asked
    /// whether it may.
    pub fn submit_and_help(
        &self,
        command: Command,
        hands: &Hands,
        may_help: impl FnOnce() -> bool,
    ) -> Submitted {
        self.enqueue(command, Some((hands, may_help)))
    }

    fn enqueue(&self, command: Command, hands: Option<(&Hands, impl FnOnce() -> bool)>) -> Submitted {
        let (answer, submitted) = oneshot::channel();
        let (mut wake, mut helped) = (false, None);
        {
            let mut inbox = lock(&self.inbox);
            if !inbox.is_closed {
                wake = inbox.push(command, answer);
                let commands = inbox.commands.len();
                helped = hands.filter(|_| inbox.pace.is_alone(commands));
            }
        }
        if let Some((hands, may_help)) = helped
            && may_help()
        {
            self.sender.set();
            wake = !hands.writer.help();
        }
        if wake {
            self.sender.notify();
        }
        Submitted(submitted)
    }

    /// From now on it is as if commands had come one at a time for long: for an explorer of interleavings, to whom that would be
    /// many steps.
    pub fn commands_come_one_at_a_time(&self) {
        lock(&self.inbox).pace =
            Pace { lone_turns: Pace::LONE_TURNS, left: Pace::IN_A_ROW, is_helped: false };
    }

    /// For the writer: whether whoever brought a command is at it, and does not let others run before.
    pub(crate) fn is_helped(&self) -> bool {
        lock(&self.inbox).pace.is_helped
    }

    /// All commands that are in the queue go into the leader's log, if they need not [wait](State::holds); `taken` is empty,
    /// before and after.
    pub(crate) fn take_submitted(&self, state: &mut State<T>, taken: &mut Vec<(Command, Answer)>) {
        let mut inbox = lock(&self.inbox);
        state.are_held = state.holds() && !inbox.commands.is_empty() && inbox.bytes < inbox.enough;
        if !state.are_held {
            let count = inbox.commands.len();
            inbox.pace.turn(count);
            core::mem::swap(&mut inbox.commands, taken);
            inbox.bytes = 0;
            drop(inbox);
            state.take_in(taken);
        }
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
