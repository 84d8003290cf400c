//! What recording costs: three nodes in this process, many clients, runs with and without a recording in turn.
//!
//! ```sh
//! cargo run --release -p figure2-validate --example recording_overhead -- [rounds] [seconds a run] [clients...]
//! ```
//!
//! Once with a file that is synced at every write, once without any storage, and each with every number of clients (1,
//! 64, 256 and 1024 unless others are named). Each round has all of them in turn, so that what a busy machine does to
//! one it does to the next, too; the ratios are of two runs of the same round, and their median is printed at the end.
//! The transport costs next to nothing, and each client sends the next command (32 bytes) when the last is committed.
//! All files are temporary, and deleted; the last trace of each kind is first validated and audited, and the rate
//! printed.

use bytes::Bytes;
use cpu_time::ProcessTime;
use figure2::codec::Frame;
use figure2::{
    ApplyMsg, Change, Command, Identity, Index, Loaded, Options, Peer, Raft, Record, SnapshotData, Storage,
    StorageError,
};
use figure2_audit::audit;
use figure2_validate::{Recorder, open, validate};
use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::dispatcher::{self, Dispatch};
use tracing_subscriber::layer::SubscriberExt as _;

/// The service takes a snapshot each time that many entries have been applied.
const SNAPSHOT_INTERVAL: u64 = 1000;

/// What the nodes write to.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A file each, synced at every write, as a node in earnest must.
    Disk,
    /// Nothing: the share of the recording is the highest there can be.
    Nowhere,
}

struct Log(Option<File>);

impl Log {
    fn new(kind: Kind) -> anyhow::Result<Log> {
        // Gone when it is closed: no server restarts here.
        Ok(Log((kind == Kind::Disk).then(tempfile::tempfile).transpose()?))
    }

    fn append(&mut self, record: &Record<Command, SnapshotData>) -> std::io::Result<()> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let mut bytes = Vec::new();
        for change in record.changes() {
            match change {
                Change::Append { entries, .. } => {
                    entries.iter().for_each(|entry| bytes.extend(&entry.command))
                }
                _ => bytes.extend([0; 16]),
            }
        }
        file.write_all(&bytes)?;
        file.sync_data()
    }
}

impl Storage for Log {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        Ok(Loaded::default())
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        self.append(&record).map_err(StorageError::failed)
    }

    fn blocks(&self) -> bool {
        self.0.is_some()
    }
}

/// The servers of the cluster, once they are all made.
type Cluster = Arc<OnceLock<Vec<Raft>>>;

struct Direct {
    cluster: Cluster,
    to: usize,
}

impl Peer for Direct {
    fn send(&self, frame: Frame) {
        if let Some(raft) = self.cluster.get().and_then(|servers| servers.get(self.to)) {
            // What it does not take is sent again.
            let _ = raft.handle(frame);
        }
    }
}

type Waiting = Arc<Mutex<HashMap<Index, oneshot::Sender<()>>>>;

