//! The measurements over TCP, in turns.

use super::case::{Kind, TcpCase};
use super::clients::Client;
use super::processes::{Processes, Told};
use super::security::make_certificates;
use super::server::Look;
use crate::disk::Medium;
use crate::measure::{WORKERS, drive};
use crate::options::{Comparison, SEGMENT_BYTES};
use anyhow::{Context as _, Result};
use cpu_time::ProcessTime;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::env;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Builder;

/// How often a measurement may fail: a disk that hangs for longer than an election timeout costs the leader its place.
const ATTEMPTS: u32 = 4;

/// A server is at rest so long after its clients have left.
const REST: Duration = Duration::from_millis(300);

/// What a measurement came to. The servers' figures are those of all three together, but for the memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TcpFigures {
    /// Operations a second.
    pub operations: f64,
    /// Half of the operations took no longer, in microseconds.
    pub p50: f64,
    /// 99 of 100 operations took no longer, in microseconds.
    pub p99: f64,
    /// CPU seconds of the servers for 100,000 operations.
    pub servers_cpu: f64,
    /// CPU seconds of the clients for 100,000 operations.
    pub clients_cpu: f64,
    /// Syncs of the servers for each operation.
    pub syncs: f64,
    /// Bytes that the servers wrote to their disks for each operation.
    pub bytes: f64,
    /// Resident memory, in MB (1,000,000 bytes), of the server that has most, before there were clients; not a number where
    /// the system does not tell.
    pub at_start: f64,
    /// The same, after the clients have left.
    pub after_load: f64,
}

/// The figures of each round, for one case.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpSeries {
    /// The case.
    pub case: TcpCase,
    /// The figures, a round each.
    pub rounds: Vec<TcpFigures>,
}

/// Runs all measurements, with the logs and the certificates in this directory.
///
/// # Errors
/// When one fails, again and again.
pub fn run(comparison: &Comparison, directory: &Path) -> Result<Vec<TcpSeries>> {
    let program = env::current_exe().context("this program")?;
    let certificates = directory.join("certificates");
    make_certificates(&certificates)?;
    allow_connections();
    let clients = comparison.clients.iter().copied();
    let mut all: Vec<TcpSeries> = clients
        .flat_map(|clients| Kind::ALL.map(|kind| TcpCase { kind, clients }))
        .map(|case| TcpSeries { case, rounds: Vec::new() })
        .collect();
    for round in 0..comparison.rounds {
        // The kinds of one number of clients take turns, and another one begins in each round.
        for together in all.chunks_mut(Kind::ALL.len()) {
            together.rotate_left(round as usize % Kind::ALL.len());
            for series in together.iter_mut() {
                let TcpCase { kind, clients } = series.case;
                let figures =
                    repeated(|| measure(&program, comparison, series.case, directory, &certificates))?;
                eprintln!(
                    "round {} of {}: {kind:<19} {clients:>5} clients: {:>9.0} operations/s",
                    round + 1,
                    comparison.rounds,
                    figures.operations
                );
                series.rounds.push(figures);
            }
            together.rotate_right(round as usize % Kind::ALL.len());
        }
    }
    Ok(all)
}

/// Each client has a connection, which is a file to the system: as many as it gives.
fn allow_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it gives no more, a connection will fail, and say so.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn repeated<T>(mut measure: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match measure() {
            Err(problem) if attempts < ATTEMPTS => eprintln!("once more: {problem:#}"),
            outcome => return outcome,
        }
    }
}

/// One measurement: three processes and a directory of their own.
fn measure(
    program: &Path,
    comparison: &Comparison,
    case: TcpCase,
    directory: &Path,
    certificates: &Path,
) -> Result<TcpFigures> {
    let own = tempfile::tempdir_in(directory).with_context(|| directory.display().to_string())?;
    let told = Told { kind: case.kind, directory: own.path(), segment_bytes: SEGMENT_BYTES, certificates };
    let mut servers = Processes::start(program, &told)?;
    let leader = servers.leader()?;
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let measured = runtime.block_on(async {
        let medium = Medium::Disk { directory: own.path().to_owned(), segment_bytes: SEGMENT_BYTES };
        medium.settle().await;
        let at_start = memory(&servers.look()?);
        let mut clients = Vec::new();
        for _ in 0..case.clients {
            clients.push(Client::connect(leader).await?);
        }
        let look = || Ok((servers.look()?, ProcessTime::now()));
        let driven = drive(clients, 1, comparison.warm_up, comparison.seconds, look).await?;
        tokio::time::sleep(REST).await;
        let after_load = memory(&servers.look()?);
        let ((before, begun), (after, ended)) = (driven.before, driven.after);
        let sum = |of: fn(&Look) -> f64| -> f64 {
            after.iter().map(of).sum::<f64>() - before.iter().map(of).sum::<f64>()
        };
        let operations = (driven.operations as f64).max(1.0);
        Ok(TcpFigures {
            operations: driven.operations as f64 / driven.seconds,
            p50: driven.p50,
            p99: driven.p99,
            servers_cpu: sum(|look| look.cpu) * 100_000.0 / operations,
            clients_cpu: ended.duration_since(begun).as_secs_f64() * 100_000.0 / operations,
            syncs: sum(|look| look.counts.syncs as f64) / operations,
            bytes: sum(|look| look.counts.bytes as f64) / operations,
            at_start,
            after_load,
        })
    });
    runtime.shutdown_background();
    measured
}

/// Of the server that has most, in MB.
fn memory(looks: &[Look]) -> f64 {
    let most = looks.iter().map(|look| look.memory).max().flatten();
    most.map_or(f64::NAN, |bytes| bytes as f64 / 1e6)
}
