//! One measurement, in a process of its own: a cluster, its clients, and what they saw.

use crate::disk::{Counts, Medium};
use crate::system::{Cluster, Execute, System, command};
use crate::{figure2, floor, memory, openraft, raft_rs};
use anyhow::{Context as _, Result};
use clap::ValueEnum;
use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};

/// Worker threads, of all runtimes together.
pub const WORKERS: usize = 2;

/// Who runs on which of tokio's worker threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Threads {
    /// One runtime with two workers has the clients and the cluster
    #[default]
    Shared,
    /// The clients have a runtime with one worker, the cluster has another: as in openraft's own benchmark
    Split,
}

impl fmt::Display for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Threads::Shared => "shared",
            Threads::Split => "split",
        })
    }
}

/// Of how many operations of a client one is timed: in memory, reading the clock for each would be felt.
const fn timed(medium: &Medium) -> u64 {
    match medium {
        Medium::Memory => 8,
        Medium::Disk { .. } => 1,
    }
}

/// What is measured, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Which system.
    pub system: System,
    /// Where its logs are.
    pub medium: Medium,
    /// How many clients.
    pub clients: usize,
    /// Who runs on which threads.
    pub threads: Threads,
    /// How long it runs before the clock starts.
    pub warm_up: Duration,
    /// How long it is measured.
    pub time: Duration,
}

/// What a measurement came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Operations a second.
    pub operations: f64,
    /// Half of the operations took no longer, in microseconds.
    pub p50: f64,
    /// 99 of 100 operations took no longer, in microseconds.
    pub p99: f64,
    /// CPU seconds of the process for 100,000 operations.
    pub cpu: f64,
    /// Most resident memory of the process, in MiB; none where the system does not tell.
    pub memory: Option<f64>,
    /// What the logs asked of their disk; none in memory.
    pub disk: Option<DiskFigures>,
}

/// What the logs of all voters together asked of their disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskFigures {
    /// Syncs for each operation.
    pub syncs: f64,
    /// Bytes written for each operation.
    pub bytes: f64,
    /// Segments that became part of a log while the clock ran.
    pub segments: f64,
}

impl Measurement {
    /// Measures, in this process.
    ///
    /// # Errors
    /// When the cluster does not start, or an operation fails.
    pub fn run(&self) -> Result<Figures> {
        let runtime = |workers| Builder::new_multi_thread().worker_threads(workers).enable_time().build();
        let (clients, cluster) = match self.threads {
            Threads::Shared => (runtime(WORKERS)?, None),
            Threads::Split => (runtime(WORKERS / 2)?, Some(runtime(WORKERS / 2)?)),
        };
        let place = cluster.as_ref().unwrap_or(&clients).handle();
        let measured = clients.block_on(async {
            match self.system {
                System::Figure2 => self.run_on::<figure2::Nodes>(place).await,
                System::Openraft => self.run_on::<openraft::Nodes>(place).await,
                System::Raft => self.run_on::<raft_rs::Nodes>(place).await,
                System::Floor => self.run_on::<floor::Nodes>(place).await,
            }
        });
        // The process ends anyway: nothing is put in order first.
        clients.shutdown_background();
        cluster.into_iter().for_each(Runtime::shutdown_background);
        measured
    }

    async fn run_on<C: Cluster>(&self, place: &Handle) -> Result<Figures> {
        // On a worker: the thread that waits for it is none of them.
        let medium = self.medium.clone();
        let cluster = place.spawn(async move { C::start(&medium).await }).await??;
        self.medium.settle().await;
        let clients = vec![cluster; self.clients];
        let look = || Ok((ProcessTime::now(), Counts::now(), memory::peak()));
        let driven = drive(clients, timed(&self.medium), self.warm_up, self.time, look).await?;
        let ((begun, counts, _), (ended, counted, memory)) = (driven.before, driven.after);
        let cpu = ended.duration_since(begun).as_secs_f64();
        let counts = counted.since(counts);
        let operations = driven.operations as f64;
        let each = |count: u64| count as f64 / operations.max(1.0);
        let disk = DiskFigures {
            syncs: each(counts.syncs),
            bytes: each(counts.bytes),
            segments: counts.segments as f64,
        };
        Ok(Figures {
            operations: operations / driven.seconds,
            p50: driven.p50,
            p99: driven.p99,
            cpu: cpu * 100_000.0 / operations.max(1.0),
            memory: memory.map(|bytes| bytes as f64 / f64::from(1 << 20)),
            disk: (self.medium != Medium::Memory).then_some(disk),
        })
    }
}

/// What a client has of the cluster: itself, or a connection to it.
pub trait Call: Send + 'static {
    /// Sends a command, and waits for the answer.
    ///
    /// # Errors
    /// When it is not known to be done.
    fn call(&mut self, command: Vec<u8>) -> impl Future<Output = Result<()>> + Send;
}

