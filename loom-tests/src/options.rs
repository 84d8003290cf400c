//! The command line.

use crate::mutants::{self, Mutant};
use crate::scenarios::{self, Scenario};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use std::path::PathBuf;
use std::str::FromStr;

/// Explore the node's tasks in every interleaving within bounds: all scenarios under loom, all mutants, all scenarios
/// under shuttle.
///
/// Options that choose scenarios, mutants or a bound run only what they choose.
#[derive(Parser)]
#[command(
    name = "cargo loom",
    bin_name = "cargo loom --",
    after_help = "Exit code: 0 all holds and all mutants are found, 1 something is violated or a mutant survives, \
                  2 unfinished, or it could not be run."
)]
struct Arguments {
    /// Print the scenarios and the mutants
    #[arg(long)]
    list: bool,
    /// Run only this scenario (may be repeated), without mutants and shuttle unless asked for
    #[arg(long, value_name = "NAME", value_parser = scenarios::find)]
    scenario: Vec<&'static Scenario>,
    /// loom: most preemptions in an interleaving; none explores all [default: by plan, 2 and 3]
    #[arg(long, value_name = "N|none")]
    bound: Option<Bound>,
    /// Threads beyond the least that the scenario needs [default: by plan]
    #[arg(long, value_name = "N")]
    extra: Option<usize>,
    /// Stop a scenario after that time, unfinished
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
    /// loom keeps its place in DIR and continues from there
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
    /// Run only the control: what loom hides, and whether it hides anything of the engine's
    #[arg(long)]
    control: bool,
    /// Run only the mutants
    #[arg(long)]
    mutants: bool,
    /// Leave out the mutants
    #[arg(long)]
    no_mutants: bool,
    /// Run only this mutant (may be repeated)
    #[arg(long, value_name = "NAME", value_parser = mutants::find)]
    mutant: Vec<&'static Mutant>,
    /// Run only shuttle
    #[arg(long)]
    shuttle: bool,
    /// Leave out shuttle
    #[arg(long)]
    no_shuttle: bool,
    /// shuttle: interleavings per scenario
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    draws: usize,
    /// shuttle: seed of the draws
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the result to FILE, for other programs
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Explore one scenario in this process, and report to the parent
    #[arg(long, hide = true)]
    child: bool,
}

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

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Bound, String> {
        match text {
            "none" => Ok(Bound(None)),
            text => text
                .parse()
                .map(|bound| Bound(Some(bound)))
                .map_err(|_| "possible are a number and none".into()),
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
///
/// # Errors
/// When it makes no sense; and the help, if it asks for that.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, clap::Error> {
    // The alias `cargo loom` ends with `--`, and `cargo loom -- ...` has one more.
    let mut arguments = arguments.peekable();
    arguments.next_if(|first| first == "--");
    let parsed = Arguments::try_parse_from(std::iter::once("cargo loom".to_owned()).chain(arguments))?;
    if parsed.list {
        return Ok(Command::List);
    }
    if parsed.control {
        return Ok(Command::Control);
    }
    if parsed.child {
        return child(parsed).map(Command::Child);
    }
    Ok(Command::Run(run(parsed)))
}

fn child(parsed: Arguments) -> Result<Job, clap::Error> {
    let [scenario] = parsed.scenario[..] else {
        let problem = "--child needs one --scenario";
        return Err(Arguments::command().error(ErrorKind::WrongNumberOfValues, problem));
    };
    Ok(Job {
        scenario,
        extra: parsed.extra.unwrap_or(0),
        bound: parsed.bound.unwrap_or(Bound(Some(2))),
        seconds: parsed.seconds,
        checkpoint: parsed.checkpoints,
        draws: parsed.draws,
        seed: parsed.seed,
    })
}

fn run(parsed: Arguments) -> Options {
    let Arguments { bound, extra, seconds, checkpoints, draws, seed, json, .. } = parsed;
    let (mut run_loom, mut run_mutants, mut run_shuttle) = (true, !parsed.no_mutants, !parsed.no_shuttle);
    if parsed.mutants || parsed.shuttle {
        (run_loom, run_mutants, run_shuttle) = (false, parsed.mutants, parsed.shuttle);
    } else if !parsed.scenario.is_empty() || bound.is_some() || !parsed.mutant.is_empty() {
        let chosen = !parsed.mutant.is_empty();
        (run_loom, run_mutants, run_shuttle) = (!chosen, chosen, false);
    }
    let scenarios =
        if parsed.scenario.is_empty() { scenarios::ALL.iter().collect() } else { parsed.scenario };
    let mutants = if parsed.mutant.is_empty() { mutants::all().collect() } else { parsed.mutant };
    Options {
        scenarios,
        mutants,
        run_loom,
        run_mutants,
        run_shuttle,
        bound,
        extra,
        seconds,
        checkpoints,
        draws,
        seed,
        json,
    }
}
