//! 2B: the log, as long as nothing more than a connection fails.

use super::{number, second};
use crate::tester::{Cluster, Failure};
use figure2::Index;
use std::time::Duration;
use tokio::time::sleep;

/// Three commands go to indexes 1 to 3, and nothing is applied before it is submitted.
pub(super) async fn basic_agreement(c: Cluster) -> Result<(), Failure> {
    for index in 1..=3 {
        c.none_committed(Index(index), "before anything was submitted for it").await?;
        agree_at(&c, number(index * 100), Index(index)).await?;
    }
    Ok(())
}

/// Each command is sent to each peer once.
pub(super) async fn rpc_bytes(c: Cluster) -> Result<(), Failure> {
    const COMMAND_BYTES: usize = 5000;
    agree_at(&c, number(99), Index(1)).await?;
    let before = c.network().total_bytes();
    let mut sent = 0;
    for index in 2..12 {
        let letters: Vec<u8> = (0..COMMAND_BYTES).map(|_| random_letter(&c)).collect();
        sent += letters.len() as u64;
        agree_at(&c, letters.into(), Index(index)).await?;
    }
    let most = c.servers() as u64 * sent + 50_000;
    at_most("bytes sent for ten commands of 5,000 bytes", c.network().total_bytes() - before, most)
}

/// Two of three agree, and the third catches up.
pub(super) async fn follower_disconnection(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(number(101), n, false).await?;
    let follower = (c.one_leader().await? + 1) % n;
    c.disconnect(follower).await;
    c.one(number(102), n - 1, false).await?;
    c.one(number(103), n - 1, false).await?;
    sleep(second()).await;
    c.one(number(104), n - 1, false).await?;
    c.one(number(105), n - 1, false).await?;

    c.connect(follower).await;
    c.one(number(106), n, true).await?;
    sleep(second()).await;
    c.one(number(107), n, true).await?;
    Ok(())
}

/// Without a majority nothing is committed; after the heal the cluster goes on.
pub(super) async fn too_many_disconnected(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(number(10), n, false).await?;
    let leader = c.one_leader().await?;
    let followers = [1, 2, 3].map(|i| (leader + i) % n);
    for follower in followers {
        c.disconnect(follower).await;
    }
    let index = take(&c, leader, number(20)).await?;
    expect_index(20, index, Index(2)..=Index(2))?;
    sleep(2 * second()).await;
    c.none_committed(index, "without a majority").await?;

    for follower in followers {
        c.connect(follower).await;
    }
    // The majority without the old leader may have elected another, and forgotten the command.
    let leader = c.one_leader().await?;
    let index = take(&c, leader, number(30)).await?;
    expect_index(30, index, Index(2)..=Index(3))?;
    c.one(number(1000), n, true).await?;
    Ok(())
}

/// What only a leader without followers took is replaced by what the others agreed on.
pub(super) async fn rejoin(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(number(101), n, true).await?;
    let first = c.one_leader().await?;
    c.disconnect(first).await;
    for value in 102..=104 {
        c.submit(first, number(value)).await?;
    }
    c.one(number(103), n - 1, true).await?;

    let second = c.one_leader().await?;
    c.disconnect(second).await;
    c.connect(first).await;
    c.one(number(104), n - 1, true).await?;
    c.connect(second).await;
    c.one(number(105), n, true).await?;
    Ok(())
}

/// Logs that differ in many entries are brought in line quickly.
pub(super) async fn backup(c: Cluster) -> Result<(), Failure> {
    const MANY: usize = 50;
    let n = c.servers();
    c.one(c.random_command(), n, true).await?;

    // A leader and one follower, alone, take many commands that will not commit.
    let first = c.one_leader().await?;
    let pair = [first, (first + 1) % n];
    let three = [2, 3, 4].map(|i| (first + i) % n);
    for server in three {
        c.disconnect(server).await;
    }
    submit_many(&c, first, MANY).await?;
    sleep(second() / 2).await;

    // The other three commit many.
    for server in pair {
        c.disconnect(server).await;
    }
    for server in three {
        c.connect(server).await;
    }
    agree_many(&c, MANY, 3).await?;

    // Of these three, a leader and a follower take many that will not commit.
    let second_leader = c.one_leader().await?;
    let other = if second_leader == three[0] { three[1] } else { three[0] };
    c.disconnect(other).await;
    submit_many(&c, second_leader, MANY).await?;
    sleep(second() / 2).await;

    // The first pair and the one that was cut off commit many.
    for server in 0..n {
        c.disconnect(server).await;
    }
    for server in [pair[0], pair[1], other] {
        c.connect(server).await;
    }
    agree_many(&c, MANY, 3).await?;

    for server in 0..n {
        c.connect(server).await;
    }
    c.one(c.random_command(), n, true).await?;
    Ok(())
}

