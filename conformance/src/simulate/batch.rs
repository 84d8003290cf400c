//! Many seeds, several at a time.

use super::defect::Defect;
use super::plan::Plan;
use super::run::{Figures, Run, run};
use super::verdict::Verdict;
use crate::tester::Digest;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What to run.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The first seed; each further one is the next number.
    pub seed: u64,
    /// How many.
    pub seeds: u64,
    /// For how many seconds faults happen in each.
    pub seconds: u64,
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
                        let plan = Plan::of_seed(self.seed.wrapping_add(place), self.seconds);
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
