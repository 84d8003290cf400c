//! The lab's Raft over the node: its names, and calls that wait for their replies.
//!
//! A node sends messages and takes them in; none of them is paired with another. The lab's network knows only calls: who
//! sends a request waits until the reply comes back, or the call fails. So a request that the node sends becomes a call,
//! and a request that comes in waits here for the reply that the node then sends to whoever asked.

use crate::labrpc::{ClientEnd, Handler, Handling, Network};
use bytes::Bytes;
use figure2::codec::{Frame, decode_message};
use figure2::record::{MessageName, Sent};
use figure2::{
    ApplyMsg, Command, Failure, Index, MakeError, Options, Peer, Proposal, ProposeError, Snapshot,
    SnapshotData, Status, Storage, Term,
};
use figure2_core::Message;
use figure2_tcp::Transport;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// The lab's server; a cheap handle to it.
#[derive(Clone)]
pub struct Raft {
    node: figure2::Raft,
    calls: Arc<Calls>,
}

/// The answer of [`Raft::start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Where the command will stand if it is ever committed; 0 when it was not taken.
    pub index: Index,
    /// This server's current term.
    pub term: Term,
    /// Whether this server took the command, believing that it is the leader. If not, it is not the leader, or it is and
    /// refused the command as too large or as one too many.
    pub is_leader: bool,
}

impl Raft {
    /// The lab's Make: starts the server `me` of those numbered from 0. `ends` has one for each of them, in this order; its
    /// own is unused.
    ///
    /// # Errors
    /// As those of [`figure2::Raft::new`].
    pub async fn make(
        ends: Vec<ClientEnd>,
        me: u8,
        persister: impl Storage,
        apply: mpsc::Sender<ApplyMsg>,
        options: Options,
    ) -> Result<Raft, MakeError> {
        let calls = Arc::<Calls>::default();
        let others = (0_u8..).zip(ends).filter(|(to, _)| *to != me);
        let ways = others.map(|(to, end)| (u64::from(to), Way { to, end, calls: calls.clone() }));
        let node = figure2::Raft::new(me.into(), ways, persister, apply, options).await?;
        let node = calls.node.get_or_init(|| node).clone();
        Ok(Raft { node, calls })
    }

    /// The lab's Make over TCP: the transport gives the ways to the other servers, and hears for this one. What is handed to
    /// it is counted on the lab's network: each request as a call.
    ///
    /// # Errors
    /// As those of [`figure2::Raft::new`].
    pub async fn make_over_tcp(
        transport: &Transport,
        counts: &Network,
        me: u8,
        persister: impl Storage,
        apply: mpsc::Sender<ApplyMsg>,
        options: Options,
    ) -> Result<Raft, MakeError> {
        let ways = transport.peers().into_iter().map(|(to, way)| {
            (to, Counted { to: u32::try_from(to).unwrap_or(u32::MAX), way, counts: counts.clone() })
        });
        let node = figure2::Raft::new(me.into(), ways, persister, apply, options).await?;
        transport.serve(node.clone());
        Ok(Raft { node, calls: Arc::default() })
    }

    /// The lab's Start: hands the server a command, and says where it may come to stand.
    pub fn start(&self, command: Command) -> Started {
        let refused = |term| Started { index: Index::ZERO, term, is_leader: false };
        match self.node.propose(command) {
            Ok(Proposal { index, term, .. }) => Started { index, term, is_leader: true },
            Err(ProposeError::NotLeader { term, .. }) => refused(term),
            Err(_) => refused(self.node.status().term),
        }
    }

    /// The lab's GetState: the current term, and whether this server believes that it is the leader.
    pub fn get_state(&self) -> (Term, bool) {
        self.node.term_and_leadership()
    }

    /// The lab's Snapshot: the service's state after the entry at `index`.
    pub fn snapshot(&self, index: Index, data: impl Into<SnapshotData>) {
        self.node.snapshot(index, data);
    }

    /// The lab's CondInstallSnapshot: whether the service may switch to the snapshot that it was given.
    pub async fn cond_install_snapshot(
        &self,
        last_included_term: Term,
        last_included_index: Index,
        data: impl Into<SnapshotData>,
    ) -> bool {
        self.node.cond_install_snapshot(last_included_term, last_included_index, data).await
    }

    /// The lab's Kill.
    pub fn kill(&self) {
        self.node.stop();
    }

    /// The lab's killed: also when the server stopped by itself.
    pub fn is_killed(&self) -> bool {
        self.node.is_stopped()
    }

    /// Why the server stopped, if it did so by itself.
    pub fn failure(&self) -> Option<Failure> {
        self.node.failure()
    }

    /// The server at one moment.
    pub fn status(&self) -> Status {
        self.node.status()
    }

    /// An RPC from another server: an encoded request. Answers the encoded reply; none when the server does not take the
    /// request, or is killed before it has replied.
    pub async fn handle_request(&self, request: Bytes) -> Option<Bytes> {
        self.calls.ask(&self.node, request)?.await.ok()
    }
}

/// A server, as the network sees it.
impl Handler for Raft {
    fn handle(&self, request: Bytes) -> Handling {
        let raft = self.clone();
        Box::pin(async move { raft.handle_request(request).await })
    }
}

/// The way to another server, as the node sees it.
struct Way {
    to: u8,
    end: ClientEnd,
    calls: Arc<Calls>,
}

