//! `figure2 linear`: decides whether a history that clients recorded is linearizable.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::values::{history_format, history_model};
use anyhow::Context as _;

use figure2_linearizability::{
    Format, History, Judged, Limits, Model, Progress, Question, Reading, Summary, examine, html, json, junit,
    read_counting, text,
};

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// For a terminal
    #[default]
    Text,
    /// For other programs
    Json,
    /// JUnit XML, for CI
    Junit,
    /// One page that loads nothing, with each violation drawn
    Html,
}

/// What a read of nil says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Nil {
    /// There was no value
    #[default]
    Absent,
    /// Nothing: the value is not known
    Unknown,
}

/// Decide whether a history that clients recorded is linearizable.
///
/// Exit code 0: it is; 1: it is not; 2: not decided, or unusable.
#[derive(Clone, Debug, clap::Args)]
pub struct LinearArgs {
    /// The history (docs/linearizability.md has all forms that are read).
    pub file: PathBuf,
    /// What it is written in [default: recognised].
    #[arg(long, value_parser = history_format())]
    pub format: Option<Format>,
    /// What its operations are about [default: recognised].
    #[arg(long, value_parser = history_model())]
    pub model: Option<Model>,
    /// A field that names the object of an operation; may be given several times [default: the usual names, such as key].
    #[arg(long, value_name = "FIELD")]
    pub key: Vec<String>,
    /// A field that does not change what an operation does; may be given several times.
    #[arg(long, value_name = "FIELD")]
    pub ignore: Vec<String>,
    /// What every key holds at first [default: no value, which a read returns as nil; a counter 0].
    #[arg(long, value_name = "VALUE")]
    pub initial: Option<String>,
    /// What a read says that returned nil.
    #[arg(long, value_enum, default_value_t)]
    pub nil: Nil,
    /// Stop at the first key that is not linearizable.
    #[arg(long)]
    pub first: bool,
    /// Give up with more configurations than this at once, of some 150 bytes each.
    #[arg(long, value_name = "N", default_value_t = Limits::default().configurations)]
    pub max_configurations: usize,
    /// Give up after this time, in seconds.
    #[arg(long, value_name = "S", default_value_t = Limits::default().time.as_secs_f64())]
    pub max_time: f64,
    /// How to report.
    #[arg(long, value_enum, default_value_t)]
    pub report: ReportFormat,
    /// Write the report into this file, and its words to the terminal.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Runs the command: prints the verdict on each key and on the whole, and returns the exit code for it.
///
/// # Errors
/// A history that cannot be used, or a report that cannot be written: there is no verdict.
pub fn run(args: &LinearArgs) -> anyhow::Result<ExitCode> {
    let progress = Progress::default();
    let done = AtomicBool::new(false);
    let summary = std::thread::scope(|scope| {
        let reporter = scope.spawn(|| tell(args, &progress, &done));
        let summary = decide(args, &progress);
        done.store(true, Ordering::Relaxed);
        reporter.thread().unpark();
        summary
    })?;
    Ok(ExitCode::from(match summary {
        Summary::Holds => 0,
        Summary::Violated => 1,
        Summary::Unfinished => 2,
    }))
}

fn decide(args: &LinearArgs, progress: &Progress) -> anyhow::Result<Summary> {
    let name = args.file.display().to_string();
    let time = Duration::try_from_secs_f64(args.max_time).context("--max-time is not a number of seconds")?;
    let start = Instant::now();
    let history = open(args, progress).with_context(|| format!("{name} cannot be used"))?;
    let reading = start.elapsed();
    let start = Instant::now();
    let limits = Limits { configurations: args.max_configurations, time };
    let question = Question { initial: args.initial.clone(), limits, first: args.first };
    let examined = examine(&history, &question, progress).map_err(anyhow::Error::msg)?;
    let judged = Judged { name, history: &history, examined: &examined, reading, judging: start.elapsed() };
    let words = text(&judged);
    let document = match args.report {
        ReportFormat::Text => words.clone(),
        ReportFormat::Json => json(&judged)?,
        ReportFormat::Junit => junit(&judged)?,
        ReportFormat::Html => html(&judged),
    };
    match &args.output {
        Some(path) => {
            std::fs::write(path, document)
                .with_context(|| format!("--output {}: cannot be written", path.display()))?;
            print!("{words}");
        }
        None => std::io::stdout().write_all(document.as_bytes())?,
    }
    let (reading, judging) = (reading.as_secs_f64(), judged.judging.as_secs_f64());
    eprintln!("time: {reading:.3} s to read, {judging:.3} s to decide");
    Ok(examined.summary())
}

fn open(args: &LinearArgs, progress: &Progress) -> anyhow::Result<History> {
    let file = File::open(&args.file).context("it cannot be opened")?;
    let reading = Reading {
        format: args.format,
        model: args.model,
        keys: args.key.clone(),
        ignored: args.ignore.clone(),
        nil_says_nothing: args.nil == Nil::Unknown,
    };
    let mut count = |bytes| progress.bytes.store(bytes, Ordering::Relaxed);
    Ok(read_counting(file, &reading, &mut count)?)
}

/// Tells on stderr how it is getting on: in place on a terminal, else a line now and then.
fn tell(args: &LinearArgs, progress: &Progress, done: &AtomicBool) {
    let in_place = stderr().is_terminal();
    let interval = Duration::from_secs(if in_place { 1 } else { 10 });
    let start = Instant::now();
    let size = std::fs::metadata(&args.file).map_or(0, |file| file.len());
    let mut told = Instant::now();
    let mut any = false;
    loop {
        std::thread::park_timeout(interval);
        if done.load(Ordering::Relaxed) {
            break;
        }
        if told.elapsed() < interval {
            continue;
        }
        told = Instant::now();
        let load = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let seconds = start.elapsed().as_secs();
        let line = match load(&progress.keys) {
            0 => format!("reading: {} of {} MB, {seconds} s", load(&progress.bytes) >> 20, size >> 20),
            keys => format!(
                "deciding: {} of {keys} keys, {} completions of {} operations gone through, {seconds} s",
                load(&progress.judged),
                load(&progress.completions),
                load(&progress.operations),
            ),
        };
        // Progress that cannot be shown is no reason to fail.
        let _ = if in_place { write!(stderr(), "\r\x1b[2K{line}") } else { writeln!(stderr(), "{line}") };
        any = true;
    }
    if in_place && any {
        let _ = write!(stderr(), "\r\x1b[2K");
    }
}
