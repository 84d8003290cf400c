//! A voter of figure2 in a process of its own: the node, figure2-wal, figure2-tcp.

use super::clients::answer;
use super::security::credentials;
use super::server::{Serve, Sockets, Voter};
use crate::disk::Prepared;
use crate::figure2::{serve, submit};
use crate::system::{Execute, VOTERS};
use anyhow::Result;
use figure2::{ApplyChannel, Cluster, Identity, Options, Raft};
use figure2_tcp::{Config, Security, Tcp, Transport};
use std::sync::{Arc, OnceLock};

struct Node {
    raft: Raft,
    transport: Transport,
}

impl Voter for Node {
    fn leads(&self) -> bool {
        self.raft.term_and_leadership().1
    }

    fn is_connected(&self) -> bool {
        let status = self.transport.status();
        status.peers.values().all(|peer| peer.connected) && status.accepted == usize::from(VOTERS - 1)
    }
}

#[derive(Clone)]
struct Leader(Raft);

impl Execute for Leader {
    async fn execute(&self, command: Vec<u8>) -> Result<()> {
        submit(&self.0, command).await
    }
}

/// Starts it, and has it answer clients.
///
/// # Errors
/// When it cannot be started.
pub async fn start(told: &Serve, sockets: Sockets, peers: &[String]) -> Result<Box<dyn Voter>> {
    let id = u64::from(told.voter);
    let cluster = Cluster::numbered(VOTERS);
    let (medium, mut others) = (told.medium(), (0..).zip(peers.iter().cloned()).collect::<Vec<_>>());
    others.retain(|(other, _)| *other != id);
    let mut storage = Prepared::open(told.place()?)?;
    let disk = storage.disk(&Identity { server: id, cluster }).await?;
    let security = match &told.certificates {
        Some(directory) => Security::Tls(credentials(directory, told.voter)),
        None => Security::PlainOnLoopback,
    };
    let known_disks = Some(told.directory.join(format!("known-disks-{id}")));
    let config = Config { known_disks, ..Config::new(id, others, disk, security) };
    let transport = Transport::start(config, Tcp::from(sockets.peers)).await?;
    let own: Arc<OnceLock<Raft>> = Arc::default();
    let apply = ApplyChannel::call(serve(own.clone(), medium.compact_every()));
    let raft = Raft::new(id, transport.peers(), storage, apply, Options::default()).await?;
    let _ = own.set(raft.clone());
    transport.serve(raft.clone());
    tokio::spawn(answer(sockets.clients, Leader(raft.clone())));
    Ok(Box::new(Node { raft, transport }))
}
