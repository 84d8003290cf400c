//! The network: every message on its own way, as the weather will have it.

use super::defect::Defect;
use super::weather::Weather;
use super::world::World;
use bytes::Bytes;
use figure2::codec::decode_message;
use figure2::{Index, Peer, Replies};
use figure2_core::{AppendResult, Message};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// The way from one server to another, and back for the reply.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) world: World,
    pub(super) weather: Weather,
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
    fn send(&self, request: Bytes, replies: &Replies) {
        self.transmit(request.clone(), replies);
        if self.world.has(Defect::NeverStepsDown) || self.world.has(Defect::SnapshotRepeated) {
            self.repeat(request, replies);
        }
    }
}

impl Link {
    pub(super) fn new(world: &World, from: u8, to: u8) -> Link {
        let weather = world.weather.clone();
        Link { world: world.clone(), weather, from, to, repeated: Arc::default() }
    }

    /// Carries a message that was sent before the servers started: the network gets it so many ms after that.
    pub(super) async fn carry_late(self, after_ms: u64, is_request: bool, message: Bytes) {
        sleep(Duration::from_millis(after_ms)).await;
        let Link { from, to, .. } = self;
        if is_request {
            // The answer goes to whoever runs there by now: the network outlives the server that asked.
            match self.world.running(from) {
                Some(asked) => self.carry(message, &asked.replies()),
                None => self.weather.lost_on_the_way(),
            }
        } else if self.world.holds_back(from, to, &message) {
            self.weather.lost_on_the_way();
        } else if let Some(delay) = self.weather.fate(from, to).first
            && arrives(&self.weather, from, to, delay).await
            && let Some(server) = self.world.running(to)
        {
            server.replies().deliver(&message);
        }
    }

    /// The defects of a transport that sends more than its node does.
    fn repeat(&self, request: Bytes, replies: &Replies) {
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        match decode_message(&request).map(|envelope| envelope.message) {
            Ok(Message::AppendEntries(message)) if message.entries.is_empty() => {
                repeated.heartbeats += 1;
                if self.world.has(Defect::NeverStepsDown) {
                    tokio::spawn(self.clone().lead_for_ever(request, replies.clone(), repeated.heartbeats));
                } else if let Some(snapshot) = repeated.snapshot.clone() {
                    self.transmit(snapshot, replies);
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
    async fn lead_for_ever(self, request: Bytes, replies: Replies, number: u64) {
        let generation = || self.world.with(self.from, |member| member.generation);
        let begun = generation();
        loop {
            sleep(HEARTBEAT).await;
            let is_latest = self.repeated.lock().unwrap_or_else(PoisonError::into_inner).heartbeats == number;
            if !is_latest || generation() != begun || self.world.running(self.from).is_none() {
                return;
            }
            self.transmit(request.clone(), &replies);
        }
    }

    fn transmit(&self, request: Bytes, replies: &Replies) {
        self.world.sent(self.from, self.to, &request);
        self.carry(request, replies);
    }

    /// As the weather will have it: there, and back with the reply.
    fn carry(&self, request: Bytes, replies: &Replies) {
        let Link { from, to, .. } = *self;
        let fate = self.weather.fate(from, to);
        for delay in fate.first.into_iter().chain(fate.second) {
            let (world, weather) = (self.world.clone(), self.weather.clone());
            let (request, replies) = (request.clone(), replies.clone());
            tokio::spawn(async move {
                if !arrives(&weather, from, to, delay).await {
                    return;
                }
                let Some(server) = world.running(to) else { return weather.lost_on_the_way() };
                let Some(reply) = server.call(&request).await else { return };
                if world.holds_back(to, from, &reply) {
                    return weather.lost_on_the_way();
                }
                let fate = weather.fate(to, from);
                if let Some(delay) = fate.second {
                    let (world, weather) = (world.clone(), weather.clone());
                    let (reply, replies) = (reply.clone(), replies.clone());
                    tokio::spawn(async move {
                        if arrives(&weather, to, from, delay).await {
                            world.answered(from, to, &reply);
                            replies.deliver(&reply);
                        }
                    });
                }
                if let Some(delay) = fate.first
                    && arrives(&weather, to, from, delay).await
                {
                    world.answered(from, to, &reply);
                    replies.deliver(&reply);
                }
            });
        }
    }
}

fn append_result(reply: &[u8]) -> Option<AppendResult> {
    match decode_message(reply).ok()?.message {
        Message::AppendEntriesReply(reply) => Some(reply.result),
        _ => None,
    }
}

/// Whether a follower says that its log matches.
pub(super) fn is_success(reply: &[u8]) -> bool {
    matches!(append_result(reply), Some(AppendResult::Success { .. }))
}

/// Whether a follower says that its log differs from its very first entry on.
pub(super) fn asks_for_first_entry(reply: &[u8]) -> bool {
    let first = Index::ZERO.next();
    matches!(
        append_result(reply),
        Some(AppendResult::Conflict { conflict_index, conflict_term: Some(_), .. }) if conflict_index == first
    )
}

/// Waits until a message has crossed; false if the way is cut by then.
async fn arrives(weather: &Weather, from: u8, to: u8, delay_ms: u64) -> bool {
    if delay_ms > 0 {
        sleep(Duration::from_millis(delay_ms)).await;
    }
    let passes = weather.passes(from, to);
    if !passes {
        weather.lost_on_the_way();
    }
    passes
}