impl Peer for Way {
    fn send(&self, frame: Frame) {
        let bytes = frame.into_bytes();
        // It is the node's own, and so it can be read.
        let Ok(envelope) = decode_message(&bytes) else { return };
        if let Message::TimeoutNow(_) = envelope.message {
            // A call whose answer nobody waits for: there is none.
            return self.end.call_in_background(bytes, |_| {});
        }
        if !envelope.message.is_request() {
            let term = envelope.message.term();
            return self.calls.reply(self.to, Sent::of(&envelope).message, term, bytes);
        }
        let calls = self.calls.clone();
        self.end.call_in_background(bytes, move |reply| {
            if let Some(node) = calls.node.get() {
                // A node that has stopped, or that does not like it, says so in its log: the reply is lost.
                let _ = node.handle(reply);
            }
        });
    }
}

impl Drop for Way {
    /// The node has stopped: it replies to nobody any more.
    fn drop(&mut self) {
        self.calls.end(self.to);
    }
}

/// The way to another server over TCP, which counts what it carries.
struct Counted {
    to: u32,
    way: figure2_tcp::Way,
    counts: Network,
}

impl Counted {
    fn count(&self, frame: &Frame, more: u64) {
        // It is the node's own, and so it can be read.
        let is_request = decode_message(frame).is_ok_and(|envelope| envelope.message.is_request());
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        self.counts.count_elsewhere(self.to, frame.len().saturating_add(more), is_request);
    }
}

impl Peer for Counted {
    fn send(&self, frame: Frame) {
        self.count(&frame, 0);
        self.way.send(frame);
    }

    fn version(&self) -> u8 {
        self.way.version()
    }

    fn send_snapshot(&self, message: Frame, snapshot: &Snapshot) -> bool {
        self.count(&message, snapshot.data.len());
        self.way.send_snapshot(message, snapshot)
    }
}

/// Most calls of a server that wait for votes at once: more than the node would let wait for its disk.
const DISREGARDED: usize = 64;

/// The calls that wait for this server's replies.
#[derive(Default)]
struct Calls {
    /// Set once the node is made, which has the ways of these calls by then.
    node: OnceLock<figure2::Raft>,
    /// By the caller's number, in the order in which the node took their requests.
    waiting: Mutex<BTreeMap<u8, Vec<Call>>>,
}

struct Call {
    /// Which message answers it.
    awaits: MessageName,
    /// The term of its request.
    term: Term,
    reply: oneshot::Sender<Bytes>,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u8, Vec<Call>>> {
        // Nothing panics while it is held, so a poisoned one is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a request to the node: where its reply will arrive; none when it is not taken. What the node takes it also
    /// replies to, unless it stops, and its limits bound how much of that waits: so no more calls wait here. Only a
    /// RequestVote may stay without a reply, of a candidate that the node disregards: of these the latest wait.
    fn ask(&self, node: &figure2::Raft, request: Bytes) -> Option<oneshot::Receiver<Bytes>> {
        let envelope = decode_message(&request).ok()?;
        let awaits = match Sent::of(&envelope).message {
            MessageName::RequestVote => MessageName::RequestVoteReply,
            MessageName::AppendEntries => MessageName::AppendEntriesReply,
            MessageName::InstallSnapshot => MessageName::InstallSnapshotReply,
            MessageName::PreVote => MessageName::PreVoteReply,
            MessageName::TimeoutNow => {
                // What it does not take, its log says.
                let _ = node.handle(request);
                return None;
            }
            // Nobody calls with a reply.
            _ => return None,
        };
        let (reply, replied) = oneshot::channel();
        // Held over both, so that calls stand here in the order of the node's steps, and no reply comes before its call. The
        // node sends without its own lock, so it may wait for this one.
        let mut waiting = self.lock();
        node.handle(request).ok()?;
        let calls = waiting.entry(envelope.from.0).or_default();
        let is_vote = |call: &Call| call.awaits == MessageName::RequestVoteReply;
        if calls.iter().filter(|call| is_vote(call)).count() >= DISREGARDED
            && let Some(oldest) = calls.iter().position(is_vote)
        {
            calls.remove(oldest);
        }
        calls.push(Call { awaits, term: envelope.message.term(), reply });
        Some(replied)
    }

    /// The node replies to a server: to its oldest call that awaits this message, for replies leave in the order of the
    /// requests. The network may have given up that call: then the reply is lost.
    ///
    /// A vote is refused or granted in the term of its request, or refused in a later one; so a request of a later term than
    /// the reply, or of an earlier one before a request of its very term, was disregarded, or its call was given up.
    fn reply(&self, to: u8, message: MessageName, term: Term, reply: Bytes) {
        let call = {
            let mut waiting = self.lock();
            let Some(calls) = waiting.get_mut(&to) else { return };
            let first = |fits: &dyn Fn(&Call) -> bool| {
                calls.iter().position(|call| call.awaits == message && fits(call))
            };
            let place = match message {
                MessageName::RequestVoteReply => {
                    first(&|call| call.term == term).or_else(|| first(&|call| call.term < term))
                }
                _ => first(&|_| true),
            };
            let Some(place) = place else { return };
            calls.remove(place)
        };
        let _ = call.reply.send(reply);
    }

    /// Whoever still waits for a reply to that server gets none.
    fn end(&self, to: u8) {
        let calls = self.lock().remove(&to);
        // Not under the lock: it wakes them.
        drop(calls);
    }
}
