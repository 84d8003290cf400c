//! One test, run once.

use super::{LabTest, second};
use crate::tester::{Cluster, Failure, Figures, Medium, Settings, TraceSummary};
use bytes::Bytes;
use cpu_time::ThreadTime;
use figure2::Extensions;
use figure2_validate::instrument::panics::{self, Collected};
use figure2_validate::instrument::{Digest, Recording, mix};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tracing::dispatcher::{self, Dispatch};

/// Longest a test may take, on its own clock.
pub const TIME_LIMIT: Duration = Duration::from_secs(120);

/// Which clock a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// tokio's paused clock on one thread: sleeping takes no time, and the seed decides everything.
    Virtual,
    /// The real clock, on a runtime with two threads: the seed decides all draws, but not what happens between them.
    Real,
    /// The same, and the servers speak TCP with mutual TLS on loopback in the place of the simulated network. A test that
    /// [needs](LabTest::needs) a fault of the simulated network fails.
    Tcp,
}

/// How to run a test.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// The clock.
    pub mode: Mode,
    /// Whether the servers keep their state in the log on a disk: a simulated one in virtual time, files in real time. Else
    /// in memory.
    pub disk: bool,
    /// What the servers do beyond Figure 2.
    pub extensions: Extensions,
    /// Where all chance comes from.
    pub seed: u64,
    /// Whether to keep the trace's text.
    pub keep_trace: bool,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The test.
    pub test: &'static LabTest,
    /// How it was run.
    pub options: RunOptions,
    /// Passed, or why not.
    pub outcome: Result<(), Failure>,
    /// The figures of the lab's line.
    pub figures: Figures,
    /// What is worth a look and no failure.
    pub warnings: Vec<String>,
    /// What happened.
    pub trace: TraceSummary,
    /// What the nodes recorded (docs/trace-format.md): of a run that failed, or whose trace is kept.
    pub recording: Option<Bytes>,
    /// Real time the run took.
    pub wall: Duration,
    /// CPU time the run took; only known in virtual time, where one thread does all.
    pub cpu: Option<Duration>,
}

impl Report {
    fn failed(test: &'static LabTest, options: RunOptions, failure: Failure) -> Report {
        Report {
            test,
            options,
            outcome: Err(failure),
            figures: Figures::default(),
            warnings: Vec::new(),
            trace: TraceSummary { digest: 0, events: 0, text: None },
            recording: None,
            wall: Duration::ZERO,
            cpu: None,
        }
    }
}

/// Runs a test on the calling thread. Whatever goes wrong, panics of the test and of the nodes included, is in the
/// report; so is what the nodes did wrong by their own recording, though the test saw nothing of it.
///
/// Must not be called from within an async task.
#[must_use]
pub fn run(test: &'static LabTest, options: RunOptions) -> Report {
    let started = Instant::now();
    let cpu = ThreadTime::now();
    let panicked = Collected::default();
    panics::collect(Some(Arc::clone(&panicked)));
    let recording = Recording::begin();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _recorded = dispatcher::set_default(&recording.dispatch);
        match runtime(options.mode, &panicked, &recording.dispatch) {
            Ok(runtime) => {
                let report = runtime.block_on(simulate(test, options));
                runtime.shutdown_background();
                report
            }
            Err(error) => Report::failed(test, options, Failure::Runtime { reason: error.to_string() }),
        }
    }));
    panics::collect(None);
    let first_panic = panicked.lock().unwrap_or_else(PoisonError::into_inner).first().cloned();
    let message = first_panic.clone().unwrap_or_else(|| "without a message".into());
    let mut report = caught.unwrap_or_else(|_| Report::failed(test, options, Failure::Panic { message }));
    if let Some(message) = first_panic {
        report.outcome = Err(Failure::Panic { message });
    }
    let judged = recording.judge(&test.id());
    if let (Ok(()), Some(reason)) = (&report.outcome, judged.wrong) {
        report.outcome = Err(Failure::Recording { reason });
    }
    // Events that are none have no text: what is wrong with them is told.
    let text = || judged.recorded.text().unwrap_or_default().into();
    report.recording = (options.keep_trace || report.outcome.is_err()).then(text);
    report.wall = started.elapsed();
    report.cpu = (options.mode == Mode::Virtual).then(|| cpu.elapsed());
    report
}

