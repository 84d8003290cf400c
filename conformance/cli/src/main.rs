//! The command `figure2`: one place for everything the project can show.

#[cfg(test)]
mod documented;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use figure2_cli::{
    audit_cmd, certs_cmd, check, conform_cmd, disk_cmd, explore_cmd, kill_cmd, lab_cmd, linear_cmd,
    mutants_cmd, replay_cmd, shard, simulate_cmd, trace_cmd, validate_cmd, verify,
};
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// The seen set of a large check grows in many parts. glibc's allocator keeps what they leave behind; this one gives it back.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Raft's Figure 2, to the letter: one set of rules, exhaustively checked and run.
///
/// Exit codes of all commands: 0 holds, 1 violated or failed, 2 unfinished or unusable.
#[derive(Parser)]
#[command(name = "figure2", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(audit_cmd::AuditArgs),
    Certs(certs_cmd::CertsArgs),
    Check(check::CheckArgs),
    Conform(conform_cmd::ConformArgs),
    Disk(disk_cmd::DiskArgs),
    Explore(explore_cmd::ExploreArgs),
    Kill(kill_cmd::KillArgs),
    #[command(hide = true)]
    KillServer(kill_cmd::KillServerArgs),
    Lab(lab_cmd::LabArgs),
    Linear(linear_cmd::LinearArgs),
    Merge(shard::MergeArgs),
    Mutants(mutants_cmd::MutantsArgs),
    Replay(replay_cmd::ReplayArgs),
    Simulate(simulate_cmd::SimulateArgs),
    Trace(trace_cmd::TraceArgs),
    Validate(validate_cmd::ValidateArgs),
    Verify(verify::VerifyArgs),
    Witness(replay_cmd::WitnessArgs),
}

/// What a person wants, and the commands for it.
const GROUPS: [(&str, &[&str]); 8] = [
    ("Everything at once", &["verify"]),
    ("Spread over machines", &["merge"]),
    ("Check the rules", &["check", "witness", "replay", "explore", "mutants"]),
    ("Test the node", &["lab", "conform", "simulate", "kill"]),
    ("Look at a disk", &["disk"]),
    ("Set up a cluster", &["certs"]),
    ("Judge a recording", &["audit", "validate", "trace"]),
    ("Judge what clients saw", &["linear"]),
];

/// The command, whose help lists the subcommands by what a person wants.
fn command() -> clap::Command {
    let command = Cli::command();
    let width = command.get_subcommands().map(|sub| sub.get_name().len()).max().unwrap_or_default();
    let mut listed = String::new();
    for (wanted, names) in GROUPS {
        listed.push_str(&format!("{wanted}:\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            listed.push_str(&format!("  {name:<width$}  {about}\n"));
        }
        listed.push('\n');
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{listed}{{options}}{{after-help}}"
    ))
}

fn main() -> ExitCode {
    let cli = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Audit(args) => audit_cmd::run(&args),
        Command::Certs(args) => certs_cmd::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Conform(args) => conform_cmd::run(&args),
        Command::Disk(args) => disk_cmd::run(&args),
        Command::Explore(args) => explore_cmd::run(&args),
        Command::Kill(args) => kill_cmd::run(&args),
        Command::KillServer(args) => kill_cmd::run_server(&args),
        Command::Lab(args) => lab_cmd::run(&args),
        Command::Linear(args) => linear_cmd::run(&args),
        Command::Merge(args) => shard::run(&args),
        Command::Mutants(args) => mutants_cmd::run(&args),
        Command::Replay(args) => replay_cmd::run(&args),
        Command::Simulate(args) => simulate_cmd::run(&args),
        Command::Trace(args) => trace_cmd::run(&args),
        Command::Validate(args) => validate_cmd::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Witness(args) => replay_cmd::run_witness(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("figure2: {}", told(&error));
        ExitCode::from(2)
    })
}

/// An error with its causes. Many errors put their cause into a sentence, and say what to do behind it: that cause is not
/// repeated.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.contains(&cause) {
        true => told,
        false if told.is_empty() => cause,
        false => format!("{told}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_help_lists_each_command_once_with_what_it_is_for() {
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let all: BTreeSet<String> = Cli::command()
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set())
            .map(|sub| sub.get_name().to_owned())
            .collect();
        assert_eq!(listed.len(), all.len());
        assert_eq!(listed.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), all);
        let help = command().render_long_help().to_string();
        for (wanted, _) in GROUPS {
            assert!(help.contains(wanted), "{help}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 130), "{help}");
        command().debug_assert();
    }

    #[test]
    fn each_cause_of_an_error_is_told_once() {
        let error = anyhow::anyhow!("the disk is full").context("no log: the disk is full; make room");
        assert_eq!(told(&error), "no log: the disk is full; make room");
        assert_eq!(told(&error.context("server 2")), "server 2: no log: the disk is full; make room");
        assert_eq!(told(&anyhow::anyhow!("a").context("b")), "b: a");
        assert_eq!(told(&anyhow::anyhow!("alone")), "alone");
    }
}
