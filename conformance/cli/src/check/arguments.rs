//! The arguments of `figure2 check`, and the command that gives them again.

use crate::shard::ShardArgs;
use anyhow::{Context, bail};
use clap::ValueEnum as _;
use figure2_model::{CheckOptions, Reduction, Share};
use figure2_timely::{Checkpoints, Hosts, Spills};
use std::fmt;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

/// With `--spill`, so many states of a level wait in memory, for each thread: about 20 MB.
const WAITING: usize = 1 << 17;

/// Most threads of a search.
const MOST_THREADS: usize = 256;

/// Check the cluster exhaustively within each profile's bounds, by the very rules that the node runs.
///
/// Exit code 0: everything holds in every state; 1: a property is broken, the cluster does not recover from some state, or
/// a search did not reach what it is there to check; 2: a search was not finished, or nothing could be run. Limits hold for each profile.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Only this profile; repeatable; a * at the end stands for anything; `all` is every profile but the nightly-* ones,
    /// and the default
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// Break a rule: check this mutant, in its own profile, and see how it is caught
    #[arg(long, value_name = "ID", conflicts_with = "profile")]
    pub mutant: Option<String>,
    /// What explores: Timely Dataflow, breadth first, which tells the states of each level; stateright, depth first, in less
    /// memory; or both, to compare what they find
    #[arg(long, value_enum, default_value_t = Engine::Timely, conflicts_with = "mutant")]
    pub engine: Engine,
    /// Search on several processes: a file with the address of each, HOST:PORT, a line each. Start the same command for every
    /// one of them; each has the whole report in the end. Their ports are open and unencrypted: see docs/scale.md
    #[arg(long, value_name = "FILE", requires = "process", conflicts_with = "mutant")]
    pub hosts: Option<PathBuf>,
    /// Which line of the file this process is, from 0
    #[arg(long, value_name = "I", requires = "hosts")]
    pub process: Option<usize>,
    /// Keep checkpoints in this directory, one of its own for each profile, and go on from what is there. Not
    /// with `--engine stateright`; several processes share the directory
    #[arg(long, value_name = "DIR", conflicts_with = "mutant")]
    pub checkpoint: Option<PathBuf>,
    /// At the end of a level, make a checkpoint when the last one is so many seconds old
    #[arg(long, value_name = "S", default_value_t = 600, requires = "checkpoint")]
    pub checkpoint_every: u64,
    /// Keep in files below this directory what need not be in memory: the states that wait to be explored, and the keys of the
    /// levels before. Not with `--engine stateright`
    #[arg(long, value_name = "DIR", conflicts_with = "mutant")]
    pub spill: Option<PathBuf>,
    /// Explore without this reduction; repeatable: more states, the same verdict
    #[arg(long, value_name = "NAME", value_parser = reduction)]
    pub without: Vec<Reduction>,
    /// Threads of a search, in each process; by default one per CPU
    #[arg(long, value_name = "N", visible_alias = "workers")]
    pub threads: Option<usize>,
    /// Give up after so many seconds
    #[arg(long, value_name = "S")]
    pub time_limit: Option<u64>,
    /// Give up after so many distinct states
    #[arg(long, value_name = "N")]
    pub max_states: Option<u64>,
    /// Give up when the process takes more than so many megabytes
    #[arg(long, value_name = "MB")]
    pub max_memory: Option<u64>,
    /// Tell states apart by another hash than usual: a second run that shows that none was missed by chance
    #[arg(long, value_name = "SEED", conflicts_with = "mutant")]
    pub rehash: Option<u64>,
    /// From which states to judge whether the cluster recovers once faults end: from `all`, `none`, or one in so many
    /// (`1/50`); by default all, or a sample where the profile is large
    #[arg(long, value_name = "SHARE", value_parser = recovery)]
    pub recovery: Option<Recovery>,
    /// A part of the states in which recovery is judged; all is explored
    #[command(flatten)]
    pub shards: ShardArgs,
    /// How to tell the result; what is not text goes to stdout alone, and the words to stderr
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Write the result to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where the trace of a violation goes; with several profiles the name of the broken one is put into it
    #[arg(long, value_name = "FILE", default_value = "figure2-trace.json")]
    pub trace: PathBuf,
    /// Compare bounds, counts and fired rules with those in this file: a profile that became smaller fails (exit code 1)
    /// unless the file says why
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mutant", "without", "shard"])]
    pub baseline: Option<PathBuf>,
    /// Write what was found to this file, a baseline; what became smaller needs --because
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mutant", "without", "baseline", "shard"])]
    pub write_baseline: Option<PathBuf>,
    /// With --write-baseline: why profiles are smaller than before
    #[arg(long, value_name = "WHY", requires = "write_baseline")]
    pub because: Option<String>,
    /// List the profiles with their bounds and explore none
    #[arg(long)]
    pub list: bool,
}

