//! The command `figure2`: one place for everything the project can show.

use clap::{Parser, Subcommand};
use figure2_conformance::{
    audit_cmd, check, conform_cmd, explore_cmd, lab_cmd, linear_cmd, mutants_cmd, replay_cmd, simulate_cmd,
    trace_cmd, validate_cmd, verify,
};
use std::process::ExitCode;

/// Raft's Figure 2, to the letter: one set of rules, exhaustively checked and run.
///
/// Exit codes of all commands: 0 holds, 1 violated or failed, 2 unfinished or unusable.
#[derive(Parser)]
#[command(name = "figure2", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(audit_cmd::AuditArgs),
    Check(check::CheckArgs),
    Conform(conform_cmd::ConformArgs),
    Explore(explore_cmd::ExploreArgs),
    Lab(lab_cmd::LabArgs),
    Linear(linear_cmd::LinearArgs),
    Mutants(mutants_cmd::MutantsArgs),
    Replay(replay_cmd::ReplayArgs),
    Simulate(simulate_cmd::SimulateArgs),
    Trace(trace_cmd::TraceArgs),
    Validate(validate_cmd::ValidateArgs),
    Verify(verify::VerifyArgs),
    Witness(replay_cmd::WitnessArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Audit(args) => audit_cmd::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Conform(args) => conform_cmd::run(&args),
        Command::Explore(args) => explore_cmd::run(&args),
        Command::Lab(args) => lab_cmd::run(&args),
        Command::Linear(args) => linear_cmd::run(&args),
        Command::Mutants(args) => mutants_cmd::run(&args),
        Command::Replay(args) => replay_cmd::run(&args),
        Command::Simulate(args) => simulate_cmd::run(&args),
        Command::Trace(args) => trace_cmd::run(&args),
        Command::Validate(args) => validate_cmd::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Witness(args) => replay_cmd::run_witness(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("figure2: {error:#}");
        ExitCode::from(2)
    })
}
