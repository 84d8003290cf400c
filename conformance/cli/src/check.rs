//! `figure2 check`: explores the model's profiles and says what holds.

mod baseline;
mod conclusion;
mod json;
mod junit;
mod markdown;
mod progress;
mod sarif;
mod select;
mod text;

pub use conclusion::{Checked, Violation};
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use sarif::sarif;
pub use select::find_profile;

use crate::counterexample::{FIGURE2, ReplayError, TraceFile, find_mutant, write_out};
use anyhow::{Context, bail};
pub(crate) use baseline::Baseline;
use figure2_model::mutants::{Case, Kind, Mutant, Survivor, survivors};
use figure2_model::{
    CheckError, CheckOptions, Profile, Progress, Reduction, Report, Share, check, profiles, unreached,
};
use progress::ProgressReporter;
use select::select;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

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
    /// Explore without this reduction; repeatable: more states, the same verdict
    #[arg(long, value_name = "NAME", value_parser = reduction)]
    pub without: Vec<Reduction>,
    /// Threads of a search; by default one per CPU
    #[arg(long, value_name = "N")]
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
    /// From which states to judge whether the cluster recovers once faults end: from `all`, `none`, or one in so many
    /// (`1/50`); by default all, or a sample where the profile is large
    #[arg(long, value_name = "SHARE", value_parser = recovery)]
    pub recovery: Option<Recovery>,
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
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mutant", "without"])]
    pub baseline: Option<PathBuf>,
    /// Write what was found to this file, a baseline; what became smaller needs --because
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mutant", "without", "baseline"])]
    pub write_baseline: Option<PathBuf>,
    /// With --write-baseline: why profiles are smaller than before
    #[arg(long, value_name = "WHY", requires = "write_baseline")]
    pub because: Option<String>,
    /// List the profiles with their bounds and explore none
    #[arg(long)]
    pub list: bool,
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

/// Runs the command.
///
/// # Errors
/// When the arguments make no sense, with what is possible, or a file cannot be written.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mutant = args.mutant.as_deref().map(find_killed).transpose().context("--mutant")?;
    let selected = match &mutant {
        Some(mutant) => vec![mutant.profile().clone()],
        None => select(&args.profile)?,
    };
    let reduce = |profile: Profile| args.without.iter().copied().fold(profile, Profile::without);
    let selected: Vec<Profile> = selected.into_iter().map(reduce).collect();
    if args.list {
        let width = selected.iter().map(|profile| profile.name.len()).max().unwrap_or_default();
        for profile in selected {
            println!("{:<width$} {}", profile.name, profile.description);
            println!("{:<width$} {}", "", profile.bounds);
        }
        return Ok(ExitCode::SUCCESS);
    }
    // Stdout is for the document alone; who watches sees the words all the same.
    let is_document = args.format != Format::Text || args.output.is_some();
    let mut words = String::new();
    let mut tell = |text: &str| {
        words.push_str(text);
        if is_document {
            eprint!("{text}");
        } else {
            print!("{text}");
        }
    };
    let options = options(args)?;
    let agreed = args.baseline.as_deref().map(Baseline::read).transpose()?;
    let checked = match &mutant {
        Some(mutant) => {
            tell(&format!("mutant {}: {}\n", mutant.id(), mutant.bug()));
            let check = |profile: &Profile, progress: &mut dyn FnMut(&Progress)| match mutant.clone() {
                Case::Mutant(mutant) => {
                    Mutant { profile: profile.clone(), ..mutant }.check(&options, progress)
                }
                Case::Survivor(survivor) => {
                    Survivor { profile: profile.clone(), ..survivor }.check_recovery(&options)
                }
            };
            explore_by(&selected, &mut tell, check)?
        }
        None => explore_recovery(&selected, &options, args.recovery, &mut tell)?,
    };
    let rules = mutant.as_ref().map_or(FIGURE2, Case::id);
    let violations = violations(&selected, rules, &checked, &args.trace);
    for Violation { report, file } in &violations {
        write_out(&TraceFile::of(report).to_json()?, Some(file))?;
        let (profile, name) = (&report.profile, file.display());
        tell(&format!(
            "\ntrace of {profile}: {name}\n  figure2 replay {name} --format html --output trace.html\n"
        ));
    }
    let has_shrunk =
        agreed.as_ref().is_some_and(|agreed| has_shrunk(agreed, &selected, &checked.reports, &mut tell));
    if let Some(file) = &args.write_baseline {
        let mut agreed = if file.exists() { Baseline::read(file)? } else { Baseline::empty() };
        agreed.renew(&selected, &checked.reports, is_whole(&selected), args.because.as_deref())?;
        agreed.write(file)?;
        tell(&format!("\nbaseline: {}\n", file.display()));
    }
    tell(&format!("\nagain: {}\n", command_to_repeat(args)));
    let document = match args.format {
        Format::Text => words,
        Format::Json => json(&checked, &violations)?,
        Format::Junit => junit(&checked, &violations, is_whole(&selected))?,
        Format::Sarif => sarif(&checked, &violations)?,
        Format::Markdown => markdown(&checked, &violations),
    };
    if is_document {
        write_out(&document, args.output.as_deref())?;
    }
    // A profile that withered is a failure; what is unfinished is told as that.
    let code = checked.exit_code();
    Ok(ExitCode::from(if has_shrunk && code == 0 { 1 } else { code }))
}

