//! `figure2 verify`: all checks in one command, and a summary of what they show and what they do not.

mod interleavings;
mod summary;

use crate::check::{Baseline, explore, has_shrunk};
use crate::conform_cmd;
use crate::kill_cmd;
use crate::lab_cmd::{self, run_batch};
use crate::simulate_cmd::{self, Keep};
use anyhow::anyhow;
use figure2_core::Extensions;
use figure2_lab::suite::{Batch, Mode, TESTS};
use figure2_model::{CheckOptions, Profile, profiles as all_profiles};
use figure2_processes::Network;
use figure2_simulate::{Plans, States};
use interleavings::Interleavings;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

/// Check and test everything, and sum up what was shown and what was not.
///
/// Every profile of the model exhaustively, the whole lab suite on the real node in virtual time, the node along the steps
/// of the model, clusters under random faults, real processes that are killed, then every interleaving of the node's tasks
/// within bounds.
///
/// Exit code 0: all holds; 1: something is violated or failed; 2: something was not finished.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// Seed of the lab's first round, and of the first simulation
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Rounds of the lab suite, each with a seed of its own: half of them with the log on a simulated disk, the others in
    /// memory; and one more, with the first seed, under Figure 2 alone
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Seeds of the simulation, each a cluster with a minute of faults, from --seed on
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Fail when a profile covers less than this file says (see `figure2 check --baseline`)
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Leave out the interleavings of the node's tasks (`cargo loom`), which takes some minutes and the source tree
    #[arg(long)]
    pub without_loom: bool,
    /// A first impression in about a minute: the smaller profiles, one round of the lab, a few clusters, and no interleavings
    #[arg(long, conflicts_with_all = ["baseline", "rounds", "seeds"])]
    pub quick: bool,
}

/// A part of the command, and how many seconds it takes on two cores that have nothing else to do.
struct Part {
    title: &'static str,
    seconds: u64,
}

/// The parts of a run, in their order.
struct Parts {
    all: Vec<Part>,
    begun: usize,
}

impl Parts {
    fn of(args: &VerifyArgs) -> Parts {
        let long = |quick, rest| if args.quick { quick } else { rest };
        let part = |title, seconds| Part { title, seconds };
        let mut all = vec![
            part("the rules, checked exhaustively", long(25, 480)),
            part("the node, run through the lab", long(12, 6 * (u64::from(args.rounds) + 1))),
            part("the node, driven along the steps of the model", 22),
            part("clusters of nodes under random faults", long(4, 5 + args.seeds / 3)),
            part("the same with the transport, over streams", long(2, args.seeds / 2)),
            part("real processes on real files, killed under load", long(3, 10)),
            part("the same over TCP with mutual TLS, also stopped, cut off and slowed down", long(8, 30)),
        ];
        if !args.quick && !args.without_loom {
            all.push(part("the node's tasks, in every interleaving (cargo loom)", 320));
        }
        Parts { all, begun: 0 }
    }

    /// What will be done, and how long that takes.
    fn plan(&self) -> String {
        let mut text = String::from("This will check, on two cores in about:\n");
        for Part { title, seconds } in &self.all {
            text.push_str(&format!("  {:>9}  {title}\n", about(*seconds)));
        }
        text + &format!("  {:>9}  together\n", about(self.all.iter().map(|part| part.seconds).sum()))
    }

    /// Begins the next part.
    fn begin(&mut self) {
        let Some(part) = self.all.get(self.begun) else { return };
        self.begun += 1;
        let left: u64 = self.all.iter().skip(self.begun).map(|part| part.seconds).sum();
        let then = if left == 0 { "the last one".to_owned() } else { format!("then {} more", about(left)) };
        println!(
            "\n== {} of {}: {} (about {}, {then})\n",
            self.begun,
            self.all.len(),
            part.title,
            about(part.seconds)
        );
    }
}

