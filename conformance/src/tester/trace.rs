//! A run's trace: every network event, every applied entry, every change of role, everything the tester did.
//!
//! A digest of it is always kept; the text on demand. In virtual time equal seeds give equal traces, byte for byte.

use crate::labrpc::{CallEvent, CallId, Observer};
use figure2::{Raft, RoleName, Status, Term};
use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// The trace of one run.
pub struct Trace {
    state: Mutex<State>,
}

struct State {
    started: Instant,
    digest: Digest,
    events: u64,
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
            line: String::new(),
            text: keep_text.then(String::new),
            watched: (0..servers).map(|_| None).collect(),
        };
        Trace { state: Mutex::new(state) }
    }

    /// Adds a line.
    pub fn record(&self, what: fmt::Arguments<'_>) {
        self.lock().record(what);
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
    fn record(&mut self, what: fmt::Arguments<'_>) {
        self.record_roles();
        self.write(what);
    }

    /// Roles are sampled at each event: a server changes its role on a message or on a timer that makes it send one.
    fn record_roles(&mut self) {
        for server in 0..self.watched.len() {
            let Some(watched) = &mut self.watched[server] else { continue };
            let Status { term, role, .. } = watched.raft.status();
            if (term, role) != watched.last {
                watched.last = (term, role);
                self.write(format_args!("S{server} {role} in term {term}"));
            }
        }
    }

    fn write(&mut self, what: fmt::Arguments<'_>) {
        self.line.clear();
        let at = self.started.elapsed();
        // Writing to a String cannot fail.
        let _ = writeln!(self.line, "{:4}.{:06} {what}", at.as_secs(), at.subsec_micros());
        self.digest.add(self.line.as_bytes());
        self.events += 1;
        if let Some(text) = &mut self.text {
            text.push_str(&self.line);
        }
    }
}

impl Observer for Trace {
    fn observe(&self, call: CallId, event: CallEvent<'_>) {
        let CallId { number, end } = call;
        let what = ShownEvent(event);
        self.record(format_args!("#{number} {end} {what}"));
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

/// FNV-1a, 64 bits: enough to tell runs apart, and the same on every platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.add(bytes);
        digest.0
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