impl<E: Execute> Call for E {
    fn call(&mut self, command: Vec<u8>) -> impl Future<Output = Result<()>> + Send {
        self.execute(command)
    }
}

/// What all clients saw together, and what was seen besides, before and after.
pub struct Driven<T> {
    /// Commands that were answered while the clock ran.
    pub operations: u64,
    /// How long it ran.
    pub seconds: f64,
    /// Half of the operations took no longer, in microseconds.
    pub p50: f64,
    /// 99 of 100 operations took no longer, in microseconds.
    pub p99: f64,
    /// When it began to run.
    pub before: T,
    /// When it ended.
    pub after: T,
}

/// Has a task for each client send commands, of which one in `timed` is timed. The clock runs after the time to warm up.
///
/// # Errors
/// When a command fails, or nothing can be seen.
pub async fn drive<T>(
    clients: Vec<impl Call>,
    timed: u64,
    warm_up: Duration,
    time: Duration,
    mut look: impl FnMut() -> Result<T>,
) -> Result<Driven<T>> {
    let phase = Arc::new(Phase::default());
    let clients: Vec<_> =
        clients.into_iter().map(|one| tokio::spawn(client(one, phase.clone(), timed))).collect();
    tokio::time::sleep(warm_up).await;
    let before = look()?;
    let start = Instant::now();
    phase.enter(Phase::MEASURED);
    tokio::time::sleep(time).await;
    phase.enter(Phase::OVER);
    let seconds = start.elapsed().as_secs_f64();
    let after = look()?;
    let (mut operations, mut times) = (0, Vec::new());
    for client in clients {
        let seen = client.await?.context("a client's command failed")?;
        operations += seen.operations;
        times.extend(seen.times);
    }
    times.sort_unstable();
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    Ok(Driven { operations, seconds, p50, p99, before, after })
}

/// What the clients do at the moment.
#[derive(Default)]
struct Phase(AtomicU8);

impl Phase {
    const WARM_UP: u8 = 0;
    const MEASURED: u8 = 1;
    const OVER: u8 = 2;

    fn enter(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }

    fn now(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a client saw.
#[derive(Default)]
struct Seen {
    operations: u64,
    /// Nanoseconds of some operations.
    times: Vec<u32>,
}

/// Sends the next command when the last one is answered.
async fn client(mut cluster: impl Call, phase: Arc<Phase>, timed: u64) -> Result<Seen> {
    let mut seen = Seen::default();
    for number in 0_u64.. {
        let begun = number.is_multiple_of(timed).then(Instant::now);
        let was = phase.now();
        cluster.call(command(number)).await?;
        match phase.now() {
            Phase::WARM_UP => {}
            Phase::MEASURED => {
                seen.operations += 1;
                if let Some(begun) = begun.filter(|_| was == Phase::MEASURED) {
                    seen.times.push(u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX));
                }
            }
            _ => break,
        }
    }
    Ok(seen)
}

/// So many percent of these sorted nanoseconds are no more, in microseconds.
fn percentile(sorted: &[u32], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, |nanoseconds| f64::from(*nanoseconds) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let sorted: Vec<u32> = (1..=200).map(|rank| rank * 1000).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 99)), (100.0, 198.0));
        assert_eq!(percentile(&[5_000], 50), 5.0);
        assert!(percentile(&[], 50).is_nan());
    }

    #[test]
    fn each_system_answers_its_clients() {
        let both = |system| [(system, Threads::Shared), (system, Threads::Split)];
        for (system, threads) in System::all(false).into_iter().flat_map(both) {
            let (warm_up, time) = (Duration::from_millis(20), Duration::from_millis(100));
            let medium = Medium::Memory;
            let figures = Measurement { system, medium, clients: 8, threads, warm_up, time }.run().unwrap();
            assert!(figures.operations > 100.0, "{system}: {figures:?}");
            assert!(figures.p50 <= figures.p99, "{system}: {figures:?}");
        }
    }

    #[test]
    fn each_system_answers_its_clients_when_its_log_is_on_disk() {
        for system in System::all(true) {
            // Beside this program: the system's own place may be in memory.
            let program = std::env::current_exe().unwrap();
            let directory = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
            let (warm_up, time) = (Duration::from_millis(50), Duration::from_millis(500));
            // Small segments, so that some change, and some are zeroed.
            let medium = Medium::Disk { directory: directory.path().to_owned(), segment_bytes: 64 << 10 };
            let measurement =
                Measurement { system, medium, clients: 8, threads: Threads::Shared, warm_up, time };
            let figures = measurement.run().unwrap();
            let disk = figures.disk.unwrap();
            assert!(figures.operations > 5.0, "{system}: {figures:?}");
            // Two voters of three have a command before it is answered, with 8 at most in a sync.
            assert!(disk.syncs > 0.2 && disk.bytes > 250.0, "{system}: {figures:?}");
        }
    }
}
