//! `figure2 lab`: runs the lab suite and prints what the lab prints.

use crate::shard::{Report as ShardReport, ShardArgs};
use anyhow::{Context, bail};
use figure2_core::Extensions;
use figure2_lab::suite::{Batch, LabTest, Mode, Progress, Report, Summary, TESTS, select};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread::available_parallelism;
use std::time::Duration;

/// Most tests at a time.
const MOST_JOBS: usize = 256;

/// Run MIT's Raft tests, 2A to 2D and 3A to 3D, against the real node on a simulated network.
///
/// Exit code 0: all passed; 1: a test failed, or the lab's limits were exceeded; 2: nothing could be run.
#[derive(Clone, Debug, clap::Args)]
pub struct LabArgs {
    /// Only these tests: a part (2B), a lab (2, 3), a test's name, or a piece of a name or title; repeatable
    #[arg(long, value_name = "FILTER")]
    pub run: Vec<String>,
    /// Where all chance comes from: in virtual time the same seed gives the same run, byte for byte
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Run everything this often; each round has its own seed, derived from --seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub repeat: u32,
    /// On the real clock and two threads a test, instead of virtual time
    #[arg(long)]
    pub real_time: bool,
    /// In real time, with servers that speak TCP with mutual TLS on loopback in the place of the simulated network: the tests
    /// that need no fault of that network. The others are named
    #[arg(long)]
    pub tcp: bool,
    /// With the log on a disk. In virtual time on a simulated one: a server that crashes was killed, or lost its power, in
    /// the middle of a write. In real time on files in a temporary directory (TMPDIR), with real syncs
    #[arg(long)]
    pub disk: bool,
    /// What the servers do beyond Figure 2: all that the node has (PreVote, CheckQuorum), as by default, or nothing
    #[arg(long, value_enum, default_value_t = Beyond::All)]
    pub extensions: Beyond,
    /// How many tests at a time; by default one per CPU
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Write each run's traces into this directory: as text (network, applied entries, roles, the tester's doings),
    /// and as the nodes recorded it, for figure2 validate and audit
    #[arg(long, value_name = "DIR")]
    pub trace: Option<PathBuf>,
    /// Without --trace: keep the recordings of at most so many runs that fail, in the current directory. The others are
    /// counted
    #[arg(long, value_name = "N", default_value_t = Keep::default().most, conflicts_with = "trace")]
    pub traces: usize,
    /// A part of the rounds; of the tests, where there is one round
    #[command(flatten)]
    pub shards: ShardArgs,
    /// List the tests and run none
    #[arg(long)]
    pub list: bool,
}

/// What servers do beyond Figure 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Beyond {
    /// Nothing.
    None,
    /// All of it.
    All,
}

