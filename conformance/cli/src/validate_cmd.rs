//! `figure2 validate`: replays recorded servers' steps, and names the first that the core would not take.

use figure2_core::Rule;
use figure2_trace::Reader;
use figure2_validate::{Counts, Report, open, validate};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Replay the steps of recorded servers through the core, and name the first that differs.
///
/// Exit code 0: every step follows from what was before it; 1: one does not, or a message was received that nobody
/// sent; 2: a trace is empty, cut off, damaged or of another format.
#[derive(Clone, Debug, clap::Args)]
pub struct ValidateArgs {
    /// The traces of one cluster: a file for all servers, or some for each; of a recording in numbered files, the name
    /// without a number (docs/trace-format.md)
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Accept a trace without its last line, as a process leaves it that was killed: judge what there is
    #[arg(long)]
    pub cut_off: bool,
}

/// Runs the command.
///
/// # Errors
/// When a trace cannot be used: there is no verdict.
pub fn run(args: &ValidateArgs) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let opened: Result<Vec<Reader>, _> = args.traces.iter().map(|path| open(path, args.cut_off)).collect();
    let Report { counts, rejection } = validate(opened?)?;
    let seconds = start.elapsed().as_secs_f64();
    print_counts(&counts);
    println!("time: {seconds:.2} s, {:.0} lines/s", counts.lines as f64 / seconds.max(1e-9));
    match rejection {
        None => {
            println!("verdict: valid");
            Ok(ExitCode::SUCCESS)
        }
        Some(rejection) => {
            println!("REFUSED {rejection}");
            println!("verdict: not valid; what follows that line was not judged");
            Ok(ExitCode::from(1))
        }
    }
}

fn print_counts(counts: &Counts) {
    let Counts { files, lines, runs, restarts, steps, writes, .. } = counts;
    println!("consumed: {files} files, {lines} lines of {} servers", counts.servers.len());
    println!(
        "{runs} runs, {restarts} of them held against what had been saved; {steps} steps; {writes} writes"
    );
    println!(
        "{} messages sent, {} received ({} different ones unchecked: no whole trace of the sender); {} deliveries",
        counts.sent, counts.received, counts.unchecked, counts.delivered
    );
    let fired = Rule::ALL.iter().filter(|rule| counts.rules.contains(**rule)).count();
    println!("{fired} of {} rules fired", Rule::ALL.len());
}
