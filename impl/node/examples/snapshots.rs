//! A service with snapshots on three servers in one process: one of them is away for long, and catches up by a snapshot.
//! `cargo run -p figure2 --example snapshots` runs it.

mod in_process;

use figure2::{ApplyMsg, Options, Persister, ProposalOutcome, Raft};
use in_process::{Link, others};
use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// How many words there are between two snapshots.
const SNAPSHOT_EVERY: usize = 100;

/// The service: a text that grows by a word with each command. Its state is its snapshot.
async fn write(
    raft: Raft,
    mut text: String,
    mut applied: mpsc::Receiver<ApplyMsg>,
    words: watch::Sender<usize>,
) -> io::Result<()> {
    while let Some(message) = applied.recv().await {
        match message {
            ApplyMsg::Command { index, command, .. } => {
                text.push_str(&String::from_utf8_lossy(&command));
                text.push(' ');
                if text.split_whitespace().count().is_multiple_of(SNAPSHOT_EVERY) {
                    let mut snapshot = raft.snapshot_writer()?;
                    snapshot.write_all(text.as_bytes())?;
                    raft.snapshot(index, snapshot.finish()?);
                }
            }
            ApplyMsg::Snapshot { index, data, .. } => {
                text.clear();
                data.reader()?.read_to_string(&mut text)?;
                println!("{} switches to a snapshot of {index}", raft.status().id);
            }
        }
        words.send_replace(text.split_whitespace().count());
    }
    Ok(())
}

/// Starts a server from what its storage holds: the service begins with the snapshot that is there.
async fn start(
    links: &[Link],
    id: u64,
    storage: &Persister,
) -> Result<(Raft, watch::Receiver<usize>), Box<dyn Error>> {
    let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
    // A leader keeps no entries for a server that lags: only a snapshot will do.
    let options = Options { max_retained_bytes: 0, ..Options::default() };
    let raft = Raft::new(id, others(links, id), storage.clone(), apply, options).await?;
    let mut text = String::new();
    if let Some(snapshot) = raft.latest_snapshot() {
        snapshot.data.reader()?.read_to_string(&mut text)?;
    }
    let (words, seen) = watch::channel(text.split_whitespace().count());
    if let Some(link) = links.get(id as usize) {
        link.connect(Some(raft.clone()));
    }
    tokio::spawn(write(raft.clone(), text, applied, words));
    Ok((raft, seen))
}

/// Proposes a word to whichever server leads, until it is committed.
async fn say(servers: &[(Raft, watch::Receiver<usize>)], word: &str) {
    loop {
        for (raft, _) in servers {
            if let Ok(proposal) = raft.propose(word.to_owned().into())
                && proposal.await == ProposalOutcome::Applied
            {
                return;
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let links: Vec<Link> = (0..3).map(|_| Link::default()).collect();
    let storages: Vec<Persister> = (0..3).map(|_| Persister::new()).collect();
    let mut servers = Vec::new();
    for (id, storage) in (0..).zip(&storages) {
        servers.push(start(&links, id, storage).await?);
    }
    say(&servers, "first").await;

    let Some((away, _)) = servers.pop() else { return Ok(()) };
    links.last().iter().for_each(|link| link.connect(None));
    away.shutdown().await; // its storage is free for the one that follows
    for number in 1..250 {
        say(&servers, &number.to_string()).await;
    }
    if let Some(storage) = storages.last() {
        servers.push(start(&links, 2, storage).await?);
    }
    for (raft, words) in &mut servers {
        let count = *words.wait_for(|count| *count >= 250).await?;
        println!("{} has {count} words", raft.status().id);
    }
    Ok(())
}
