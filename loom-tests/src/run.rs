//! What `cargo loom` does and prints.

use crate::build::{Copy, Explorer, Sources};
use crate::child::{self, Ended};
use crate::mutants::{self, Mutant};
use crate::options::{Bound, Job, Options};
use crate::pool;
use crate::report::{self, Report, Verdict};
use crate::scenarios::{self, Scenario};
use serde_json::Value;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

/// loom: the plan has each scenario at this bound with its extra threads, and, if it has any, at the next one without.
const BOUND: usize = 2;
/// shuttle: threads in all, as far as a scenario can have them.
const SHUTTLE_EXTRA: usize = 6;
/// shuttle: the depth of PCT.
const SHUTTLE_DEPTH: usize = 3;

/// Prints what there is.
pub fn list() -> ExitCode {
    println!("scenarios");
    for Scenario { name, about, .. } in scenarios::ALL {
        println!("  {name:<20} {about}");
    }
    println!("mutants");
    for Mutant { name, about, .. } in mutants::all() {
        println!("  {name:<28} {about}");
    }
    ExitCode::SUCCESS
}

/// Shows what loom hides.
pub fn control() -> ExitCode {
    ExitCode::from(run_control().exit_code())
}

/// The negative control of loom: what it is known to hide must be none of the engine's.
#[cfg(not(shuttle))]
fn run_control() -> Verdict {
    match crate::control::run() {
        Ok(()) => Verdict::Holds,
        Err(problem) => {
            println!("{problem}");
            Verdict::Unfinished
        }
    }
}

#[cfg(shuttle)]
fn run_control() -> Verdict {
    println!("the control is loom's: run `cargo loom -- --control`");
    Verdict::Unfinished
}

/// Explores, and reports.
pub fn run(options: &Options) -> ExitCode {
    let start = Instant::now();
    let (mut verdict, mut report) = (Verdict::Holds, Report::default());
    if options.run_loom {
        verdict = verdict.max(run_control());
        verdict = verdict.max(run_loom(options, report.loom.insert(Vec::new())));
    }
    if options.run_mutants {
        verdict = verdict.max(run_mutants(options, report.mutants.insert(Vec::new())));
    }
    if options.run_shuttle {
        verdict = verdict.max(run_shuttle(options, report.shuttle.insert(Vec::new())));
    }
    let seconds = start.elapsed().as_secs_f64();
    if let Some(file) = &options.json
        && let Err(error) = report.write(file, verdict, seconds)
    {
        println!("\n{error}");
        verdict = verdict.max(Verdict::Unfinished);
    }
    let text = match verdict {
        Verdict::Holds => "holds",
        Verdict::Violated => "VIOLATED",
        Verdict::Unfinished => "UNFINISHED, or it could not be run",
    };
    println!("\n{text}, after {seconds:.0} s");
    ExitCode::from(verdict.exit_code())
}

fn job(options: &Options, scenario: &'static Scenario, extra: usize, bound: Bound) -> Job {
    let Options { seconds, draws, seed, .. } = *options;
    Job { scenario, extra: options.extra.unwrap_or(extra), bound, seconds, checkpoint: None, draws, seed }
}

fn run_loom(options: &Options, rows: &mut Vec<Value>) -> Verdict {
    let Ok(program) = std::env::current_exe() else {
        println!("this program cannot find itself");
        return Verdict::Unfinished;
    };
    let mut jobs = Vec::new();
    for scenario in options.scenarios.iter().copied() {
        match options.bound {
            Some(bound) => jobs.push(job(options, scenario, 0, bound)),
            None => {
                jobs.push(job(options, scenario, scenario.extra, Bound(Some(BOUND))));
                // Those that have no room for a further thread take many minutes at the next bound: `--bound 3`.
                if scenario.extra > 0 {
                    jobs.push(job(options, scenario, 0, Bound(Some(BOUND + 1))));
                }
            }
        }
    }
    if let Some(directory) = &options.checkpoints {
        let program = std::fs::create_dir_all(directory).and_then(|()| fingerprint(&program));
        let program = match program {
            Ok(program) => program,
            Err(error) => {
                println!("--checkpoints {}: {error}", directory.display());
                return Verdict::Unfinished;
            }
        };
        for job in &mut jobs {
            let name = format!("{}-{}-{}-{program:016x}.json", job.scenario.name, job.extra, job.bound);
            job.checkpoint = Some(directory.join(name));
        }
    }
    println!("loom: every interleaving with at most so many preemptions\n");
    println!("{}", heading("bound"));
    explore_all(&program, &jobs, rows)
}

