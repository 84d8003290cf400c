//! `figure2 disk`: shows what a server's directory holds.

use anyhow::Context;
use figure2_wal::inspect;
use std::path::PathBuf;
use std::process::ExitCode;

/// Say what a server's directory holds: segments, writes, term, vote, snapshots, identity, the first damaged byte.
///
/// Changes nothing, and needs no lock: a server may be running on the directory. docs/storage.md describes the files.
///
/// Exit code 0: a server would start on it; 1: it would refuse, and the reason is told; 2: the directory cannot be read.
#[derive(Clone, Debug, clap::Args)]
pub struct DiskArgs {
    /// The directory
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// When there is no such directory, or it cannot be read.
pub fn run(args: &DiskArgs) -> anyhow::Result<ExitCode> {
    let name = args.directory.display();
    let found = inspect(&args.directory).with_context(|| format!("{name} cannot be inspected"))?;
    println!("{found}");
    Ok(if found.refusal.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
