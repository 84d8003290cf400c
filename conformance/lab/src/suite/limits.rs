//! The limits that the lab's page sets and its tests do not measure.

use super::replication::at_most;
use super::second;
use crate::tester::{Cluster, Failure, leader_of};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// An idle leader sends a follower at most ten heartbeats in any second, and does send some.
pub(super) async fn heartbeat_rate(c: Cluster) -> Result<(), Failure> {
    const SECONDS: usize = 10;
    let leader = c.one_leader().await?;
    for _ in 0..SECONDS {
        let before: Vec<u64> = (0..c.servers()).map(|server| c.server_calls(server)).collect();
        sleep(second()).await;
        for (server, before) in before.into_iter().enumerate() {
            let heartbeats = c.server_calls(server) - before;
            at_most("heartbeats to one follower in a second", heartbeats, 10)?;
            if server != leader && heartbeats == 0 {
                let allowed = "at least 1".into();
                return Err(Failure::Limit { what: "heartbeats in a second", measured: 0, allowed });
            }
        }
    }
    Ok(())
}

/// After its leader fails, a majority has a new one within five seconds: cut off and crashed in turn, alone and with
/// another server.
pub(super) async fn leader_within_five_seconds(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    for round in 0..12 {
        let leader = c.one_leader().await?;
        let mut failed = vec![leader];
        if round % 2 == 1 {
            failed.push((leader + 1) % n);
        }
        for server in &failed {
            if round % 4 < 2 {
                c.disconnect(*server).await;
            } else {
                c.crash(*server).await;
            }
        }
        let since = Instant::now();
        while leader_of(&c.connected_claims().await)?.is_none() {
            let waited = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            at_most("milliseconds without a leader", waited, 5000)?;
            sleep(Duration::from_millis(10)).await;
        }
        for server in failed {
            if !c.is_up(server).await {
                c.start(server).await?;
            }
            c.connect(server).await;
        }
    }
    Ok(())
}