/// Tells what is smaller than the baseline says. Whether something is without a reason.
pub(crate) fn has_shrunk(
    agreed: &Baseline,
    selected: &[Profile],
    reports: &[Report],
    tell: &mut impl FnMut(&str),
) -> bool {
    let shrunk = agreed.compare(selected, reports, is_whole(selected));
    tell(&baseline::told(&shrunk, &agreed.behind(selected, reports)));
    shrunk.iter().any(|of| of.why.is_none())
}

/// The violations, each with the file for its trace: `file` itself when there is one profile to check, else `file`
/// with the profile's name in it.
fn violations(selected: &[Profile], rules: &str, checked: &Checked, file: &Path) -> Vec<Violation> {
    let name_of = |profile: &Profile| match selected {
        [_] => file.to_path_buf(),
        _ => {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let extension = file.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
            file.with_file_name(format!("{stem}-{}{}", profile.name, extension.unwrap_or_default()))
        }
    };
    let pairs = selected.iter().zip(&checked.reports);
    pairs.filter_map(|(profile, report)| Violation::of(profile, rules, report, name_of(profile))).collect()
}

fn is_whole(selected: &[Profile]) -> bool {
    profiles().iter().all(|profile| selected.iter().any(|other| other.name == profile.name))
}

/// Checks the profiles one after the other, and tells as it goes.
///
/// # Errors
/// When a check could not begin.
pub fn explore(
    selected: &[Profile],
    options: &CheckOptions,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Checked> {
    explore_recovery(selected, options, None, tell)
}

/// The same, and recovery is judged from these states.
fn explore_recovery(
    selected: &[Profile],
    options: &CheckOptions,
    recovery: Option<Recovery>,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Checked> {
    explore_by(selected, tell, |profile, progress| {
        let Recovery(share) = recovery.unwrap_or(Recovery(Some(profile.recovery())));
        check(profile, &CheckOptions { recovery: share, ..*options }, progress)
    })
}

fn explore_by(
    selected: &[Profile],
    tell: &mut dyn FnMut(&str),
    mut check: impl FnMut(&Profile, &mut dyn FnMut(&Progress)) -> Result<Report, CheckError>,
) -> anyhow::Result<Checked> {
    let begin = Instant::now();
    let mut checked = Checked { reports: Vec::new(), never_fired: Vec::new() };
    for profile in selected {
        tell(&text::heading(profile));
        let mut reporter = ProgressReporter::new(&profile.name);
        let report = check(profile, &mut |progress| reporter.tell(progress))?;
        reporter.end();
        tell(&text::report(profile, &report));
        checked.reports.push(report);
    }
    if is_whole(selected) {
        checked.never_fired = unreached(&checked.reports);
    }
    tell(&text::coverage(&checked, is_whole(selected)));
    tell(&text::summary(&checked.reports, begin.elapsed()));
    Ok(checked)
}

fn reduction(name: &str) -> Result<Reduction, String> {
    let possible = Reduction::ALL.map(Reduction::name).join(", ");
    let found = Reduction::ALL.into_iter().find(|reduction| reduction.name() == name);
    found.ok_or_else(|| format!("there is no such reduction; possible are {possible}"))
}

fn options(args: &CheckArgs) -> anyhow::Result<CheckOptions> {
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
        ..CheckOptions::default()
    })
}

