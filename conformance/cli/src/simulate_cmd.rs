//! `figure2 simulate`: whole clusters on virtual time, with random faults.

mod kept;

use crate::shard::{Report, ShardArgs};
use crate::values::simulate_defect;
use anyhow::{Context, anyhow, bail};
use cpu_time::ProcessTime;
use figure2_core::Rule;
use figure2_simulate::{
    Batch, Defect, Done, Failure, Figures, Plan, Plans, Progressed, Run, States, Verdict, reduce,
    run as run_plan,
};
pub use kept::Keep;
use kept::{Kept, KeptRun, write_files};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Run whole clusters of real nodes under random faults, in virtual time; afterwards they must recover.
///
/// Faults are crashes, losses of power, partitions, lost, repeated and late messages, slow, full and failing disks. The
/// servers of every other seed have the log, on a disk that keeps, loses or tears what was not synced. With --streams
/// messages go through the transport of figure2-tcp, over streams of bytes that stall, are reset in the middle of a frame,
/// or die without a word. With --from there are no faults, and the clusters begin in states of the model.
///
/// Every run is recorded, and its recording validated and audited; what its clients saw is checked for
/// linearizability. Exit code 0: all hold; 1: one failed, told with the command that repeats it; 2: one came to no
/// verdict, or nothing was run.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateArgs {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub seeds: u64,
    /// The first seed; each further one is the next number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// For how many simulated seconds faults happen in each run
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub seconds: u64,
    /// All servers have the log, on simulated disks; else those of every other seed
    #[arg(long)]
    pub disk: bool,
    /// All servers have the log, and the transport of figure2-tcp, over streams of bytes; else each message travels by itself
    #[arg(long)]
    pub streams: bool,
    /// No faults: each run begins in a state of this profile of the model (its servers' disks, and the messages on their
    /// way), drawn by a random walk; "all": of each profile that `figure2 check --profile all` explores, in turn
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["seconds", "disk", "streams"])]
    pub from: Option<String>,
    /// How many at a time; by default one per CPU
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Run this plan instead, as a failing run leaves it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "seed", "seconds", "disk", "streams", "from", "jobs", "shard", "report"])]
    pub plan: Option<PathBuf>,
    /// Put a defect around the nodes: it must be found
    #[arg(long, value_name = "DEFECT", value_parser = simulate_defect())]
    pub defect: Option<Defect>,
    /// Most runs to make a failing plan smaller; 0: leave it as it is
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub reduce: u32,
    /// Keep plan, recording and history of at most so many runs: those that fail first. The others are counted
    #[arg(long, value_name = "N", default_value_t = Keep::default().most)]
    pub traces: usize,
    /// The directory for these files, by default the current one. Given, it also gets those of the first runs that hold,
    /// up to --traces
    #[arg(long, value_name = "DIR")]
    pub trace: Option<PathBuf>,
    /// A part of the seeds
    #[command(flatten)]
    pub shards: ShardArgs,
}

/// How often a long batch tells how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// When the arguments make no sense, or a file cannot be read or written.
pub fn run(args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    if let Some(directory) = &args.trace {
        fs::create_dir_all(directory)
            .with_context(|| format!("--trace {}: the directory cannot be made", directory.display()))?;
    }
    match &args.plan {
        Some(path) => repeat(args, path),
        None => {
            let whole = batch(args)?;
            let own = args.shards.shard().of(whole.seeds)?;
            let (seed, seeds) = (whole.seed.wrapping_add(own.start), own.end - own.start);
            let batch = Batch { seed, seeds, ..whole.clone() };
            let keep = Keep { most: args.traces, directory: args.trace.as_deref() };
            let outcome = run_batch(&batch, args.reduce, keep)?;
            args.shards.write(|| report(&whole, own, &outcome))?;
            Ok(ExitCode::from(outcome.code))
        }
    }
}

