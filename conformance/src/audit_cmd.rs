//! `figure2 audit`: judges recorded runs without the core.

use crate::audit::{Report, audit, etcd, html, json, junit, text};
use crate::trace::Reader;
use anyhow::Context as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Who wrote the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// A recorded node of this project (docs/trace-format.md)
    #[default]
    Figure2,
    /// etcd's raft, built with its tag `with_tla`: newline-delimited JSON (docs/conformance.md)
    Etcd,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For a terminal
    #[default]
    Text,
    /// For other programs
    Json,
    /// JUnit XML, for CI
    Junit,
    /// One page that loads nothing
    Html,
}

/// Judge recorded runs: the paper's properties, and those they rest on, without running the rules.
///
/// Exit code 0: what the trace exercises holds; 1: a property is violated; 2: the trace is empty, cut off, damaged or
/// of another format, or has nothing to judge.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    /// The traces of one cluster, or of some of its servers
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Who wrote them
    #[arg(long, value_enum, default_value_t)]
    pub from: From,
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the report into this file, and its words to the terminal
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Accept a trace without its last line, as a process leaves it that was killed: judge what there is
    #[arg(long)]
    pub cut_off: bool,
}

/// Runs the command.
///
/// # Errors
/// When a trace cannot be used, or the report not be written.
pub fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let report = match args.from {
        From::Figure2 => {
            let open = || args.traces.iter().map(|path| Reader::open(path, args.cut_off)).collect();
            audit(&open)?
        }
        From::Etcd => etcd::audit_files(&args.traces, args.cut_off)?,
    };
    let seconds = start.elapsed().as_secs_f64();
    let document = match args.format {
        Format::Text => text(&report),
        Format::Json => json(&report)?,
        Format::Junit => junit(&report)?,
        Format::Html => html(&report),
    };
    match &args.output {
        Some(path) => {
            std::fs::write(path, document)
                .with_context(|| format!("--output {}: cannot be written", path.display()))?;
            print!("{}", text(&report));
        }
        None => std::io::stdout().write_all(document.as_bytes())?,
    }
    print_rate(&report, seconds);
    Ok(ExitCode::from(report.exit_code()))
}

fn print_rate(report: &Report, seconds: f64) {
    eprintln!("time: {seconds:.2} s, {:.0} lines/s", report.lines as f64 / seconds.max(1e-9));
}
