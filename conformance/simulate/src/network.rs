//! The simulated network. Each message travels by itself, and the nemesis decides what happens to it.

use super::cluster::Cluster;
use super::defect::Defect;
use super::verdict::Failure;
use figure2::codec::{Frame, decode_message};
use figure2::{Command, Index, Peer, SnapshotData};
use figure2_core::{AppendEntriesReply, AppendResult};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

pub(super) type Message = figure2_core::Message<Command, SnapshotData>;

/// Up to so many bytes, a message arrives in one piece, as it does from a wire. A longer one arrives in the pieces in which
/// it left, which share the bytes of the sender's log: to copy megabytes for each follower takes longer than all else.
const LONGEST_IN_ONE_PIECE: usize = 4 << 10;

/// The way from one server to another.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) cluster: Cluster,
    pub(super) from: u8,
    pub(super) to: u8,
    /// What a defect repeats.
    pub(super) repeated: Arc<Mutex<Repeated>>,
}

/// What was sent last.
#[derive(Default)]
pub(super) struct Repeated {
    heartbeats: u64,
    snapshot: Option<(Frame, Message)>,
}

/// How often the defect of a leader that never steps down repeats a heartbeat: the node itself does it as often.
const HEARTBEAT: Duration = Duration::from_millis(120);

impl Peer for Link {
    fn send(&self, frame: Frame) {
        let message = match decode_message(&frame) {
            Ok(envelope) => envelope.message,
            Err(error) => {
                let what = format!("a message that is none: {error}");
                return self.cluster.fail(Failure::Limit { server: self.from, what });
            }
        };
        let frame = if frame.len() <= LONGEST_IN_ONE_PIECE { frame.into_bytes().into() } else { frame };
        if !message.is_request() {
            return self.carry(frame, &message);
        }
        self.transmit(frame.clone(), &message);
        if self.cluster.has(Defect::NeverStepsDown) || self.cluster.has(Defect::SnapshotRepeated) {
            self.repeat(frame, message);
        }
    }
}

impl Link {
    pub(super) fn new(cluster: &Cluster, from: u8, to: u8) -> Link {
        Link { cluster: cluster.clone(), from, to, repeated: Arc::default() }
    }

    /// Carries a message that was sent before the servers started: the network gets it so many ms after that.
    pub(super) async fn carry_late(self, after_ms: u64, frame: Frame, message: Message) {
        sleep(Duration::from_millis(after_ms)).await;
        self.carry(frame, &message);
    }

    /// The defects of a transport that sends more than its node does.
    fn repeat(&self, frame: Frame, request: Message) {
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        match &request {
            Message::AppendEntries(message) if message.entries.is_empty() => {
                repeated.heartbeats += 1;
                if self.cluster.has(Defect::NeverStepsDown) {
                    tokio::spawn(self.clone().lead_for_ever(frame, request, repeated.heartbeats));
                } else if let Some((frame, snapshot)) = repeated.snapshot.clone() {
                    self.transmit(frame, &snapshot);
                }
            }
            Message::InstallSnapshot(_) => repeated.snapshot = Some((frame, request)),
            Message::RequestVote(_) => {
                *repeated = Repeated { heartbeats: repeated.heartbeats + 1, snapshot: None }
            }
            _ => {}
        }
    }

    /// Repeats a heartbeat until the node sends another, calls an election, or ends.
    async fn lead_for_ever(self, frame: Frame, request: Message, number: u64) {
        let generation = || self.cluster.with(self.from, |member| member.generation);
        let begun = generation();
        loop {
            sleep(HEARTBEAT).await;
            let is_latest = self.repeated.lock().unwrap_or_else(PoisonError::into_inner).heartbeats == number;
            if !is_latest || generation() != begun || self.cluster.running(self.from).is_none() {
                return;
            }
            self.transmit(frame.clone(), &request);
        }
    }

    fn transmit(&self, frame: Frame, request: &Message) {
        self.cluster.sent(self.from, self.to, request, frame.len() as u64);
        self.carry(frame, request);
    }

    /// Carries a message, request or reply, as the nemesis decides, to whoever runs there when it arrives.
    fn carry(&self, frame: Frame, message: &Message) {
        let Link { from, to, .. } = *self;
        let reply = match message {
            Message::AppendEntriesReply(reply) => Some(reply),
            _ => None,
        };
        if reply.is_some_and(|reply| self.cluster.holds_back(from, to, &reply.result)) {
            return self.cluster.nemesis.lost_on_the_way();
        }
        let fate = self.cluster.nemesis.fate(from, to);
        for delay in fate.first.into_iter().chain(fate.second) {
            let crossing = Crossing { cluster: self.cluster.clone(), from, to, frame: frame.clone() };
            tokio::spawn(crossing.arrive(delay, reply.cloned()));
        }
    }
}

/// A message between two servers.
struct Crossing {
    cluster: Cluster,
    from: u8,
    to: u8,
    frame: Frame,
}

impl Crossing {
    /// Waits until it has crossed, and hands it to the server, unless the way is cut by then or nobody runs there.
    async fn arrive(self, delay_ms: u64, reply: Option<AppendEntriesReply>) {
        let Crossing { cluster, from, to, frame } = self;
        if delay_ms > 0 {
            sleep(Duration::from_millis(delay_ms)).await;
        }
        if !cluster.nemesis.passes(from, to) {
            return cluster.nemesis.lost_on_the_way();
        }
        let Some(server) = cluster.running(to) else { return cluster.nemesis.lost_on_the_way() };
        if let Some(reply) = reply {
            cluster.answered(to, from, &reply);
        }
        // What it does not take, the log says: it counts as lost.
        let _ = server.handle(frame);
    }
}

/// Whether a follower says that its log differs from its very first entry on.
pub(super) fn asks_for_first_entry(result: &AppendResult) -> bool {
    let first = Index::ZERO.next();
    matches!(
        result,
        AppendResult::Conflict { conflict_index, conflict_term: Some(_), .. } if *conflict_index == first
    )
}
