//! Every operation of a run fails once, in every way: the log stops, says so ever after, and acknowledges nothing more. What
//! was acknowledged is there after a restart that still sees the cache, and after a loss of power then.

use super::judge::{Judge, Wrong, play, start};
use super::runs::{Run, record};
use figure2_testing::disk::{Disk, Failure, Operation};
use figure2_wal::rules::Rules;
use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};

/// What was looked at.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    failures: u64,
    restarts: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.failures += other.failures;
        self.restarts += other.restarts;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failures, {} restarts", self.failures, self.restarts)
    }
}

pub fn explore<R: Rules>(run: &Run) -> Result<Counts, Wrong> {
    let judge = Judge::new(run);
    let clean = Disk::new(7);
    let operations = Arc::new(Mutex::new(Vec::new()));
    let noted = operations.clone();
    clean.watch(move |operation| noted.lock().unwrap().push(operation.clone()));
    drop(play::<R>(&clean, run));
    let mut counts = Counts::default();
    for Operation { number: operation, what } in std::mem::take(&mut *operations.lock().unwrap()) {
        // Only a write can fail in part, or for want of room.
        let ways = if what.starts_with("write") { 3 } else { 1 };
        for failure in [Failure::Error, Failure::Part, Failure::Full].into_iter().take(ways) {
            counts.failures += 1;
            fails::<R>(&judge, operation, failure, &mut counts)
                .map_err(|wrong| format!("operation {operation} fails ({failure:?}): {wrong}"))?;
        }
    }
    Ok(counts)
}

fn fails<R: Rules>(
    judge: &Judge<'_>,
    operation: u64,
    failure: Failure,
    counts: &mut Counts,
) -> Result<(), Wrong> {
    let disk = Disk::new(7);
    disk.fail_at(operation, failure);
    let (acknowledged, error, storage) = play::<R>(&disk, judge.run);
    let Some(error) = error else {
        return Err("it is not told".to_owned());
    };
    if let Some(mut storage) = storage {
        let before = disk.operations();
        for save in &judge.run.saves[acknowledged..] {
            match storage.write(record(save)) {
                Ok(()) => return Err("a save after it is acknowledged".to_owned()),
                Err(again) if again.to_string() != error.to_string() => {
                    return Err(format!("it is told as {error}, then as {again}"));
                }
                Err(_) => {}
            }
        }
        if disk.operations() > before {
            return Err("it goes on to write".to_owned());
        }
    }
    let saves = acknowledged..=(acknowledged + 1).min(judge.run.saves.len());
    // Another process starts on the same cache. The disk works again.
    let restarted = disk.copy();
    restarted.kill();
    counts.restarts += 1;
    judge.recover_and_go_on::<R>(&restarted, saves.clone()).map_err(|wrong| format!("a restart: {wrong}"))?;
    for keep in disk.choices() {
        let disk = disk.copy();
        disk.power_loss(&keep);
        counts.restarts += 1;
        judge
            .recover_and_go_on::<R>(&disk, saves.clone())
            .map_err(|wrong| format!("a loss of power that keeps {keep:?}: {wrong}"))?;
    }
    // Recovery itself fails, and is tried again.
    for operation in 0.. {
        let disk = disk.copy();
        disk.kill();
        disk.fail_at(operation, failure);
        if start::<R>(&disk, judge.run.options).is_ok() {
            return Ok(());
        }
        counts.restarts += 1;
        judge
            .recover_and_go_on::<R>(&disk, saves.clone())
            .map_err(|wrong| format!("operation {operation} of recovery fails, a restart: {wrong}"))?;
    }
    Ok(())
}