/// What explores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// Timely Dataflow, breadth first, in this process or in several.
    #[default]
    Timely,
    /// stateright's checker, depth first.
    Stateright,
    /// Both, one after the other: what they find is compared, and a difference leaves the check unfinished.
    Both,
}

/// How the result of a check is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// In words, for a person.
    Text,
    /// For other programs.
    Json,
    /// JUnit XML: a suite for each profile.
    Junit,
    /// SARIF 2.1.0: a result for each broken property.
    Sarif,
    /// A table, and a Mermaid diagram of each violation.
    Markdown,
}

impl CheckArgs {
    /// The processes, where there are several.
    ///
    /// # Errors
    /// When the file makes no sense, or the engine is one of one process.
    pub(super) fn hosts(&self) -> anyhow::Result<Option<Hosts>> {
        let (Some(file), Some(process)) = (&self.hosts, self.process) else { return Ok(None) };
        if self.engine != Engine::Timely {
            bail!("--hosts needs the engine that several processes run together: leave --engine out");
        }
        if self.threads.is_none() {
            bail!("--hosts needs --threads: all processes must have as many, whatever their machines have");
        }
        Ok(Some(Hosts::read(file, process).context("--hosts")?))
    }

    /// Where goes what need not be in memory.
    ///
    /// # Errors
    /// When the engine keeps all there.
    pub(super) fn spills(&self) -> anyhow::Result<Option<Spills>> {
        if self.spill.is_some() && self.engine == Engine::Stateright {
            bail!("--spill needs the engine that can do without: leave --engine stateright out");
        }
        Ok(self.spill.clone().map(|directory| Spills { directory, waiting: WAITING }))
    }

    /// Where checkpoints are kept.
    ///
    /// # Errors
    /// When the engine makes none.
    pub(super) fn checkpoints(&self) -> anyhow::Result<Option<Checkpoints>> {
        if self.checkpoint.is_some() && self.engine == Engine::Stateright {
            bail!("--checkpoint needs a search that goes level by level: leave --engine stateright out");
        }
        let every = Duration::from_secs(self.checkpoint_every);
        Ok(self.checkpoint.clone().map(|directory| Checkpoints { directory, every }))
    }
}

fn reduction(name: &str) -> Result<Reduction, String> {
    let possible = Reduction::ALL.map(Reduction::name).join(", ");
    let found = Reduction::ALL.into_iter().find(|reduction| reduction.name() == name);
    found.ok_or_else(|| format!("there is no such reduction; possible are {possible}"))
}

pub(super) fn options(args: &CheckArgs) -> anyhow::Result<CheckOptions> {
    let threads =
        args.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from).min(MOST_THREADS));
    if !(1..=MOST_THREADS).contains(&threads) {
        bail!("--threads {threads}; possible are 1 to {MOST_THREADS}");
    }
    let limits = [
        ("--time-limit", args.time_limit),
        ("--max-states", args.max_states),
        ("--max-memory", args.max_memory),
    ];
    for (name, limit) in limits {
        if limit == Some(0) {
            bail!("{name} 0 explores nothing; possible are 1 and more");
        }
    }
    Ok(CheckOptions {
        threads,
        time_limit: args.time_limit.map(Duration::from_secs),
        max_states: args.max_states,
        max_memory: args.max_memory.map(|megabytes| megabytes.saturating_mul(1_000_000)),
        rehash: args.rehash.unwrap_or_default(),
        ..CheckOptions::default()
    })
}

/// From which states recovery is judged, as the command line says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery(pub(super) Option<Share>);

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(share) => share.fmt(f),
        }
    }
}

