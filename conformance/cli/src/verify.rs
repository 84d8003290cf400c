//! `figure2 verify`: all checks in one command, and a summary of what they show and what they do not.

mod interleavings;

use crate::check::{Baseline, Checked, explore, has_shrunk};
use crate::conform_cmd::{self, ConformOutcome};
use crate::kill_cmd::{self, KillOutcome};
use crate::lab_cmd::{self, LabOutcome, run_batch};
use crate::simulate_cmd::{self, Keep, SimulateOutcome};
use anyhow::anyhow;
use figure2_lab::suite::{Batch, Mode, TESTS};
use figure2_model::{CheckOptions, Profile, Recovered, Report, Share, Verdict, profiles as all_profiles};
use figure2_simulate::{Plans, States};
use interleavings::{Interleavings, Outcome};
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
    /// memory
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
            part("the rules, checked exhaustively", long(25, 360)),
            part("the node, run through the lab", long(6, 6 * u64::from(args.rounds))),
            part("the node, driven along the steps of the model", 22),
            part("clusters of nodes under random faults", long(4, 5 + args.seeds / 3)),
            part("real processes on real files, killed under load", long(3, 10)),
        ];
        if !args.quick && !args.without_loom {
            all.push(part("the node's tasks, in every interleaving (cargo loom)", 500));
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
        seed: args.seed,
        repeat: rounds.div_ceil(2),
        jobs: threads,
        keep_trace: false,
    };
    let lab = run_batch(&batch, lab_cmd::Keep::default())?;
    let on_disk = match rounds / 2 {
        0 => None,
        repeat => {
            println!();
            let batch = Batch { disk: true, repeat, ..batch.clone() };
            Some(run_batch(&batch, lab_cmd::Keep::default())?)
        }
    };

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
    let kills = if args.quick { 10 } else { KILLS };
    let plan = figure2_processes::Plan { servers: 3, kills, seed, defect: None };
    let killed = kill_cmd::run_plan(&plan, Path::new("."))?;

    let loom = match loom {
        Some(loom) => {
            parts.begin();
            Some(loom.run()?)
        }
        None => None,
    };

    println!("\n== Summary\n");
    print_checked(&checked);
    println!("{}", recovered(&checked));
    print_lab(&lab, on_disk.as_ref(), args.seed);
    print_conform(&conform);
    print_simulated(&from_faults, &from_states);
    print_killed(&killed);
    println!("{}", told(loom.as_ref()));
    println!("{NOT_SHOWN}");
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
    let lab_passed = lab.passed && on_disk.as_ref().is_none_or(|lab| lab.passed);
    let failed = has_shrunk || !lab_passed || conform.iter().any(|outcome| !outcome.holds);
    let code = worst(&[
        checked.exit_code(),
        u8::from(failed),
        from_faults.code,
        from_states.code,
        killed.code,
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

fn print_checked(checked: &Checked) {
    println!("The rules of impl/core, explored in every interleaving within these bounds:");
    for report in &checked.reports {
        let verdict = match &report.verdict {
            Verdict::Holds => "holds",
            Verdict::Violated(_) => "VIOLATED",
            Verdict::Unrecovered { .. } => "UNRECOVERED",
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

/// The part of the summary on recovery, which was judged in the same searches.
fn recovered(checked: &Checked) -> String {
    let mut text = String::from(
        "From each of these states, once faults end, a cluster goes on: one leader, equal logs, a new command applied everywhere:\n",
    );
    let judged = checked.reports.iter().filter_map(|report| Some((report.recovered?, report)));
    let all: Vec<(Recovered, &Report)> = judged.collect();
    if all.is_empty() {
        return text + "  NOT RUN    recovery was not judged\n";
    }
    let (whole, sampled): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(recovered, _)| recovered.share == Share::All);
    for (share, of) in [("all", whole), ("a sample of the", sampled)] {
        let Some(rounds) = of.iter().map(|(recovered, _)| recovered.rounds).max() else { continue };
        let states: u64 = of.iter().map(|(_, report)| report.distinct).sum();
        let judged: u64 = of.iter().map(|(recovered, _)| recovered.judged).sum();
        let is_left = of
            .iter()
            .any(|(_, report)| !matches!(report.verdict, Verdict::Holds | Verdict::Unrecovered { .. }));
        let verdict =
            match of.iter().find(|(_, report)| matches!(report.verdict, Verdict::Unrecovered { .. })) {
                Some(_) => "UNRECOVERED",
                None if is_left => "UNFINISHED",
                None => "holds",
            };
        text.push_str(&format!(
            "  {verdict:<10} in {judged} states of {} profiles ({share} {states}), within {rounds} rounds\n",
            of.len()
        ));
    }
    text
}

fn print_lab(in_memory: &LabOutcome, on_disk: Option<&LabOutcome>, seed: u64) {
    println!(
        "The node of impl/node, with its real lock, outbox, applier and encoding, on the lab's network:"
    );
    for (lab, storage) in [(Some(in_memory), "in memory"), (on_disk, "with the log on disks that crash")] {
        let Some(lab) = lab else { continue };
        println!(
            "  {:<10} {} tests in {} rounds from seed {seed}, {storage}, {:.0} simulated seconds",
            if lab.passed { "passed" } else { "FAILED" },
            TESTS.len(),
            lab.summary.runs.len() / TESTS.len(),
            lab.summary.simulated().as_secs_f64()
        );
    }
    println!();
}

fn print_conform(outcomes: &[ConformOutcome]) {
    println!(
        "The same node along the model's own steps: what it holds, writes and sends is what the model says:"
    );
    for ConformOutcome { holds, summary } in outcomes {
        println!("  {:<10} {summary}", if *holds { "holds" } else { "DIFFERS" });
    }
    println!();
}

fn print_simulated(simulated: &SimulateOutcome, from_states: &SimulateOutcome) {
    let name = |outcome: &SimulateOutcome| match outcome.code {
        0 => "holds",
        1 => "FAILED",
        _ => "UNFINISHED",
    };
    let done = &simulated.done;
    println!(
        "Clusters of these nodes, with crashes, losses of power, partitions, bad networks and bad disks:"
    );
    println!(
        "  {:<10} {} seeds ({} with the log), {:.0} simulated seconds, {} faults, {} requests: recorded, validated, audited,",
        name(simulated),
        done.runs,
        done.figures.counts.on_log,
        done.figures.simulated.as_secs_f64(),
        done.figures.counts.faults.values().sum::<u64>(),
        done.figures.operations,
    );
    println!(
        "             linearizable, an entry committed within 10 s while faults left a connected majority, and served"
    );
    println!("             again within 5 s of the last fault");
    println!(
        "  {:<10} {} seeds that begin in {} different states of the model: the same, and served within 5 s\n",
        name(from_states),
        from_states.done.runs,
        from_states.done.figures.starts.len(),
    );
}

fn print_killed(KillOutcome { code, figures }: &KillOutcome) {
    let name = ["holds", "FAILED", "UNFINISHED"].get(usize::from(*code)).copied().unwrap_or("UNFINISHED");
    println!("Three processes, each with its log on real files, killed with SIGKILL under load:");
    println!(
        "  {name:<10} {} kills, {} requests answered: each server recovered, nothing acknowledged was lost, and the\n\
         \x20            recordings of all lives pass the audit\n",
        figures.kills, figures.answered
    );
}

/// The part of the summary on the interleavings.
fn told(loom: Option<&Outcome>) -> String {
    let mut text = String::from(
        "The tasks of impl/node (lock, outbox, sender, syncer, applier), with at most so many preemptions (loom), and drawn:\n",
    );
    match loom {
        Some(outcome) => outcome.lines.iter().for_each(|line| text.extend([line, "\n"])),
        None => {
            text.push_str("  NOT RUN    --without-loom: the only interleavings are those of the lab's runs\n")
        }
    }
    text
}

/// What the parts of this command leave open. Kept next to them, so that it changes when they do.
const NOT_SHOWN: &str = "Not shown by this:
  clusters, terms, logs and numbers of faults beyond the bounds above (docs/model.md);
  progress while faults last, but for what the lab's tests and the simulated clusters wait for; that a cluster recovers
    from the states of a profile that the samples left out;
  interleavings of the tasks beyond the bounds above, and what tokio and std do below them
    (docs/concurrency.md);
  real networks, and what a loss of power does to a real disk: both are simulated.";

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

    #[test]
    fn the_summary_tells_what_was_explored_or_that_nothing_was() {
        let outcome = Outcome { code: 0, lines: vec!["  holds      bound 2".into(), "  found".into()] };
        assert!(told(Some(&outcome)).ends_with("drawn:\n  holds      bound 2\n  found\n"));
        assert!(told(None).contains("\n  NOT RUN    --without-loom"));
    }
}