async fn submit_many(c: &Cluster, leader: usize, count: usize) -> Result<(), Failure> {
    for _ in 0..count {
        c.submit(leader, c.random_command()).await?;
    }
    Ok(())
}

async fn agree_many(c: &Cluster, count: usize, servers: usize) -> Result<(), Failure> {
    for _ in 0..count {
        c.one(c.random_command(), servers, true).await?;
    }
    Ok(())
}

/// Since 2023: followers fail one after the other; the last server alone commits nothing.
pub(super) async fn failure_of_followers(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(number(101), n, false).await?;
    let leader = c.one_leader().await?;
    c.disconnect((leader + 1) % n).await;
    c.one(number(102), n - 1, false).await?;
    sleep(second()).await;
    c.one(number(103), n - 1, false).await?;

    let leader = c.one_leader().await?;
    c.disconnect((leader + 1) % n).await;
    c.disconnect((leader + 2) % n).await;
    let index = take(&c, leader, number(104)).await?;
    expect_index(104, index, Index(4)..=Index(4))?;
    sleep(2 * second()).await;
    c.none_committed(index, "without a majority").await
}

/// Since 2023: two leaders fail one after the other; nobody commits any more.
pub(super) async fn failure_of_leaders(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(number(101), n, false).await?;
    let first = c.one_leader().await?;
    c.disconnect(first).await;
    c.one(number(102), n - 1, false).await?;
    sleep(second()).await;
    c.one(number(103), n - 1, false).await?;

    let second_leader = c.one_leader().await?;
    c.disconnect(second_leader).await;
    for server in 0..n {
        c.submit(server, number(104)).await?;
    }
    sleep(2 * second()).await;
    c.none_committed(Index(4), "without a majority").await
}

/// Agreement by all without a second try, at exactly this index.
async fn agree_at(c: &Cluster, command: bytes::Bytes, expected: Index) -> Result<(), Failure> {
    let index = c.one(command.clone(), c.servers(), false).await?;
    if index == expected {
        Ok(())
    } else {
        Err(Failure::WrongIndex { command, index, expected: expected.to_string() })
    }
}

/// The leader takes a command; its index.
async fn take(c: &Cluster, leader: usize, command: bytes::Bytes) -> Result<Index, Failure> {
    let started = c.submit(leader, command).await?;
    if started.is_leader { Ok(started.index) } else { Err(Failure::LeaderRefused { server: leader }) }
}

fn expect_index(
    command: u64,
    index: Index,
    expected: std::ops::RangeInclusive<Index>,
) -> Result<(), Failure> {
    if expected.contains(&index) {
        return Ok(());
    }
    let expected = format!("{} to {}", expected.start(), expected.end());
    Err(Failure::WrongIndex { command: number(command), index, expected })
}

pub(super) fn at_most(what: &'static str, measured: u64, most: u64) -> Result<(), Failure> {
    if measured <= most {
        Ok(())
    } else {
        Err(Failure::Limit { what, measured, allowed: format!("at most {most}") })
    }
}

/// How long to wait before a test that needs one leader throughout is tried again.
pub(super) const BEFORE_RETRY: Duration = Duration::from_secs(3);
/// How often it is tried.
pub(super) const TRIES: usize = 5;

fn random_letter(c: &Cluster) -> u8 {
    b'a' + u8::try_from(c.random(26)).unwrap_or_default()
}