fn recovery(text: &str) -> Result<Recovery, String> {
    let one_in = |text: &str| text.strip_prefix("1/")?.parse().ok().filter(|states| *states > 0);
    match text {
        "all" => Ok(Recovery(Some(Share::All))),
        "none" => Ok(Recovery(None)),
        _ => one_in(text)
            .map(|states| Recovery(Some(Share::OneIn { states, seed: 1 })))
            .ok_or_else(|| "possible are `all`, `none`, and one in so many states: `1/50`".to_owned()),
    }
}

pub(super) fn command_to_repeat(args: &CheckArgs) -> String {
    let mut command = "cargo run --release -p figure2-cli --bin figure2 -- check".to_owned();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            command.push_str(&format!(" --{name} {value}"));
        }
    };
    add("mutant", args.mutant.clone());
    if args.profile.is_empty() && args.mutant.is_none() {
        add("profile", Some("all".to_owned()));
    }
    args.profile.iter().for_each(|name| add("profile", Some(name.clone())));
    let engine = args.engine.to_possible_value().map(|engine| engine.get_name().to_owned());
    add("engine", engine.filter(|_| args.engine != Engine::default()));
    add("hosts", args.hosts.as_ref().map(|file| file.display().to_string()));
    add("process", args.process.map(|process| process.to_string()));
    add("checkpoint", args.checkpoint.as_ref().map(|directory| directory.display().to_string()));
    add("checkpoint-every", args.checkpoint.as_ref().map(|_| args.checkpoint_every.to_string()));
    add("spill", args.spill.as_ref().map(|directory| directory.display().to_string()));
    args.without.iter().for_each(|reduction| add("without", Some(reduction.name().to_owned())));
    add("threads", args.threads.map(|n| n.to_string()));
    add("time-limit", args.time_limit.map(|n| n.to_string()));
    add("max-states", args.max_states.map(|n| n.to_string()));
    add("max-memory", args.max_memory.map(|n| n.to_string()));
    add("rehash", args.rehash.map(|seed| seed.to_string()));
    add("recovery", args.recovery.map(|share| share.to_string()));
    add("shard", args.shards.shard.map(|shard| shard.to_string()));
    add("baseline", args.baseline.as_ref().map(|file| file.display().to_string()));
    command
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn args() -> CheckArgs {
        CheckArgs {
            profile: Vec::new(),
            mutant: None,
            engine: Engine::default(),
            hosts: None,
            process: None,
            checkpoint: None,
            checkpoint_every: 600,
            spill: None,
            without: vec![],
            threads: None,
            time_limit: None,
            max_states: None,
            max_memory: None,
            rehash: None,
            recovery: None,
            shards: ShardArgs::default(),
            baseline: None,
            write_baseline: None,
            because: None,
            list: false,
            format: Format::Text,
            output: None,
            trace: PathBuf::from("figure2-trace.json"),
        }
    }

    #[test]
    fn a_reduction_is_known_by_its_name_and_an_unknown_one_is_refused_with_what_is_possible() {
        assert_eq!(reduction("symmetry"), Ok(Reduction::Symmetry));
        assert!(reduction("magic").unwrap_err().contains("symmetry, apply-at-once"));
    }

    #[test]
    fn silly_bounds_are_refused_with_what_is_possible() {
        let threads = options(&CheckArgs { threads: Some(0), ..args() }).unwrap_err().to_string();
        assert!(threads.contains("1 to 256"), "{threads}");
        let states = options(&CheckArgs { max_states: Some(0), ..args() }).unwrap_err().to_string();
        assert!(states.contains("1 and more"), "{states}");
    }

    #[test]
    fn the_command_to_repeat_holds_all_that_was_given() {
        let args =
            CheckArgs { profile: vec!["crash".into()], threads: Some(1), max_states: Some(5), ..args() };
        let recovery = recovery("1/20").ok();
        let args = CheckArgs { without: vec![Reduction::Symmetry], recovery, ..args };
        let command = command_to_repeat(&args);
        assert!(
            command.ends_with(
                "-- check --profile crash --without symmetry --threads 1 --max-states 5 --recovery 1/20"
            ),
            "{command}"
        );
    }
}