fn batch(args: &SimulateArgs) -> anyhow::Result<Batch> {
    const MOST_JOBS: usize = 256;
    let jobs = args.jobs.unwrap_or_else(|| available_parallelism().map_or(1, usize::from).min(MOST_JOBS));
    if !(1..=MOST_JOBS).contains(&jobs) {
        bail!("--jobs {jobs}; possible are 1 to {MOST_JOBS}");
    }
    if args.seeds == 0 {
        bail!("--seeds 0 runs nothing; possible are 1 and more");
    }
    if !(1..=86_400).contains(&args.seconds) {
        bail!("--seconds {}; possible are 1 to 86400", args.seconds);
    }
    let plans = match &args.from {
        None if args.streams => Plans::Streams { seconds: args.seconds },
        None => Plans::Faults { seconds: args.seconds, log: args.disk },
        Some(name) => {
            let states = States::of(name).map_err(|reason| anyhow!("--from {name}: {reason}"))?;
            Plans::States(Arc::new(states))
        }
    };
    Ok(Batch { seed: args.seed, seeds: args.seeds, plans, jobs, defect: args.defect })
}

/// What a shard did.
fn report(whole: &Batch, own: std::ops::Range<u64>, outcome: &SimulateOutcome) -> Report {
    let Batch { seed, seeds, plans, defect, .. } = whole;
    let arguments = [
        ("seed", seed.to_string()),
        ("seeds", seeds.to_string()),
        ("plans", plans.to_string()),
        ("defect", defect.map(|defect| defect.to_string()).unwrap_or_default()),
    ];
    let Done { runs, failed, unfinished, figures, .. } = &outcome.done;
    Report::new("simulate", &arguments, *seeds, own, outcome.code)
        .with("runs", *runs)
        .with("failed", *failed)
        .with("unfinished", *unfinished)
        .with("simulated ms", u64::try_from(figures.simulated.as_millis()).unwrap_or(u64::MAX))
        .with("faults", figures.counts.faults.values().sum())
        .with("restarts", figures.counts.restarts)
        .with("requests", figures.operations)
        .with("elections", figures.elections)
        .with("entries committed", figures.committed)
        .with("recorded lines", figures.lines)
        .wrong(outcome.named.iter().cloned())
}

/// What came out of a batch.
pub struct SimulateOutcome {
    /// What happened in all runs.
    pub done: Done,
    /// The first seeds that do not hold, a line each.
    pub named: Vec<String>,
    /// 0 all hold; 1 one failed; 2 one came to no verdict, or nothing was committed.
    pub code: u8,
}

/// Runs a batch, and prints what came out. The plan of the first seed that fails is reduced, in at most `most_reduce` runs.
///
/// # Errors
/// When a file cannot be written.
pub fn run_batch(batch: &Batch, most_reduce: u32, keep: Keep<'_>) -> anyhow::Result<SimulateOutcome> {
    let Batch { seed, seeds, plans, jobs, defect } = batch;
    let what = match plans {
        Plans::Faults { seconds, log } => {
            format!("{seconds} s of faults in each{}", if *log { ", all on the log" } else { "" })
        }
        Plans::Streams { seconds } => {
            format!("{seconds} s of faults in each, all on the log and over streams")
        }
        Plans::States(states) => format!("each from a state of the model's ({})", states.name()),
    };
    println!("simulate: {seeds} seeds from {seed}, {what}, {jobs} at a time");
    if let Some(defect) = defect {
        println!("defect put around the nodes: {defect}");
    }
    let (start, cpu) = (Instant::now(), ProcessTime::now());
    let told =
        Mutex::new(Told { kept: Kept::new(keep), runs: 0, bad: 0, named: Vec::new(), last: Instant::now() });
    let done = batch.run(&|plan, over| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.run_is_over(batch, plan, over, start);
    });
    let Told { kept, named, .. } = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    print_figures(&done, *jobs, start.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    kept.write()?;
    let Some(KeptRun { plan, run }) = kept.first_bad() else {
        if done.figures.committed == 0 {
            println!("verdict: unfinished: no entry was committed in any run");
            return Ok(SimulateOutcome { done, named, code: 2 });
        }
        println!("verdict: holds: every run is safe and linearizable, and recovered");
        return Ok(SimulateOutcome { done, named, code: 0 });
    };
    let left_out = (done.failed + done.unfinished).saturating_sub(keep.most as u64);
    if left_out > 0 {
        println!("{left_out} more seeds do not hold; files are kept of {} (--traces N)", keep.most);
    }
    let of_defect = defect.map(|defect| format!(" --defect {defect}")).unwrap_or_default();
    println!("again: figure2 simulate --seed {} --seeds 1 {plans}{of_defect}", plan.seed);
    match &run.verdict {
        Verdict::Failed(failure) => {
            print_failure(plan, failure);
            let reduced = reduced(plan, run, failure, *defect, most_reduce);
            if let (Some((plan, run)), true) = (reduced, keep.most > 0) {
                let path = write_files(keep.directory(), &format!("{}-reduced", plan.seed), &plan, &run)?;
                println!("again: figure2 simulate --plan {}{of_defect}", path.display());
            }
            println!("verdict: FAILED");
        }
        Verdict::Unfinished(reason) => println!("verdict: unfinished: {reason}"),
        Verdict::Holds => {}
    }
    Ok(SimulateOutcome { done, named, code: exit_code(&run.verdict) })
}