/// A mutant that a property kills, or one that recovery kills.
fn find_killed(id: &str) -> Result<Case, ReplayError> {
    let by_recovery = |survivor: &Survivor| survivor.kind == Kind::Liveness && survivor.id == id;
    match survivors().into_iter().find(by_recovery) {
        Some(survivor) => Ok(Case::Survivor(survivor)),
        None => find_mutant(id).map(Case::Mutant),
    }
}

/// From which states recovery is judged, as the command line says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery(Option<Share>);

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(f.write_str("none"), |share| share.fmt(f))
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

fn command_to_repeat(args: &CheckArgs) -> String {
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
    args.without.iter().for_each(|reduction| add("without", Some(reduction.name().to_owned())));
    add("threads", args.threads.map(|n| n.to_string()));
    add("time-limit", args.time_limit.map(|n| n.to_string()));
    add("max-states", args.max_states.map(|n| n.to_string()));
    add("max-memory", args.max_memory.map(|n| n.to_string()));
    add("recovery", args.recovery.map(|share| share.to_string()));
    add("baseline", args.baseline.as_ref().map(|file| file.display().to_string()));
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure2_core::Rule;
    use figure2_model::Verdict;

    fn exit_code(reports: Vec<Report>, never_fired: Vec<Rule>) -> u8 {
        Checked { reports, never_fired }.exit_code()
    }

    fn args() -> CheckArgs {
        CheckArgs {
            profile: Vec::new(),
            mutant: None,
            without: vec![],
            threads: None,
            time_limit: None,
            max_states: None,
            max_memory: None,
            recovery: None,
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
    fn an_unknown_profile_is_refused_with_what_is_possible() {
        let error = run(&CheckArgs { profile: vec!["elections".into()], ..args() }).unwrap_err().to_string();
        for profile in profiles() {
            assert!(error.contains(&profile.name), "{error}");
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
    fn a_limit_is_exit_code_2_and_a_broken_property_1() {
        let profile = profiles().into_iter().find(|profile| profile.name == "election").unwrap();
        let limited = CheckOptions { max_states: Some(1_000), ..CheckOptions::default() };
        let unfinished = check(&profile, &limited, &mut |_| ()).unwrap();
        assert_eq!(exit_code(vec![unfinished.clone()], vec![]), 2);
        let vacuous = Report {
            verdict: Verdict::Vacuous { witnesses: vec![], rules: vec![Rule::V1] },
            ..unfinished.clone()
        };
        assert_eq!(exit_code(vec![unfinished, vacuous.clone()], vec![]), 1);
        let holds = Report { verdict: Verdict::Holds, ..vacuous };
        assert_eq!(exit_code(vec![holds.clone()], vec![]), 0);
        assert_eq!(exit_code(vec![holds], vec![Rule::C1]), 1);
    }

    #[test]
    fn the_command_to_repeat_holds_all_that_was_given() {
        let args =
            CheckArgs { profile: vec!["crash".into()], threads: Some(1), max_states: Some(5), ..args() };
        let args = CheckArgs { without: vec![Reduction::Symmetry], ..args };
        let command = command_to_repeat(&args);
        assert!(
            command.ends_with("-- check --profile crash --without symmetry --threads 1 --max-states 5"),
            "{command}"
        );
    }
}
