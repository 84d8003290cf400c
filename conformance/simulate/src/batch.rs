//! Runs many seeds, several at a time.

use super::defect::Defect;
use super::plan::Plan;
use super::run::{Figures, Run, run};
use super::states::States;
use super::verdict::Verdict;
use figure2_validate::instrument::Digest;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Where the plans of a batch come from.
#[derive(Clone)]
pub enum Plans {
    /// Each begins with empty disks, and has random faults for so many seconds.
    Faults {
        /// How many.
        seconds: u64,
        /// Whether all have the log; else those of every other seed.
        log: bool,
    },
    /// The same, and messages go over streams, through the transport; all have the log.
    Streams {
        /// For how many seconds there are faults.
        seconds: u64,
    },
    /// Each begins in a state of the model, and has no faults.
    States(Arc<States>),
}

impl Plans {
    /// The plan of a seed.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> Plan {
        match self {
            Plans::Faults { seconds, log: false } => Plan::of_seed(seed, *seconds),
            Plans::Faults { seconds, log: true } => Plan::on_log(seed, *seconds),
            Plans::Streams { seconds } => Plan::on_streams(seed, *seconds),
            Plans::States(states) => Plan::of_state(seed, states),
        }
    }
}

impl fmt::Display for Plans {
    /// As arguments of the command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plans::Faults { seconds, log } => {
                write!(f, "--seconds {seconds}{}", if *log { " --disk" } else { "" })
            }
            Plans::Streams { seconds } => write!(f, "--seconds {seconds} --streams"),
            Plans::States(states) => write!(f, "--from {}", states.name()),
        }
    }
}

/// What to run.
#[derive(Clone)]
pub struct Batch {
    /// The first seed; each further one is the next number.
    pub seed: u64,
    /// How many.
    pub seeds: u64,
    /// Where their plans come from.
    pub plans: Plans,
    /// How many at a time, each on a thread of its own.
    pub jobs: usize,
    /// Puts a defect around the nodes.
    pub defect: Option<Defect>,
}

/// What came out of a batch.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// How many seeds were run.
    pub runs: u64,
    /// How many failed.
    pub failed: u64,
    /// How many came to no verdict.
    pub unfinished: u64,
    /// What happened in all of them.
    pub figures: Figures,
    /// A digest of all recordings and histories, in the order of the seeds.
    pub digest: u64,
}

impl Batch {
    /// Runs them all. `done` is told of each as it is over, one at a time.
    pub fn run(&self, done: &(dyn Fn(&Plan, &Run) + Sync)) -> Done {
        let next = AtomicU64::new(0);
        let collected: Mutex<(Done, BTreeMap<u64, u64>)> = Mutex::default();
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        if place >= self.seeds {
                            return;
                        }
                        let plan = self.plans.of_seed(self.seed.wrapping_add(place));
                        let over = run(&plan, self.defect);
                        let digest = over.digest();
                        let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
                        let (sum, digests) = &mut *collected;
                        sum.runs += 1;
                        sum.failed += u64::from(matches!(over.verdict, Verdict::Failed(_)));
                        sum.unfinished += u64::from(matches!(over.verdict, Verdict::Unfinished(_)));
                        sum.figures.add(&over.figures);
                        digests.insert(place, digest);
                        done(&plan, &over);
                    }
                });
            }
        });
        let (mut sum, digests) = collected.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut all = Digest::default();
        digests.values().for_each(|digest| all.add(&digest.to_le_bytes()));
        sum.digest = all.0;
        sum
    }
}
