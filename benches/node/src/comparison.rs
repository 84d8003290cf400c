//! The measurements, in turns: whatever else the machine does meets all systems alike.

use crate::disk::Medium;
use crate::measure::{Figures, Measurement};
use crate::options::Comparison;
use crate::system::System;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// What is measured again in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The system.
    pub system: System,
    /// The number of clients.
    pub clients: usize,
    /// Bytes of a segment of the logs; none in memory.
    pub segment_bytes: Option<u64>,
}

/// The figures of each round, for one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The case.
    pub case: Case,
    /// The figures, a round each.
    pub rounds: Vec<Figures>,
}

/// How often a measurement on disk may fail: a disk that hangs for longer than an election timeout costs the leader its
/// place, and the clients their answers. That says nothing about speed.
const ATTEMPTS: u32 = 4;

/// Runs all measurements. What stands together takes turns; the directory is the one for logs.
///
/// # Errors
/// When one fails.
pub fn run(comparison: &Comparison, cases: &[Vec<Case>], directory: Option<&Path>) -> Result<Vec<Series>> {
    let program = env::current_exe().context("this program")?;
    let mut all: Vec<Series> =
        cases.iter().flatten().map(|case| Series { case: *case, rounds: Vec::new() }).collect();
    for round in 0..comparison.rounds {
        for case in cases.iter().flat_map(|together| turns(together, round)) {
            let Case { system, clients, segment_bytes } = case;
            let figures = measure(&program, comparison, &case, directory)?;
            let segments =
                segment_bytes.map_or(String::new(), |bytes| format!(", segments of {} MiB", bytes >> 20));
            eprintln!(
                "round {} of {}: {system:<8} {clients:>5} clients{segments}: {:>9.0} operations/s",
                round + 1,
                comparison.rounds,
                figures.operations
            );
            let series = all.iter_mut().find(|of| of.case == case);
            series.into_iter().for_each(|series| series.rounds.push(figures));
        }
    }
    Ok(all)
}

/// The order in a round: another one begins each time.
fn turns(together: &[Case], round: u32) -> Vec<Case> {
    let mut turns = together.to_vec();
    turns.rotate_left(round as usize % together.len().max(1));
    turns
}

/// One measurement, in a process and in a directory of its own.
fn measure(
    program: &Path,
    comparison: &Comparison,
    case: &Case,
    directory: Option<&Path>,
) -> Result<Figures> {
    let Case { system, clients, segment_bytes } = *case;
    let Some((segment_bytes, parent)) = segment_bytes.zip(directory) else {
        return in_a_process(program, &comparison.measurement(system, clients, Medium::Memory));
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let own = tempfile::tempdir_in(parent).with_context(|| parent.display().to_string())?;
        let medium = Medium::Disk { directory: own.path().to_owned(), segment_bytes };
        match in_a_process(program, &comparison.measurement(system, clients, medium)) {
            Err(problem) if attempts < ATTEMPTS => eprintln!("once more: {problem:#}"),
            outcome => return outcome,
        }
    }
}

fn in_a_process(program: &Path, measurement: &Measurement) -> Result<Figures> {
    let (system, clients) = (measurement.system, measurement.clients);
    let output = Command::new(program).args(Vec::from(measurement)).output();
    let output = output.with_context(|| program.display().to_string())?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        bail!("{system} with {clients} clients: {}: {}", output.status, problem.trim());
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("what {system} with {clients} clients told"))
}

/// The load of the machine over the last one and five minutes, where the system tells it.
pub fn load() -> String {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut words = told.split_whitespace();
    match (words.next(), words.next()) {
        (Some(one), Some(five)) => format!("{one} over one minute, {five} over five"),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_system_begins_in_each_round() {
        let case = |system| Case { system, clients: 1, segment_bytes: None };
        let together: Vec<_> = System::all(false).into_iter().map(case).collect();
        let firsts: Vec<_> = (0..4).map(|round| turns(&together, round)[0].system).collect();
        assert_eq!(firsts, [System::Figure2, System::Openraft, System::Raft, System::Figure2]);
    }
}
