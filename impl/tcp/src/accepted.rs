//! Connections from outside: strangers, a bounded number of them for a bounded time, and peers, one connection of each kind.

use crate::connection::{Connection, answer, keeping_alive, refuse};
use crate::framing::Reader;
use crate::opening::{FORMAT, Lane, Said};
use crate::reason::Reason;
use crate::shared::{Shared, lock};
use crate::snapshots;
use crate::stream::BoxStream;
use figure2::HandleError;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// The connections from outside.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Those that have not said who they are, the oldest first. What drops the sender ends the connection.
    strangers: VecDeque<(u64, oneshot::Sender<()>)>,
    /// Those of peers.
    peers: BTreeMap<(u64, Lane), (u64, oneshot::Sender<()>)>,
    turned_away: u64,
    log: Quota,
}

/// Lines in the log that strangers can cause: so many a second.
const LINES: u32 = 20;

/// So that strangers cannot fill the log.
#[derive(Debug, Default)]
struct Quota {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Quota {
    /// Whether there may be one more line, and how many were left out before it.
    fn take(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            (self.since, self.lines) = (Some(now), 0);
        }
        if self.lines >= LINES {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(core::mem::take(&mut self.left_out))
    }
}

impl Accepted {
    /// A stranger comes: a number for it, and what ends it. With one too many, the oldest ends: a stranger that does not say
    /// who it is must not keep peers out, and a peer says it at once.
    fn come(&self, most: usize) -> (u64, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        if state.strangers.len() >= most {
            state.strangers.pop_front();
        }
        state.strangers.push_back((number, sender));
        (number, receiver)
    }

    fn forget_stranger(&self, number: u64) {
        lock(&self.state).strangers.retain(|(other, _)| *other != number);
    }

    /// A stranger was turned away. Whether the log may say so, and how many lines were left out.
    fn turn_away(&self) -> Option<u64> {
        let mut state = lock(&self.state);
        state.turned_away += 1;
        state.log.take()
    }

    /// A stranger has become a peer; an earlier connection of its kind ends.
    fn enter(&self, peer: u64, lane: Lane, number: u64) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.state).peers.insert((peer, lane), (number, sender));
        receiver
    }

    fn leave(&self, peer: u64, lane: Lane, number: u64) {
        let mut state = lock(&self.state);
        if state.peers.get(&(peer, lane)).is_some_and(|(other, _)| *other == number) {
            state.peers.remove(&(peer, lane));
        }
    }

    /// Strangers, connections of peers, and how many strangers were turned away.
    pub(crate) fn counts(&self) -> (usize, usize, u64) {
        let state = lock(&self.state);
        (state.strangers.len(), state.peers.len(), state.turned_away)
    }
}

/// Accepts connections, once there is a node to hear them, for as long as the transport runs.
pub(crate) async fn listen(shared: Arc<Shared>) {
    let mut raft = shared.raft.subscribe();
    let served = async {
        let _ = raft.wait_for(Option::is_some).await;
    };
    tokio::select! {
        biased;
        () = served => {}
        () = shared.stopped() => return,
    }
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.stopped() => return,
            accepted = shared.network.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let (number, displaced) = shared.accepted.come(shared.config.limits.max_handshakes);
                shared.spawn(serve(shared.clone(), stream, from, number, displaced));
            }
            Err(error) => {
                // No file descriptors are left, for instance: some will be.
                tracing::warn!(server = shared.config.server, %error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    stream: BoxStream,
    from: String,
    number: u64,
    displaced: oneshot::Receiver<()>,
) {
    let server = shared.config.server;
    let met = tokio::select! {
        biased;
        met = answer(&shared, stream) => met,
        _ = displaced => Err(Reason::Crowded),
        () = shared.stopped() => Err(Reason::Stopped),
    };
    let connection = match met {
        Ok(connection) => connection,
        Err(reason) => {
            shared.accepted.forget_stranger(number);
            let quota = shared.accepted.turn_away();
            if reason.for_good() {
                if let Reason::OtherDisk { server: peer, .. } = reason {
                    shared.note(peer, |status| status.refused_for_good = true);
                }
                tracing::error!(server, %from, %reason, "refused for good");
            } else if let Some(left_out) = quota {
                tracing::warn!(server, %from, %reason, left_out, "turned away");
            }
            return;
        }
    };
    let (peer, lane) = (connection.peer, connection.lane);
    let replaced = shared.accepted.enter(peer, lane, number);
    shared.accepted.forget_stranger(number);
    tracing::info!(server, peer, %from, lane = lane.name(), "accepted");
    if let Some(line) = shared.lines.get(&peer) {
        line.is_there.notify_waiters();
    }
    let reason = match lane {
        Lane::Messages => hear(&shared, connection, replaced).await,
        Lane::Snapshots => snapshots::receive(&shared, connection, replaced).await,
    };
    shared.accepted.leave(peer, lane, number);
    if reason.is_usual() || reason == Reason::Closed {
        tracing::info!(server, peer, %from, lane = lane.name(), %reason, "closed");
    } else {
        tracing::warn!(server, peer, %from, lane = lane.name(), %reason, "closed");
    }
}

/// Hands what a peer sends to the node, until the connection ends.
async fn hear(shared: &Shared, connection: Connection, replaced: oneshot::Receiver<()>) -> Reason {
    let Connection { peer, mut reader, mut writer, generation, .. } = connection;
    let hearing = async {
        tokio::select! {
            biased;
            reason = messages(shared, peer, &mut reader) => reason,
            reason = shared.end_of(generation) => reason,
            _ = replaced => Reason::Replaced,
        }
    };
    let reason = keeping_alive(&mut writer, shared.config.limits.keepalive, hearing).await;
    let gone = matches!(reason, Reason::Closed | Reason::Silent(_) | Reason::Refused { .. } | Reason::Io(_));
    if !gone && !reason.is_usual() {
        refuse(&mut writer, &reason).await;
    }
    writer.close().await;
    reason
}

async fn messages(shared: &Shared, peer: u64, reader: &mut Reader) -> Reason {
    loop {
        let frame = match reader.next().await {
            Ok(frame) => frame,
            Err(reason) => return reason,
        };
        match frame.first() {
            // It says that it is there.
            None => continue,
            Some(&FORMAT) => {
                return match Said::decode(frame) {
                    Ok(Said::Refused { for_good, text }) => Reason::Refused { for_good, text },
                    Ok(_) => Reason::Garbage("a frame that has no place here".to_owned()),
                    Err(error) => error.into(),
                };
            }
            Some(_) => {}
        }
        let raft = shared.raft.borrow();
        match raft.as_ref().map(|raft| raft.handle_from(peer, frame)) {
            // What the node has no room for is sent again.
            None | Some(Ok(()) | Err(HandleError::Busy)) => {}
            Some(Err(error)) => return error.into(),
        }
    }
}
