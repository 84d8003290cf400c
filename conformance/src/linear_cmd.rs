//! `figure2 linear`: decides whether a history that clients recorded is linearizable.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::linear::{Format, History, KeyReport, Limits, Report, Summary, Verdict, check, draw, read};

/// Decide whether a key/value history is linearizable. Exit code 0: it is; 1: it is not; 2: not decided, or unusable.
#[derive(Clone, Debug, clap::Args)]
pub struct LinearArgs {
    /// The history, as Jepsen writes it: one event a line, EDN or JSON (docs/linearizability.md).
    pub file: PathBuf,
    /// How the lines are written.
    #[arg(long, value_enum, default_value = "auto")]
    pub format: Format,
    /// What every key holds at first [default: no value, which a read returns as nil].
    #[arg(long, value_name = "VALUE")]
    pub initial: Option<String>,
    /// Give up with more configurations than this at once, of some 150 bytes each.
    #[arg(long, value_name = "N", default_value_t = Limits::default().configurations)]
    pub max_configurations: usize,
    /// Give up after this time, in seconds.
    #[arg(long, value_name = "S", default_value_t = Limits::default().time.as_secs_f64())]
    pub max_time: f64,
}

/// At most this many keys are listed one by one if they hold.
const LISTED: usize = 20;

/// Runs the command: prints the verdict on each key and on the whole, and returns the exit code for it.
///
/// # Errors
/// A history that cannot be used: there is no verdict.
pub fn run(args: &LinearArgs) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::from(match decide(args)? {
        Summary::Holds => 0,
        Summary::Violated => 1,
        Summary::Unfinished => 2,
    }))
}

fn decide(args: &LinearArgs) -> anyhow::Result<Summary> {
    let name = args.file.display();
    let time = Duration::try_from_secs_f64(args.max_time).context("--max-time is not a number of seconds")?;
    let start = Instant::now();
    let file = File::open(&args.file).with_context(|| format!("{name} cannot be opened"))?;
    let history =
        read(BufReader::new(file), args.format).with_context(|| format!("{name} cannot be used"))?;
    let reading = start.elapsed();
    let start = Instant::now();
    let limits = Limits { configurations: args.max_configurations, time };
    let report = check(&history.operations, args.initial.as_deref(), limits);
    print(&history, &report);
    println!(
        "time: {:.3} s to read, {:.3} s to decide",
        reading.as_secs_f64(),
        start.elapsed().as_secs_f64()
    );
    println!("verdict: {}", word(report.summary()));
    Ok(report.summary())
}

fn print(history: &History, report: &Report) {
    let History { operations, lines, skipped } = history;
    let (count, keys) = (operations.len(), report.keys.len());
    println!("{lines} lines, {skipped} of the nemesis; {count} operations on {keys} keys");
    let (holding, others): (Vec<_>, Vec<_>) =
        report.keys.iter().partition(|key| matches!(key.verdict, Verdict::Holds));
    for key in holding.iter().take(LISTED) {
        println!("{}: holds", title(key));
    }
    if let Some(more) = holding.len().checked_sub(LISTED).filter(|&more| more > 0) {
        println!("and {more} more keys: hold");
    }
    for key in others {
        match &key.verdict {
            Verdict::Holds => {}
            Verdict::Unfinished(reason) => println!("{}: unfinished: {reason}", title(key)),
            Verdict::Violated(window) => {
                let count = match window.operations.len() {
                    1 => "this operation".to_owned(),
                    count => format!("these {count} operations"),
                };
                println!("{}: violated: no order explains {count}", title(key));
                print!("{}", draw(window, "line"));
                println!("  {}", strength(window.minimal, window.confirmed));
            }
        }
    }
}

fn strength(minimal: bool, confirmed: Option<bool>) -> &'static str {
    match (minimal, confirmed.is_some()) {
        (true, true) => "none can be left out; every order was tried",
        (true, false) => "none can be left out",
        (false, true) => "every order was tried; fewer may do: time for reducing was up",
        (false, false) => "fewer may do: time for reducing was up",
    }
}

fn title(key: &KeyReport) -> String {
    if key.key.is_empty() {
        format!("the register, {} operations", key.operations)
    } else {
        format!("key {:?}, {} operations", key.key, key.operations)
    }
}

fn word(summary: Summary) -> &'static str {
    match summary {
        Summary::Holds => "holds",
        Summary::Violated => "violated",
        Summary::Unfinished => "unfinished",
    }
}
