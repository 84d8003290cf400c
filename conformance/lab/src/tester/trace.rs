//! A run's trace: every network event, every applied entry, every change of role, everything the tester did.
//!
//! A digest of it is always kept; the text on demand. In virtual time equal seeds give equal traces, byte for byte.

use super::messages::ShownMessage;
use crate::labrpc::{CallEvent, CallId, Observer};
use crate::raft::Raft;
use figure2::{RoleName, Status, Term};
use figure2_validate::instrument::Digest;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// More events at one instant than any sound run has: the servers keep each other busy and time stands still.
pub const STORM: u64 = 200_000;

/// The trace of one run.
pub struct Trace {
    state: Mutex<State>,
    storm: Notify,
}

struct State {
    started: Instant,
    digest: Digest,
    events: u64,
    last_at: Duration,
    at_this_instant: u64,
    line: String,
    text: Option<String>,
    watched: Vec<Option<Watched>>,
}

struct Watched {
    raft: Raft,
    last: (Term, RoleName),
}

/// What a run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSummary {
    /// Digest of all lines.
    pub digest: u64,
    /// How many lines there are.
    pub events: u64,
    /// The lines, if they were kept.
    pub text: Option<String>,
}

impl Trace {
    /// An empty trace of a cluster; its clock starts now.
    #[must_use]
    pub fn new(servers: usize, keep_text: bool) -> Trace {
        let state = State {
            started: Instant::now(),
            digest: Digest::default(),
            events: 0,
            last_at: Duration::ZERO,
            at_this_instant: 0,
            line: String::new(),
            text: keep_text.then(String::new),
            watched: (0..servers).map(|_| None).collect(),
        };
        Trace { state: Mutex::new(state), storm: Notify::new() }
    }

    /// Adds a line.
    pub fn record(&self, what: fmt::Arguments<'_>) {
        self.write(what, None);
    }

    /// Waits until [`STORM`] events have happened at one instant.
    pub async fn storm(&self) {
        self.storm.notified().await;
    }

    fn write(&self, what: fmt::Arguments<'_>, message: Option<&[u8]>) {
        let mut state = self.lock();
        state.record_roles();
        state.write(what, message);
        if state.at_this_instant == STORM {
            self.storm.notify_one();
        }
    }

    /// Watches a server's role from now on; with none, no longer.
    pub fn watch(&self, server: usize, raft: Option<Raft>) {
        let watched = raft.map(|raft| {
            let status = raft.status();
            Watched { raft, last: (status.term, status.role) }
        });
        self.lock().watched[server] = watched;
    }

    /// The digest, and the text if it was kept. Watches nothing from now on.
    pub fn finish(&self) -> TraceSummary {
        let mut state = self.lock();
        for watched in &mut state.watched {
            *watched = None;
        }
        TraceSummary { digest: state.digest.0, events: state.events, text: state.text.take() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Roles are sampled at each event: a server changes its role on a message or on a timer that makes it send one.
    fn record_roles(&mut self) {
        for server in 0..self.watched.len() {
            let Some(watched) = &mut self.watched[server] else { continue };
            let Status { term, role, .. } = watched.raft.status();
            if (term, role) != watched.last {
                watched.last = (term, role);
                self.write(format_args!("S{server} {role} in term {term}"), None);
            }
        }
    }

    /// Adds a line, and to the text what the encoded message says.
    fn write(&mut self, what: fmt::Arguments<'_>, message: Option<&[u8]>) {
        self.line.clear();
        let at = self.started.elapsed();
        self.at_this_instant = if at == self.last_at { self.at_this_instant + 1 } else { 0 };
        self.last_at = at;
        // Writing to a String cannot fail.
        let _ = write!(self.line, "{:4}.{:06} {what}", at.as_secs(), at.subsec_micros());
        self.digest.add(self.line.as_bytes());
        self.events += 1;
        if let Some(text) = &mut self.text {
            text.push_str(&self.line);
            if let Some(message) = message {
                let _ = write!(text, " {}", ShownMessage(message));
            }
            text.push('\n');
        }
    }
}

impl Observer for Trace {
    fn observe(&self, call: CallId, event: CallEvent<'_>) {
        let CallId { number, end } = call;
        let message = match event {
            CallEvent::Called { request: message } | CallEvent::Replied { reply: message } => Some(message),
            _ => None,
        };
        self.write(format_args!("#{number} {end} {}", ShownEvent(event)), message);
    }
}

struct ShownEvent<'a>(CallEvent<'a>);

impl fmt::Display for ShownEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            CallEvent::Called { request } => {
                write!(f, "request, {} bytes {:016x}", request.len(), Digest::of(request))
            }
            CallEvent::NoRoute { delay } => write!(f, "no route, fails in {delay:?}"),
            CallEvent::RequestDropped => f.write_str("request dropped"),
            CallEvent::Handed => f.write_str("handed to the server"),
            CallEvent::NoReply => f.write_str("no reply"),
            CallEvent::Dead => f.write_str("dead: cut off or replaced meanwhile"),
            CallEvent::ReplyDropped => f.write_str("reply dropped"),
            CallEvent::ReplyHeldBack { delay } => write!(f, "reply held back {delay:?}"),
            CallEvent::Replied { reply } => {
                write!(f, "reply, {} bytes {:016x}", reply.len(), Digest::of(reply))
            }
        }
    }
}
