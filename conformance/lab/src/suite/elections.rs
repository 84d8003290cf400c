//! 2A: leader election.

use super::second;
use crate::tester::{Cluster, Failure};
use figure2::Term;
use std::time::Duration;
use tokio::time::sleep;

/// A leader is elected, and without failures it stays.
pub(super) async fn initial_election(c: Cluster) -> Result<(), Failure> {
    c.one_leader().await?;
    // Followers may not have heard of the election yet.
    sleep(Duration::from_millis(50)).await;
    let first = c.terms_agree().await?;
    if first < Term(1) {
        return Err(Failure::Limit { what: "term", measured: first.0, allowed: "1 and more".into() });
    }
    sleep(2 * second()).await;
    let second = c.terms_agree().await?;
    if first != second {
        c.warn(format!("the term changed from {first} to {second} although there were no failures"));
    }
    c.one_leader().await?;
    Ok(())
}

/// A leader is replaced, an old one comes back as follower, and without a majority there is none.
pub(super) async fn reelection(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    let first = c.one_leader().await?;
    c.disconnect(first).await;
    c.one_leader().await?;
    c.connect(first).await;
    let second_leader = c.one_leader().await?;

    let next = (second_leader + 1) % n;
    c.disconnect(second_leader).await;
    c.disconnect(next).await;
    sleep(2 * second()).await;
    c.no_leader().await?;

    c.connect(next).await;
    c.one_leader().await?;
    c.connect(second_leader).await;
    c.one_leader().await?;
    Ok(())
}

/// Of seven servers, up to three at a time are cut off.
pub(super) async fn many_elections(c: Cluster) -> Result<(), Failure> {
    c.one_leader().await?;
    for _ in 1..10 {
        let cut = [c.random_server(), c.random_server(), c.random_server()];
        for server in cut {
            c.disconnect(server).await;
        }
        c.one_leader().await?;
        for server in cut {
            c.connect(server).await;
        }
    }
    c.one_leader().await?;
    Ok(())
}
