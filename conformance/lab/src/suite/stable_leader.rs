//! 2B: two tests that need one leader throughout, and so have several tries.

use super::replication::{BEFORE_RETRY, TRIES, at_most};
use super::{joined, number, second};
use crate::tester::{Cluster, Failure, Waited};
use bytes::Bytes;
use figure2::{Index, Term};
use tokio::time::sleep;

/// Commands that are submitted at the same time all commit, everywhere.
pub(super) async fn concurrent_starts(c: Cluster) -> Result<(), Failure> {
    for attempt in 0..TRIES {
        if attempt > 0 {
            // Give the cluster time to settle.
            sleep(BEFORE_RETRY).await;
        }
        if try_concurrent_starts(&c).await? {
            return Ok(());
        }
    }
    Err(Failure::TermChangedTooOften { tries: TRIES })
}

/// False when the leader changed.
async fn try_concurrent_starts(c: &Cluster) -> Result<bool, Failure> {
    let leader = c.one_leader().await?;
    let first = c.submit(leader, number(1)).await?;
    if !first.is_leader {
        return Ok(false);
    }
    let values: Vec<Bytes> = (100..105).map(number).collect();
    let raft = c.raft(leader).await.ok_or(Failure::ServerDown { server: leader })?;
    let clients: Vec<_> = values
        .iter()
        .map(|value| {
            let (raft, value) = (raft.clone(), value.clone());
            tokio::spawn(async move { raft.start(value) })
        })
        .collect();
    let mut taken = Vec::new();
    for client in clients {
        let started = joined(client.await)?;
        if started.is_leader && started.term == first.term {
            taken.push(started.index);
        }
    }
    if !all_in_term(c, first.term).await {
        return Ok(false);
    }
    let mut applied = Vec::new();
    for index in taken {
        match c.wait(index, c.servers(), Some(first.term)).await? {
            Waited::Applied(command) => applied.push(command),
            Waited::TermPassed => break,
        }
    }
    match values.into_iter().find(|value| !applied.contains(value)) {
        Some(value) => Err(Failure::ValueMissing { value, place: "among the commands applied".into() }),
        None => Ok(true),
    }
}

/// The network is not used more than agreement needs.
pub(super) async fn rpc_counts(c: Cluster) -> Result<(), Failure> {
    c.one_leader().await?;
    let election = handed(&c);
    if !(1..=30).contains(&election) {
        return Err(Failure::Limit {
            what: "RPCs to elect the first leader",
            measured: election,
            allowed: "1 to 30".into(),
        });
    }
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep(BEFORE_RETRY).await;
        }
        let Some(after_agreement) = try_rpc_counts(&c).await? else { continue };
        sleep(second()).await;
        return at_most("RPCs in a second of idleness", handed(&c) - after_agreement, 3 * 20);
    }
    Err(Failure::TermChangedTooOften { tries: TRIES })
}

/// The RPCs so far, after a try in which the leader stayed; none when it changed.
async fn try_rpc_counts(c: &Cluster) -> Result<Option<u64>, Failure> {
    const VERIFIED: u64 = 10;
    let leader = c.one_leader().await?;
    let before = handed(c);
    let first = c.submit(leader, number(1)).await?;
    if !first.is_leader {
        return Ok(None);
    }
    let mut commands = Vec::new();
    for i in 1..VERIFIED + 2 {
        let command = c.random_command();
        let started = c.submit(leader, command.clone()).await?;
        if !started.is_leader || started.term != first.term {
            return Ok(None);
        }
        let expected = Index(first.index.0 + i);
        if started.index != expected {
            let expected = expected.to_string();
            return Err(Failure::WrongIndex { command, index: started.index, expected });
        }
        commands.push((expected, command));
    }
    // As in the lab, the last command is submitted and not waited for.
    commands.pop();
    for (index, command) in commands {
        match c.wait(index, c.servers(), Some(first.term)).await? {
            Waited::Applied(applied) if applied == command => {}
            Waited::Applied(_) => {
                return Err(Failure::ValueMissing { value: command, place: format!("at index {index}") });
            }
            Waited::TermPassed => return Ok(None),
        }
    }
    if !all_in_term(c, first.term).await {
        return Ok(None);
    }
    let after = handed(c);
    at_most("RPCs for 12 commands", after - before, (VERIFIED + 1 + 3) * 3)?;
    Ok(Some(after))
}

async fn all_in_term(c: &Cluster, term: Term) -> bool {
    c.claims().await.iter().all(|claim| claim.term == term)
}

/// Calls handed to servers: the sum over all of them.
fn handed(c: &Cluster) -> u64 {
    (0..c.servers()).map(|server| c.server_calls(server)).sum()
}
