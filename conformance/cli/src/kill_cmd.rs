//! `figure2 kill`: real processes on real files, killed under load.

use figure2_processes::{Defect, Figures, Killed, Life, Plan, Verdict, kill, serve};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Kill real servers with SIGKILL, under load on real files, again and again, and judge what they did.
///
/// Three processes, each with its log on disk, serve clients and are killed at random moments: one, two or all at once. Each
/// must recover; what the clients saw must be linearizable, with a read of every key at the end; and the recordings of all
/// lives must pass the audit. docs/reliability.md says what that shows.
///
/// Exit code 0: all holds; 1: something does not; 2: not all could be judged, or nothing could be run.
#[derive(Clone, Debug, clap::Args)]
pub struct KillArgs {
    /// How often a server is killed
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub kills: u64,
    /// How many servers there are
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=7), value_name = "N")]
    pub servers: u8,
    /// Where the choices come from; the moments of the system are not chosen, so no run is repeated exactly
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub seed: u64,
    /// Where the servers' directories go, on the disk that is to be used; removed unless something is wrong
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub directory: PathBuf,
    /// Have the servers do something wrong, to see that it is found
    #[arg(long, value_enum, value_name = "DEFECT")]
    pub defect: Option<KillDefect>,
}

/// What the servers do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KillDefect {
    /// They say that a record is durable before they write it
    AcknowledgesEarly,
}

/// The process of one server, which `figure2 kill` starts.
#[derive(Clone, Debug, clap::Args)]
pub struct KillServerArgs {
    #[arg(long)]
    id: u64,
    #[arg(long)]
    servers: u64,
    #[arg(long)]
    directory: PathBuf,
    #[arg(long)]
    recording: PathBuf,
    #[arg(long, value_enum)]
    defect: Option<KillDefect>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct KillOutcome {
    /// The exit code.
    pub code: u8,
    /// What was done.
    pub figures: Figures,
}

/// Runs the command.
///
/// # Errors
/// When the directory cannot be written, or the servers cannot be run.
pub fn run(args: &KillArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan {
        servers: args.servers.into(),
        kills: args.kills,
        seed: args.seed,
        defect: args.defect.map(|KillDefect::AcknowledgesEarly| Defect::AcknowledgesEarly),
    };
    Ok(run_plan(&plan, &args.directory)?.code.into())
}

/// Kills servers in a directory of its own, and prints what came of it.
///
/// # Errors
/// When the directory cannot be written, or the servers cannot be run.
pub fn run_plan(plan: &Plan, directory: &Path) -> anyhow::Result<KillOutcome> {
    let me = std::env::current_exe()?;
    let directory = directory.join(format!("figure2-kill-{}", std::process::id()));
    let command = move |life: &Life| {
        let mut command = Command::new(&me);
        command.arg("kill-server");
        command.args(["--id", &life.id.to_string(), "--servers", &life.servers.to_string()]);
        command.arg("--directory").arg(&life.directory).arg("--recording").arg(&life.recording);
        if let Some(Defect::AcknowledgesEarly) = life.defect {
            command.args(["--defect", "acknowledges-early"]);
        }
        command
    };
    let killed = kill(plan, &directory, command, |figures| eprintln!("{figures}"));
    if !matches!(&killed, Ok(Killed { directory: Some(_), .. })) {
        // Nothing is left of what held, nor of what never ran.
        let _ = std::fs::remove_dir_all(&directory);
    }
    let Killed { verdict, figures, directory } = killed?;
    println!("{figures}");
    if let Some(directory) = directory {
        println!("the servers' directories and recordings are in {}", directory.display());
    }
    let code = match verdict {
        Verdict::Holds => {
            println!("holds: every server recovered, nothing acknowledged was lost, and the audit holds");
            0
        }
        Verdict::Failed(what) => {
            println!("FAILED: {what}");
            1
        }
        Verdict::Unfinished(what) => {
            println!("unfinished: {what}");
            2
        }
    };
    Ok(KillOutcome { code, figures })
}

/// Runs a server until it is killed.
///
/// # Errors
/// When it cannot start.
pub fn run_server(args: &KillServerArgs) -> anyhow::Result<ExitCode> {
    let KillServerArgs { id, servers, directory, recording, defect } = args.clone();
    let defect = defect.map(|KillDefect::AcknowledgesEarly| Defect::AcknowledgesEarly);
    serve(&Life { id, servers, directory, recording, defect })?;
    Ok(ExitCode::SUCCESS)
}