fn runtime(mode: Mode, panicked: &Collected, recorded: &Dispatch) -> std::io::Result<Runtime> {
    match mode {
        Mode::Virtual => Builder::new_current_thread().enable_time().start_paused(true).build(),
        Mode::Real | Mode::Tcp => {
            let (panicked, recorded) = (Arc::clone(panicked), recorded.clone());
            Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .on_thread_start(move || {
                    panics::collect(Some(Arc::clone(&panicked)));
                    // For as long as the thread lives.
                    std::mem::forget(dispatcher::set_default(&recorded));
                })
                .build()
        }
    }
}

async fn simulate(test: &'static LabTest, options: RunOptions) -> Report {
    let settings = Settings {
        servers: test.servers,
        reliable: test.reliable,
        applying: test.applying,
        medium: match (options.disk, options.mode) {
            (false, _) => Medium::Memory,
            (true, Mode::Virtual) => Medium::SimulatedDisk,
            (true, Mode::Real | Mode::Tcp) => Medium::Files,
        },
        tcp: options.mode == Mode::Tcp,
        extensions: options.extensions,
        seed: mix(&[options.seed, Digest::of(test.id().as_bytes())]),
        keep_trace: options.keep_trace,
    };
    if let (Mode::Tcp, Some(what)) = (options.mode, test.needs) {
        return Report::failed(test, options, Failure::NotOverTcp { what });
    }
    let cluster = match Cluster::new(settings).await {
        Ok(cluster) => cluster,
        Err(failure) => return Report::failed(test, options, failure),
    };
    let scenario = timeout(TIME_LIMIT, (test.scenario)(cluster.clone()));
    let outcome = tokio::select! {
        biased;
        failure = cluster.failed() => Err(failure),
        result = scenario => result.unwrap_or_else(|_| {
            Err(Failure::TimeLimit { took: cluster.elapsed(), limit: TIME_LIMIT })
        }),
    };
    // A deadlock between a node and its service holds the tester's lock: what needs it must not wait for ever.
    let patience = second();
    let stopped = timeout(patience, cluster.none_stopped()).await.unwrap_or(Ok(()));
    let figures = timeout(patience, cluster.figures()).await.unwrap_or_default();
    if let Err(failure) = &outcome {
        cluster.record(format_args!("failed: {failure}"));
    }
    Report {
        test,
        options,
        outcome: outcome.and(stopped),
        figures,
        warnings: cluster.warnings(),
        trace: cluster.shut_down(patience).await,
        recording: None,
        wall: Duration::ZERO,
        cpu: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tester::Applying;

    /// A node that never answers its service makes the service hold the tester's lock for ever; so does this scenario.
    static DEADLOCK: LabTest = LabTest {
        name: "Deadlock",
        part: "none",
        later_part: None,
        title: "a scenario that keeps the tester's lock",
        servers: 3,
        reliable: true,
        needs: None,
        applying: Applying::Plain,
        scenario: |cluster| {
            Box::pin(async move {
                std::mem::forget(cluster.lock().await);
                cluster.one_leader().await.map(|_| ())
            })
        },
    };

    #[test]
    fn a_deadlock_is_a_failure_and_does_not_hang_the_runner() {
        let report = run(
            &DEADLOCK,
            RunOptions {
                mode: Mode::Virtual,
                disk: false,
                extensions: Extensions::ALL,
                seed: 1,
                keep_trace: false,
            },
        );
        assert!(matches!(report.outcome, Err(Failure::TimeLimit { .. })), "{:?}", report.outcome);
    }
}
