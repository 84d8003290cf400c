//! What lies between the servers: links that can be slow or cut in one direction. Every request that leaves is noted.

use figure2::codec::{Frame, decode_message};
use figure2::{Peer, Raft};
use figure2_core::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// One way, unless a link says otherwise.
const LATENCY: Duration = Duration::from_millis(1);

/// More requests than any sound server sends at one moment. On a paused clock no time passes while one is busy, so a
/// server that sends without end would hang the test instead of failing it.
const STORM: usize = 10_000;

/// A request that left.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub at: Instant,
    pub from: u8,
    pub to: u8,
    pub name: &'static str,
    pub entries: usize,
    pub bytes: usize,
}

/// What lies between the servers.
#[derive(Default)]
pub struct Links {
    pub rafts: Mutex<BTreeMap<u8, Raft>>,
    /// From whom nothing reaches whom.
    cut: Mutex<BTreeSet<(u8, u8)>>,
    latency: Mutex<BTreeMap<(u8, u8), Duration>>,
    sent: Mutex<Vec<Sent>>,
    /// How many requests a server has taken and has yet to answer.
    waiting: Mutex<BTreeMap<u8, usize>>,
}

impl Links {
    async fn travel(&self, from: u8, to: u8) -> bool {
        let latency = self.latency.lock().unwrap().get(&(from, to)).copied().unwrap_or(LATENCY);
        sleep(latency).await;
        !self.cut.lock().unwrap().contains(&(from, to))
    }

    /// Nothing that `from` sends reaches `to` any more, or everything does again.
    pub fn cut(&self, from: u8, to: u8, cut: bool) {
        let mut all = self.cut.lock().unwrap();
        if cut {
            all.insert((from, to));
        } else {
            all.remove(&(from, to));
        }
    }

    /// How long what `from` sends takes to `to`, and back.
    pub fn slow(&self, from: u8, to: u8, latency: Duration) {
        self.latency.lock().unwrap().extend([((from, to), latency), ((to, from), latency)]);
    }

    /// What left for `to` since that moment.
    pub fn sent_to(&self, to: u8, since: Instant) -> Vec<Sent> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|sent| sent.to == to && sent.at >= since).copied().collect()
    }

    /// How many requests wait for an answer of that server.
    pub fn waiting_at(&self, to: u8) -> usize {
        self.waiting.lock().unwrap().get(&to).copied().unwrap_or_default()
    }

    fn note(&self, request: Sent) {
        let is_storm = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(request);
            sent.iter().rev().nth(STORM).is_some_and(|earlier| earlier.at == request.at)
        };
        assert!(!is_storm, "server {} sends without end; the last was {request:?}", request.from);
    }

    /// Hands a message to a server.
    fn hand_in(&self, to: u8, is_request: bool, frame: Frame) {
        let target = self.rafts.lock().unwrap().get(&to).cloned();
        if target.is_some_and(|target| target.handle(frame).is_ok()) && is_request {
            *self.waiting.lock().unwrap().entry(to).or_default() += 1;
        }
    }

    /// A server replies to a request.
    fn answered_by(&self, from: u8) {
        if let Some(waiting) = self.waiting.lock().unwrap().get_mut(&from) {
            *waiting = waiting.saturating_sub(1);
        }
    }
}

pub struct Wire {
    pub links: Arc<Links>,
    pub from: u8,
    pub to: u8,
}

impl Peer for Wire {
    fn send(&self, frame: Frame) {
        let (links, from, to) = (self.links.clone(), self.from, self.to);
        let message = match decode_message(&frame) {
            Ok(envelope) => envelope.message,
            Err(error) => panic!("server {from} sends what nobody can read: {error}"),
        };
        let is_request = message.is_request();
        if is_request {
            let entries = match &message {
                Message::AppendEntries(message) => message.entries.len(),
                _ => 0,
            };
            let (at, name, bytes) = (Instant::now(), message.name(), frame.len());
            links.note(Sent { at, from, to, name, entries, bytes });
        } else {
            links.answered_by(from);
        }
        tokio::spawn(async move {
            if links.travel(from, to).await {
                links.hand_in(to, is_request, frame);
            }
        });
    }
}