/// A place in an exploration means something to the very program that wrote it; to another, it is a place elsewhere.
fn fingerprint(program: &Path) -> std::io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    std::fs::read(program)?.hash(&mut hasher);
    Ok(hasher.finish())
}

fn run_shuttle(options: &Options, rows: &mut Vec<Value>) -> Verdict {
    println!("\nshuttle: interleavings drawn by PCT, depth {SHUTTLE_DEPTH}, seed {}\n", options.seed);
    let sources = Sources::open();
    // The control first: the program that is built last is the one that stays.
    let built = shuttle_bites(options, &sources).and_then(|()| sources.build_for_shuttle());
    let program = match built {
        Ok(program) => program,
        Err(error) => {
            println!("{error}");
            return Verdict::Unfinished;
        }
    };
    println!("{}", heading("depth"));
    let depth = options.bound.unwrap_or(Bound(Some(SHUTTLE_DEPTH)));
    let jobs: Vec<Job> =
        options.scenarios.iter().map(|scenario| job(options, scenario, SHUTTLE_EXTRA, depth)).collect();
    explore_all(&program, &jobs, rows)
}

/// The negative control of shuttle: it must find a mutant, too.
fn shuttle_bites(options: &Options, sources: &Sources) -> Result<(), String> {
    let (mutant, scenario) = (mutants::find("waker-after-the-look")?, scenarios::find("append")?);
    let copy = sources.copy()?;
    let program = copy.build_mutant(mutant, Explorer::Shuttle)?;
    let ended = child::run(&program, &job(options, scenario, SHUTTLE_EXTRA, Bound(Some(SHUTTLE_DEPTH))));
    // A program that stays is in nobody's way.
    let _ = std::fs::remove_file(&program);
    match ended {
        Ended::Found { interleavings, what, .. } => {
            println!(
                "control: {} is found by {} in {interleavings} interleavings: {what}\n",
                mutant.name, scenario.name
            );
            Ok(())
        }
        ended => Err(format!("control: {} is not found by {}: {ended:?}", mutant.name, scenario.name)),
    }
}

fn heading(bound: &str) -> String {
    format!(
        "{:<20} {:>7} {bound:>6} {:>14} {:>9} {:>8}",
        "scenario", "threads", "interleavings", "finished", "seconds"
    )
}

/// Runs the jobs; prints a row for each, in their order.
fn explore_all(program: &Path, jobs: &[Job], rows: &mut Vec<Value>) -> Verdict {
    let mut verdict = Verdict::Holds;
    let all = pool::in_order(
        jobs,
        |job| child::run(program, job),
        |job, ended| {
            verdict = verdict.max(print_row(job, &ended));
            rows.push(report::exploration(job, &ended));
        },
    );
    if all { verdict } else { verdict.max(Verdict::Unfinished) }
}

fn print_row(job: &Job, ended: &Ended) -> Verdict {
    let (name, bound) = (job.scenario.name, job.bound);
    match ended {
        Ended::Explored { threads, interleavings, finished, seconds } => {
            let word = if *finished { "yes" } else { "NO" };
            println!("{name:<20} {threads:>7} {bound:>6} {interleavings:>14} {word:>9} {seconds:>8.1}");
            if *finished { Verdict::Holds } else { Verdict::Unfinished }
        }
        Ended::Found { interleavings, what, seconds } => {
            println!("{name:<20} {:>7} {bound:>6} {interleavings:>14} {:>9} {seconds:>8.1}", "", "VIOLATED");
            println!(
                "    {what}\n    again: cargo loom -- --scenario {name} --extra {} --bound {bound}",
                job.extra
            );
            Verdict::Violated
        }
        Ended::Broken(why) => {
            println!("{name:<20} {:>7} {bound:>6} {:>14} {:>9}\n    {why}", "", "", "BROKEN");
            Verdict::Unfinished
        }
    }
}

