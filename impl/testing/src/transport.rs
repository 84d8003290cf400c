//! What a node relies on in its [`Peer`]s: the transport.

use bytes::Bytes;
use figure2::codec::{self, FIRST_VERSION};
use figure2::{ApplyMsg, Cluster, Options, Peer, Persister, ProposalOutcome, Raft, ServerId, Term};
use figure2_core::{Envelope, Message, RequestVote};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// A transport between the servers 10, 20 and 30, which all run in this process.
pub trait Network: Send + Sync {
    /// The way from one server to another.
    type Peer: Peer;

    /// The way from one server to another. Asked for before either of them runs, and again whenever the first one restarts.
    fn peer(&self, from: u64, to: u64) -> impl Future<Output = Self::Peer> + Send;

    /// From now on what is sent to that server goes to this node, by [`Raft::handle`].
    fn serve(&self, id: u64, node: Raft) -> impl Future<Output = ()> + Send;

    /// From now on what is sent to that server goes nowhere, as when its machine is down.
    fn stop(&self, id: u64) -> impl Future<Output = ()> + Send;
}

/// What a transport does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {what}")]
pub struct Wrong {
    /// The check that found it.
    pub check: &'static str,
    /// What is wrong.
    pub what: String,
}

/// The servers.
const SERVERS: [u64; 3] = [10, 20, 30];

/// Within this time all must have happened that a check waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// So long may all messages together take to be handed over.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Runs all checks, each on a new network, in real time, and stops at the first that finds something wrong. Takes some
/// seconds. Must run on tokio.
///
/// # Errors
/// What is wrong.
pub async fn check<N: Network, F: Future<Output = N>>(new: impl Fn() -> F) -> Result<(), Wrong> {
    let named = |check| move |what| Wrong { check, what };
    every_size_arrives(new().await).await.map_err(named("messages of every size arrive unchanged"))?;
    who_is_away_is_reached_again(new().await)
        .await
        .map_err(named("a server that was away is reached again, and meanwhile the others go on"))?;
    a_large_snapshot_arrives(new().await).await.map_err(named("a snapshot of 66 MiB arrives"))?;
    sending_does_not_wait(new().await).await.map_err(named("sending does not wait"))?;
    Ok(())
}

/// A cluster on the network.
struct World<N> {
    network: N,
    servers: BTreeMap<u64, Server>,
}

struct Server {
    raft: Raft,
    storage: Persister,
    received: Arc<Mutex<Vec<Bytes>>>,
}

impl<N: Network> World<N> {
    async fn start(network: N) -> Result<World<N>, String> {
        let mut world = World { network, servers: BTreeMap::new() };
        for id in SERVERS {
            world.run(id, Persister::new(), Arc::default()).await?;
        }
        Ok(world)
    }

    async fn run(
        &mut self,
        id: u64,
        storage: Persister,
        received: Arc<Mutex<Vec<Bytes>>>,
    ) -> Result<(), String> {
        let mut peers = BTreeMap::new();
        for to in SERVERS.into_iter().filter(|to| *to != id) {
            peers.insert(to, self.network.peer(id, to).await);
        }
        let (apply, mut applied) = mpsc::channel::<ApplyMsg>(64);
        // No entries are kept for who is away: only a snapshot will do.
        let options = Options { max_retained_bytes: 0, ..Options::default() };
        let raft = Raft::new(id, peers, storage.clone(), apply, options)
            .await
            .map_err(|error| format!("server {id} cannot be made: {error}"))?;
        let service = received.clone();
        tokio::spawn(async move {
            while let Some(message) = applied.recv().await {
                let mut received = lock(&service);
                match message {
                    ApplyMsg::Command { command, .. } => received.push(command),
                    ApplyMsg::Snapshot { data, .. } => *received = vec![data.to_bytes().unwrap_or_default()],
                }
            }
        });
        self.network.serve(id, raft.clone()).await;
        self.servers.insert(id, Server { raft, storage, received });
        Ok(())
    }

    async fn stop(&mut self, id: u64) {
        if let Some(server) = self.servers.get(&id) {
            self.network.stop(id).await;
            server.raft.shutdown().await;
        }
    }

    async fn restart(&mut self, id: u64) -> Result<(), String> {
        match self.servers.remove(&id) {
            Some(Server { storage, received, .. }) => self.run(id, storage, received).await,
            None => Ok(()),
        }
    }

