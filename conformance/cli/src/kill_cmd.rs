//! `figure2 kill`: real processes on real files, killed under load.

use anyhow::Context as _;
use figure2_processes::{
    Defect, Fault, Figures, Killed, Life, Network, Plan, Verdict, Wiring, kill, namespaces_are_possible,
    serve,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Kill real servers with SIGKILL, under load on real files, again and again, and judge what they did.
///
/// Three processes, each with its log on disk, serve clients and are killed at random moments: one, two or all at once. Each
/// must recover; what the clients saw must be linearizable, with a read of every key at the end; and the recordings of all
/// lives must pass the audit. With --network tcp they speak TCP with mutual TLS through proxies, and are also stopped, cut
/// off and more; then all must be connected again at the end, and have the same. docs/reliability.md says what that shows.
///
/// Exit code 0: all holds; 1: something does not; 2: not all could be judged, or nothing could be run.
#[derive(Clone, Debug, clap::Args)]
pub struct KillArgs {
    /// How many faults there are; of servers that are killed at once, each counts
    #[arg(long, visible_alias = "kills", default_value_t = 50, value_name = "N")]
    pub faults: u64,
    /// How the servers are joined
    #[arg(long, value_enum, default_value_t = KillNetwork::Pipes, value_name = "NETWORK")]
    pub network: KillNetwork,
    /// Only these kinds of faults: kill, stop (SIGSTOP), cut, half-open, reset, delay, throttle, wipe (a server returns with
    /// an empty directory), link-down; by default all that the network has
    #[arg(long, value_delimiter = ',', value_name = "KIND", value_parser = kind)]
    pub only: Vec<Fault>,
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

/// How the servers are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KillNetwork {
    /// Their messages go through their standard inputs and outputs; they are only killed
    Pipes,
    /// TCP with mutual TLS on loopback, through proxies
    Tcp,
    /// The same, with each server in a network namespace of its own, whose link also goes down; Linux, as root
    Namespaces,
}

impl From<KillNetwork> for Network {
    fn from(network: KillNetwork) -> Network {
        match network {
            KillNetwork::Pipes => Network::Pipes,
            KillNetwork::Tcp => Network::Tcp,
            KillNetwork::Namespaces => Network::Namespaces,
        }
    }
}

fn kind(name: &str) -> Result<Fault, String> {
    let known = || Fault::ALL.map(Fault::name).join(", ");
    Fault::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| format!("possible are {}", known()))
}

/// What the servers do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum KillDefect {
    /// They say that a record is durable before they write it
    AcknowledgesEarly,
    /// Over TCP, they name their disk by their id, so that nobody sees when one comes back with another
    SameDiskName,
}

impl From<KillDefect> for Defect {
    fn from(defect: KillDefect) -> Defect {
        match defect {
            KillDefect::AcknowledgesEarly => Defect::AcknowledgesEarly,
            KillDefect::SameDiskName => Defect::SameDiskName,
        }
    }
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
    #[arg(long, requires = "certificates")]
    listen: Option<String>,
    #[arg(long, value_parser = peer)]
    peer: Vec<(u64, String)>,
    #[arg(long)]
    certificates: Option<PathBuf>,
    #[arg(long, value_enum)]
    defect: Option<KillDefect>,
}

fn peer(text: &str) -> Result<(u64, String), String> {
    let (id, address) = text.split_once('=').ok_or("write it as ID=HOST:PORT")?;
    Ok((id.parse().map_err(|_| "its id is no number")?, address.to_owned()))
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
    let network = Network::from(args.network);
    if network == Network::Namespaces
        && let Err(reason) = namespaces_are_possible()
    {
        println!("skipped: network namespaces cannot be made here: {reason:#}");
        return Ok(ExitCode::from(2));
    }
    let plan = Plan {
        servers: args.servers.into(),
        faults: args.faults,
        network,
        kinds: if args.only.is_empty() { network.faults() } else { args.only.clone() },
        seed: args.seed,
        defect: args.defect.map(Defect::from),
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
        if let Some(Wiring { listen, peers, certificates }) = &life.wiring {
            command.args(["--listen", listen]).arg("--certificates").arg(certificates);
            for (id, address) in peers {
                command.args(["--peer", &format!("{id}={address}")]);
            }
        }
        if let Some(defect) = life.defect {
            let name = match defect {
                Defect::AcknowledgesEarly => "acknowledges-early",
                Defect::SameDiskName => "same-disk-name",
            };
            command.args(["--defect", name]);
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
    let KillServerArgs { id, servers, directory, recording, listen, peer, certificates, defect } =
        args.clone();
    let wiring = match listen {
        None => None,
        Some(listen) => {
            let certificates = certificates.context("--certificates belongs to --listen")?;
            Some(Wiring { listen, peers: BTreeMap::from_iter(peer), certificates })
        }
    };
    serve(&Life { id, servers, directory, recording, wiring, defect: defect.map(Defect::from) })?;
    Ok(ExitCode::SUCCESS)
}
