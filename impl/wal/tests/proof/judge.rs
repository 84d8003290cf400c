//! Runs a log on a disk, and judges what it holds afterwards.

use super::runs::{Run, State, me, record};
use figure2_testing::disk::{Disk, DiskFs, Keep};
use figure2_testing::storage::in_memory;
use figure2_wal::rules::Rules;
use figure2_wal::{DiskStorage, Options, Recovery, WalError, inspect_on};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What is found to be wrong.
pub type Wrong = String;

pub type Storage<R> = DiskStorage<DiskFs, R>;

/// Opens the storage and loads it.
pub fn start<R: Rules>(disk: &Disk, options: Options) -> Result<(Storage<R>, State), WalError> {
    let mut storage = Storage::<R>::with_rules(disk.open().expect("it is not locked"), options);
    let loaded = storage.read(&me())?;
    if loaded.identity.is_none() {
        assert_eq!(loaded.persistent, State::default(), "it has a state, and says that nothing was saved");
    }
    // The storage is closed, and its disk broken, before the states are compared.
    let state = in_memory(&loaded.persistent)
        .map_err(|error| error.downcast::<WalError>().expect("the log's error"))?;
    Ok((storage, state))
}

/// Makes the run, to its end or to the first error. How many saves were acknowledged, and the error.
pub fn play<R: Rules>(disk: &Disk, run: &Run) -> (usize, Option<WalError>, Option<Storage<R>>) {
    let (mut storage, _) = match start::<R>(disk, run.options) {
        Ok(started) => started,
        Err(error) => return (0, Some(error), None),
    };
    for (acknowledged, save) in run.saves.iter().enumerate() {
        if let Err(error) = storage.write(record(save)) {
            return (acknowledged, Some(error), Some(storage));
        }
    }
    (run.saves.len(), None, Some(storage))
}

/// What must hold of a disk after a crash.
pub struct Judge<'a> {
    pub run: &'a Run,
    pub states: Vec<State>,
}

impl Judge<'_> {
    pub fn new(run: &Run) -> Judge<'_> {
        Judge { run, states: run.states() }
    }

    /// Recovers, and says which of the states it is. It must be one after so many saves.
    pub fn recover<R: Rules>(
        &self,
        disk: &Disk,
        saves: RangeInclusive<usize>,
    ) -> Result<(usize, Recovery), Wrong> {
        let inspection = inspect_on(&Arc::new(disk.look()));
        let (storage, state) = start::<R>(disk, self.run.options).map_err(|error| {
            let files: Vec<_> = disk.files();
            format!("recovery refuses: {error}; the disk has {files:?}")
        })?;
        if let Some(refusal) = inspection.refusal {
            return Err(format!("inspect says that recovery refuses ({refusal}), and it does not"));
        }
        let recovery = storage.recovery().expect("it was loaded").clone();
        if inspection.cut != recovery.cut {
            return Err(format!("inspect says {:?}, and recovery cut {:?}", inspection.cut, recovery.cut));
        }
        drop(storage);
        let found = saves.clone().find(|saves| self.states[*saves] == state);
        let found = found.ok_or_else(|| {
            let which = self.states.iter().position(|other| *other == state);
            let (first, last) = (saves.start(), saves.end());
            match which {
                Some(which) => {
                    format!("{first} to {last} saves were made, and recovery has the state after {which}")
                }
                None => format!(
                    "{first} to {last} saves were made, and recovery has a state that never was: {state:?}"
                ),
            }
        })?;
        Ok((found, recovery))
    }

    /// Recovers. What was found must be durable then, the log must go on from it, and what was cut off must be told once.
    pub fn recover_and_go_on<R: Rules>(
        &self,
        disk: &Disk,
        saves: RangeInclusive<usize>,
    ) -> Result<usize, Wrong> {
        let (found, _) = self.recover::<R>(disk, saves)?;
        disk.power_loss(&Keep::Nothing);
        let (again, recovery) = self
            .recover::<R>(disk, found..=found)
            .map_err(|wrong| format!("a loss of power after recovery: {wrong}"))?;
        if !recovery.cut.is_empty() {
            return Err(format!("what was cut off is told again: {:?}", recovery.cut));
        }
        let refuses = |error: WalError| format!("a start after recovery is refused: {error}");
        let (mut storage, _) = start::<R>(disk, self.run.options).map_err(refuses)?;
        let mut saved = again;
        // Enough for a change of segments.
        for save in self.run.saves[again..].iter().take(4) {
            storage
                .write(record(save))
                .map_err(|error| format!("a save after recovery is refused: {error}"))?;
            saved += 1;
        }
        drop(storage);
        disk.power_loss(&Keep::Nothing);
        let more = saved - again;
        self.recover::<R>(disk, saved..=saved)
            .map_err(|wrong| format!("recovery, {more} saves more, a loss of power: {wrong}"))?;
        Ok(found)
    }
}
