//! What happens on the network, for whoever wants to record it.

use std::fmt;
use std::time::Duration;

/// The name of a client end. A restarted caller takes a new generation, so that the calls of its predecessor, whose
/// ends stay disabled, fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndName {
    /// Who calls.
    pub caller: u32,
    /// Whom the end is meant for; the route itself is set by [`Network::connect`](super::Network::connect).
    pub target: u32,
    /// How often the caller had been started.
    pub generation: u32,
}

impl fmt::Display for EndName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}.{}>S{}", self.caller, self.generation, self.target)
    }
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId {
    /// Its number on this network, from 1.
    pub number: u64,
    /// The end it was made on.
    pub end: EndName,
}

/// A step in the life of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEvent<'a> {
    /// Its processing started.
    Called {
        /// The encoded arguments.
        request: &'a [u8],
    },
    /// The end is disabled or its server absent: the call will fail after `delay`.
    NoRoute {
        /// How long the caller waits for nothing.
        delay: Duration,
    },
    /// The request was lost.
    RequestDropped,
    /// The server was given the request.
    Handed,
    /// The handler gave no reply: it refused the request, or is killed.
    NoReply,
    /// The end was disabled or the server replaced while the handler ran.
    Dead,
    /// The reply was lost.
    ReplyDropped,
    /// The reply will arrive after `delay`.
    ReplyHeldBack {
        /// How long it is held back.
        delay: Duration,
    },
    /// The caller has the reply.
    Replied {
        /// The encoded results.
        reply: &'a [u8],
    },
}

/// Sees every call event. Called outside the network's lock, on the task that processes the call.
pub trait Observer: Send + Sync + 'static {
    /// `event` happened to `call`.
    fn observe(&self, call: CallId, event: CallEvent<'_>);
}

/// An observer that records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _call: CallId, _event: CallEvent<'_>) {}
}
