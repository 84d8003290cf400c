//! Makes a directory that was read ready to be written again.

use crate::error::WalError;
use crate::format::frame::FRAME_HEAD;
use crate::fs::Fs;
use crate::names::{self, Name};
use crate::report::Recovery;
use crate::rules::{NameOf, Rules};
use crate::scan::Scan;

/// What recovery leaves to the log.
pub(crate) struct Recovered {
    /// Files that can become segments.
    pub(crate) spares: Vec<String>,
    pub(crate) next_spare: u64,
    pub(crate) next_snapshot: u64,
    /// Segments that were taken out of the log before, and whose names came back.
    pub(crate) retired: Vec<u64>,
}

/// First makes durable what was read, then removes what a crash left: in this order, since what is removed may be all that is
/// durable.
pub(crate) fn recover<F: Fs>(
    fs: &F,
    rules: &impl Rules,
    scan: &Scan,
) -> Result<(Recovered, Recovery), WalError> {
    let mut report = Recovery {
        writes: scan.number,
        segments: scan.segments.len(),
        entries: scan.replay.entries.len(),
        cut: scan.cuts.clone(),
        ..Recovery::default()
    };
    let numbers = |which: fn(Name) -> Option<u64>| {
        let last = scan.names.iter().filter_map(|(name, _)| which(*name)).max();
        last.unwrap_or(0) + 1
    };
    let mut recovered = Recovered {
        spares: Vec::new(),
        next_spare: numbers(|name| if let Name::Spare(number) = name { Some(number) } else { None }),
        next_snapshot: numbers(|name| if let Name::Snapshot(number) = name { Some(number) } else { None }),
        retired: Vec::new(),
    };
    let Some(tail) = scan.tail else {
        forget_all(fs, rules, scan, &mut report)?;
        return Ok((recovered, report));
    };
    write_anew(fs, rules, scan, tail.place, &mut report)?;
    let current = scan.replay.state.snapshot.as_ref().map(|snapshot| snapshot.number);
    let run = scan.run();
    for (name, file) in &scan.names {
        match name {
            // Prepared and never written: its name may be in the cache only, so it gets it anew.
            Name::Segment(place) if *place > tail.place => {
                let spare = names::spare(recovered.next_spare);
                recovered.next_spare += 1;
                fs.rename(file, &spare).map_err(WalError::io("renaming it", file))?;
                recovered.spares.push(spare);
            }
            Name::Segment(place) if !run.contains(place) => recovered.retired.push(*place),
            Name::Spare(_) if recovered.spares.is_empty() => recovered.spares.push(file.clone()),
            Name::Spare(_) | Name::IdentityNew => remove(fs, file, &mut report)?,
            Name::Snapshot(number) if Some(*number) != current => remove(fs, file, &mut report)?,
            _ => {}
        }
    }
    sync_dir(fs, rules)?;
    Ok((recovered, report))
}

/// Writes the unproven writes once more, and overwrites what was cut off.
fn write_anew<F: Fs>(
    fs: &F,
    rules: &impl Rules,
    scan: &Scan,
    tail: u64,
    report: &mut Recovery,
) -> Result<(), WalError> {
    let mut places: Vec<u64> = scan.unproven.iter().map(|write| write.place).collect();
    places.push(tail);
    places.extend(scan.cuts.iter().filter_map(|cut| match names::parse(&cut.file) {
        Name::Segment(place) => Some(place),
        _ => None,
    }));
    places.sort_unstable();
    places.dedup();
    for place in places {
        let name = names::segment(place);
        let file = fs.open(&name).map_err(WalError::io("opening it", &name))?;
        for write in scan.unproven.iter().filter(|write| write.place == place && rules.writes_anew()) {
            fs.write_at(&file, &write.bytes, write.offset).map_err(WalError::io("a write", &name))?;
            report.written_anew += 1;
        }
        for cut in scan.cuts.iter().filter(|cut| cut.file == name && rules.overwrites_cut()) {
            let length = usize::try_from(cut.length).unwrap_or(FRAME_HEAD);
            fs.write_at(&file, &vec![0; length], cut.offset).map_err(WalError::io("a write", &name))?;
        }
        if rules.syncs_anew() {
            fs.sync_data(&file).map_err(WalError::io("a sync", &name))?;
        }
    }
    Ok(())
}

/// Nothing was ever written: what is there was made before the first write, or is what a crash left of it. The identity goes
/// first, so that nobody looks for a log.
fn forget_all<F: Fs>(fs: &F, rules: &impl Rules, scan: &Scan, report: &mut Recovery) -> Result<(), WalError> {
    let ours = |name: &Name| !matches!(name, Name::Lock | Name::Identity | Name::Other);
    if scan.identity.is_some() {
        remove(fs, names::IDENTITY, report)?;
        sync_dir(fs, rules)?;
    }
    let files: Vec<_> = scan.names.iter().filter(|(name, _)| ours(name)).collect();
    for (_, file) in &files {
        remove(fs, file, report)?;
    }
    if !files.is_empty() {
        sync_dir(fs, rules)?;
    }
    Ok(())
}

fn remove<F: Fs>(fs: &F, file: &str, report: &mut Recovery) -> Result<(), WalError> {
    fs.remove(file).map_err(WalError::io("removing it", file))?;
    report.removed.push(file.to_owned());
    Ok(())
}

fn sync_dir<F: Fs>(fs: &F, rules: &impl Rules) -> Result<(), WalError> {
    if !rules.syncs_directory(NameOf::Recovered) {
        return Ok(());
    }
    fs.sync_dir().map_err(WalError::io("a sync", "the directory"))
}
