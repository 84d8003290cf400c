//! Servers in one process, on tokio's paused clock: messages take a millisecond each way, or do not arrive.

#![allow(dead_code)] // each test file uses its part

use bytes::Bytes;
use figure2::codec::{Frame, decode_message};
use figure2::{
    ApplyMsg, Command, Identity, Index, Install, MakeError, Options, Peer, Persister, Raft, ServerId,
    Storage, Term,
};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

pub const LATENCY: Duration = Duration::from_millis(1);

/// What the network knows: the servers, who is cut off, and every request that was sent.
pub struct Net {
    servers: Vec<Mutex<Option<Raft>>>,
    connected: Vec<Mutex<bool>>,
    sent: Mutex<Vec<(Instant, ServerId, ServerId, Bytes)>>,
    callers: Mutex<Vec<Caller>>,
}

/// A test that takes the place of `peer`, and waits for what `server` replies to it.
struct Caller {
    server: ServerId,
    peer: ServerId,
    reply: oneshot::Sender<Bytes>,
}

impl Net {
    pub fn new(servers: u8) -> Arc<Net> {
        Arc::new(Net {
            servers: (0..servers).map(|_| Mutex::new(None)).collect(),
            connected: (0..servers).map(|_| Mutex::new(true)).collect(),
            sent: Mutex::default(),
            callers: Mutex::default(),
        })
    }

    pub fn plug_in(&self, id: ServerId, raft: &Raft) {
        *self.servers[usize::from(id.0)].lock().unwrap() = Some(raft.clone());
    }

    pub fn connect(&self, id: ServerId, connected: bool) {
        *self.connected[usize::from(id.0)].lock().unwrap() = connected;
    }

    pub fn is_connected(&self, id: ServerId) -> bool {
        *self.connected[usize::from(id.0)].lock().unwrap()
    }

    /// Every request so far: when (since the first), from whom, to whom, and its bytes.
    pub fn trace(&self) -> Vec<(Duration, ServerId, ServerId, Bytes)> {
        let sent = self.sent.lock().unwrap();
        let start = sent.first().map_or_else(Instant::now, |first| first.0);
        sent.iter().map(|(at, from, to, bytes)| (*at - start, *from, *to, bytes.clone())).collect()
    }

    pub fn count_sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// Hands a request to the server that it is for, in the name of its sender, and waits for the reply: none when the
    /// server does not take it, or stops.
    pub async fn call(&self, raft: &Raft, request: impl Into<Frame>) -> Option<Bytes> {
        let request = request.into();
        let Ok(envelope) = decode_message(&request) else {
            assert!(raft.handle(request).is_err());
            return None;
        };
        let (reply, replied) = oneshot::channel();
        {
            // Under the lock, so that the callers stand in the order of their requests.
            let mut callers = self.callers.lock().unwrap();
            raft.handle(request).ok()?;
            callers.push(Caller { server: envelope.to, peer: envelope.from, reply });
        }
        let mut status = raft.watch();
        let stopped = async { while status.changed().await.is_some() {} };
        tokio::select! {
            biased;
            reply = replied => reply.ok(),
            () = stopped => None,
        }
    }

    /// Gives a reply to the caller who has waited longest for one, if any.
    fn answer_caller(&self, from: ServerId, to: ServerId, reply: &Bytes) -> bool {
        let mut callers = self.callers.lock().unwrap();
        let waits = callers.iter().position(|caller| (caller.server, caller.peer) == (from, to));
        let Some(caller) = waits.map(|place| callers.remove(place)) else { return false };
        // It may have given up.
        let _ = caller.reply.send(reply.clone());
        true
    }
}

/// The way from one server to another.
pub struct Wire {
    pub net: Arc<Net>,
    pub from: ServerId,
    pub to: ServerId,
    /// Lives as long as the node keeps its peers.
    pub token: Arc<()>,
}

impl Peer for Wire {
    fn send(&self, frame: Frame) {
        let bytes = frame.into_bytes();
        let (net, from, to) = (self.net.clone(), self.from, self.to);
        if decode_message(&bytes).unwrap().message.is_request() {
            net.sent.lock().unwrap().push((Instant::now(), from, to, bytes.clone()));
        } else if net.answer_caller(from, to, &bytes) {
            return;
        }
        tokio::spawn(async move {
            sleep(LATENCY).await;
            let target = net.servers[usize::from(to.0)].lock().unwrap().clone();
            if let Some(target) = target.filter(|_| net.is_connected(from) && net.is_connected(to)) {
                // It may have stopped.
                let _ = target.handle(bytes);
            }
        });
    }
}

/// One server, and what its service received.
pub struct Node {
    pub id: ServerId,
    pub raft: Raft,
    pub persister: Persister,
    pub applied: Arc<Mutex<Vec<ApplyMsg>>>,
}

impl Node {
    pub fn commands(&self) -> Vec<(u64, Command)> {
        let applied = self.applied.lock().unwrap();
        applied
            .iter()
            .filter_map(|message| match message {
                ApplyMsg::Command { index, command, .. } => Some((index.0, command.clone())),
                ApplyMsg::Snapshot { .. } => None,
            })
            .collect()
    }

    pub fn snapshots(&self) -> Vec<(u64, Bytes)> {
        let applied = self.applied.lock().unwrap();
        applied
            .iter()
            .filter_map(|message| match message {
                ApplyMsg::Command { .. } => None,
                ApplyMsg::Snapshot { index, data, .. } => Some((index.0, data.to_bytes().unwrap())),
            })
            .collect()
    }
}

