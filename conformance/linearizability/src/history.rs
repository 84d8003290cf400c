//! Histories: what clients asked of a key/value store, what they were told, and in which order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a client asked for. Values are text; a key that was never written has no value at all (`None`), which is not
/// the empty text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Reads the value.
    Get,
    /// Replaces the value.
    Put(String),
    /// Adds text at the end of the value; a missing value counts as empty.
    Append(String),
    /// Replaces the value by `new` if it is `expected` (compare-and-set, Jepsen's `cas`).
    Cas {
        /// The value that must be there; `None` if the key must have none.
        expected: Option<String>,
        /// The value put in its place.
        new: String,
    },
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was done. For a get, `read` is the value it returned; other actions return nothing.
    Ok {
        /// The value a get returned.
        read: Option<String>,
    },
    /// It was not done and never will be. A compare-and-set that found another value ends so too; what it found is
    /// not taken as an observation.
    Failed,
    /// Nobody knows: it may take effect at any time after its invocation, or never.
    Unknown,
}

/// One operation of one client, on a key/value store unless `A` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<A = Action> {
    /// The client; it has one operation at a time.
    pub process: u64,
    /// The key. Keys are independent of each other.
    pub key: String,
    /// What was asked.
    pub action: A,
    /// What came of it.
    pub outcome: Outcome,
    /// Place of the invocation in the history: a line number, or a count of events. No two events share a place.
    pub invoked: u64,
    /// Place of the completion, if the history has one.
    pub completed: Option<u64>,
}

impl<A> Operation<A> {
    /// The place by which the operation must have taken effect: its completion if it was done, else never.
    pub(crate) fn deadline(&self) -> u64 {
        match (&self.outcome, self.completed) {
            (Outcome::Ok { .. }, Some(place)) => place,
            _ => u64::MAX,
        }
    }
}

impl Operation {
    /// The value this operation saw: what a get returned or a compare-and-set found. `None` if it saw nothing for
    /// certain. (A compare-and-set of unknown outcome would have had to see its `expected`.)
    pub(crate) fn observed(&self) -> Option<Option<&str>> {
        match (&self.action, &self.outcome) {
            (Action::Get, Outcome::Ok { read }) => Some(read.as_deref()),
            (Action::Cas { expected, .. }, _) => Some(expected.as_deref()),
            _ => None,
        }
    }

    /// False for an operation that says nothing: one that failed, and a get that nobody saw the result of.
    pub(crate) fn matters(&self) -> bool {
        match self.outcome {
            Outcome::Failed => false,
            Outcome::Unknown => self.action != Action::Get,
            Outcome::Ok { .. } => true,
        }
    }
}

/// A client used in a way that no history allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// A process invoked an operation while its previous one, invoked at `since`, had not completed.
    #[error("process {process} invokes an operation, but the one it invoked at {since} has not completed")]
    InvokedTwice {
        /// The process.
        process: u64,
        /// Place of the open invocation.
        since: u64,
    },
    /// A process completed an operation without having invoked one.
    #[error("process {process} completes an operation, but has invoked none")]
    NothingToComplete {
        /// The process.
        process: u64,
    },
    /// An event was recorded at a place that is not after the previous one.
    #[error("the event at {place} does not come after the previous one, at {previous}")]
    OutOfOrder {
        /// The place given.
        place: u64,
        /// The place of the event before it.
        previous: u64,
    },
}

/// So many operations are kept before those that are done are taken out.
const MANY: usize = 4096;

/// Builds a history event by event. For concurrent clients, put it behind a lock, record an invocation before the
/// request leaves and a completion after the answer came: the order of the calls is the order of the history.
#[derive(Clone, Debug)]
pub struct Recorder<A = Action> {
    operations: Vec<Operation<A>>,
    open: BTreeMap<u64, usize>,
    place: u64,
}