/// A time that is only roughly known.
fn about(seconds: u64) -> String {
    if seconds < 90 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

/// Profiles of which a quick run leaves none out that has fewer states than this, by the baseline that was built in.
const QUICK_STATES: u64 = 1_500_000;

fn quick_profiles() -> anyhow::Result<Vec<Profile>> {
    let agreed = Baseline::built_in()?;
    let is_small =
        |profile: &Profile| agreed.states_of(&profile.name).is_some_and(|states| states < QUICK_STATES);
    Ok(all_profiles().into_iter().filter(is_small).collect())
}

/// For how many simulated seconds faults happen in each cluster.
const SECONDS: u64 = 60;
/// How often a process is killed.
const KILLS: u64 = 50;
/// How many faults happen to processes that are joined over TCP.
const FAULTS: u64 = 90;
/// How many clusters begin in a state of the model.
const STARTS: u64 = 300;
/// Most runs to make a failing plan smaller.
const MOST_REDUCE: u32 = 300;

/// Runs the command.
///
/// # Errors
/// When a part could not begin; what `cargo loom` needs is looked for before the others run.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    let loom = if args.without_loom || args.quick { None } else { Some(Interleavings::prepare()?) };
    let mut parts = Parts::of(args);
    let (rounds, seeds, starts) = if args.quick { (1, 8, 60) } else { (args.rounds, args.seeds, STARTS) };
    let profiles = if args.quick { quick_profiles()? } else { all_profiles() };
    let threads = available_parallelism().map_or(1, usize::from);
    println!("{}", parts.plan());
    parts.begin();
    let options = CheckOptions { threads, ..CheckOptions::default() };
    let mut tell = |text: &str| print!("{text}");
    let agreed = args.baseline.as_deref().map(Baseline::read).transpose()?;
    let checked = explore(&profiles, &options, &mut tell)?;
    let has_shrunk = agreed.is_some_and(|agreed| has_shrunk(&agreed, &profiles, &checked.reports, &mut tell));

    parts.begin();
    let batch = Batch {
        tests: TESTS.iter().collect(),
        mode: Mode::Virtual,
        disk: false,
        extensions: Extensions::ALL,
        seed: args.seed,
        first_round: 0,
        repeat: rounds.div_ceil(2),
        jobs: threads,
        keep_trace: false,
    };
    let lab = run_batch(&batch, lab_cmd::Keep::default())?;
    let on_disk = match rounds / 2 {
        0 => None,
        repeat => {
            println!();
            // Where those in memory end: each round has a seed of its own.
            let seed = args.seed.wrapping_add(batch.repeat.into());
            let batch = Batch { disk: true, seed, repeat, ..batch.clone() };
            Some((seed, run_batch(&batch, lab_cmd::Keep::default())?))
        }
    };
    println!();
    let plain = Batch { extensions: Extensions::NONE, repeat: 1, ..batch.clone() };
    let plain = run_batch(&plain, lab_cmd::Keep::default())?;

    parts.begin();
    let conform = conform_cmd::run_small()?;

    parts.begin();
    let Batch { seed, jobs, .. } = batch;
    let plans = Plans::Faults { seconds: SECONDS, log: false };
    let simulated = figure2_simulate::Batch { seed, seeds, plans, jobs, defect: None };
    let from_faults = simulate_cmd::run_batch(&simulated, MOST_REDUCE, Keep::default())?;
    println!();
    let states = States::of("all").map_err(|reason| anyhow!(reason))?;
    let plans = Plans::States(Arc::new(states));
    let simulated = figure2_simulate::Batch { seeds: starts, plans, ..simulated };
    let from_states = simulate_cmd::run_batch(&simulated, MOST_REDUCE, Keep::default())?;

    parts.begin();
    let plans = Plans::Streams { seconds: SECONDS };
    let simulated = figure2_simulate::Batch { seed, seeds: seeds.div_ceil(2), plans, jobs, defect: None };
    let on_streams = simulate_cmd::run_batch(&simulated, MOST_REDUCE, Keep::default())?;

    parts.begin();
    let kills = if args.quick { 10 } else { KILLS };
    let network = Network::Pipes;
    let plan = figure2_processes::Plan {
        servers: 3,
        faults: kills,
        network,
        kinds: network.faults(),
        seed,
        defect: None,
    };
    let killed = kill_cmd::run_plan(&plan, Path::new("."))?;

    parts.begin();
    let faults = if args.quick { 20 } else { FAULTS };
    let network = Network::Tcp;
    let plan = figure2_processes::Plan { faults, network, kinds: network.faults(), ..plan };
    let over_tcp = kill_cmd::run_plan(&plan, Path::new("."))?;

    let loom = match loom {
        Some(loom) => {
            parts.begin();
            Some(loom.run()?)
        }
        None => None,
    };

    println!("\n== Summary\n");
    summary::print_checked(&checked);
    println!("{}", summary::recovered(&checked));
    summary::print_lab((args.seed, &lab), on_disk.as_ref(), (args.seed, &plain));
    summary::print_conform(&conform);
    summary::print_simulated(&from_faults, &on_streams, &from_states);
    summary::print_killed(&killed, &over_tcp);
    println!("{}", summary::told(loom.as_ref()));
    println!("{}", summary::NOT_SHOWN);
    if args.quick {
        println!(
            "  This was a quick run: {} of {} profiles. All of it: figure2 verify",
            profiles.len(),
            all_profiles().len()
        );
    }
    let loom_code = loom.map_or(0, |loom| loom.code);
    if has_shrunk {
        println!("A profile covers less than the baseline says: see part 1.");
    }
    let lab_passed = lab.passed && plain.passed && on_disk.as_ref().is_none_or(|(_, lab)| lab.passed);
    let failed = has_shrunk || !lab_passed || conform.iter().any(|outcome| !outcome.holds);
    let code = worst(&[
        checked.exit_code(),
        u8::from(failed),
        from_faults.code,
        on_streams.code,
        from_states.code,
        killed.code,
        over_tcp.code,
        loom_code,
    ]);
    let verdict = match code {
        0 => "all of the above holds",
        1 => "VIOLATED OR FAILED: see above",
        _ => "UNFINISHED: see above; nothing is proved",
    };
    println!("\nverify: {verdict} ({:.0} s)", begin.elapsed().as_secs_f64());
    Ok(ExitCode::from(code))
}

/// The exit code of all parts together. A violation is a fact, whatever else was not finished.
fn worst(codes: &[u8]) -> u8 {
    if codes.contains(&1) { 1 } else { codes.iter().copied().max().unwrap_or(2) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn a_violation_outweighs_what_is_unfinished_and_that_outweighs_what_holds() {
        assert_eq!(worst(&[0, 0, 0]), 0);
        assert_eq!(worst(&[2, 0, 1]), 1);
        assert_eq!(worst(&[2, 1, 0]), 1);
        assert_eq!(worst(&[1, 0, 2]), 1);
        assert_eq!(worst(&[0, 0, 2]), 2);
        assert_eq!(worst(&[2, 0, 0]), 2);
    }

    #[test]
    fn the_interleavings_are_left_out_only_when_asked() {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            args: VerifyArgs,
        }
        let without_loom = |line: &[&str]| Cli::try_parse_from(line).map(|cli| cli.args.without_loom).ok();
        assert_eq!(without_loom(&["verify"]), Some(false));
        assert_eq!(without_loom(&["verify", "--without-loom"]), Some(true));
    }
}
