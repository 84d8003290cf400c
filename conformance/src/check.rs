//! `figure2 check`: explores the model's profiles and says what holds.

use anyhow::bail;
use figure2_core::Rule;
use figure2_model::{
    CheckOptions, Outcome, Phase, Profile, Progress, Report, Trace, Unfinished, Verdict, check, profiles,
    unreached,
};
use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Most threads of a search.
const MOST_THREADS: usize = 256;

/// How often progress is told where it cannot be told in place.
const SELDOM: Duration = Duration::from_secs(10);

/// Width of the names of what a report tells.
const LABEL: usize = 10;

/// Checks the cluster exhaustively within each profile's bounds, by the very rules that the node runs.
///
/// Exit code 0: everything holds in every state; 1: a property is broken, or a search did not reach what it is there
/// to check; 2: a search was not finished, or nothing could be run. Limits hold for each profile.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// Only this profile; repeatable; `all` is every profile, and the default
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
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
    /// List the profiles with their bounds and explore none
    #[arg(long)]
    pub list: bool,
}

/// Runs the command.
///
/// # Errors
/// When the arguments make no sense, with what is possible.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let selected = select(&args.profile)?;
    if args.list {
        for profile in selected {
            println!("{:<12} {}", profile.name, profile.description);
            println!("{:<12} {}", "", profile.bounds);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let checked = explore(&selected, &options(args)?)?;
    println!("\nagain: {}", command_to_repeat(args));
    Ok(ExitCode::from(checked.exit_code()))
}

/// What came out of checking some profiles.
pub struct Checked {
    /// A report for each profile.
    pub reports: Vec<Report>,
    /// Rules that no profile reached, though all profiles together should have; empty when only some were checked.
    pub never_fired: Vec<Rule>,
}

impl Checked {
    /// 0 holds, 1 violated or vacuous, 2 unfinished.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        exit_code(&self.reports, &self.never_fired)
    }
}

/// Checks the profiles one after the other, and prints as it goes.
///
/// # Errors
/// When a check could not begin.
pub fn explore(selected: &[Profile], options: &CheckOptions) -> anyhow::Result<Checked> {
    let is_whole = selected.len() == profiles().len();
    let begin = Instant::now();
    let mut reports = Vec::new();
    for profile in selected {
        print_heading(profile);
        let mut teller = Teller::new(&profile.name);
        let report = check(profile, options, &mut |progress| teller.tell(progress))?;
        teller.end();
        print_report(profile, &report);
        reports.push(report);
    }
    let never_fired = if is_whole { unreached(&reports) } else { Vec::new() };
    print_coverage(&reports, is_whole, &never_fired);
    print_summary(&reports, begin.elapsed());
    Ok(Checked { reports, never_fired })
}

fn select(names: &[String]) -> anyhow::Result<Vec<Profile>> {
    let known = profiles();
    for name in names {
        if name != "all" && known.iter().all(|profile| profile.name != *name) {
            let possible: Vec<&str> = known.iter().map(|profile| profile.name.as_str()).collect();
            bail!("--profile {name}: there is no such profile; possible are all, {}", possible.join(", "));
        }
    }
    let is_selected = |profile: &Profile| {
        names.is_empty() || names.iter().any(|name| name == "all" || *name == profile.name)
    };
    Ok(known.into_iter().filter(is_selected).collect())
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

/// The worst of all: a violation is a fact, whatever else was not finished.
fn exit_code(reports: &[Report], never_fired: &[Rule]) -> u8 {
    let is_broken =
        |report: &Report| matches!(report.verdict, Verdict::Violated(_) | Verdict::Vacuous { .. });
    let is_open = |report: &Report| matches!(report.verdict, Verdict::Unfinished(_));
    if reports.iter().any(is_broken) {
        1
    } else if reports.iter().any(is_open) {
        2
    } else {
        u8::from(!never_fired.is_empty())
    }
}

fn command_to_repeat(args: &CheckArgs) -> String {
    let mut command = "cargo run --release -p figure2-conformance --bin figure2 -- check".to_owned();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            command.push_str(&format!(" --{name} {value}"));
        }
    };
    if args.profile.is_empty() {
        add("profile", Some("all".to_owned()));
    }
    args.profile.iter().for_each(|name| add("profile", Some(name.clone())));
    add("threads", args.threads.map(|n| n.to_string()));
    add("time-limit", args.time_limit.map(|n| n.to_string()));
    add("max-states", args.max_states.map(|n| n.to_string()));
    add("max-memory", args.max_memory.map(|n| n.to_string()));
    command
}

