//! What a history's operations are about.

use crate::history::{Action, Operation};
use crate::objects::{counter, set, transaction, versioned};
use crate::packed::{Damaged, Packed};

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A register for each key: read, write, append, cas (also get and put)
    Register,
    /// A register with the count of its writes, [version value], as in Jepsen's test of etcd: read, write, cas
    Versioned,
    /// A lock that one at a time holds: acquire, release (also lock, unlock)
    Mutex,
    /// A set that grows: add, read
    Set,
    /// A counter: add, increment, decrement, read
    Counter,
    /// Several registers in a step: txn of [[:read x nil] [:write y 1]], as Knossos' multi-register
    Transactions,
}

impl Model {
    /// The model in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Versioned => "versioned register",
            Self::Mutex => "mutex",
            Self::Set => "set",
            Self::Counter => "counter",
            Self::Transactions => "transactions over registers",
        }
    }

    /// What its operations are called.
    pub(super) fn functions(self) -> &'static str {
        match self {
            Self::Register => "read, write, append, cas (or get, put)",
            Self::Versioned => "read, write, cas (or get, put)",
            Self::Mutex => "acquire, release (or lock, unlock)",
            Self::Set => "add, read",
            Self::Counter => "add, increment, decrement, read",
            Self::Transactions => "txn",
        }
    }
}

/// Operations, in the order of their invocations.
#[derive(Clone, Debug)]
pub enum Operations {
    /// On registers.
    Register(Packed<Action>),
    /// On mutexes, which are registers that compare-and-sets move from "free" to "held" and back.
    Mutex(Packed<Action>),
    /// On versioned registers.
    Versioned(Packed<versioned::Act>),
    /// On sets.
    Set(Vec<Operation<set::Act>>),
    /// On counters.
    Counter(Vec<Operation<counter::Act>>),
    /// On several registers at once.
    Transactions(Vec<Operation<transaction::Act>>),
}

/// What a mutex holds that nobody holds.
pub const FREE: &str = "free";
/// What a mutex holds that somebody holds.
pub const HELD: &str = "held";

impl Operations {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Register(all) | Self::Mutex(all) => all.len(),
            Self::Versioned(all) => all.len(),
            Self::Set(all) => all.len(),
            Self::Counter(all) => all.len(),
            Self::Transactions(all) => all.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those on registers; none if they are about something else.
    ///
    /// # Errors
    /// [`Damaged`], which cannot happen.
    pub fn registers(&self) -> Result<Vec<Operation>, Damaged> {
        match self {
            Self::Register(all) => all.all(),
            _ => Ok(Vec::new()),
        }
    }
}
