//! The measurements, in turns: whatever else the machine does meets all systems alike.

use crate::measure::{Figures, Measurement};
use crate::options::Contest;
use crate::system::System;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The figures of each round, for one system and number of clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The system.
    pub system: System,
    /// The number of clients.
    pub clients: usize,
    /// The figures, a round each.
    pub rounds: Vec<Figures>,
}

/// Runs all measurements.
///
/// # Errors
/// When one fails.
pub fn run(contest: &Contest) -> Result<Vec<Series>> {
    let program = env::current_exe().context("this program")?;
    let mut all: Vec<Series> = Vec::new();
    for clients in &contest.clients {
        all.extend(contest.systems.iter().map(|system| Series {
            system: *system,
            clients: *clients,
            rounds: Vec::new(),
        }));
    }
    for round in 0..contest.rounds {
        for clients in &contest.clients {
            for system in turns(&contest.systems, round) {
                let measurement = Measurement {
                    system,
                    clients: *clients,
                    threads: contest.threads,
                    warm_up: contest.warm_up,
                    time: contest.seconds,
                };
                let figures = in_a_process(&program, &measurement)?;
                eprintln!(
                    "round {} of {}: {system:<8} {clients:>5} clients: {:>9.0} operations/s",
                    round + 1,
                    contest.rounds,
                    figures.operations
                );
                let series = all.iter_mut().find(|of| (of.system, of.clients) == (system, *clients));
                series.into_iter().for_each(|series| series.rounds.push(figures));
            }
        }
    }
    Ok(all)
}

/// The order of the systems in a round: another one begins each time.
fn turns(systems: &[System], round: u32) -> Vec<System> {
    let mut turns = systems.to_vec();
    turns.rotate_left(round as usize % systems.len().max(1));
    turns
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
        let firsts: Vec<_> = (0..4).map(|round| turns(&System::ALL, round)[0]).collect();
        assert_eq!(firsts, [System::Figure2, System::Openraft, System::Raft, System::Figure2]);
    }
}
