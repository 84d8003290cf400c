//! figure2: three nodes, storage that keeps nothing, and links that carry encoded bytes.
//!
//! The core holds its log in memory in any case, so a storage that returns at once is what the memory stores of the
//! others are. What the peers exchange is encoded and decoded, as on a network: the node has no other way. The others
//! hand over typed messages, and spare themselves that. The commands in them are shared, as the others share theirs.

use crate::system::{COMPACT_EVERY, Cluster, Service, VOTERS};
use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use figure2::codec::Frame;
use figure2::{
    ApplyMsg, Command, Identity, Loaded, Options, Peer, ProposalOutcome, Raft, Record, Replies, SnapshotData,
    Storage, StorageError,
};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the election may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The cluster, seen by its clients.
#[derive(Clone)]
pub struct Nodes {
    leader: Raft,
    /// Kept alive.
    _all: Vec<Raft>,
}

impl Cluster for Nodes {
    async fn start() -> Result<Nodes> {
        let mut servers: Vec<Raft> = Vec::new();
        let mut ends: Vec<(u64, mpsc::UnboundedReceiver<Sent>)> = Vec::new();
        for me in 0..u64::from(VOTERS) {
            let mut links = Vec::new();
            for to in (0..u64::from(VOTERS)).filter(|to| *to != me) {
                let (link, received) = link();
                links.push((to, link));
                ends.push((to, received));
            }
            let (apply, messages) = mpsc::channel(64);
            let raft = Raft::new(me, links, Nowhere, apply, Options::default()).await?;
            tokio::spawn(serve(raft.clone(), messages));
            servers.push(raft);
        }
        for (to, requests) in ends {
            let to = usize::try_from(to).ok().and_then(|to| servers.get(to)).context("no such server")?;
            tokio::spawn(carry(to.clone(), requests));
        }
        for _ in 0..PATIENCE.as_millis() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if let Some(leader) = servers.iter().find(|raft| raft.get_state().1) {
                return Ok(Nodes { leader: leader.clone(), _all: servers });
            }
        }
        bail!("figure2 elected no leader in {PATIENCE:?}")
    }

    async fn execute(&self, command: Vec<u8>) -> Result<()> {
        match self.leader.propose(command.into())?.await {
            ProposalOutcome::Applied => Ok(()),
            outcome => Err(anyhow!("the outcome of a command is {outcome:?}")),
        }
    }
}

/// Storage that keeps nothing: no server restarts here.
struct Nowhere;

impl Storage for Nowhere {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        Ok(Loaded::default())
    }

    async fn save(&mut self, _: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        Ok(())
    }

    fn blocks(&self) -> bool {
        false
    }
}

/// A request, and where its reply goes.
type Sent = (Frame, Replies);

/// The way from one server to another: in order, as a connection is.
struct Link(mpsc::UnboundedSender<Sent>);

fn link() -> (Link, mpsc::UnboundedReceiver<Sent>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Link(sender), receiver)
}

impl Peer for Link {
    fn send(&self, request: Frame, replies: &Replies) {
        // The other end is gone at the end of the measurement only.
        let _ = self.0.send((request, replies.clone()));
    }
}

/// The other end of a link: hands requests over in their order, and does not wait for a reply before the next one.
async fn carry(to: Raft, mut requests: mpsc::UnboundedReceiver<Sent>) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some((request, replies)) = requests.recv() => {
                let to = to.clone();
                under_way.push(async move { (to.call(request).await, replies) });
            }
            Some((reply, replies)) = under_way.next() => {
                if let Some(reply) = reply {
                    replies.deliver(reply);
                }
            }
            else => return,
        }
    }
}

/// The service of a server.
async fn serve(raft: Raft, mut batches: mpsc::Receiver<Vec<ApplyMsg>>) {
    let mut service = Service::default();
    while let Some(batch) = batches.recv().await {
        for message in batch {
            match message {
                ApplyMsg::Command { index, command, .. } => {
                    service.apply(&command);
                    if index.0.is_multiple_of(COMPACT_EVERY) {
                        raft.snapshot(index, Bytes::copy_from_slice(&service.sum.to_le_bytes()));
                    }
                }
                ApplyMsg::Snapshot { data, .. } => service.sum = crate::system::number_of(&data),
            }
        }
    }
}
