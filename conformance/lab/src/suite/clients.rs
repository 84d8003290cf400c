//! 2C: several clients at once, on a network that loses messages or a cluster whose servers come and go.

use super::{joined, number, second};
use crate::tester::{Cluster, Failure};
use bytes::Bytes;
use figure2::Index;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// Agreement on 245 commands, four at a time beside the main line, on an unreliable network.
pub(super) async fn unreliable_agreement(c: Cluster) -> Result<(), Failure> {
    let mut clients = Vec::new();
    for round in 1..50 {
        for client in 0..4 {
            let c = c.clone();
            clients.push(tokio::spawn(async move { c.one(number(100 * round + client), 1, true).await }));
        }
        c.one(number(round), 1, true).await?;
    }
    c.set_reliable(true);
    for client in clients {
        joined(client.await)??;
    }
    c.one(number(100), c.servers(), true).await?;
    Ok(())
}

/// Three clients submit while servers are cut off, crash and return. What a client saw committed must be in the log
/// at the end.
pub(super) async fn churn(c: Cluster) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3).map(|id| tokio::spawn(client(c.clone(), id, Arc::clone(&stop)))).collect();
    for _ in 0..20 {
        if c.random(1000) < 200 {
            c.disconnect(c.random_server()).await;
        }
        if c.random(1000) < 500 {
            let server = c.random_server();
            if !c.is_up(server).await {
                c.start(server).await?;
            }
            c.connect(server).await;
        }
        if c.random(1000) < 200 {
            let server = c.random_server();
            if c.is_up(server).await {
                c.crash(server).await;
            }
        }
        // Shorter than an election timeout would not let anything happen in between; much longer, all would be calm.
        sleep(second() * 7 / 10).await;
    }
    sleep(second()).await;
    c.set_reliable(true);
    for server in 0..c.servers() {
        if !c.is_up(server).await {
            c.start(server).await?;
        }
        c.connect(server).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen = Vec::new();
    for client in clients {
        seen.extend(joined(client.await)??);
    }
    sleep(second()).await;

    let last = c.one(c.random_command(), c.servers(), true).await?;
    let mut log = BTreeSet::new();
    for index in 1..=last.0 {
        log.insert(c.wait_for(Index(index), c.servers()).await?);
    }
    match seen.into_iter().find(|value| !log.contains(value)) {
        Some(value) => Err(Failure::ValueMissing { value, place: "from the log at the end".into() }),
        None => Ok(()),
    }
}

/// Submits to every server that is up and remembers which values it saw committed.
async fn client(c: Cluster, id: u64, stop: Arc<AtomicBool>) -> Result<Vec<Bytes>, Failure> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let value = c.random_command();
        let mut taken = None;
        for server in 0..c.servers() {
            if let Some(raft) = c.raft(server).await {
                let started = raft.start(value.clone());
                if started.is_leader {
                    taken = Some(started.index);
                }
            }
        }
        match taken {
            Some(index) => {
                if becomes(&c, index, &value).await? {
                    seen.push(value);
                }
            }
            None => sleep(Duration::from_millis(79 + id * 17)).await,
        }
    }
    Ok(seen)
}

/// Whether what is applied at the index within a short time is this value.
async fn becomes(c: &Cluster, index: Index, value: &Bytes) -> Result<bool, Failure> {
    for pause in [10, 20, 50, 100, 200] {
        if let (1.., found) = c.committed(index).await? {
            return Ok(found.as_ref() == Some(value));
        }
        sleep(Duration::from_millis(pause)).await;
    }
    Ok(false)
}
