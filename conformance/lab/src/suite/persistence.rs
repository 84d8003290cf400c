//! 2C: crashes and restarts.

use super::{number, second};
use crate::tester::{Cluster, Failure};
use figure2::Index;
use std::time::Duration;
use tokio::time::sleep;

/// Restarts a server and connects it.
pub(super) async fn restart(c: &Cluster, server: usize) -> Result<(), Failure> {
    c.start(server).await?;
    c.connect(server).await;
    Ok(())
}

/// Restarts of all, of the leader, of a leader that missed a commit, and of a follower that did.
pub(super) async fn basic_persistence(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(number(11), n, true).await?;
    for server in 0..n {
        c.start(server).await?;
    }
    for server in 0..n {
        c.disconnect(server).await;
        c.connect(server).await;
    }
    c.one(number(12), n, true).await?;

    let leader = c.one_leader().await?;
    c.disconnect(leader).await;
    restart(&c, leader).await?;
    c.one(number(13), n, true).await?;

    let leader = c.one_leader().await?;
    c.disconnect(leader).await;
    c.one(number(14), n - 1, true).await?;
    restart(&c, leader).await?;
    // The restarted one must catch up before a third server goes.
    c.wait_for(Index(4), n).await?;

    let follower = (c.one_leader().await? + 1) % n;
    c.disconnect(follower).await;
    c.one(number(15), n - 1, true).await?;
    restart(&c, follower).await?;
    c.one(number(16), n, true).await?;
    Ok(())
}

/// Majorities that overlap in one server take turns.
pub(super) async fn more_persistence(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    let mut value = 11;
    for _ in 0..5 {
        c.one(number(value), n, true).await?;
        let leader = c.one_leader().await?;
        let nth = |i: usize| (leader + i) % n;
        c.disconnect(nth(1)).await;
        c.disconnect(nth(2)).await;
        c.one(number(value + 1), n - 2, true).await?;

        for i in [0, 3, 4] {
            c.disconnect(nth(i)).await;
        }
        c.start(nth(1)).await?;
        c.start(nth(2)).await?;
        c.connect(nth(1)).await;
        c.connect(nth(2)).await;
        sleep(second()).await;
        restart(&c, nth(3)).await?;
        c.one(number(value + 2), n - 2, true).await?;

        c.connect(nth(4)).await;
        c.connect(nth(0)).await;
        value += 3;
    }
    c.one(number(1000), n, true).await?;
    Ok(())
}

/// What a leader and one follower committed survives the crash of both, though only the leader returns at first.
pub(super) async fn leader_and_follower_crash(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(number(101), n, true).await?;
    let leader = c.one_leader().await?;
    let nth = |i: usize| (leader + i) % n;
    c.disconnect(nth(2)).await;
    c.one(number(102), n - 1, true).await?;

    c.crash(nth(0)).await;
    c.crash(nth(1)).await;
    c.connect(nth(2)).await;
    restart(&c, nth(0)).await?;
    c.one(number(103), n - 1, true).await?;
    restart(&c, nth(1)).await?;
    c.one(number(104), n, true).await?;
    Ok(())
}

/// The paper's Figure 8: leaders crash right after they took a command, so that entries of old terms lie about.
pub(super) async fn figure_8(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(c.random_command(), 1, true).await?;
    let mut up = n;
    for _ in 0..1000 {
        let mut leader = None;
        for server in 0..n {
            if let Some(raft) = c.raft(server).await
                && raft.start(c.random_command()).is_leader
            {
                leader = Some(server);
            }
        }
        figure_8_pause(&c).await;
        if let Some(leader) = leader {
            c.crash(leader).await;
            up -= 1;
        }
        if up < 3 {
            let server = c.random_server();
            if !c.is_up(server).await {
                restart(&c, server).await?;
                up += 1;
            }
        }
    }
    for server in 0..n {
        if !c.is_up(server).await {
            restart(&c, server).await?;
        }
    }
    c.one(c.random_command(), n, true).await?;
    Ok(())
}

/// Figure 8 by disconnection instead of crashes, on a network that loses, delays and, later, reorders for long. The
/// last agreement has 10 s, on that same network.
pub(super) async fn figure_8_unreliable(c: Cluster) -> Result<(), Failure> {
    const REORDERING_FROM_ROUND: usize = 200;
    let n = c.servers();
    c.one(c.random_command(), 1, true).await?;
    let mut connected = n;
    for round in 0..1000 {
        if round == REORDERING_FROM_ROUND {
            c.network().set_long_reordering(true);
        }
        let mut leader = None;
        for server in 0..n {
            let started = c.submit(server, c.random_command()).await?;
            if started.is_leader && c.is_connected(server).await {
                leader = Some(server);
            }
        }
        figure_8_pause(&c).await;
        if let Some(leader) = leader
            && c.random(1000) < 500
        {
            c.disconnect(leader).await;
            connected -= 1;
        }
        if connected < 3 {
            let server = c.random_server();
            if !c.is_connected(server).await {
                c.connect(server).await;
                connected += 1;
            }
        }
    }
    for server in 0..n {
        if !c.is_connected(server).await {
            c.connect(server).await;
        }
    }
    c.one(c.random_command(), n, true).await?;
    Ok(())
}

/// Mostly too short for a leader to commit, sometimes long enough.
async fn figure_8_pause(c: &Cluster) {
    let milliseconds = if c.random(1000) < 100 { c.random(500) } else { c.random(13) };
    sleep(Duration::from_millis(milliseconds)).await;
}
