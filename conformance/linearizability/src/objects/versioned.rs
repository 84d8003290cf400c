//! A register that counts its writes, as etcd does for each key: each value is read together with its version.

use serde::{Deserialize, Serialize};

use super::{Object, shortened};

/// What the register holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// Writes so far.
    pub version: u64,
    /// The value, `None` for none.
    pub value: Option<String>,
}

/// An operation, with what its completion told of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Act {
    /// Saw this value, and this version if that is known.
    Read {
        /// The version seen.
        version: Option<u64>,
        /// The value seen.
        value: Option<String>,
    },
    /// Made this the value, and the version this one if that is known.
    Write {
        /// The version after it.
        version: Option<u64>,
        /// The value written.
        value: String,
    },
    /// Put `new` in the place of `expected`, and made the version this one if that is known.
    Cas {
        /// The version after it.
        version: Option<u64>,
        /// The value that must have been there.
        expected: Option<String>,
        /// The value put there.
        new: String,
    },
}

impl Act {
    /// The version that it saw or made, if that is known.
    pub(crate) fn version(&self) -> Option<u64> {
        match self {
            Self::Read { version, .. } | Self::Write { version, .. } | Self::Cas { version, .. } => *version,
        }
    }
}

impl Object for Act {
    type State = State;

    fn step(&self, state: &State) -> Option<State> {
        let next = state.version + 1;
        match self {
            Self::Read { version, value } => {
                let fits = version.is_none_or(|version| version == state.version) && *value == state.value;
                fits.then(|| state.clone())
            }
            Self::Write { version, value } => {
                let fits = version.is_none_or(|version| version == next);
                fits.then(|| State { version: next, value: Some(value.clone()) })
            }
            Self::Cas { version, expected, new } => {
                let fits = version.is_none_or(|version| version == next) && *expected == state.value;
                fits.then(|| State { version: next, value: Some(new.clone()) })
            }
        }
    }

    fn is_read(&self) -> bool {
        matches!(self, Self::Read { .. })
    }

    fn is_always_possible(&self) -> bool {
        matches!(self, Self::Write { version: None, .. })
    }

    fn level(state: &State) -> i128 {
        i128::from(state.version)
    }

    fn ceiling(&self) -> Option<i128> {
        match self {
            // Nothing but the beginning has no value.
            Self::Read { version: None, value: None } => Some(0),
            Self::Read { version, .. } => version.map(i128::from),
            Self::Write { version, .. } | Self::Cas { version, .. } => {
                version.map(|after| i128::from(after) - 1)
            }
        }
    }

    fn label(&self, most: usize) -> String {
        let shown = |value: Option<&str>| {
            value.map_or("no value".to_owned(), |text| format!("{:?}", shortened(text, most)))
        };
        let numbered =
            |version: &Option<u64>| version.map_or(String::new(), |version| format!(" (version {version})"));
        match self {
            Self::Read { version, value } => {
                format!("read -> {}{}", shown(value.as_deref()), numbered(version))
            }
            Self::Write { version, value } => format!("write {}{}", shown(Some(value)), numbered(version)),
            Self::Cas { version, expected, new } => {
                format!("cas {} -> {}{}", shown(expected.as_deref()), shown(Some(new)), numbered(version))
            }
        }
    }

    fn show(state: &State) -> String {
        match &state.value {
            None if state.version == 0 => "no value".to_owned(),
            None => format!("no value (version {})", state.version),
            Some(value) => format!("{:?} (version {})", shortened(value, 120), state.version),
        }
    }
}
