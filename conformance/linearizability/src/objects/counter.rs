//! A counter: what was added so far.

use super::Object;

/// An operation, with what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Added this much.
    Add(i128),
    /// Saw this sum.
    Read(i128),
}

impl Object for Act {
    type State = i128;

    fn step(&self, state: &i128) -> Option<i128> {
        match self {
            Self::Add(amount) => Some(state.saturating_add(*amount)),
            Self::Read(seen) => (seen == state).then_some(*state),
        }
    }

    fn is_read(&self) -> bool {
        matches!(self, Self::Read(_))
    }

    fn is_always_possible(&self) -> bool {
        matches!(self, Self::Add(_))
    }

    // Amounts may be negative: no number grows only.
    fn level(_: &i128) -> i128 {
        0
    }

    fn ceiling(&self) -> Option<i128> {
        None
    }

    fn label(&self, _: usize) -> String {
        match self {
            Self::Add(amount) => format!("add {amount}"),
            Self::Read(seen) => format!("read -> {seen}"),
        }
    }

    fn show(state: &i128) -> String {
        state.to_string()
    }
}
