//! The command line.

use crate::mutants::{self, Mutant};
use crate::scenarios::{self, Scenario};
use std::path::PathBuf;

pub const USAGE: &str = "\
cargo loom                       all scenarios under loom, all mutants, all scenarios under shuttle
cargo loom -- [options]
  --list                         the scenarios and the mutants
  --scenario NAME                only this scenario (may be repeated), without mutants and shuttle unless asked for
  --bound N|none                 loom: most preemptions in an interleaving; none explores all [by plan: 2 and 3]
  --extra N                      threads beyond the least that the scenario needs [by plan]
  --seconds N                    stop a scenario after that time, unfinished [600]
  --checkpoints DIR              loom keeps its place in DIR and goes on from there
  --control                      only the control: what loom hides, and whether it hides anything of the engine's
  --mutants, --no-mutants        only the mutants; all but the mutants
  --mutant NAME                  only this mutant (may be repeated)
  --shuttle, --no-shuttle        only shuttle; all but shuttle
  --draws N                      shuttle: interleavings per scenario [10000]
  --seed N                       shuttle: seed of the draws [1]
  --json FILE                    write what came out to FILE, for other programs
exit code: 0 all holds and all mutants are found, 1 something is violated or a mutant survives,
2 unfinished, or it could not be run";

/// What to do.
pub enum Command {
    /// Show what there is.
    List,
    /// Show what loom hides.
    Control,
    /// Explore, and report.
    Run(Options),
    /// Explore one scenario in this process, and tell the parent.
    Child(Job),
}

/// What a run does.
#[derive(Clone)]
pub struct Options {
    pub scenarios: Vec<&'static Scenario>,
    pub mutants: Vec<&'static Mutant>,
    pub run_loom: bool,
    pub run_mutants: bool,
    pub run_shuttle: bool,
    /// The bound asked for, in place of the plan's.
    pub bound: Option<Bound>,
    pub extra: Option<usize>,
    pub seconds: u64,
    pub checkpoints: Option<PathBuf>,
    pub draws: usize,
    pub seed: u64,
    pub json: Option<PathBuf>,
}

/// Most preemptions in an interleaving.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bound(pub Option<usize>);

impl core::fmt::Display for Bound {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(bound) => bound.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// One exploration, in a process of its own.
#[derive(Clone)]
pub struct Job {
    pub scenario: &'static Scenario,
    pub extra: usize,
    /// loom: the bound. shuttle: the depth of PCT.
    pub bound: Bound,
    pub seconds: u64,
    pub checkpoint: Option<PathBuf>,
    pub draws: usize,
    pub seed: u64,
}

impl Job {
    /// As the arguments of a child.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--child".to_owned()];
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        add("--scenario", self.scenario.name.to_owned());
        add("--extra", self.extra.to_string());
        add("--bound", self.bound.to_string());
        add("--seconds", self.seconds.to_string());
        add("--draws", self.draws.to_string());
        add("--seed", self.seed.to_string());
        if let Some(checkpoint) = &self.checkpoint {
            add("--checkpoints", checkpoint.display().to_string());
        }
        arguments
    }
}

/// Reads the command line.
pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut options = Options {
        scenarios: Vec::new(),
        mutants: Vec::new(),
        run_loom: true,
        run_mutants: true,
        run_shuttle: true,
        bound: None,
        extra: None,
        seconds: 600,
        checkpoints: None,
        draws: 10_000,
        seed: 1,
        json: None,
    };
    let (mut child, mut only) = (false, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--" => {} // from `cargo loom -- ...`: the alias has one already
            "--list" => return Ok(Command::List),
            "--child" => child = true,
            "--control" => return Ok(Command::Control),
            "--scenario" => options.scenarios.push(scenarios::find(&value()?)?),
            "--mutant" => options.mutants.push(mutants::find(&value()?)?),
            "--bound" => {
                let text = value()?;
                options.bound = Some(Bound(if text == "none" { None } else { Some(number(&text)?) }));
            }
            "--extra" => options.extra = Some(number(&value()?)?),
            "--seconds" => options.seconds = number(&value()?)?,
            "--checkpoints" => options.checkpoints = Some(value()?.into()),
            "--draws" => options.draws = number(&value()?)?,
            "--seed" => options.seed = number(&value()?)?,
            "--json" => options.json = Some(value()?.into()),
            "--mutants" | "--shuttle" => only.push(argument),
            "--no-mutants" => options.run_mutants = false,
            "--no-shuttle" => options.run_shuttle = false,
            _ => return Err(format!("unknown option: {argument}")),
        }
    }
    if child {
        let [scenario] = options.scenarios[..] else { return Err("--child needs one --scenario".into()) };
        return Ok(Command::Child(Job {
            scenario,
            extra: options.extra.unwrap_or(0),
            bound: options.bound.unwrap_or(Bound(Some(2))),
            seconds: options.seconds,
            checkpoint: options.checkpoints,
            draws: options.draws,
            seed: options.seed,
        }));
    }
    let chosen = !options.scenarios.is_empty() || options.bound.is_some() || !options.mutants.is_empty();
    if chosen && only.is_empty() {
        options.run_loom = options.mutants.is_empty();
        options.run_mutants = !options.mutants.is_empty();
        options.run_shuttle = false;
    }
    if !only.is_empty() {
        options.run_loom = false;
        options.run_mutants = only.iter().any(|part| part == "--mutants");
        options.run_shuttle = only.iter().any(|part| part == "--shuttle");
    }
    if options.scenarios.is_empty() {
        options.scenarios = scenarios::ALL.iter().collect();
    }
    if options.mutants.is_empty() {
        options.mutants = mutants::ALL.iter().collect();
    }
    Ok(Command::Run(options))
}

fn number<N: core::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text}: not a number that is possible here"))
}