/// What is told while a batch runs.
struct Told<'a> {
    kept: Kept<'a>,
    runs: u64,
    bad: u64,
    named: Vec<String>,
    last: Instant,
}

impl Told<'_> {
    /// How many seeds that do not hold are named as they end, so that whoever waits no longer can repeat them.
    const NAMED: u64 = 10;

    fn run_is_over(&mut self, batch: &Batch, plan: &Plan, run: &Run, start: Instant) {
        let Batch { seed, seeds, .. } = batch;
        self.kept.see(plan.seed.wrapping_sub(*seed), plan, run);
        self.runs += 1;
        let what = match &run.verdict {
            Verdict::Holds => None,
            Verdict::Failed(failure) => Some(format!("FAILED: {failure}")),
            Verdict::Unfinished(reason) => Some(format!("unfinished: {reason}")),
        };
        if let Some(what) = what {
            self.bad += 1;
            if self.bad <= Self::NAMED {
                let line = format!("seed {} {}", plan.seed, what.lines().next().unwrap_or_default());
                println!("{line}");
                self.named.push(line);
            }
        }
        if self.last.elapsed() >= PROGRESS {
            self.last = Instant::now();
            let (runs, bad, seconds) = (self.runs, self.bad, start.elapsed().as_secs_f64());
            println!("{runs} of {seeds} seeds, {bad} of them do not hold, {seconds:.0} s");
        }
    }
}

fn exit_code(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Holds => 0,
        Verdict::Failed(_) => 1,
        Verdict::Unfinished(_) => 2,
    }
}

/// A smaller plan that fails in the same way, if it may be looked for, and its run.
fn reduced(
    plan: &Plan,
    over: &Run,
    failure: &Failure,
    defect: Option<Defect>,
    most_runs: u32,
) -> Option<(Plan, Run)> {
    if most_runs == 0 {
        return None;
    }
    let smaller = reduce(plan, failure, defect, most_runs);
    println!(
        "reduced in {} runs: {} of {} faults, {} of {} clients, {} of {} ms",
        smaller.runs,
        smaller.plan.faults.len(),
        plan.faults.len(),
        smaller.plan.clients,
        plan.clients,
        smaller.plan.faults_until_ms,
        plan.faults_until_ms
    );
    let again = run_plan(&smaller.plan, defect);
    print_failure(&smaller.plan, &smaller.failure);
    println!("trace: {} lines, was {}", again.lines(), over.lines());
    Some((smaller.plan, again))
}

fn print_failure(plan: &Plan, failure: &Failure) {
    println!("FAILED seed {}: {failure}", plan.seed);
    println!(
        "  {} servers, {} clients, {} keys, snapshots every {} entries, installed in {} ms",
        plan.servers, plan.clients, plan.keys, plan.snapshot_every, plan.install_ms
    );
    if plan.log {
        println!("  each server has its log on a simulated disk");
    }
    if plan.streams {
        println!("  messages go through the transport, over streams");
    }
    println!("  limits: {}", plan.limits);
    println!("  sizes: {}", plan.sizes);
    if plan.leader_hangs {
        println!("  after the recovery the leader's disk hangs");
    }
    if let Some(start) = &plan.start {
        println!("  {start}");
    }
    for fault in &plan.faults {
        println!("  {fault}");
    }
}