impl<A> Default for Recorder<A> {
    fn default() -> Self {
        Self { operations: Vec::new(), open: BTreeMap::new(), place: 0 }
    }
}

impl<A> Recorder<A> {
    /// An empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records that `process` asks for `action` on `key`.
    ///
    /// # Errors
    /// [`Misuse::InvokedTwice`] if its previous operation has not completed.
    pub fn invoke(&mut self, process: u64, key: &str, action: A) -> Result<(), Misuse> {
        self.invoke_at(self.place + 1, process, key, action)
    }

    /// Records what the open operation of `process` came to.
    ///
    /// # Errors
    /// [`Misuse::NothingToComplete`] if it has none open.
    pub fn complete(&mut self, process: u64, outcome: Outcome) -> Result<(), Misuse> {
        self.complete_at(self.place + 1, process, outcome)
    }

    /// [`Recorder::invoke`] at a place of the caller's choice, such as a line number.
    ///
    /// # Errors
    /// As [`Recorder::invoke`]; [`Misuse::OutOfOrder`] unless places increase.
    pub fn invoke_at(&mut self, place: u64, process: u64, key: &str, action: A) -> Result<(), Misuse> {
        self.advance(place)?;
        if let Some(&open) = self.open.get(&process) {
            return Err(Misuse::InvokedTwice { process, since: self.operations[open].invoked });
        }
        self.open.insert(process, self.operations.len());
        let key = key.to_owned();
        let outcome = Outcome::Unknown;
        self.operations.push(Operation { process, key, action, outcome, invoked: place, completed: None });
        Ok(())
    }

    /// [`Recorder::complete`] at a place of the caller's choice, such as a line number.
    ///
    /// # Errors
    /// As [`Recorder::complete`]; [`Misuse::OutOfOrder`] unless places increase.
    pub fn complete_at(&mut self, place: u64, process: u64, outcome: Outcome) -> Result<(), Misuse> {
        self.advance(place)?;
        let open = self.open.remove(&process).ok_or(Misuse::NothingToComplete { process })?;
        let operation = &mut self.operations[open];
        operation.outcome = outcome;
        operation.completed = Some(place);
        Ok(())
    }

    /// The operation that `process` has open.
    pub fn open_operation(&self, process: u64) -> Option<&Operation<A>> {
        self.open.get(&process).map(|&open| &self.operations[open])
    }

    /// The action of the operation that `process` has open, for what becomes known of it at its completion.
    pub(crate) fn open_action(&mut self, process: u64) -> Option<&mut A> {
        self.open.get(&process).map(|&open| &mut self.operations[open].action)
    }

    /// The operations so far, in the order of their invocations. Those still open have an unknown outcome.
    pub fn operations(&self) -> &[Operation<A>] {
        &self.operations
    }

    /// The history: every operation in the order of the invocations.
    pub fn into_operations(self) -> Vec<Operation<A>> {
        self.operations
    }

    /// Takes out the operations that are not open, if they are many; none otherwise.
    pub(crate) fn take_done(&mut self) -> Vec<Operation<A>> {
        // Those that stay are looked at each time: let them be fewer than those that go.
        if self.operations.len() < MANY + 2 * self.open.len() {
            return Vec::new();
        }
        let mut open: Vec<usize> = self.open.values().copied().collect();
        open.sort_unstable();
        let (mut done, mut left) = (Vec::new(), Vec::with_capacity(open.len()));
        for (at, operation) in std::mem::take(&mut self.operations).into_iter().enumerate() {
            if open.get(left.len()) == Some(&at) { left.push(operation) } else { done.push(operation) }
        }
        for at in self.open.values_mut() {
            *at = open.partition_point(|&other| other < *at);
        }
        self.operations = left;
        done
    }

    fn advance(&mut self, place: u64) -> Result<(), Misuse> {
        if place <= self.place {
            return Err(Misuse::OutOfOrder { place, previous: self.place });
        }
        self.place = place;
        Ok(())
    }
}
