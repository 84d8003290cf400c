//! `figure2 trace`: a trace as text.

use crate::trace::text_of;
use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print a recorded trace as text, one JSON object a line (docs/trace-format.md): what a node writes while it runs is
/// shorter, and only this program reads it.
#[derive(Clone, Debug, clap::Args)]
pub struct TraceArgs {
    /// What a node recorded
    pub file: PathBuf,
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
    let mut text = text_of(&args.file).with_context(|| format!("{name} cannot be read"))?;
    let to: Box<dyn Write> = match &args.output {
        None => Box::new(io::stdout().lock()),
        Some(path) => {
            Box::new(File::create_new(path).with_context(|| format!("--output {}", path.display()))?)
        }
    };
    let mut to = BufWriter::new(to);
    let copied = io::copy(&mut text, &mut to).and_then(|_| to.flush());
    match copied {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => other.map(|()| ExitCode::SUCCESS).with_context(|| name.to_string()),
    }
}
