//! figure2: three nodes, and links that carry encoded bytes. On disk each has `figure2-wal`'s storage, in memory a storage
//! that keeps nothing.
//!
//! The core holds its log in memory in any case, so a storage that returns at once is what the memory stores of the
//! others are. What the peers exchange is encoded and decoded, as on a network: the node has no other way. The others
//! hand over typed messages, and spare themselves that. The commands in them are shared, as the others share theirs.

use crate::disk::{Medium, Prepared};
use crate::system::{Cluster, Service, VOTERS};
use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use figure2::codec::Frame;
use figure2::{
    ApplyMsg, Command, Identity, Loaded, Options, Peer, ProposalOutcome, Raft, Record, SnapshotData, Storage,
    StorageError,
};
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
    async fn start(medium: &Medium) -> Result<Nodes> {
        let mut servers: Vec<Raft> = Vec::new();
        let mut ends: Vec<(u64, mpsc::UnboundedReceiver<Frame>)> = Vec::new();
        for voter in 0..VOTERS {
            let me = u64::from(voter);
            let mut links = Vec::new();
            for to in (0..u64::from(VOTERS)).filter(|to| *to != me) {
                let (link, received) = link();
                links.push((to, link));
                ends.push((to, received));
            }
            let (apply, messages) = mpsc::channel(64);
            let raft = match medium.place(voter) {
                None => Raft::new(me, links, Nowhere, apply, Options::default()).await?,
                Some(place) => {
                    Raft::new(me, links, Prepared::open(place)?, apply, Options::default()).await?
                }
            };
            tokio::spawn(serve(raft.clone(), messages, medium.compact_every()));
            servers.push(raft);
        }
        for (to, messages) in ends {
            let to = usize::try_from(to).ok().and_then(|to| servers.get(to)).context("no such server")?;
            tokio::spawn(carry(to.clone(), messages));
        }
        for _ in 0..PATIENCE.as_millis() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if let Some(leader) = servers.iter().find(|raft| raft.term_and_leadership().1) {
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

/// The way from one server to another: in order, as a connection is.
struct Link(mpsc::UnboundedSender<Frame>);

fn link() -> (Link, mpsc::UnboundedReceiver<Frame>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Link(sender), receiver)
}

impl Peer for Link {
    fn send(&self, frame: Frame) {
        // The other end is gone at the end of the measurement only.
        let _ = self.0.send(frame);
    }
}

/// The other end of a link: hands messages over in their order.
async fn carry(to: Raft, mut messages: mpsc::UnboundedReceiver<Frame>) {
    while let Some(frame) = messages.recv().await {
        // What it does not take is sent again.
        let _ = to.handle(frame);
    }
}

/// The service of a server, which takes a snapshot each time after so many entries.
pub async fn serve(raft: Raft, mut batches: mpsc::Receiver<Vec<ApplyMsg>>, compact_every: u64) {
    let mut service = Service::default();
    while let Some(batch) = batches.recv().await {
        for message in batch {
            match message {
                ApplyMsg::Command { index, command, .. } => {
                    service.apply(&command);
                    if index.0.is_multiple_of(compact_every) {
                        raft.snapshot(index, Bytes::copy_from_slice(&service.sum.to_le_bytes()));
                    }
                }
                ApplyMsg::Snapshot { data, .. } => {
                    service.sum = crate::system::number_of(&data.to_bytes().unwrap_or_default());
                }
            }
        }
    }
}
