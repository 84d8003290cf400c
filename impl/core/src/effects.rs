//! What a step asks of its driver, shaped so that it cannot be done in the wrong order.
//!
//! A step yields [`Effects`]: a [`Record`] to make durable, and messages that may leave only after it. The messages
//! are private until [`Batch::persist`] has written the record:
//!
//! ```compile_fail,E0616
//! # use figure2_core::*;
//! fn reply_too_early(effects: Effects<u8, u8>) -> Vec<Envelope<u8, u8>> {
//!     effects.messages // private: a reply before the write is durable does not compile
//! }
//! ```
//!
//! The one exception is explicit, [`Effects::take_early`]: a leader may send entries while its own write is under way
//! (thesis, section 10.2.1). It counts itself only when told [`Input::Persisted`](crate::Input::Persisted).

use crate::input::{Outcome, Persisted};
use crate::message::Envelope;
use crate::persistent::{Change, Record};
use crate::rule::{Rule, RuleSet};
use alloc::vec::Vec;
use smallvec::SmallVec;

/// The messages of a step, in order. Most steps send one: it needs no memory of its own.
pub type Messages<C, S> = SmallVec<[Envelope<C, S>; 1]>;

/// What one step asks of its driver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "effects not carried out lose messages and durability"]
pub struct Effects<C, S> {
    record: Record<C, S>,
    persisted: Option<Persisted>,
    early: Vec<Envelope<C, S>>,
    messages: Messages<C, S>,
    reset_election_timer: bool,
    rules: RuleSet,
    outcome: Outcome,
}

impl<C, S> Default for Effects<C, S> {
    fn default() -> Self {
        Effects {
            record: Record::default(),
            persisted: None,
            early: Vec::new(),
            messages: SmallVec::new(),
            reset_election_timer: false,
            rules: RuleSet::EMPTY,
            outcome: Outcome::Done,
        }
    }
}

impl<C, S> Effects<C, S> {
    /// What the step answers to its caller: what became of the input, or why it was rejected.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The rules that fired in the step.
    pub fn rules(&self) -> RuleSet {
        self.rules
    }

    /// Whether the election timer starts anew, with a new random timeout.
    pub fn reset_election_timer(&self) -> bool {
        self.reset_election_timer
    }

    /// Whether nothing is to be written and nothing to be sent: then no batch needs to wait for a write.
    pub fn is_empty(&self) -> bool {
        self.record.is_empty() && self.early.is_empty() && self.messages.is_empty()
    }

    /// What must become durable; to look at, not to write: writing is [`Batch::persist`].
    pub fn record(&self) -> &Record<C, S> {
        &self.record
    }

    /// A leader's AppendEntries and InstallSnapshot: they may leave before the leader's own write is durable. What
    /// is not taken leaves with the rest, after it.
    pub fn take_early(&mut self) -> Vec<Envelope<C, S>> {
        core::mem::take(&mut self.early)
    }

    /// A rule fired. For rules, the mutants' included; not for drivers.
    pub fn fired(&mut self, rule: Rule) {
        self.rules.insert(rule);
    }

    pub(crate) fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    pub(crate) fn restart_election_timer(&mut self) {
        self.reset_election_timer = true;
    }

    pub(crate) fn push_change(&mut self, change: Change<C, S>) {
        self.record.push(change);
    }

    pub(crate) fn push_early(&mut self, envelope: Envelope<C, S>) {
        self.early.push(envelope);
    }

    pub(crate) fn push_message(&mut self, envelope: Envelope<C, S>) {
        self.messages.push(envelope);
    }

    /// Notes how far the server had come when the record was complete.
    pub(crate) fn seal(&mut self, persisted: Persisted) {
        if !self.record.is_empty() {
            self.persisted = Some(persisted);
        }
    }
}

/// Effects of several steps that wait for one write. `T` is the driver's: it names who waits for the write
/// of a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch<C, S, T> {
    pub(crate) record: Record<C, S>,
    pub(crate) persisted: Option<Persisted>,
    pub(crate) waiting: Vec<Released<C, S, T>>,
}

impl<C, S, T> Default for Batch<C, S, T> {
    fn default() -> Self {
        Batch { record: Record::default(), persisted: None, waiting: Vec::new() }
    }
}

impl<C, S, T> Batch<C, S, T> {
    /// Adds the effects of the next step. Call it in the order of the steps: that is the order of the lock.
    pub fn push(&mut self, tag: T, effects: Effects<C, S>) {
        self.merge(effects.record, effects.persisted);
        let messages = match effects.early.is_empty() {
            true => effects.messages,
            false => {
                let mut messages = Messages::from(effects.early);
                messages.extend(effects.messages);
                messages
            }
        };
        self.waiting.push(Released { tag, messages });
    }

    /// As [`push`](Self::push), for a step whose write nobody waits for: if it sends nothing, nothing is released for it.
    /// With many small commands in one batch, that is most of what the batch would hold.
    pub fn push_unwaited(&mut self, effects: Effects<C, S>)
    where
        T: Default,
    {
        if effects.early.is_empty() && effects.messages.is_empty() {
            self.merge(effects.record, effects.persisted);
        } else {
            self.push(T::default(), effects);
        }
    }

    /// Adds a batch of later steps: one write for both.
    pub fn join(&mut self, later: Self) {
        self.merge(later.record, later.persisted);
        self.waiting.extend(later.waiting);
    }

    fn merge(&mut self, record: Record<C, S>, persisted: Option<Persisted>) {
        self.record.merge(record);
        self.persisted = persisted.or(self.persisted);
    }

    /// Whether nothing waits, and nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.record.is_empty()
    }

    /// What [`persist`](Self::persist) will write.
    pub fn record(&self) -> &Record<C, S> {
        &self.record
    }

    /// Writes the merged record, all of it or nothing, and only then hands out what waited for it. `write` is not
    /// called when there is nothing to write.
    ///
    /// # Errors
    /// The error of `write`. Nothing is released then: the server must stop, for what it holds in memory is no longer
    /// what its disk holds.
    pub fn persist<E>(
        self,
        write: impl FnOnce(Record<C, S>) -> Result<(), E>,
    ) -> Result<Durable<C, S, T>, E> {
        if !self.record.is_empty() {
            write(self.record)?;
        }
        Ok(Durable { released: self.waiting, persisted: self.persisted })
    }

    /// [`persist`](Self::persist) with a write that takes its time.
    ///
    /// # Errors
    /// As those of [`persist`](Self::persist).
    pub async fn persist_by<E, W: Future<Output = Result<(), E>>>(
        self,
        write: impl FnOnce(Record<C, S>) -> W,
    ) -> Result<Durable<C, S, T>, E> {
        if !self.record.is_empty() {
            write(self.record).await?;
        }
        Ok(Durable { released: self.waiting, persisted: self.persisted })
    }
}

/// What may happen now that the record is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "what is released must be sent"]
pub struct Durable<C, S, T> {
    /// Messages per step, in the order of the steps.
    pub released: Vec<Released<C, S, T>>,
    /// To be told to the server, before the messages are sent; none when nothing was written.
    pub persisted: Option<Persisted>,
}

/// One step's messages, after its record is durable (in a [`Batch`], they are out of reach until then).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Released<C, S, T> {
    /// What the driver gave with the step.
    pub tag: T,
    /// What it sends, replies included.
    pub messages: Messages<C, S>,
}
