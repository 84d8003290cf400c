//! Every byte of what a run left on the disk changes, one at a time. It is told, or it is at the end of the log, where no
//! write proves that it was durable: then it is cut off and reported, and the state is the one before the last save.

use super::deep;
use super::judge::{Judge, Wrong, play, start};
use super::runs::Run;
use figure2_testing::disk::{Disk, SECTOR};
use figure2_wal::rules::Rules;
use figure2_wal::{WalError, inspect_on};
use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;

/// What was looked at.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    refused: u64,
    cut: u64,
    unused: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.refused += other.refused;
        self.cut += other.cut;
        self.unused += other.unused;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { refused, cut, unused } = self;
        write!(
            f,
            "{refused} flips are refused, {cut} cut off and reported, {unused} in bytes that nothing uses"
        )
    }
}

/// The disk after a run.
fn written<R: Rules>(run: &Run) -> Result<Disk, Wrong> {
    let disk = Disk::new(7);
    match play::<R>(&disk, run) {
        (_, None, _) => Ok(disk),
        (saved, Some(error), _) => Err(format!("save {} fails: {error}", saved + 1)),
    }
}

/// How many bytes from its beginning on a file is in use.
fn used(disk: &Disk, file: &str, length: u64) -> u64 {
    let inspection = inspect_on(&Arc::new(disk.look()));
    let segment = inspection.segments.iter().find(|segment| segment.file == file);
    let snapshot = inspection.snapshots.iter().any(|view| view.file == file && view.covers.is_some());
    match segment {
        Some(segment) if segment.writes.is_some() => segment.end,
        _ if file == "identity" || snapshot => length,
        // Nothing was written to a segment that is only prepared; its head is read.
        Some(_) => 4096,
        None => 0,
    }
}

pub fn explore<R: Rules>(run: &Run) -> Result<Counts, Wrong> {
    let judge = Judge::new(run);
    let disk = written::<R>(run)?;
    let mut counts = Counts::default();
    let last = run.saves.len();
    for (file, length) in disk.files() {
        let used = used(&disk, &file, length);
        for offset in 0..length {
            let bits = if deep() { 0..8 } else { offset as u32 % 8..offset as u32 % 8 + 1 };
            for bit in bits {
                let disk = disk.copy();
                assert!(disk.flip(&file, offset, 1 << bit));
                flipped::<R>(&judge, &disk, last, offset < used, &mut counts)
                    .map_err(|wrong| format!("{file}, byte {offset}, bit {bit}: {wrong}"))?;
            }
        }
    }
    Ok(counts)
}

fn flipped<R: Rules>(
    judge: &Judge<'_>,
    disk: &Disk,
    last: usize,
    used: bool,
    counts: &mut Counts,
) -> Result<(), Wrong> {
    let inspection = inspect_on(&Arc::new(disk.look()));
    let (before, operations) = (disk.fingerprint(), disk.operations());
    match start::<R>(disk, judge.run.options) {
        Err(WalError::Damaged { .. } | WalError::Version { .. }) => {
            counts.refused += 1;
            if (disk.fingerprint(), disk.operations()) != (before, operations) {
                return Err("it is refused, and something was changed".to_owned());
            }
            if inspection.refusal.is_none() {
                return Err("it is refused, and inspect says that it would be accepted".to_owned());
            }
            Ok(())
        }
        Err(other) => Err(format!("it is refused, but not as damaged: {other}")),
        Ok((_, state)) if state == judge.states[last] && !used => {
            counts.unused += 1;
            Ok(())
        }
        Ok((_, state)) if state == judge.states[last] => Err("it is not noticed".to_owned()),
        Ok((storage, state)) if state == judge.states[last - 1] => {
            if storage.recovery().is_none_or(|recovery| recovery.cut.is_empty()) {
                return Err("the last save is lost, and it is not reported".to_owned());
            }
            counts.cut += 1;
            Ok(())
        }
        Ok((_, state)) => Err(format!("it is not noticed, and the state is another one: {state:?}")),
    }
}

/// Every sector of every file that is in use cannot be read: recovery refuses, and changes nothing.
pub fn unreadable(run: &Run) -> Result<(), Wrong> {
    let disk = written::<figure2_wal::rules::AsWritten>(run)?;
    for (file, length) in disk.files() {
        for from in (0..used(&disk, &file, length)).step_by(SECTOR as usize) {
            let disk = disk.copy();
            disk.fail_reads(&file, from..(from + SECTOR).min(length));
            let refused = start::<figure2_wal::rules::AsWritten>(&disk, run.options);
            match refused {
                Err(WalError::Io { .. }) if disk.operations() == 0 => {}
                Err(error) => {
                    return Err(format!("{file}, byte {from}: {error}, {} operations", disk.operations()));
                }
                Ok(_) => return Err(format!("{file}, byte {from}: it is not noticed")),
            }
        }
    }
    Ok(())
}