impl From<Beyond> for Extensions {
    fn from(beyond: Beyond) -> Extensions {
        match beyond {
            Beyond::None => Extensions::NONE,
            Beyond::All => Extensions::ALL,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// When the arguments make no sense, with what is possible, or a trace cannot be written.
pub fn run(args: &LabArgs) -> anyhow::Result<ExitCode> {
    let tests = select(&args.run)?;
    if args.list {
        for test in tests {
            println!("{:<6} {:<29} {:<2} servers  {}", part(test), test.id(), test.servers, test.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (tests, left_out): (Vec<_>, Vec<_>) =
        tests.into_iter().partition(|test| !args.tcp || test.needs.is_none());
    if tests.is_empty() {
        bail!("none of these tests runs over TCP: {}", not_over_tcp(&left_out).join("; "));
    }
    for line in not_over_tcp(&left_out) {
        println!("not run over TCP: {line}");
    }
    let keep = Keep { most: args.traces, directory: args.trace.as_deref() };
    let whole = batch(args, tests)?;
    let (own, part) = part_of(&whole, args)?;
    let outcome = run_batch(&part, keep)?;
    args.shards.write(|| report(&whole, own, args, &outcome))?;
    let passed = outcome.passed;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The shard's pieces, and the batch of them.
fn part_of(whole: &Batch, args: &LabArgs) -> anyhow::Result<(Range<u64>, Batch)> {
    let shard = args.shards.shard();
    if whole.repeat > 1 {
        let own = shard.of(whole.repeat.into())?;
        let (first_round, end) = (u32::try_from(own.start)?, u32::try_from(own.end)?);
        return Ok((own, Batch { first_round, repeat: end - first_round, ..whole.clone() }));
    }
    let own = shard.of(whole.tests.len() as u64)?;
    let (start, end) = (usize::try_from(own.start)?, usize::try_from(own.end)?);
    let tests = whole.tests.get(start..end).unwrap_or_default().to_vec();
    Ok((own, Batch { tests, ..whole.clone() }))
}

/// What a shard did.
fn report(whole: &Batch, own: Range<u64>, args: &LabArgs, outcome: &LabOutcome) -> ShardReport {
    let tests: Vec<String> = whole.tests.iter().map(|test| test.id()).collect();
    let arguments = [
        ("tests", tests.join(",")),
        ("clock", format!("{:?}", whole.mode).to_lowercase()),
        ("disk", whole.disk.to_string()),
        ("extensions", format!("{:?}", args.extensions).to_lowercase()),
        ("seed", whole.seed.to_string()),
        ("repeat", whole.repeat.to_string()),
    ];
    let pieces = if whole.repeat > 1 { whole.repeat.into() } else { whole.tests.len() as u64 };
    let runs = &outcome.summary.runs;
    let failed = runs.iter().filter_map(|run| {
        let failure = run.report.outcome.as_ref().err()?;
        let first = failure.to_string().lines().next().unwrap_or_default().to_owned();
        Some(format!("{}: {first}; to repeat: {}", run.report.test.id(), command_to_repeat(&run.report)))
    });
    ShardReport::new("lab", &arguments, pieces, own, u8::from(!outcome.passed))
        .with("runs", runs.len() as u64)
        .with("failed", outcome.summary.failures() as u64)
        .with("RPCs", runs.iter().map(|run| run.report.figures.rpcs).sum())
        .wrong(failed)
}

/// Which runs of a batch leave files.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// Without a directory: the recordings of so many runs that fail at most, in the current one.
    pub most: usize,
    /// The traces of all runs, into this directory.
    pub directory: Option<&'a Path>,
}

impl Default for Keep<'_> {
    /// Three recordings of runs that fail, into the current directory.
    fn default() -> Self {
        Keep { most: 3, directory: None }
    }
}

/// What came out of a batch.
pub struct LabOutcome {
    /// All runs.
    pub summary: Summary,
    /// Whether every run passed, within the lab's limits.
    pub passed: bool,
}

/// Runs a batch, and prints as it goes.
///
/// # Errors
/// When a trace cannot be written.
pub fn run_batch(batch: &Batch, keep: Keep<'_>) -> anyhow::Result<LabOutcome> {
    if let Some(directory) = keep.directory {
        fs::create_dir_all(directory)
            .with_context(|| format!("--trace {}: the directory cannot be made", directory.display()))?;
    }
    print_heading(batch);
    let printer = Printer { batch, keep, state: Mutex::default() };
    let summary = batch.run(&|progress| printer.finished(progress));
    let Printed { error: unwritten, recorded, .. } =
        printer.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if batch.repeat > 1 {
        print_means(batch, &summary);
    }
    let exceeded = print_totals(batch, &summary);
    let left_out = summary.failures().saturating_sub(recorded);
    if keep.directory.is_none() && left_out > 0 {
        println!(
            "{left_out} more runs failed; recordings are kept of {} (--traces N), of all by --trace DIR",
            keep.most
        );
    }
    if let Some(error) = unwritten {
        return Err(error);
    }
    let passed = summary.failures() == 0 && !exceeded;
    Ok(LabOutcome { summary, passed })
}

fn batch(args: &LabArgs, tests: Vec<&'static LabTest>) -> anyhow::Result<Batch> {
    if args.repeat == 0 {
        bail!("--repeat 0 runs nothing; possible are 1 and more");
    }
    let jobs = args.jobs.unwrap_or_else(|| available_parallelism().map_or(1, usize::from).min(MOST_JOBS));
    if !(1..=MOST_JOBS).contains(&jobs) {
        bail!("--jobs {jobs}; possible are 1 to {MOST_JOBS}");
    }
    Ok(Batch {
        tests,
        mode: match (args.tcp, args.real_time) {
            (true, _) => Mode::Tcp,
            (false, true) => Mode::Real,
            (false, false) => Mode::Virtual,
        },
        disk: args.disk,
        extensions: args.extensions.into(),
        seed: args.seed,
        first_round: 0,
        repeat: args.repeat,
        jobs,
        keep_trace: args.trace.is_some(),
    })
}

/// The command that runs one test again as it was run here.
#[must_use]
pub fn command_to_repeat(report: &Report) -> String {
    let real = match report.options.mode {
        Mode::Virtual => "",
        Mode::Real => " --real-time",
        Mode::Tcp => " --tcp",
    };
    let disk = if report.options.disk { " --disk" } else { "" };
    format!(
        "cargo run --release -p figure2-cli --bin figure2 -- lab --run {} --seed {}{real}{disk}",
        report.test.id(),
        report.options.seed
    )
}

fn part(test: &LabTest) -> String {
    match test.later_part {
        Some(later) => format!("{},{later}", test.part),
        None => test.part.into(),
    }
}

/// Which tests need a fault of the simulated network, and which.
fn not_over_tcp(tests: &[&LabTest]) -> Vec<String> {
    let mut by_need: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for test in tests {
        by_need.entry(test.needs.unwrap_or_default()).or_default().push(test.id());
    }
    by_need.into_iter().map(|(need, ids)| format!("needs {need}: {}", ids.join(", "))).collect()
}

fn print_heading(batch: &Batch) {
    let clock = match batch.mode {
        Mode::Virtual => "virtual time",
        Mode::Real => "real time",
        Mode::Tcp => "real time over TCP with mutual TLS",
    };
    let disk = match (batch.disk, batch.mode) {
        (false, _) => "",
        (true, Mode::Virtual) => ", the log on a simulated disk",
        (true, Mode::Real | Mode::Tcp) => ", the log on files",
    };
    let rules = if batch.extensions == Extensions::NONE { ", Figure 2 alone" } else { "" };
    let Batch { seed, repeat, jobs, .. } = batch;
    let times = if *repeat > 1 { format!(", {repeat} rounds") } else { String::new() };
    println!(
        "lab: {} tests in {clock}{disk}{rules}, seed {seed}{times}, {jobs} at a time",
        batch.tests.len()
    );
    println!(
        "{:<6} {:<6} {:<58} {:>7} {:>5} {:>7} {:>10} {:>7} {:>7}",
        "", "part", "test", "seconds", "peers", "RPCs", "bytes", "commits", "wall s"
    );
}

fn line(verdict: &str, report: &Report) -> String {
    let figures = &report.figures;
    format!(
        "{verdict:<6} {:<6} {:<58} {:>7.1} {:>5} {:>7} {:>10} {:>7} {:>7.2}",
        part(report.test),
        report.test.title,
        figures.took.as_secs_f64(),
        report.test.servers,
        figures.rpcs,
        figures.bytes,
        figures.commits,
        report.wall.as_secs_f64()
    )
}

/// Prints runs as they finish.
struct Printer<'a> {
    batch: &'a Batch,
    keep: Keep<'a>,
    state: Mutex<Printed>,
}

#[derive(Default)]
struct Printed {
    finished: usize,
    failed: usize,
    /// Of how many failed runs the recording was kept.
    recorded: usize,
    error: Option<anyhow::Error>,
}

impl Printer<'_> {
    fn finished(&self, progress: &Progress) {
        let report = &progress.report;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.finished += 1;
        match &report.outcome {
            Ok(()) if self.batch.repeat > 1 => {}
            Ok(()) => println!("{}", line("Passed", report)),
            Err(failure) => {
                state.failed += 1;
                println!("{}", line("FAILED", report));
                println!("       {failure}");
                println!("       seed {}; to repeat: {}", report.options.seed, command_to_repeat(report));
            }
        }
        for warning in &report.warnings {
            println!("       {} (seed {}): {warning}", report.test.id(), report.options.seed);
        }
        if self.batch.repeat > 1 && state.finished.is_multiple_of(self.batch.tests.len()) {
            let rounds = state.finished / self.batch.tests.len();
            println!(
                "round {rounds} of {}: {} runs, {} failed",
                self.batch.repeat, state.finished, state.failed
            );
        }
        let written = match (self.keep.directory, &report.outcome) {
            (Some(directory), _) => write_trace(directory, report),
            (None, Err(_)) if state.recorded < self.keep.most => {
                state.recorded += 1;
                write_recording(Path::new("."), report)
                    .map(|path| path.iter().for_each(|path| println!("       recorded: {}", path.display())))
            }
            (None, _) => Ok(()),
        };
        if let Err(error) = written {
            state.error.get_or_insert(error);
        }
    }
}

fn write_trace(directory: &Path, report: &Report) -> anyhow::Result<()> {
    let path = directory.join(format!("figure2-lab-{}-seed-{}.txt", report.test.id(), report.options.seed));
    let text = report.trace.text.as_deref().unwrap_or_default();
    fs::write(&path, text).with_context(|| format!("--trace: {} cannot be written", path.display()))?;
    write_recording(directory, report).map(drop)
}

/// Writes what the nodes recorded, if it was kept, and says where.
fn write_recording(directory: &Path, report: &Report) -> anyhow::Result<Option<PathBuf>> {
    let Some(recording) = &report.recording else { return Ok(None) };
    let path = directory.join(format!("figure2-lab-{}-seed-{}.jsonl", report.test.id(), report.options.seed));
    fs::write(&path, recording).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(Some(path))
}

/// One line per test over all rounds.
fn print_means(batch: &Batch, summary: &Summary) {
    println!("\n{:<6} {:<58} {:>7} {:>15} {:>8}", "part", "test", "passed", "seconds", "RPCs");
    for test in &batch.tests {
        let runs: Vec<&Report> = summary
            .runs
            .iter()
            .map(|run| &run.report)
            .filter(|report| report.test.id() == test.id())
            .collect();
        let passed = runs.iter().filter(|report| report.outcome.is_ok()).count();
        let seconds = || runs.iter().map(|report| report.figures.took.as_secs_f64());
        let rpcs = runs.iter().map(|report| report.figures.rpcs).sum::<u64>() / runs.len().max(1) as u64;
        println!(
            "{:<6} {:<58} {passed:>7} {:>6.1} to {:>5.1} {rpcs:>8}",
            part(test),
            test.title,
            seconds().fold(f64::INFINITY, f64::min),
            seconds().fold(0.0, f64::max),
        );
    }
}

/// Prints the totals; whether a limit of the lab's page was exceeded.
fn print_totals(batch: &Batch, summary: &Summary) -> bool {
    let failed = summary.failures();
    println!(
        "\n{} passed, {failed} failed: {:.1} s real, {:.1} s CPU; the tests' own clocks: {:.1} s",
        summary.runs.len() - failed,
        summary.wall.as_secs_f64(),
        summary.cpu.as_secs_f64(),
        summary.simulated().as_secs_f64()
    );
    match batch.mode {
        Mode::Virtual => {
            println!("trace digest {:016x}: the same tests and seed give the same", summary.digest());
            false
        }
        Mode::Real | Mode::Tcp => page_limits(batch).is_some_and(|limits| limits.print(summary)),
    }
}

/// The limits of the lab's page on real and CPU time.
struct PageLimits {
    what: &'static str,
    real: Duration,
    cpu: Duration,
}

/// The limits that apply to this very selection.
fn page_limits(batch: &Batch) -> Option<PageLimits> {
    let seconds = Duration::from_secs;
    let is_2b = |test: &LabTest| test.part == "2B";
    let (all_2b, only_2b) =
        (TESTS.iter().filter(|t| is_2b(t)).count(), batch.tests.iter().filter(|t| is_2b(t)).count());
    if batch.repeat > 1 {
        None
    } else if batch.tests.len() == TESTS.len() {
        Some(PageLimits { what: "the whole lab", real: seconds(8 * 60), cpu: seconds(90) })
    } else if only_2b == all_2b && batch.tests.len() == only_2b {
        Some(PageLimits { what: "2B", real: seconds(60), cpu: seconds(5) })
    } else {
        None
    }
}

impl PageLimits {
    fn print(&self, summary: &Summary) -> bool {
        let exceeded = summary.wall > self.real || summary.cpu > self.cpu;
        let verdict = if exceeded { "EXCEEDED" } else { "kept" };
        println!("limits for {}, {:?} real and {:?} CPU: {verdict}", self.what, self.real, self.cpu);
        exceeded
    }
}
