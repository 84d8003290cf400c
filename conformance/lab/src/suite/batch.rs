//! Many runs: a selection of tests, once or often, several at a time.

use super::LabTest;
use super::run::{Mode, Report, RunOptions, run};
use cpu_time::ProcessTime;
use figure2::Extensions;
use figure2_validate::instrument::{Digest, mix};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What to run.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The tests.
    pub tests: Vec<&'static LabTest>,
    /// The clock.
    pub mode: Mode,
    /// Whether the servers keep their state in the log on a disk; see [`RunOptions`].
    pub disk: bool,
    /// What the servers do beyond Figure 2.
    pub extensions: Extensions,
    /// The seed of the first round; see [`seed_of_round`].
    pub seed: u64,
    /// The first round that is run: those before it are somebody else's.
    pub first_round: u32,
    /// How many rounds.
    pub repeat: u32,
    /// How many tests at a time, each on a thread of its own.
    pub jobs: usize,
    /// Whether reports hold the trace's text.
    pub keep_trace: bool,
}

/// A run that is done.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Its round, from 0.
    pub round: u32,
    /// How it went.
    pub report: Report,
}

/// How a batch went.
#[derive(Clone, Debug)]
pub struct Summary {
    /// All runs, by round and in the lab's order; without the traces' texts.
    pub runs: Vec<Progress>,
    /// Real time in all.
    pub wall: Duration,
    /// CPU time in all, of this process.
    pub cpu: Duration,
}

impl Summary {
    /// How many runs failed.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.runs.iter().filter(|run| run.report.outcome.is_err()).count()
    }

    /// A digest of all traces: in virtual time the same batch always has the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        for run in &self.runs {
            digest.add(&run.report.trace.digest.to_le_bytes());
        }
        digest.0
    }

    /// The tests' own time, summed up.
    #[must_use]
    pub fn simulated(&self) -> Duration {
        self.runs.iter().map(|run| run.report.figures.took).sum()
    }
}

/// The seed of a round: the first round has the batch's own, so a failure of any round is repeated by one run with
/// that round's seed.
#[must_use]
pub fn seed_of_round(seed: u64, round: u32) -> u64 {
    if round == 0 { seed } else { mix(&[seed, round.into()]) }
}

impl Batch {
    /// Runs everything. `done` is told of each run as it finishes, one at a time.
    pub fn run(&self, done: &(dyn Fn(&Progress) + Sync)) -> Summary {
        let (started, cpu) = (Instant::now(), ProcessTime::now());
        let next = AtomicUsize::new(0);
        let total = self.tests.len() * self.repeat as usize;
        let finished = Mutex::new(Vec::with_capacity(total));
        thread::scope(|scope| {
            for _ in 0..self.jobs.clamp(1, total.max(1)) {
                scope.spawn(|| {
                    while let Some((place, mut progress)) = self.run_next(&next) {
                        let mut finished = finished.lock().unwrap_or_else(PoisonError::into_inner);
                        done(&progress);
                        progress.report.trace.text = None;
                        progress.report.recording = None;
                        finished.push((place, progress));
                    }
                });
            }
        });
        let mut runs = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        runs.sort_by_key(|(place, _)| *place);
        Summary {
            runs: runs.into_iter().map(|(_, progress)| progress).collect(),
            wall: started.elapsed(),
            cpu: cpu.elapsed(),
        }
    }

    fn run_next(&self, next: &AtomicUsize) -> Option<(usize, Progress)> {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let round =
            u32::try_from(place / self.tests.len().max(1)).ok().filter(|round| *round < self.repeat)?;
        let round = self.first_round.checked_add(round)?;
        let test = self.tests.get(place % self.tests.len())?;
        let seed = seed_of_round(self.seed, round);
        let Batch { mode, disk, extensions, keep_trace, .. } = *self;
        let options = RunOptions { mode, disk, extensions, seed, keep_trace };
        Some((place, Progress { round, report: run(test, options) }))
    }
}