fn print_heading(profile: &Profile) {
    println!("{}: {}", profile.name, profile.description);
    print_field("bounds", &profile.bounds.to_string());
}

fn print_field(label: &str, text: &str) {
    println!("  {label:<LABEL$} {text}");
}

/// As many fields to a line as fit, under one label.
fn print_list(label: &str, items: &[String]) {
    let mut label = label;
    let mut line = String::new();
    for item in items {
        if !line.is_empty() && line.chars().count() + item.chars().count() + 3 > 96 {
            print_field(label, &line);
            label = "";
            line.clear();
        }
        if !line.is_empty() {
            line.push_str("   ");
        }
        line.push_str(item);
    }
    print_field(label, &line);
}

fn mark(outcome: Outcome) -> char {
    match outcome {
        Outcome::Holds | Outcome::Found => '✓',
        Outcome::Broken | Outcome::NotFound => '✗',
        Outcome::Open => '?',
    }
}

fn print_report(profile: &Profile, report: &Report) {
    let always =
        report.always.iter().map(|(safety, outcome)| format!("{} {}", mark(*outcome), safety.name()));
    print_list("always", &always.collect::<Vec<_>>());
    let sometimes =
        report.sometimes.iter().map(|(witness, outcome)| format!("{} {}", mark(*outcome), witness.name()));
    print_list("sometimes", &sometimes.collect::<Vec<_>>());
    let required = report.rules.iter().filter(|(rule, _)| profile.rules.contains(rule));
    let required = required.map(|(rule, count)| {
        format!("{} {} {}", if *count > 0 { '✓' } else { '✗' }, rule.id(), grouped(*count))
    });
    print_list("rules", &required.collect::<Vec<_>>());
    print_field(
        "states",
        &format!("{} generated, {} distinct", grouped(report.generated), grouped(report.distinct)),
    );
    print_field(
        "search",
        &format!(
            "{:.1} s, {} distinct states/s, depth {}, {}",
            report.elapsed.as_secs_f64(),
            grouped(report.rate() as u64),
            report.depth,
            memory(report.peak_memory)
        ),
    );
    print_field("verdict", &verdict(&report.verdict));
    if let Verdict::Violated(trace) = &report.verdict {
        print_trace(trace);
    }
    println!();
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Holds => "HOLDS: every state within the bounds was visited".to_owned(),
        Verdict::Violated(trace) => {
            let broken: Vec<&str> = trace.broken.iter().map(|safety| safety.name()).collect();
            format!("VIOLATED: {}", broken.join(", "))
        }
        Verdict::Vacuous { witnesses, rules } => {
            let witnesses = witnesses.iter().map(|witness| witness.name());
            let rules = rules.iter().map(|rule| rule.id());
            let missing: Vec<&str> = witnesses.chain(rules).collect();
            format!("VACUOUS: every state was visited, and none shows: {}", missing.join(", "))
        }
        Verdict::Unfinished(reason) => format!("UNFINISHED: {reason}; nothing is proved"),
    }
}

fn print_trace(trace: &Trace) {
    let kind = if trace.is_shortest {
        "the shortest there is"
    } else {
        "not known to be the shortest: the search for that was too large"
    };
    println!("\n  {} steps, {kind}:", trace.steps.len());
    for line in trace.to_string().lines() {
        println!("    {line}");
    }
}

/// How often each rule fired, in all searches together.
fn print_coverage(reports: &[Report], is_whole: bool, never_fired: &[Rule]) {
    let count = |rule: Rule| -> u64 {
        let counts = reports.iter().flat_map(|report| &report.rules);
        counts.filter(|(other, _)| *other == rule).map(|(_, count)| count).sum()
    };
    let fired: Vec<Rule> = Rule::ALL.iter().copied().filter(|rule| count(*rule) > 0).collect();
    println!("rules of the core that fired: {} of {}", fired.len(), Rule::ALL.len());
    print_list(
        "fired",
        &fired.iter().map(|rule| format!("{} {}", rule.id(), grouped(count(*rule)))).collect::<Vec<_>>(),
    );
    if is_whole {
        let unreachable =
            figure2_model::UNREACHABLE.iter().map(|rule| rule.id()).collect::<Vec<_>>().join(", ");
        print_field("never", &format!("{unreachable}: no correct peer sends what it rejects"));
        for rule in never_fired {
            print_field("MISSING", &format!("{} ({}): {}", rule.id(), rule.place(), rule.text()));
        }
    }
    println!();
}