fn print_figures(done: &Done, jobs: usize, wall: f64, cpu: f64) {
    let figures = &done.figures;
    let counts = &figures.counts;
    let hours = figures.simulated.as_secs_f64() / 3600.0;
    println!(
        "{} runs, {} failed, {} unfinished: {hours:.2} simulated hours in {wall:.1} s: {:.1} seeds/s, {:.0} cluster-hours an hour",
        done.runs,
        done.failed,
        done.unfinished,
        done.runs as f64 / wall.max(1e-9),
        hours * 3600.0 / wall.max(1e-9),
    );
    println!(
        "CPU time: {cpu:.1} s, with which {jobs} cores of its own give {:.0} cluster-hours an hour",
        hours * 3600.0 * jobs as f64 / cpu.max(1e-9),
    );
    print_starts(figures);
    let faults: Vec<String> = counts.faults.iter().map(|(name, count)| format!("{count} {name}")).collect();
    println!("faults: {}", if faults.is_empty() { "none".to_owned() } else { faults.join(", ") });
    println!(
        "network: {} messages, {} lost, {} twice; disks: {} writes, {} failed, {} undone by a crash; {} restarts",
        counts.messages,
        counts.lost,
        counts.duplicated,
        counts.writes,
        counts.failed_writes,
        counts.undone_writes,
        counts.restarts
    );
    println!(
        "log: in {} of {} runs; {} torn ends cut off by a recovery; {} snapshots written there, {} failed",
        counts.on_log, done.runs, counts.cut_writes, counts.snapshots, counts.failed_snapshots
    );
    if counts.on_streams > 0 {
        println!(
            "streams: in {} of {} runs, where messages are pieces of a stream; {} connections, {} reset, {} that died \
             without a word",
            counts.on_streams, done.runs, counts.connections, counts.resets, counts.forgotten
        );
    }
    let sent = &figures.sent;
    println!(
        "leaders: {} messages with entries, {} of them with several, {} sent again after a refusal, {} bytes of entries; \
         {} snapshots; the largest message has {} bytes",
        sent.batches, sent.several, sent.again, sent.entry_bytes, sent.snapshots, sent.largest
    );
    println!(
        "{} requests of clients, {} elections won, {} entries committed; {} recorded lines, all validated and audited",
        figures.operations, figures.elections, figures.committed, figures.lines
    );
    let Progressed { judged, disturbed } = figures.progressed;
    if judged.long > 0 || !disturbed.lasted.is_zero() {
        println!("while faults lasted: {}", figures.progressed);
    }
    let missing: Vec<String> = Rule::ALL
        .iter()
        .filter(|rule| !figures.rules.contains(**rule))
        .map(|rule| format!("{rule:?}"))
        .collect();
    let all = Rule::ALL.len();
    println!("rules that fired: {} of {all}; not: {}", all - missing.len(), missing.join(" "));
    println!("digest {:016x}: the same seeds give the same", done.digest);
}

/// In which states of the model runs began.
fn print_starts(figures: &Figures) {
    if figures.starts.is_empty() {
        return;
    }
    let features: Vec<String> =
        figures.features.iter().map(|(feature, runs)| format!("{runs} {}", feature.name())).collect();
    println!(
        "starts: {} different states of the model, up to {} actions deep: {}",
        figures.starts.len(),
        figures.deepest,
        features.join(", ")
    );
}

/// Runs the plan of a file.
fn repeat(args: &SimulateArgs, path: &Path) -> anyhow::Result<ExitCode> {
    let named = || format!("--plan {}", path.display());
    let text = fs::read_to_string(path).with_context(named)?;
    let plan = Plan::parse(&text).map_err(|reason| anyhow!(reason)).with_context(named)?;
    let over = run_plan(&plan, args.defect);
    if let Some(directory) = &args.trace {
        write_files(directory, &plan.seed.to_string(), &plan, &over)?;
    }
    println!("digest {:016x}: the same plan gives the same", over.digest());
    match &over.verdict {
        Verdict::Holds => println!("verdict: holds"),
        Verdict::Failed(failure) => {
            print_failure(&plan, failure);
            println!("verdict: FAILED");
        }
        Verdict::Unfinished(reason) => println!("verdict: unfinished: {reason}"),
    }
    Ok(ExitCode::from(exit_code(&over.verdict)))
}