/// Applies, takes snapshots, and answers the clients of the leader.
async fn serve(raft: Raft, mut messages: mpsc::Receiver<ApplyMsg>, waiting: Waiting) {
    while let Some(message) = messages.recv().await {
        match message {
            ApplyMsg::Command { index, .. } => {
                if let Some(client) = lock(&waiting).remove(&index) {
                    // A client that is gone wants no answer.
                    let _ = client.send(());
                }
                if index.0.is_multiple_of(SNAPSHOT_INTERVAL) {
                    raft.snapshot(index, Bytes::from_static(&[7; 128]));
                }
            }
            ApplyMsg::Snapshot { index, term, data } => {
                raft.cond_install_snapshot(term, index, data).await;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a run came to.
#[derive(Clone, Copy)]
struct Figures {
    commands_a_second: f64,
    /// Microseconds of CPU time for each command, the recorder's thread included: what a busy machine does not stretch.
    cpu: f64,
}

/// Runs clients against a cluster; how many commands were committed, and how many a second.
async fn throughput(kind: Kind, record: bool, clients: usize, time: Duration) -> anyhow::Result<(u64, f64)> {
    let cluster: Cluster = Arc::default();
    let waiting: Vec<Waiting> = (0..3).map(|_| Waiting::default()).collect();
    let mut servers = Vec::new();
    for (me, own) in (0..).zip(&waiting) {
        let (apply, messages) = mpsc::channel::<ApplyMsg>(1024);
        let others = (0..3).filter(|to| *to != me);
        let peers = others.map(|to| (to as u64, Direct { cluster: cluster.clone(), to }));
        let options = Options { record, seed: Some(7), ..Options::default() };
        let raft = Raft::new(me as u64, peers, Log::new(kind)?, apply, options).await?;
        tokio::spawn(serve(raft.clone(), messages, own.clone()));
        servers.push(raft);
    }
    let _ = cluster.set(servers.clone());
    let leader = loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if let Some(leader) = servers.iter().position(|raft| raft.term_and_leadership().1) {
            break leader;
        }
    };
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (raft, waiting) = (servers[leader].clone(), waiting[leader].clone());
            tokio::spawn(async move {
                let mut done = 0u64;
                while Instant::now() < end {
                    let committed = {
                        // Held over the call, so that the answer cannot come before it is waited for.
                        let mut waiting = lock(&waiting);
                        let command = Bytes::from_static(b"a command of thirty-two bytes ...");
                        let Ok(proposal) = raft.propose(command) else { break };
                        let (client, committed) = oneshot::channel();
                        waiting.insert(proposal.index, client);
                        committed
                    };
                    done += u64::from(committed.await.is_ok());
                }
                done
            })
        })
        .collect();
    let start = Instant::now();
    let mut done = 0;
    for task in tasks {
        done += task.await?;
    }
    let rate = done as f64 / start.elapsed().as_secs_f64();
    servers.iter().for_each(Raft::stop);
    Ok((done, rate))
}

/// One run on a runtime of its own.
fn run(kind: Kind, record: Option<&Path>, clients: usize, time: Duration) -> anyhow::Result<Figures> {
    let cpu = ProcessTime::now();
    let recording = record.map(Recorder::to_file).transpose()?;
    let dispatch = match &recording {
        Some((recorder, _)) => Dispatch::new(tracing_subscriber::registry().with(recorder.layer())),
        None => Dispatch::none(),
    };
    let is_recorded = recording.is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        // For the life of the thread: its end takes the dispatcher with it.
        .on_thread_start(move || std::mem::forget(dispatcher::set_default(&dispatch)))
        .build()?;
    let (done, commands_a_second) = runtime.block_on(async {
        // On a worker, where the dispatcher is.
        tokio::spawn(throughput(kind, is_recorded, clients, time)).await?
    })?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Some((_, file)) = recording {
        file.finish()?;
    }
    let cpu = cpu.elapsed().as_secs_f64() * 1e6 / done.max(1) as f64;
    Ok(Figures { commands_a_second, cpu })
}

/// How fast the two judges are, and what they say.
fn judge(path: &Path) -> anyhow::Result<()> {
    let start = ProcessTime::now();
    let report = audit(&|| Ok(vec![open(path, false)?]))?;
    let rate = report.lines as f64 / start.elapsed().as_secs_f64();
    println!("audit: {} lines, {rate:.0} lines per second of CPU time, {}", report.lines, report.sentence());
    let start = ProcessTime::now();
    let report = validate(vec![open(path, false)?])?;
    let rate = report.counts.lines as f64 / start.elapsed().as_secs_f64();
    let sentence = report.rejection.map_or("valid".to_owned(), |rejection| rejection.to_string());
    println!("validate: {} lines, {rate:.0} lines per second of CPU time, {sentence}", report.counts.lines);
    Ok(())
}

/// The two runs of one round, without and with a recording.
#[derive(Clone, Copy)]
struct Pair {
    plain: Figures,
    recorded: Figures,
}

/// How much smaller the middle one of these ratios is than 1, in percent, and from where to where they go.
fn cost(ratios: impl Iterator<Item = f64>) -> String {
    let mut costs: Vec<f64> = ratios.map(|ratio| 100.0 * (1.0 - ratio)).collect();
    costs.sort_by(f64::total_cmp);
    match (costs.first(), costs.get(costs.len() / 2), costs.last()) {
        (Some(least), Some(median), Some(most)) => format!("{median:.1} % (median; {least:.1} to {most:.1})"),
        _ => "unknown".to_owned(),
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let argument = |place: usize, default| arguments.get(place).copied().unwrap_or(default);
    let (rounds, time) = (argument(0, 5), Duration::from_secs(argument(1, 2)));
    let clients = match arguments.get(2..) {
        None | Some([]) => vec![1, 64, 256, 1024],
        Some(named) => named.iter().map(|count| usize::try_from(*count)).collect::<Result<_, _>>()?,
    };
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("trace.jsonl");
    for (kind, what) in [(Kind::Disk, "synced file"), (Kind::Nowhere, "no storage")] {
        // A list for each number of clients.
        let mut pairs: Vec<Vec<Pair>> = vec![Vec::new(); clients.len()];
        for round in 1..=rounds {
            for (count, pairs) in clients.iter().zip(&mut pairs) {
                let plain = run(kind, None, *count, time)?;
                let recorded = run(kind, Some(&path), *count, time)?;
                let bytes = std::fs::metadata(&path)?.len();
                if round == rounds && Some(count) == clients.last() {
                    judge(&path)?;
                }
                std::fs::remove_file(&path)?;
                println!(
                    "{what}, round {round}, {count} clients: {:.0} commands/s, {:.1} us CPU each; \
                     recorded {:.0}, {:.1} us; trace of {bytes} bytes",
                    plain.commands_a_second, plain.cpu, recorded.commands_a_second, recorded.cpu
                );
                pairs.push(Pair { plain, recorded });
            }
        }
        let mut fewer: Option<(usize, &[Pair])> = None;
        for (count, pairs) in clients.iter().zip(&pairs) {
            let rates = || pairs.iter().map(|pair| pair.plain.commands_a_second);
            let ratios =
                pairs.iter().map(|pair| pair.recorded.commands_a_second / pair.plain.commands_a_second);
            print!(
                "{what}, {count} clients: {:.0} commands/s, {:.1} us CPU each (medians); recording costs {}",
                median(rates()),
                median(pairs.iter().map(|pair| pair.plain.cpu)),
                cost(ratios)
            );
            if let Some((count, fewer)) = fewer {
                let ratios = rates().zip(fewer).map(|(rate, pair)| rate / pair.plain.commands_a_second);
                print!("; {:.2} times the rate of {count} clients (median)", median(ratios));
            }
            println!();
            fewer = Some((*count, pairs));
        }
    }
    Ok(())
}