fn print_summary(reports: &[Report], elapsed: Duration) {
    println!(
        "{:<12} {:>14} {:>14} {:>11} {:>6} {:>8} {:>8}  verdict",
        "profile", "generated", "distinct", "states/s", "depth", "MB", "s"
    );
    for report in reports {
        let megabytes =
            report.peak_memory.map_or_else(|| "?".to_owned(), |bytes| (bytes / 1_000_000).to_string());
        let verdict = match &report.verdict {
            Verdict::Holds => "holds",
            Verdict::Violated(_) => "VIOLATED",
            Verdict::Vacuous { .. } => "VACUOUS",
            Verdict::Unfinished(Unfinished::Limit(_)) => "UNFINISHED (limit)",
            Verdict::Unfinished(_) => "UNFINISHED (error)",
        };
        println!(
            "{:<12} {:>14} {:>14} {:>11} {:>6} {:>8} {:>8.1}  {verdict}",
            report.profile,
            grouped(report.generated),
            grouped(report.distinct),
            grouped(report.rate() as u64),
            report.depth,
            megabytes,
            report.elapsed.as_secs_f64()
        );
    }
    let distinct = reports.iter().map(|report| report.distinct).sum();
    println!("{:<12} {:>14} {:>14} {:>36.1}", "in all", "", grouped(distinct), elapsed.as_secs_f64());
}

fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "memory unknown".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000))
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Tells on stderr how a search is getting on: in place on a terminal, else a line now and then.
struct Teller<'a> {
    name: &'a str,
    in_place: bool,
    told: Instant,
}

impl<'a> Teller<'a> {
    fn new(name: &'a str) -> Self {
        Teller { name, in_place: stderr().is_terminal(), told: Instant::now() }
    }

    fn tell(&mut self, progress: &Progress) {
        if !self.in_place && self.told.elapsed() < SELDOM {
            return;
        }
        self.told = Instant::now();
        let Progress { phase, elapsed, distinct, depth, memory: bytes, .. } = progress;
        let doing = match phase {
            Phase::Search => "",
            Phase::ShortestTrace => "looking for the shortest trace, ",
        };
        let seconds = elapsed.as_secs_f64();
        let line = format!(
            "{}: {doing}{} distinct states, {}/s, depth {depth}, {}, {seconds:.0} s",
            self.name,
            grouped(*distinct),
            grouped((*distinct as f64 / seconds.max(1e-3)) as u64),
            memory(*bytes),
        );
        // Progress that cannot be shown is no reason to fail.
        let _ =
            if self.in_place { write!(stderr(), "\r\x1b[2K{line}") } else { writeln!(stderr(), "{line}") };
    }

    fn end(&self) {
        if self.in_place {
            let _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> CheckArgs {
        CheckArgs {
            profile: Vec::new(),
            threads: None,
            time_limit: None,
            max_states: None,
            max_memory: None,
            list: false,
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
        assert_eq!(exit_code(std::slice::from_ref(&unfinished), &[]), 2);
        let vacuous = Report {
            verdict: Verdict::Vacuous { witnesses: vec![], rules: vec![Rule::V1] },
            ..unfinished.clone()
        };
        assert_eq!(exit_code(&[unfinished, vacuous.clone()], &[]), 1);
        let holds = Report { verdict: Verdict::Holds, ..vacuous };
        assert_eq!(exit_code(std::slice::from_ref(&holds), &[]), 0);
        assert_eq!(exit_code(&[holds], &[Rule::C1]), 1);
    }

    #[test]
    fn the_command_to_repeat_holds_all_that_was_given() {
        let args =
            CheckArgs { profile: vec!["crash".into()], threads: Some(1), max_states: Some(5), ..args() };
        assert!(command_to_repeat(&args).ends_with("-- check --profile crash --threads 1 --max-states 5"));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
