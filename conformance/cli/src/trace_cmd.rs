//! `figure2 trace`: a trace as text.

use anyhow::Context;
use figure2_validate::{open, tell_as_etcd, text_of};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// How the trace is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// This project's own (docs/trace-format.md)
    #[default]
    Figure2,
    /// That of etcd's raft, for programs that read it; what has no counterpart there is left out
    Etcd,
}

/// Print what a node recorded as text, one JSON object a line.
///
/// docs/trace-format.md describes that text. What a node writes while it runs is shorter, and only this program reads it.
#[derive(Clone, Debug, clap::Args)]
pub struct TraceArgs {
    /// What a node recorded; of a recording in numbered files, the name without a number
    pub file: PathBuf,
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// With --format etcd: accept a recording without its last line, as a process leaves it that was killed
    #[arg(long)]
    pub cut_off: bool,
    /// Write to this new file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read or is damaged, or the text cannot be written.
pub fn run(args: &TraceArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let to: Box<dyn Write> = match &args.output {
        None => Box::new(io::stdout().lock()),
        Some(path) => {
            Box::new(File::create_new(path).with_context(|| format!("--output {}", path.display()))?)
        }
    };
    let mut to = BufWriter::new(to);
    let written = match args.format {
        Format::Figure2 => text_of(&args.file)
            .and_then(|mut text| io::copy(&mut text, &mut to))
            .with_context(|| format!("{name} cannot be read"))
            .map(drop),
        Format::Etcd => tell_as_etcd(&|| open(&args.file, args.cut_off), &mut to),
    };
    match written.and_then(|()| Ok(to.flush()?)) {
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        other => other.map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let direct = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let in_json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        direct.or(in_json) == Some(io::ErrorKind::BrokenPipe)
    })
}
