//! 2D and 3D: the service takes snapshots, logs are trimmed, and who missed too much gets a snapshot.

use super::persistence::restart;
use super::replication::at_most;
use crate::tester::{Applying, Cluster, Failure, SNAPSHOT_INTERVAL};

/// Persisted Raft state must stay below this many bytes.
const MAX_LOG_BYTES: u64 = 2000;

/// What happens to the server that shall miss entries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    Untouched,
    CutOff,
    Crashed,
}

/// Nobody fails.
pub(super) async fn basic(c: Cluster) -> Result<(), Failure> {
    rounds(c, Victim::Untouched).await
}

/// Servers are cut off and get a snapshot when they return.
pub(super) async fn install_after_cut(c: Cluster) -> Result<(), Failure> {
    rounds(c, Victim::CutOff).await
}

/// Servers crash and get a snapshot when they return.
pub(super) async fn install_after_crash(c: Cluster) -> Result<(), Failure> {
    rounds(c, Victim::Crashed).await
}

async fn rounds(c: Cluster, fate: Victim) -> Result<(), Failure> {
    let n = c.servers();
    c.one(c.random_command(), n, true).await?;
    let mut leader = c.one_leader().await?;
    for round in 0..30 {
        let next = (leader + 1) % n;
        let (victim, sender) = if round % 3 == 1 { (leader, next) } else { (next, leader) };
        match fate {
            Victim::Untouched => {}
            Victim::CutOff => {
                c.disconnect(victim).await;
                c.one(c.random_command(), n - 1, true).await?;
            }
            Victim::Crashed => {
                c.crash(victim).await;
                c.one(c.random_command(), n - 1, true).await?;
            }
        }
        // Enough for a snapshot in every round of the 2021 edition; since 2022 in some rounds only.
        let submissions = match c.applying() {
            Applying::Automatic => random_number_of_commands(&c),
            Applying::Plain | Applying::Conditional => SNAPSHOT_INTERVAL + 1,
        };
        for _ in 0..submissions {
            c.submit(sender, c.random_command()).await?;
        }
        // The services must have caught up before the logs are measured.
        let caught_up = match (c.applying(), fate) {
            (Applying::Automatic, Victim::Untouched) => n,
            _ => n - 1,
        };
        c.one(c.random_command(), caught_up, true).await?;
        at_most("bytes of persisted Raft state", c.log_size().await as u64, MAX_LOG_BYTES - 1)?;
        match fate {
            Victim::Untouched => continue,
            Victim::CutOff => c.connect(victim).await,
            Victim::Crashed => restart(&c, victim).await?,
        }
        c.one(c.random_command(), n, true).await?;
        leader = c.one_leader().await?;
    }
    Ok(())
}

/// Since 2022: after a crash of all, the log goes on where it was.
pub(super) async fn all_crash(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    c.one(c.random_command(), n, true).await?;
    for _ in 0..5 {
        for _ in 0..random_number_of_commands(&c) {
            c.one(c.random_command(), n, true).await?;
        }
        let before = c.one(c.random_command(), n, true).await?;
        crash_and_restart_all(&c).await?;
        let command = c.random_command();
        let index = c.one(command.clone(), n, true).await?;
        if index < before.next() {
            let expected = format!("{} or more", before.next());
            return Err(Failure::WrongIndex { command, index, expected });
        }
    }
    Ok(())
}

/// Since 2023: a snapshot taken before one crash is still there after the next.
pub(super) async fn initialization(c: Cluster) -> Result<(), Failure> {
    let n = c.servers();
    for _ in 0..SNAPSHOT_INTERVAL + 2 {
        c.one(c.random_command(), n, true).await?;
    }
    for _ in 0..2 {
        crash_and_restart_all(&c).await?;
        c.one(c.random_command(), n, true).await?;
    }
    Ok(())
}

async fn crash_and_restart_all(c: &Cluster) -> Result<(), Failure> {
    for server in 0..c.servers() {
        c.crash(server).await;
    }
    for server in 0..c.servers() {
        restart(c, server).await?;
    }
    Ok(())
}

fn random_number_of_commands(c: &Cluster) -> u64 {
    SNAPSHOT_INTERVAL / 2 + c.random(SNAPSHOT_INTERVAL)
}
