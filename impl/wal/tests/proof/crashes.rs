//! A crash at every operation of a run, with every choice of what was not synced; and at every operation of the recovery
//! that follows.

use super::deep;
use super::judge::{Judge, Wrong, play, start};
use super::runs::Run;
use figure2_testing::disk::{Disk, Keep};
use figure2_wal::rules::Rules;
use std::collections::HashSet;
use std::fmt;
use std::ops::{AddAssign, RangeInclusive};

/// What was looked at.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    operations: u64,
    choices: u64,
    disks: u64,
    in_recovery: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.operations += other.operations;
        self.choices += other.choices;
        self.disks += other.disks;
        self.in_recovery += other.in_recovery;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { operations, choices, disks, in_recovery } = self;
        write!(
            f,
            "{operations} crashes, {choices} choices of what of the unsynced is kept, {disks} different disks to recover \
             from, {in_recovery} more after a crash in recovery"
        )
    }
}

/// Crashes everywhere.
pub fn explore<R: Rules>(run: &Run) -> Result<Counts, Wrong> {
    let judge = Judge::new(run);
    let clean = Disk::new(7);
    let (saved, error, _) = play::<R>(&clean, run);
    if let Some(error) = error {
        return Err(format!("without a crash, save {} fails: {error}", saved + 1));
    }
    let mut explorer = Explorer { judge, counts: Counts::default(), seen: HashSet::new() };
    for operation in 0..clean.operations() {
        let disk = Disk::new(7);
        disk.crash_at(operation);
        let (acknowledged, _, storage) = play::<R>(&disk, run);
        drop(storage);
        let saves = acknowledged..=(acknowledged + 1).min(run.saves.len());
        explorer.counts.operations += 1;
        explorer
            .after_crash::<R>(&disk, &saves, 0)
            .map_err(|wrong| format!("a crash at operation {operation}: {wrong}"))?;
    }
    // And when nothing is under way.
    explorer.after_crash::<R>(&clean, &(run.saves.len()..=run.saves.len()), 0)?;
    Ok(explorer.counts)
}

struct Explorer<'a> {
    judge: Judge<'a>,
    counts: Counts,
    /// Disks that were looked at, with the least number of saves that must be there.
    seen: HashSet<(usize, usize, u64)>,
}

impl Explorer<'_> {
    /// A process or machine has just crashed. `depth` is how many recoveries have.
    fn after_crash<R: Rules>(
        &mut self,
        crashed: &Disk,
        saves: &RangeInclusive<usize>,
        depth: u32,
    ) -> Result<(), Wrong> {
        let choices = match crashed.choices() {
            choices if depth == 0 || deep() => choices,
            choices => {
                choices.into_iter().filter(|keep| !matches!(keep, Keep::AllBut(_) | Keep::Only(_))).collect()
            }
        };
        for keep in choices {
            let disk = crashed.copy();
            disk.power_loss(&keep);
            self.counts.choices += 1;
            if self.seen.insert((*saves.start(), *saves.end(), disk.fingerprint())) {
                let context = |wrong| format!("a loss of power that keeps {keep:?}: {wrong}");
                self.from::<R>(&disk, saves, depth).map_err(context)?;
            }
        }
        // The process alone: all that it wrote can be read, and is not durable.
        let disk = crashed.copy();
        disk.kill();
        self.counts.choices += 1;
        self.from::<R>(&disk, saves, depth).map_err(|wrong| format!("a kill: {wrong}"))
    }

    /// Recovers from here, and crashes in each operation of that.
    fn from<R: Rules>(
        &mut self,
        disk: &Disk,
        saves: &RangeInclusive<usize>,
        depth: u32,
    ) -> Result<(), Wrong> {
        if depth == 0 {
            self.counts.disks += 1;
        } else {
            self.counts.in_recovery += 1;
        }
        self.judge.recover_and_go_on::<R>(&disk.copy(), saves.clone())?;
        if depth > 0 {
            return Ok(());
        }
        for operation in 0.. {
            let disk = disk.copy();
            disk.crash_at(operation);
            let ended = start::<R>(&disk, self.judge.run.options).is_ok();
            if ended {
                return Ok(());
            }
            self.after_crash::<R>(&disk, saves, depth + 1)
                .map_err(|wrong| format!("a crash at operation {operation} of recovery: {wrong}"))?;
        }
        Ok(())
    }
}
