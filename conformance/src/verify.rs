//! `figure2 verify`: the main job in one command, and a summary of what it does and does not show.

use crate::check::{Checked, explore};
use crate::lab_cmd::{LabOutcome, run_batch};
use crate::suite::{Batch, Mode, TESTS};
use figure2_model::{CheckOptions, Verdict, profiles};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

/// The main job: every profile of the model exhaustively, then the whole lab suite on the real node in virtual time.
///
/// Exit code 0: all holds; 1: something is violated or failed; 2: something was not finished.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// Seed of the lab's first round
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Rounds of the lab suite, each with a seed of its own
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
}

/// Runs the command.
///
/// # Errors
/// When a part could not begin.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    let threads = available_parallelism().map_or(1, usize::from);
    println!("== 1 of 2: the rules, checked exhaustively\n");
    let options = CheckOptions { threads, ..CheckOptions::default() };
    let checked = explore(&profiles(), &options, &mut |text| print!("{text}"))?;

    println!("\n== 2 of 2: the node, run through the lab\n");
    let batch = Batch {
        tests: TESTS.iter().collect(),
        mode: Mode::Virtual,
        seed: args.seed,
        repeat: args.rounds,
        jobs: threads,
        keep_trace: false,
    };
    let lab = run_batch(&batch, None)?;

    println!("\n== Summary\n");
    print_checked(&checked);
    print_lab(&lab, args);
    println!("{NOT_SHOWN}");
    let code = checked.exit_code().max(u8::from(!lab.passed));
    // A violation outweighs a search that was not finished.
    let code = if !lab.passed { 1 } else { code };
    let verdict = match code {
        0 => "all of the above holds",
        1 => "VIOLATED OR FAILED: see above",
        _ => "UNFINISHED: see above; nothing is proved",
    };
    println!("\nverify: {verdict} ({:.0} s)", begin.elapsed().as_secs_f64());
    Ok(ExitCode::from(code))
}

fn print_checked(checked: &Checked) {
    println!("The rules of impl/core, explored in every interleaving within these bounds:");
    for report in &checked.reports {
        let verdict = match &report.verdict {
            Verdict::Holds => "holds",
            Verdict::Violated(_) => "VIOLATED",
            Verdict::Vacuous { .. } => "VACUOUS",
            Verdict::Unfinished(_) => "UNFINISHED",
        };
        println!("  {verdict:<10} {:<12} {:>11} states  {}", report.profile, report.distinct, report.bounds);
    }
    println!(
        "  always: election safety, leader append-only, log matching, leader completeness, state machine"
    );
    println!(
        "  safety, and what they rest on; a search that did not reach what it is there to check fails.\n"
    );
}

fn print_lab(lab: &LabOutcome, args: &VerifyArgs) {
    println!(
        "The node of impl/node, with its real lock, outbox, applier and encoding, on the lab's network:"
    );
    println!(
        "  {:<10} {} tests in {} rounds from seed {}, {:.0} simulated seconds\n",
        if lab.passed { "passed" } else { "FAILED" },
        TESTS.len(),
        args.rounds,
        args.seed,
        lab.summary.simulated().as_secs_f64()
    );
}

/// What the parts of this command leave open. Kept next to them, so that it changes when they do.
const NOT_SHOWN: &str = "Not shown by this:
  clusters, terms, logs and numbers of faults beyond the bounds above (docs/model.md);
  a disk that lags behind or loses what was not synced: the model writes within the step;
  liveness, but for what the lab's tests wait for;
  interleavings of the node's tasks other than those that the lab's runs happened to take: `cargo loom`
    explores those, and is a command of its own because all it builds is built with --cfg loom;
  real disks and networks: the persister is in memory, the network simulated.";
