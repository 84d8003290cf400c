//! Translates between the structs of a trace and the core's types.
//!
//! A recording has structs of its own ([`figure2_trace::v1`]), so that it stays readable when the core changes. Only
//! this module knows both. It names all fields and variants: when the core gets another one, this module no longer
//! compiles, and the author of that change decides how a trace represents it.

#[cfg(test)]
mod tests;
mod to_core;
mod to_trace;

use figure2::record::State;
use figure2_core::Change;
use figure2_trace::{Payload, Shown};
use serde::Serialize;
use std::fmt;
use std::hash::{Hash, Hasher};
use twox_hash::XxHash3_64;

/// The struct of a trace that says the same as a type of the core. Commands and data are taken over as they are.
pub trait ToTrace {
    /// That struct.
    type Trace;

    /// Converts.
    fn to_trace(self) -> Self::Trace;
}

/// The type of the core that says the same as a struct of a trace. Commands and data become [`ReplayPayload`].
pub trait ToCore {
    /// That type.
    type Core;

    /// Converts.
    fn to_core(self) -> Self::Core;
}

/// Whether these changes are those that were recorded. A recording does not say at which index entries were appended: there
/// is one place, the log's end.
pub fn same_changes<P: Content>(
    made: &[Change<ReplayPayload<P>, ReplayPayload<P>>],
    recorded: &[Change<ReplayPayload<P>, ReplayPayload<P>>],
) -> bool {
    made.len() == recorded.len()
        && made.iter().zip(recorded).all(|pair| match pair {
            (Change::Append { entries: made, .. }, Change::Append { entries: recorded, .. }) => {
                made == recorded
            }
            (made, recorded) => made == recorded,
        })
}

/// Whether this state is the one that was recorded. Older recordings do not say who leads.
pub fn same_state(now: State, recorded: State) -> bool {
    let leader = recorded.leader.or(now.leader);
    now == State { leader, ..recorded }
}

/// The content of a command or of a snapshot, in a form that can be compared and told in its place.
pub trait Content: Clone + Eq + fmt::Display + Serialize {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// Equal contents have equal digests, and others hardly ever.
    fn digest(&self) -> u64;
}

/// Read from text.
impl Content for Payload {
    #[inline]
    fn length(&self) -> u64 {
        Payload::length(self)
    }

    #[inline]
    fn digest(&self) -> u64 {
        XxHash3_64::oneshot(self.as_str().as_bytes())
    }
}

/// In memory: the content itself, which is never made into text unless something must be told of it.
impl Content for Shown<'_> {
    #[inline]
    fn length(&self) -> u64 {
        self.as_ref().len() as u64
    }

    #[inline]
    fn digest(&self) -> u64 {
        XxHash3_64::oneshot(self.as_ref())
    }
}

/// A [`Content`] where the core wants a command: it counts as many bytes as the content had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ReplayPayload<P = Payload>(pub P);

impl<P: Content> figure2_core::Command for ReplayPayload<P> {
    fn size(&self) -> u64 {
        self.0.length()
    }
}

impl<P: Content> Hash for ReplayPayload<P> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.0.digest());
    }
}

impl<P: Content> fmt::Display for ReplayPayload<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ToTrace> ToTrace for Vec<T> {
    type Trace = Vec<T::Trace>;

    #[inline]
    fn to_trace(self) -> Vec<T::Trace> {
        self.into_iter().map(T::to_trace).collect()
    }
}

impl<T: ToTrace> ToTrace for Option<T> {
    type Trace = Option<T::Trace>;

    #[inline]
    fn to_trace(self) -> Option<T::Trace> {
        self.map(T::to_trace)
    }
}

impl<T: ToCore> ToCore for Vec<T> {
    type Core = Vec<T::Core>;

    #[inline]
    fn to_core(self) -> Vec<T::Core> {
        self.into_iter().map(T::to_core).collect()
    }
}

impl<T: ToCore> ToCore for Option<T> {
    type Core = Option<T::Core>;

    #[inline]
    fn to_core(self) -> Option<T::Core> {
        self.map(T::to_core)
    }
}
