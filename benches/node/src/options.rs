//! The command line.

use crate::measure::{Measurement, Threads};
use crate::system::System;
use clap::{Args, Parser, Subcommand};
use std::time::Duration;

/// figure2 beside openraft 0.10 and raft-rs 0.7 (batch_append): three voters in one process, no disk, commands of 128
/// bytes. Each client sends its next command when the last one is committed and applied on the leader.
///
/// Each measurement is a process of its own. In each round every system has its turn with every number of clients, and
/// another system begins in the next round. The tables have the medians of the rounds. docs/benchmarks.md says what the
/// figures mean, and what not.
#[derive(Parser, Clone, Debug, PartialEq)]
#[command(
    name = "cargo bench-node",
    bin_name = "cargo bench-node",
    after_help = "Exit code: 0 done, 1 with --goals a goal is missed, 2 nothing could be measured, or a bad option.",
    args_conflicts_with_subcommands = true
)]
pub struct Options {
    #[command(subcommand)]
    pub task: Option<Task>,
    #[command(flatten)]
    pub contest: Contest,
}

/// Which systems are compared, and how long.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Contest {
    /// Short measurements (0.3 s to warm up, 0.8 s measured), 5 rounds: less than two minutes in all
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "warm_up"])]
    pub quick: bool,
    /// Exit with 1 unless figure2 is ahead of both others with every number of clients, and does at least twice as much
    /// as openraft with 64 and with 256
    #[arg(long, conflicts_with_all = ["clients", "systems", "threads"])]
    pub goals: bool,
    /// How often each measurement is repeated
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// How long each measurement lasts
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds, allow_negative_numbers = true)]
    pub seconds: Duration,
    /// How long the system runs before each measurement
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = seconds, allow_negative_numbers = true)]
    pub warm_up: Duration,
    /// Numbers of clients, with commas between them
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [1, 64, 256, 1024], value_parser = clients)]
    pub clients: Vec<usize>,
    /// Systems, with commas between them
    #[arg(long, value_enum, value_name = "NAME,NAME", value_delimiter = ',', default_values_t = System::ALL)]
    pub systems: Vec<System>,
    /// Who runs on which of tokio's two worker threads
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub threads: Threads,
}

impl Contest {
    /// What `--quick` stands for is put in place.
    #[must_use]
    pub fn resolved(mut self) -> Contest {
        if self.quick {
            self.rounds = 5;
            (self.warm_up, self.seconds) = (Duration::from_millis(300), Duration::from_millis(800));
        }
        // What is named twice is measured once.
        let (mut clients, mut systems) = (Vec::new(), Vec::new());
        self.clients.iter().for_each(|count| {
            if !clients.contains(count) {
                clients.push(*count)
            }
        });
        self.systems.iter().for_each(|system| {
            if !systems.contains(system) {
                systems.push(*system)
            }
        });
        (self.clients, self.systems) = (clients, systems);
        self
    }
}

/// What a process that this one starts does.
#[derive(Subcommand, Clone, Debug, PartialEq)]
pub enum Task {
    /// One measurement in this process; prints its figures as JSON
    #[command(hide = true)]
    Measure {
        #[arg(value_enum)]
        system: System,
        #[arg(value_parser = clients)]
        clients: usize,
        #[arg(value_enum)]
        threads: Threads,
        #[arg(value_parser = seconds)]
        warm_up: Duration,
        #[arg(value_parser = seconds)]
        time: Duration,
    },
}

impl From<&Measurement> for Vec<String> {
    fn from(measurement: &Measurement) -> Vec<String> {
        let Measurement { system, clients, threads, warm_up, time } = measurement;
        let seconds = |time: &Duration| time.as_secs_f64().to_string();
        let what = [system.to_string(), clients.to_string(), threads.to_string()];
        std::iter::once("measure".to_owned()).chain(what).chain([seconds(warm_up), seconds(time)]).collect()
    }
}

fn seconds(word: &str) -> Result<Duration, String> {
    let problem = || "it must be a number of seconds, above 0 and at most 3600".to_owned();
    let number: f64 = word.parse().map_err(|_| problem())?;
    if number > 0.0 && number <= 3600.0 { Ok(Duration::from_secs_f64(number)) } else { Err(problem()) }
}

fn clients(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(count @ 1..=100_000) => Ok(count),
        _ => Err("it must be a number from 1 to 100000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Options, String> {
        let words = std::iter::once("bench-node").chain(line.split_whitespace());
        Options::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn options_change_what_they_name() {
        let line = "--rounds 9 --seconds 0.5 --clients 1,64,1 --systems figure2,openraft";
        let contest = parse(line).unwrap().contest.resolved();
        assert_eq!((contest.rounds, contest.seconds), (9, Duration::from_millis(500)));
        assert_eq!(
            (contest.clients, contest.systems),
            (vec![1, 64], vec![System::Figure2, System::Openraft])
        );
        let quick = parse("--quick --goals").unwrap().contest.resolved();
        assert_eq!((quick.rounds, quick.seconds), (5, Duration::from_millis(800)));
        assert_eq!((quick.clients, quick.systems), (vec![1, 64, 256, 1024], System::ALL.to_vec()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_wrong() {
        for (line, what) in [
            ("--rounds 0", "--rounds"),
            ("--seconds never", "number of seconds"),
            ("--seconds -1", "seconds"),
            ("--clients 0", "from 1 to"),
            ("--systems etcd", "figure2, openraft, raft"),
            ("--goals --clients 1", "cannot be used with"),
            ("--quick --rounds 9", "cannot be used with"),
            ("--quik", "--quik"),
        ] {
            assert!(parse(line).is_err_and(|problem| problem.contains(what)), "{line}: {:?}", parse(line));
        }
    }

    #[test]
    fn a_measurement_is_what_its_arguments_say() {
        let (warm_up, time) = (Duration::from_millis(300), Duration::from_secs(2));
        let (system, threads) = (System::Raft, Threads::Split);
        let measurement = Measurement { system, clients: 64, threads, warm_up, time };
        let words = Vec::from(&measurement).join(" ");
        let task = Task::Measure { system, clients: 64, threads, warm_up, time };
        assert_eq!(parse(&words).unwrap().task, Some(task));
    }
}
