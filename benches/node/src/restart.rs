//! A restart with 1 GiB of log: how long until the server has its log, and until its first answer.
//!
//! The server is the only voter of its cluster, so nothing waits for others. There is no snapshot: its service gets every
//! command of the log again before the new one is answered. The answer also waits for the election timeout, once.

use crate::disk::{Counted, put};
use crate::figure2::serve;
use crate::system::{COMMAND_BYTES, command};
use anyhow::{Context as _, Result, bail};
use cpu_time::ProcessTime;
use figure2::{
    ApplyChannel, Change, Cluster, Command, Identity, Index, Options, Peer, ProposalOutcome, Raft, Term,
};
use figure2_core::Entry;
use figure2_wal::DiskStorage;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

/// Bytes of log.
const LOG_BYTES: u64 = 1 << 30;

/// Entries in each write, with which the log is made.
const BATCH: u64 = 4096;

/// What the log writes for an entry beside its command.
const OVERHEAD: u64 = 21;

/// How often each start is repeated.
const ROUNDS: usize = 3;

/// A start of the server, from nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Where its files were.
    pub what: &'static str,
    /// Entries in its log.
    pub entries: u64,
    /// Until it has read the log, and takes part.
    pub loaded: Duration,
    /// Until it leads: an election timeout, drawn at random, and an election.
    pub leads: Duration,
    /// Until a new command was answered.
    pub answered: Duration,
    /// CPU seconds in all.
    pub cpu: Duration,
}

/// Makes a log in this directory, and starts a server on it, several times.
///
/// # Errors
/// When it cannot be made, or the server does not start.
pub fn run(directory: &Path) -> Result<Vec<Start>> {
    let directory = directory.join("voter-0");
    let entries = make(&directory)?;
    let mut starts = Vec::new();
    for _ in 0..ROUNDS {
        forget(&directory)?;
        starts.push(start(&directory, "files on disk only", entries)?);
        starts.push(start(&directory, "files in the system's cache", entries)?);
    }
    // The middle one of each kind.
    let (first, second): (Vec<_>, Vec<_>) =
        starts.into_iter().partition(|start| start.what.ends_with("only"));
    let middle = |mut starts: Vec<Start>| {
        starts.sort_by_key(|start| start.answered);
        starts.into_iter().nth(ROUNDS / 2)
    };
    Ok([first, second].into_iter().filter_map(middle).collect())
}

fn make(directory: &Path) -> Result<u64> {
    let me = Identity { server: 0, cluster: Cluster::numbered(1) };
    let mut log = DiskStorage::on(Counted::open(directory)?, figure2_wal::Options::default());
    log.read(&me)?;
    let vote = Change::TermAndVote { current_term: Term(1), voted_for: Some(figure2::ServerId(0)) };
    put(&mut log, vec![vote])?;
    let mut next = 1;
    while next * (COMMAND_BYTES as u64 + OVERHEAD) < LOG_BYTES {
        let entry = |number| Entry { term: Term(1), command: Command::from(command(number)) };
        let entries = (next..next + BATCH).map(entry).collect();
        put(&mut log, vec![Change::Append { first_index: Index(next), entries }])?;
        next += BATCH;
    }
    Ok(next - 1)
}

/// Has the system forget what it holds of the files.
fn forget(directory: &Path) -> Result<()> {
    for file in std::fs::read_dir(directory)? {
        let file = File::open(file?.path())?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// The way to other servers, of which there are none.
struct Nobody;

impl Peer for Nobody {
    fn send(&self, _: figure2::codec::Frame) {}
}

fn start(directory: &Path, what: &'static str, entries: u64) -> Result<Start> {
    let runtime =
        Builder::new_multi_thread().worker_threads(crate::measure::WORKERS).enable_time().build()?;
    runtime.block_on(async {
        let (begun, cpu) = (Instant::now(), ProcessTime::now());
        let log = DiskStorage::on(Counted::open(directory)?, figure2_wal::Options::default());
        // Without an end to its entries it takes no snapshot, and needs no server for it.
        let apply = ApplyChannel::call(serve(Arc::default(), u64::MAX));
        let raft = Raft::new(0, [] as [(u64, Nobody); 0], log, apply, Options::default()).await?;
        let loaded = begun.elapsed();
        let mut status = raft.watch();
        while !raft.term_and_leadership().1 {
            if raft.is_stopped() {
                bail!("the server stopped: {:?}", raft.failure());
            }
            status.changed().await;
        }
        let leads = begun.elapsed();
        let outcome = raft.propose(command(0).into()).context("a command")?.await;
        let (answered, cpu) = (begun.elapsed(), cpu.elapsed());
        if outcome != ProposalOutcome::Applied {
            bail!("the outcome of the first command is {outcome:?}");
        }
        raft.shutdown().await;
        Ok(Start { what, entries, loaded, leads, answered, cpu })
    })
}

/// The starts, a row each.
pub fn table(starts: &[Start]) -> String {
    let mut rows = vec![
        "| where the log is | entries | log read after | leads after | first answer after | CPU s |"
            .to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    rows.extend(starts.iter().map(|start| {
        let Start { what, entries, loaded, leads, answered, cpu } = start;
        let [loaded, leads, answered, cpu] = [loaded, leads, answered, cpu].map(Duration::as_secs_f64);
        format!("| {what} | {entries} | {loaded:.2} s | {leads:.2} s | {answered:.2} s | {cpu:.2} |")
    }));
    rows.join("\n")
}
