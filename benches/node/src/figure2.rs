//! figure2: three nodes, and links that carry encoded bytes. On disk each has `figure2-wal`'s storage, in memory a storage
//! that keeps nothing.
//!
//! The core holds its log in memory in any case, so a storage that returns at once is what the memory stores of the
//! others are. What the peers exchange is encoded and decoded, as on a network: the node has no other way. The others
//! hand over typed messages, and spare themselves that. The commands in them are shared, as the others share theirs.

use crate::disk::{Medium, Prepared};
use crate::system::{Cluster, Execute, Service, VOTERS};
use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use figure2::codec::Frame;
use figure2::{
    ApplyChannel, ApplyMsg, Command, Identity, Loaded, Options, Peer, ProposalOutcome, Raft, Record,
    SnapshotData, Storage, StorageError,
};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

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
        let all: Arc<OnceLock<Vec<Raft>>> = Arc::default();
        let mut servers: Vec<Raft> = Vec::new();
        for voter in 0..VOTERS {
            let me = u64::from(voter);
            let others = (0..u64::from(VOTERS)).filter(|to| *to != me);
            let links = others.map(|to| (to, Link { to, all: all.clone() }));
            let own: Arc<OnceLock<Raft>> = Arc::default();
            let apply = ApplyChannel::call(serve(own.clone(), medium.compact_every()));
            let server = match medium.place(voter) {
                None => Raft::new(me, links, Nowhere, apply, Options::default()).await?,
                Some(place) => {
                    Raft::new(me, links, Prepared::open(place)?, apply, Options::default()).await?
                }
            };
            let _ = own.set(server.clone());
            servers.push(server);
        }
        let _ = all.set(servers.clone());
        for _ in 0..PATIENCE.as_millis() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if let Some(leader) = servers.iter().find(|raft| raft.term_and_leadership().1) {
                return Ok(Nodes { leader: leader.clone(), _all: servers });
            }
        }
        bail!("figure2 elected no leader in {PATIENCE:?}")
    }
}

impl Execute for Nodes {
    async fn execute(&self, command: Vec<u8>) -> Result<()> {
        submit(&self.leader, command).await
    }
}

/// Hands a command to the leader, and waits until it is applied.
///
/// # Errors
/// When it is not known to be applied.
pub async fn submit(leader: &Raft, command: Vec<u8>) -> Result<()> {
    match leader.submit(command.into()).await? {
        (_, ProposalOutcome::Applied) => Ok(()),
        (position, outcome) => Err(anyhow!("the outcome of the command at {position:?} is {outcome:?}")),
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

/// The way from one server to another: a call. What the other one does with it at once, it does in this call.
struct Link {
    to: u64,
    all: Arc<OnceLock<Vec<Raft>>>,
}

impl Peer for Link {
    fn send(&self, frame: Frame) {
        let to = self.all.get().zip(usize::try_from(self.to).ok()).and_then(|(all, to)| all.get(to));
        if let Some(to) = to {
            // What it does not take is sent again.
            let _ = to.handle_inline(frame);
        }
    }
}

/// The service of a server: what the node calls with what is committed. It takes a snapshot each time after so many entries.
pub fn serve(own: Arc<OnceLock<Raft>>, compact_every: u64) -> impl FnMut(Vec<ApplyMsg>) {
    let mut service = Service::default();
    move |batch| {
        for message in batch {
            match message {
                ApplyMsg::Command { index, command, .. } => {
                    service.apply(&command);
                    if index.0.is_multiple_of(compact_every) {
                        let state = Bytes::copy_from_slice(&service.sum.to_le_bytes());
                        own.get().into_iter().for_each(|raft| raft.snapshot(index, state.clone()));
                    }
                }
                ApplyMsg::Snapshot { data, .. } => {
                    service.sum = crate::system::number_of(&data.to_bytes().unwrap_or_default());
                }
            }
        }
    }
}