/// A cluster whose services only record what they receive, and answer offers as they come.
pub struct Cluster {
    pub net: Arc<Net>,
    pub options: Options,
    pub nodes: Vec<Node>,
}

impl Cluster {
    pub fn new(servers: u8) -> Cluster {
        Cluster::with(servers, Options::default())
    }

    pub fn with(servers: u8, options: Options) -> Cluster {
        let net = Net::new(servers);
        let nodes =
            (0..servers).map(|id| start(&net, servers, ServerId(id), Persister::new(), &options)).collect();
        Cluster { net, options, nodes }
    }

    pub fn node(&self, id: ServerId) -> &Node {
        &self.nodes[usize::from(id.0)]
    }

    /// Cuts a server off and stops it.
    pub fn crash(&self, id: ServerId) {
        self.net.connect(id, false);
        self.node(id).raft.stop();
    }

    /// Starts a crashed server from a copy of what it had stored.
    pub fn restart(&mut self, id: ServerId) {
        let persister = self.node(id).persister.copy();
        self.nodes[usize::from(id.0)] =
            start(&self.net, self.nodes.len() as u8, id, persister, &self.options);
        self.net.connect(id, true);
    }

    /// The one leader among the connected servers, within 5 seconds.
    pub async fn leader(&self) -> ServerId {
        for _ in 0..50 {
            sleep(Duration::from_millis(100)).await;
            let leaders: Vec<(Term, ServerId)> = self
                .nodes
                .iter()
                .filter(|node| self.net.is_connected(node.id))
                .filter_map(|node| {
                    let (term, is_leader) = node.raft.term_and_leadership();
                    is_leader.then_some((term, node.id))
                })
                .collect();
            if let Some((term, leader)) = leaders.iter().max() {
                assert_eq!(
                    leaders.iter().filter(|(t, _)| t == term).count(),
                    1,
                    "two leaders in term {term}"
                );
                return *leader;
            }
        }
        panic!("no leader within 5 s");
    }

    /// Waits until the services of these servers have the command at that index.
    pub async fn wait_applied(&self, index: Index, command: &Command, ids: &[ServerId]) {
        for _ in 0..500 {
            if ids.iter().all(|id| self.node(*id).commands().contains(&(index.0, command.clone()))) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("not applied at {index} by all of {ids:?} within 5 s");
    }

    /// Commits a command through the present leader; all connected servers must apply it.
    pub async fn commit(&self, command: &str) -> Index {
        let leader = self.leader().await;
        let command = Bytes::copy_from_slice(command.as_bytes());
        let index = self.node(leader).raft.propose(command.clone()).unwrap().index;
        let ids: Vec<ServerId> =
            self.nodes.iter().map(|node| node.id).filter(|id| self.net.is_connected(*id)).collect();
        self.wait_applied(index, &command, &ids).await;
        index
    }
}

/// Starts a server with a recording service.
pub fn start(net: &Arc<Net>, servers: u8, id: ServerId, persister: Persister, options: &Options) -> Node {
    let (raft, messages) = make(net, servers, id, persister.clone(), options, 16);
    let applied = Arc::default();
    tokio::spawn(record(raft.clone(), messages, Arc::clone(&applied), options.install));
    Node { id, raft, persister, applied }
}

/// Starts a server whose apply channel is the caller's, of that capacity.
pub fn make(
    net: &Arc<Net>,
    servers: u8,
    id: ServerId,
    storage: impl Storage,
    options: &Options,
    capacity: usize,
) -> (Raft, mpsc::Receiver<ApplyMsg>) {
    let (apply, messages) = mpsc::channel::<ApplyMsg>(capacity);
    // The same test is the same run.
    let options = Options { seed: options.seed.or(Some(0)), ..options.clone() };
    let raft = at_once(Raft::new(id.0.into(), wires(net, servers, id), storage, apply, options)).unwrap();
    net.plug_in(id, &raft);
    (raft, messages)
}

/// What a storage keeps of a server of three.
pub fn identity(server: ServerId) -> Identity {
    Identity { server: server.0.into(), cluster: figure2::Cluster::numbered(3) }
}

/// The peers of a server.
pub fn wires(net: &Arc<Net>, servers: u8, from: ServerId) -> Vec<(u64, Wire)> {
    let token = Arc::new(());
    let wire = |to| (u64::from(to), Wire { net: net.clone(), from, to: ServerId(to), token: token.clone() });
    (0..servers).filter(|to| *to != from.0).map(wire).collect()
}

/// A node whose storage loads without waiting.
pub fn at_once(node: impl Future<Output = Result<Raft, MakeError>>) -> Result<Raft, MakeError> {
    match pin!(node).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(node) => node,
        Poll::Pending => panic!("the storage takes its time"),
    }
}

async fn record(
    raft: Raft,
    mut messages: mpsc::Receiver<ApplyMsg>,
    applied: Arc<Mutex<Vec<ApplyMsg>>>,
    install: Install,
) {
    while let Some(message) = messages.recv().await {
        let taken = match (&message, install) {
            (ApplyMsg::Snapshot { index, term, data }, Install::Conditional) => {
                raft.cond_install_snapshot(*term, *index, data.clone()).await
            }
            _ => true,
        };
        if taken {
            applied.lock().unwrap().push(message);
        }
    }
}
