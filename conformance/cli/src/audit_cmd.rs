//! `figure2 audit`: judges recorded runs without the core.

use anyhow::{Context as _, bail};
use figure2_audit::{Report, audit, etcd, html, json, junit, text};
use figure2_trace::FORMAT;
use figure2_validate::{beginning_of, is_recording};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Who wrote the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum From {
    /// A recorded node of this project (docs/trace-format.md)
    Figure2,
    /// etcd's raft, built with its tag `with_tla`: newline-delimited JSON (docs/etcd.md)
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
/// of another format, has nothing to judge, or something in it is not explained: lines are missing, or the cluster
/// misbehaved.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    /// The traces of one cluster, or of some of its servers; of a recording in numbered files, the name without a number
    #[arg(required = true, value_name = "TRACE")]
    pub traces: Vec<PathBuf>,
    /// Who wrote them, if their first lines are not to tell
    #[arg(long, value_enum)]
    pub from: Option<From>,
    /// How to report
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the report into this file, and its words to the terminal
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Accept a trace without its last line, as a process leaves it that was killed: judge what there is, and say what the
    /// lost end can hide. Give all files of all servers
    #[arg(long)]
    pub cut_off: bool,
}

/// Runs the command.
///
/// # Errors
/// When a trace cannot be used, or the report not be written.
pub fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let from = match args.from {
        Some(from) => from,
        None => recognise(&args.traces)?,
    };
    let report = match from {
        From::Figure2 => {
            let open = || args.traces.iter().map(|path| figure2_validate::open(path, args.cut_off)).collect();
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

/// So much of a file is looked at, to recognise its format.
const BEGINNING: u64 = 1 << 20;

/// Who wrote the traces, by their first lines.
fn recognise(traces: &[PathBuf]) -> anyhow::Result<From> {
    let mut found: Option<(From, &Path)> = None;
    for path in traces {
        let from = recognise_one(path)?;
        match found {
            Some((first, other)) if first != from => bail!(
                "{} and {} are traces of different programs: audit them one by one",
                other.display(),
                path.display()
            ),
            _ => found = Some((from, path)),
        }
    }
    Ok(found.map_or(From::Figure2, |(from, _)| from))
}

fn recognise_one(path: &Path) -> anyhow::Result<From> {
    let name = path.display();
    let beginning = beginning_of(path, BEGINNING).with_context(|| format!("{name} cannot be read"))?;
    // What is empty is said to be so by who reads it.
    if beginning.trim_ascii().is_empty() || is_recording(&beginning) {
        return Ok(From::Figure2);
    }
    if beginning.split(|byte| *byte == b'\n').any(etcd::recognises) {
        return Ok(From::Etcd);
    }
    bail!(
        "{name}: not recognised: neither a trace of this project's nodes, whose first line has \"format\":\"{FORMAT}\" \
         (docs/trace-format.md), nor one of etcd's raft, whose lines have \"nid\" and \"state\" (docs/etcd.md). \
         With --from figure2 or --from etcd it is read as one, and the first line that does not fit is named"
    )
}

fn print_rate(report: &Report, seconds: f64) {
    eprintln!("time: {seconds:.2} s, {:.0} lines/s", report.lines as f64 / seconds.max(1e-9));
}
