//! A counter on three servers in one process: each command adds a number, and every server comes to the same sum.
//! `cargo run -p figure2 --example counter` runs it.

mod in_process;

use bytes::Bytes;
use figure2::{ApplyMsg, Options, Persister, Proposal, ProposalOutcome, ProposeError, Raft};
use in_process::{Link, others};
use std::error::Error;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

const SERVERS: u64 = 3;

/// The service: adds up what is committed. The sum is in the other end of the channel.
async fn count(mut applied: mpsc::Receiver<ApplyMsg>, sum: watch::Sender<u64>) {
    while let Some(message) = applied.recv().await {
        // This service takes no snapshots, so it is sent none.
        if let ApplyMsg::Command { command, .. } = message
            && let Ok(number) = command.as_ref().try_into().map(u64::from_be_bytes)
        {
            sum.send_modify(|sum| *sum += number);
        }
    }
}

/// Hands the number to whichever server leads.
async fn propose(servers: &[Raft], number: u64) -> Result<Proposal, ProposeError> {
    loop {
        for raft in servers {
            match raft.propose_when_ready(Bytes::copy_from_slice(&number.to_be_bytes())).await {
                Err(ProposeError::NotLeader { .. }) => {}
                decided => return decided,
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let links: Vec<Link> = (0..SERVERS).map(|_| Link::default()).collect();
    let (mut servers, mut sums) = (Vec::new(), Vec::new());
    for id in 0..SERVERS {
        let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
        // A real one keeps its log on a disk.
        let storage = Persister::new();
        let raft = Raft::new(id, others(&links, id), storage, apply, Options::default()).await?;
        if let Some(link) = links.get(id as usize) {
            // Only now can the others reach it.
            link.connect(Some(raft.clone()));
        }
        let (sum, seen) = watch::channel(0);
        tokio::spawn(count(applied, sum));
        servers.push(raft);
        sums.push(seen);
    }
    for number in 1..=100 {
        loop {
            match propose(&servers, number).await?.await {
                ProposalOutcome::Applied => break,
                // It was not counted, and never will be: again.
                ProposalOutcome::Lost => {}
                // It may have been counted: a service that must know gives its commands numbers.
                ProposalOutcome::Unknown => return Err("a server stopped".into()),
            }
        }
    }
    for (id, sum) in sums.iter_mut().enumerate() {
        println!("server {id} counts {}", *sum.wait_for(|sum| *sum >= 5_050).await?);
    }
    for raft in &servers {
        raft.shutdown().await;
    }
    Ok(())
}
