//! The simulated network. Each message travels by itself, and the nemesis decides what happens to it.

use super::cluster::Cluster;
use super::defect::Defect;
use super::nemesis::Nemesis;
use bytes::Bytes;
use figure2::codec::{Frame, decode_message};
use figure2::{Index, Peer};
use figure2_core::{AppendResult, Message};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// The way from one server to another.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) cluster: Cluster,
    pub(super) nemesis: Nemesis,
    pub(super) from: u8,
    pub(super) to: u8,
    /// What a defect repeats.
    pub(super) repeated: Arc<Mutex<Repeated>>,
}

/// What was sent last.
#[derive(Default)]
pub(super) struct Repeated {
    heartbeats: u64,
    snapshot: Option<Bytes>,
}

/// How often the defect of a leader that never steps down repeats a heartbeat: the node itself does it as often.
const HEARTBEAT: Duration = Duration::from_millis(120);

impl Peer for Link {
    fn send(&self, frame: Frame) {
        let message = frame.into_bytes();
        if !is_request(&message) {
            return self.carry(message);
        }
        self.transmit(message.clone());
        if self.cluster.has(Defect::NeverStepsDown) || self.cluster.has(Defect::SnapshotRepeated) {
            self.repeat(message);
        }
    }
}

impl Link {
    pub(super) fn new(cluster: &Cluster, from: u8, to: u8) -> Link {
        let nemesis = cluster.nemesis.clone();
        Link { cluster: cluster.clone(), nemesis, from, to, repeated: Arc::default() }
    }

    /// Carries a message that was sent before the servers started: the network gets it so many ms after that.
    pub(super) async fn carry_late(self, after_ms: u64, message: Bytes) {
        sleep(Duration::from_millis(after_ms)).await;
        self.carry(message);
    }

    /// The defects of a transport that sends more than its node does.
    fn repeat(&self, request: Bytes) {
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        match decode_message(&request).map(|envelope| envelope.message) {
            Ok(Message::AppendEntries(message)) if message.entries.is_empty() => {
                repeated.heartbeats += 1;
                if self.cluster.has(Defect::NeverStepsDown) {
                    tokio::spawn(self.clone().lead_for_ever(request, repeated.heartbeats));
                } else if let Some(snapshot) = repeated.snapshot.clone() {
                    self.transmit(snapshot);
                }
            }
            Ok(Message::InstallSnapshot(_)) => repeated.snapshot = Some(request),
            Ok(Message::RequestVote(_)) => {
                *repeated = Repeated { heartbeats: repeated.heartbeats + 1, snapshot: None }
            }
            _ => {}
        }
    }

    /// Repeats a heartbeat until the node sends another, calls an election, or ends.
    async fn lead_for_ever(self, request: Bytes, number: u64) {
        let generation = || self.cluster.with(self.from, |member| member.generation);
        let begun = generation();
        loop {
            sleep(HEARTBEAT).await;
            let is_latest = self.repeated.lock().unwrap_or_else(PoisonError::into_inner).heartbeats == number;
            if !is_latest || generation() != begun || self.cluster.running(self.from).is_none() {
                return;
            }
            self.transmit(request.clone());
        }
    }

    fn transmit(&self, request: Bytes) {
        self.cluster.sent(self.from, self.to, &request);
        self.carry(request);
    }

    /// Carries a message, request or reply, as the nemesis decides, to whoever runs there when it arrives.
    fn carry(&self, message: Bytes) {
        let Link { from, to, .. } = *self;
        let is_reply = !is_request(&message);
        if is_reply && self.cluster.holds_back(from, to, &message) {
            return self.nemesis.lost_on_the_way();
        }
        let fate = self.nemesis.fate(from, to);
        for delay in fate.first.into_iter().chain(fate.second) {
            let (cluster, nemesis, message) = (self.cluster.clone(), self.nemesis.clone(), message.clone());
            tokio::spawn(async move {
                if !arrives(&nemesis, from, to, delay).await {
                    return;
                }
                let Some(server) = cluster.running(to) else { return nemesis.lost_on_the_way() };
                if is_reply {
                    cluster.answered(to, from, &message);
                }
                // What it does not take, the log says: it counts as lost.
                let _ = server.handle(message);
            });
        }
    }
}

/// Whether a message asks for a reply. (Whatever servers send has a form.)
fn is_request(message: &Bytes) -> bool {
    decode_message(message).is_ok_and(|envelope| envelope.message.is_request())
}

fn append_result(reply: &Bytes) -> Option<AppendResult> {
    match decode_message(reply).ok()?.message {
        Message::AppendEntriesReply(reply) => Some(reply.result),
        _ => None,
    }
}

/// Whether a follower says that its log matches.
pub(super) fn is_success(reply: &Bytes) -> bool {
    matches!(append_result(reply), Some(AppendResult::Success { .. }))
}

/// Whether a follower says that its log differs from its very first entry on.
pub(super) fn asks_for_first_entry(reply: &Bytes) -> bool {
    let first = Index::ZERO.next();
    matches!(
        append_result(reply),
        Some(AppendResult::Conflict { conflict_index, conflict_term: Some(_), .. }) if conflict_index == first
    )
}

/// Waits until a message has crossed; false if the way is cut by then.
async fn arrives(nemesis: &Nemesis, from: u8, to: u8, delay_ms: u64) -> bool {
    if delay_ms > 0 {
        sleep(Duration::from_millis(delay_ms)).await;
    }
    let passes = nemesis.passes(from, to);
    if !passes {
        nemesis.lost_on_the_way();
    }
    passes
}
