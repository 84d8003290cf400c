//! Whom a change concerns: tasks that have something to do, and callers whose wait has ended. They are woken after the lock is let
//! go.

use crate::inbox::Told;
use crate::state::{State, Timers};
use core::task::Waker;
use figure2_core::Index;

/// See [`State::awake`].
#[derive(Default)]
pub(crate) struct Awake {
    pub(crate) sender: bool,
    pub(crate) syncer: bool,
    pub(crate) applier: bool,
}

/// Whether a task is to be woken: it has something to do, and sleeps.
fn rouse(awake: &mut bool, has_work: impl FnOnce() -> bool) -> bool {
    let wake = !*awake && has_work();
    *awake |= wake;
    wake
}

/// Who is to be woken after a change: tasks, and callers that wait.
pub(crate) struct Wake {
    pub(crate) sender: bool,
    pub(crate) syncer: bool,
    pub(crate) applier: bool,
    pub(crate) timer: bool,
    /// In a box of its own, for most changes have none.
    pub(crate) callers: Option<Box<Callers>>,
}

/// Callers to be woken after a change.
pub(crate) struct Callers {
    /// Those who wait until there is room for a command.
    pub(crate) proposers: Vec<(u64, Waker)>,
    /// Those whose commands' outcome is known now.
    pub(crate) answered: Vec<Waker>,
    /// What those are told whose commands were submitted.
    pub(crate) told: Vec<Told>,
    /// Those who wait until the status changes.
    pub(crate) watchers: Vec<(u64, Waker)>,
}

impl<T: Timers> State<T> {
    /// Who has something to do after a change, before which the applier's position was this; the status may have changed in it.
    pub(crate) fn whom_to_wake(
        &mut self,
        before: (Index, Option<Index>, Option<Index>),
        has_changed: bool,
    ) -> Wake {
        let next = self.timers.next(self.server.role().into());
        let mut awake = core::mem::take(&mut self.awake);
        let to_write = !self.outbox.is_empty();
        let sender = rouse(&mut awake.sender, || {
            !self.ready.is_empty()
                || (self.one_task && to_write && !self.is_saving)
                || self.what_to_send().is_some()
                || (self.are_held && !self.holds())
        });
        let syncer = !self.one_task && rouse(&mut awake.syncer, || to_write);
        let applier = rouse(&mut awake.applier, || self.apply_position() != before);
        self.awake = awake;
        Wake {
            sender,
            syncer,
            applier,
            // Each draw is random: a new deadline can be earlier than the one that is slept on.
            timer: self.sleeps_until.take_if(|sleeps_until| next < *sleeps_until).is_some(),
            callers: self.callers(before.0 != self.server.commit_index(), has_changed).map(Box::new),
        }
    }

    /// The callers whose wait has ended. Mostly there are none.
    fn callers(&mut self, has_committed: bool, has_changed: bool) -> Option<Callers> {
        let has_room = !self.queue.is_empty() && (has_committed || !self.server.is_leader());
        let is_answered = self.applied.is_answered();
        if !(has_room || is_answered || has_changed) {
            return None;
        }
        Some(Callers {
            proposers: if has_room { self.queue.take() } else { Vec::new() },
            answered: if is_answered { self.applied.take_answered() } else { Vec::new() },
            told: if is_answered { self.applied.take_told() } else { Vec::new() },
            watchers: if has_changed { self.watching.take() } else { Vec::new() },
        })
    }
}
