//! `cargo bench-node` from the repository's root: figure2 beside openraft and raft-rs. docs/benchmarks.md says what is
//! measured.

mod contest;
mod figure2;
mod measure;
mod memory;
mod openraft;
mod options;
mod raft_rs;
mod report;
mod system;

use anyhow::Result;
use clap::Parser as _;
use measure::{Measurement, WORKERS};
use options::{Contest, Options, Task};
use std::process::ExitCode;
use system::{COMMAND_BYTES, VOTERS};

/// Exit codes: 0 done, 1 a goal is missed, 2 nothing could be measured.
fn main() -> ExitCode {
    let Options { task, contest } = Options::parse();
    let done = match task {
        Some(Task::Measure { system, clients, threads, warm_up, time }) => {
            measure(&Measurement { system, clients, threads, warm_up, time })
        }
        None => compare(&contest.resolved()),
    };
    done.unwrap_or_else(|problem| {
        eprintln!("{problem:#}");
        ExitCode::from(2)
    })
}

fn measure(measurement: &Measurement) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(&measurement.run()?)?);
    Ok(ExitCode::SUCCESS)
}

fn compare(contest: &Contest) -> Result<ExitCode> {
    let before = contest::load();
    let all = contest::run(contest)?;
    println!(
        "{VOTERS} voters in one process, no disk, {WORKERS} worker threads ({}), commands of {COMMAND_BYTES} bytes; medians of \
         {} rounds of {} s each, after {} s to warm up",
        contest.threads,
        contest.rounds,
        contest.seconds.as_secs_f64(),
        contest.warm_up.as_secs_f64()
    );
    println!("load of the machine before: {before}; after: {}\n", contest::load());
    println!("{}", report::table(&all));
    let ratios = report::ratios(&all);
    if !ratios.is_empty() {
        println!("\n{}", report::ratio_table(&ratios));
    }
    if !contest.goals {
        return Ok(ExitCode::SUCCESS);
    }
    let goals = report::goals(&ratios);
    println!("\n{}", report::goal_list(&goals));
    Ok(ExitCode::from(u8::from(!goals.iter().all(|goal| goal.is_met))))
}