fn run_mutants(options: &Options, rows: &mut Vec<Value>) -> Verdict {
    println!("\nmutants of the engine, each explored by loom at bound {BOUND} until it is found\n");
    let copy = Sources::open().copy().and_then(|copy| {
        let program = copy.build(Explorer::Loom)?;
        sound_without_mutant(options, &program)?;
        Ok(copy)
    });
    let copy = match copy {
        Ok(copy) => copy,
        Err(error) => {
            println!("{error}");
            return Verdict::Unfinished;
        }
    };
    println!("{:<28} {:<18} {:>13} {:>8}  how", "mutant", "found by", "interleavings", "seconds");
    // One copy, so one mutant is built at a time; meanwhile the one before is explored.
    let copy = Mutex::new(copy);
    let mut verdict = if options.mutants.is_empty() { Verdict::Unfinished } else { Verdict::Holds };
    let all = pool::in_order(
        &options.mutants,
        |mutant| try_mutant(options, &copy, mutant),
        |mutant, tried| verdict = verdict.max(print_mutant(mutant, tried, rows)),
    );
    if all { verdict } else { verdict.max(Verdict::Unfinished) }
}

/// What finds a mutant must find nothing in the same build without one.
fn sound_without_mutant(options: &Options, program: &Path) -> Result<(), String> {
    for scenario in scenarios::ALL {
        match child::run(program, &job(options, scenario, 0, Bound(Some(1)))) {
            Ended::Explored { finished: true, .. } => {}
            ended => return Err(format!("the copy without a mutant, in {}: {ended:?}", scenario.name)),
        }
    }
    Ok(())
}

/// What became of a mutant.
struct Tried {
    /// What found it and how, or what could not be decided; nothing for a mutant that survives.
    found: Result<Option<(&'static Scenario, Ended)>, String>,
    /// Its build and the explorations, without the wait for its turn to be built.
    seconds: f64,
}

fn try_mutant(options: &Options, copy: &Mutex<Copy>, mutant: &Mutant) -> Tried {
    let Ok(turn) = copy.lock() else {
        return Tried { found: Err("another mutant's build panicked".to_owned()), seconds: 0.0 };
    };
    let start = Instant::now();
    let program = turn.build_mutant(mutant, Explorer::Loom);
    drop(turn);
    let found = program.map(|program| {
        let found = first_finding(options, mutant, &program);
        // A program that stays is in nobody's way.
        let _ = std::fs::remove_file(&program);
        found
    });
    Tried { found, seconds: start.elapsed().as_secs_f64() }
}

/// The first scenario that does not end as explored, and how it ends.
fn first_finding(options: &Options, mutant: &Mutant, program: &Path) -> Option<(&'static Scenario, Ended)> {
    let likely = mutant.likely.iter().filter_map(|name| scenarios::find(name).ok());
    let others = scenarios::ALL.iter().filter(|scenario| !mutant.likely.contains(&scenario.name));
    // Few interleavings have one preemption, and most mutants are found in them.
    let bounds = |scenario| (1..=BOUND).map(move |bound| (scenario, Bound(Some(bound))));
    likely.chain(others).flat_map(bounds).find_map(|(scenario, bound)| {
        match child::run(program, &job(options, scenario, 0, bound)) {
            Ended::Explored { finished: true, .. } => None,
            ended => Some((scenario, ended)),
        }
    })
}

fn print_mutant(mutant: &Mutant, tried: Tried, rows: &mut Vec<Value>) -> Verdict {
    let (name, seconds) = (mutant.name, tried.seconds);
    let (scenario, outcome, verdict) = match tried.found {
        Ok(Some((scenario, Ended::Found { interleavings, what, .. }))) => {
            println!("{name:<28} {:<18} {interleavings:>13} {seconds:>8.1}  {what}", scenario.name);
            (Some(scenario.name), "found", Verdict::Holds)
        }
        Ok(Some((scenario, ended))) => {
            println!("{name:<28} {:<18} {:>13} {seconds:>8.1}  NOT DECIDED: {ended:?}", scenario.name, "");
            (Some(scenario.name), "undecided", Verdict::Unfinished)
        }
        Ok(None) => {
            println!("{name:<28} {:<18} {:>13} {seconds:>8.1}  SURVIVES: {}", "nothing", "", mutant.about);
            (None, "survives", Verdict::Violated)
        }
        Err(error) => {
            println!("{name:<28} {:<18} {:>13} {seconds:>8.1}  NOT BUILT: {error}", "", "");
            (None, "not built", Verdict::Unfinished)
        }
    };
    rows.push(report::mutant(name, outcome, scenario, seconds));
    verdict
}
