//! One disk through many crashes, losses of power, failed operations and full disks, drawn from a seed: what one recovery
//! leaves, the next one finds.

use super::judge::Storage;
use super::runs::{Run, State, draw, me, record};
use figure2_testing::disk::{Disk, Failure, Keep};
use figure2_testing::storage::in_memory;
use figure2_wal::rules::AsWritten;
use figure2_wal::{WalError, inspect_on};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::fmt;
use std::sync::Arc;

/// What was looked at.
#[derive(Default)]
pub struct Counts {
    starts: u64,
    saves: u64,
    losses: u64,
    kills: u64,
    failures: u64,
    cuts: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { starts, saves, losses, kills, failures, cuts } = self;
        write!(
            f,
            "{starts} starts, {saves} saves, {losses} losses of power, {kills} kills, {failures} failed operations, \
             {cuts} ends cut off"
        )
    }
}

/// How often the process ends.
const LIVES: usize = 40;

pub fn live(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let disk = Disk::new(seed);
    let options = Run::new("", Vec::new()).options.segment_bytes(4096 + random.random_range(400..2000));
    let mut acknowledged = State::default();
    // What may be there instead: a save that was under way.
    let mut under_way: Option<State> = None;
    for life in 0..LIVES {
        let from = disk.operations();
        match random.random_range(0..4) {
            0 => {}
            1 => {
                counts.failures += 1;
                let failure = [Failure::Error, Failure::Part, Failure::Full][random.random_range(0..3)];
                disk.fail_at(from + random.random_range(0..60), failure);
            }
            _ => disk.crash_at(from + random.random_range(0..60)),
        }
        counts.starts += 1;
        let inspection = inspect_on(&Arc::new(disk.look()));
        let mut storage = Storage::<AsWritten>::with_rules(disk.open().map_err(|e| e.to_string())?, options);
        if let Ok(loaded) = storage.read(&me()) {
            let found = in_memory(&loaded.persistent).map_err(|error| error.to_string())?;
            if found != acknowledged && Some(&found) != under_way.as_ref() {
                return Err(format!("life {life}: it has {found:?}, acknowledged was {acknowledged:?}"));
            }
            if let Some(refusal) = inspection.refusal {
                return Err(format!("life {life}: inspect says that recovery refuses: {refusal}"));
            }
            counts.cuts += inspection.cut.len() as u64;
            acknowledged = found;
            under_way = None;
            for salt in 0..random.random_range(0..25u8) {
                let save = draw(&mut random, &acknowledged, salt.wrapping_add(life as u8));
                let mut after = acknowledged.clone();
                after.apply_record(record(&save));
                counts.saves += 1;
                match storage.write(record(&save)) {
                    Ok(()) => acknowledged = after,
                    Err(WalError::Rejected(what)) => return Err(format!("life {life}: {what}: {save:?}")),
                    Err(_) => {
                        under_way = Some(after);
                        break;
                    }
                }
            }
        } else if let Some(refusal) = inspection.refusal {
            return Err(format!("life {life}: {refusal}"));
        }
        drop(storage);
        if random.random() {
            counts.kills += 1;
            disk.kill();
        }
        if random.random_ratio(2, 3) {
            counts.losses += 1;
            disk.power_loss(&match random.random_range(0..4) {
                0 => Keep::Nothing,
                1 => Keep::All,
                _ => Keep::Drawn(random.random()),
            });
        } else {
            counts.kills += 1;
            disk.kill();
        }
    }
    Ok(())
}