    /// Has a command committed by whichever server leads, and says which.
    async fn commit(&self, command: &Bytes) -> Result<u64, String> {
        let committed = async {
            loop {
                for (id, server) in &self.servers {
                    if let Ok(proposal) = server.raft.propose(command.clone())
                        && let Ok(ProposalOutcome::Applied) = timeout(PATIENCE / 3, proposal.outcome()).await
                    {
                        return *id;
                    }
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let length = command.len();
        timeout(PATIENCE, committed)
            .await
            .map_err(|_| format!("a command of {length} bytes was not committed within {PATIENCE:?}"))
    }

    /// Waits until the services of these servers have received that last.
    async fn all_have(&self, ids: &[u64], last: &Bytes) -> Result<(), String> {
        let begun = Instant::now();
        let lacks = |id: &&u64| {
            self.servers.get(id).is_some_and(|server| lock(&server.received).last() != Some(last))
        };
        while let Some(id) = ids.iter().find(lacks) {
            if begun.elapsed() > PATIENCE {
                let length = last.len();
                return Err(format!(
                    "within {PATIENCE:?} server {id} did not receive {length} bytes that are committed"
                ));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn end(mut self) {
        for id in SERVERS {
            self.stop(id).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that are no others' of that length.
fn bytes(length: usize, salt: usize) -> Bytes {
    (0..length).map(|at| ((at ^ salt) % 251) as u8).collect::<Vec<_>>().into()
}

async fn every_size_arrives(network: impl Network) -> Result<(), String> {
    let world = World::start(network).await?;
    let sizes = [0, 1, 100, 1_000, 65_535, 65_536, 1 << 20, (8 << 20) - 16, 17];
    for (salt, size) in sizes.into_iter().enumerate() {
        let command = bytes(size, salt);
        world.commit(&command).await?;
        world.all_have(&SERVERS, &command).await?;
    }
    for number in 0..200 {
        world.commit(&bytes(20, number)).await?;
    }
    world.all_have(&SERVERS, &bytes(20, 199)).await?;
    world.end().await;
    Ok(())
}

async fn who_is_away_is_reached_again(network: impl Network) -> Result<(), String> {
    let mut world = World::start(network).await?;
    for (round, away) in SERVERS.into_iter().enumerate() {
        world.commit(&bytes(50, round)).await?;
        world.stop(away).await;
        let others: Vec<u64> = SERVERS.into_iter().filter(|id| *id != away).collect();
        for number in 0..20 {
            world.commit(&bytes(100 + number, round)).await?;
        }
        let last = bytes(119, round);
        world
            .all_have(&others, &last)
            .await
            .map_err(|what| format!("while server {away} is away: {what}"))?;
        world.restart(away).await?;
        world
            .all_have(&[away], &last)
            .await
            .map_err(|what| format!("after server {away} came back: {what}"))?;
    }
    world.end().await;
    Ok(())
}

async fn a_large_snapshot_arrives(network: impl Network) -> Result<(), String> {
    let mut world = World::start(network).await?;
    let leader = world.commit(&bytes(50, 0)).await?;
    let Some(away) = SERVERS.into_iter().find(|id| *id != leader) else { return Ok(()) };
    world.stop(away).await;
    let mut leader = leader;
    for number in 0..5 {
        leader = world.commit(&bytes(60, number)).await?;
    }
    // Whoever leads when the server comes back has nothing else to give it.
    let data = bytes(66 << 20, 1);
    for (_, server) in world.servers.iter().filter(|(id, _)| **id != away) {
        let status = server.raft.status();
        server.raft.snapshot(status.last_applied, data.clone());
    }
    world.restart(away).await?;
    let begun = Instant::now();
    while !world.servers.get(&away).is_some_and(|server| lock(&server.received).contains(&data)) {
        if begun.elapsed() > PATIENCE {
            return Err(format!("server {away} did not receive it from server {leader} within {PATIENCE:?}"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    world.end().await;
    Ok(())
}

/// Messages to a server that is away are lost, or wait somewhere; whoever sends them does not.
async fn sending_does_not_wait(network: impl Network) -> Result<(), String> {
    let mut world = World::start(network).await?;
    world.commit(&bytes(50, 0)).await?;
    let [from, to, _] = SERVERS;
    world.stop(to).await;
    let peer = world.network.peer(from, to).await;
    let message = Message::RequestVote(RequestVote {
        term: Term(1),
        last_log_index: figure2::Index(0),
        last_log_term: Term(0),
        transfer: false,
    });
    let envelope = Envelope { from: ServerId(0), to: ServerId(1), message };
    let frame = codec::encode(&Cluster::new(0, &SERVERS.into()), FIRST_VERSION, &envelope)
        .map_err(|error| format!("a message cannot be encoded: {error}"))?;
    let begun = Instant::now();
    for _ in 0..10_000 {
        peer.send(frame.clone());
    }
    let took = begun.elapsed();
    if took > AT_ONCE {
        return Err(format!("10,000 messages to a server that is away took {took:?} to be handed over"));
    }
    world.end().await;
    Ok(())
}
