//! `cargo bench-node` from the repository's root: figure2 beside openraft and raft-rs. docs/benchmarks.md says what is
//! measured.

mod comparison;
mod disk;
mod figure2;
mod floor;
mod goals;
mod measure;
mod memory;
mod openraft;
mod options;
mod raft_rs;
mod report;
mod restart;
mod system;
mod tcp;

use anyhow::{Context as _, Result, anyhow};
use clap::Parser as _;
use goals::Goal;
use measure::{Measurement, WORKERS};
use options::{Comparison, Options, SEGMENT_BYTES, Task};
use std::path::PathBuf;
use std::process::ExitCode;
use system::{COMMAND_BYTES, VOTERS};
use tempfile::TempDir;

/// Exit codes: 0 done, 1 a goal is missed, 2 nothing could be measured.
fn main() -> ExitCode {
    let Options { task, comparison } = Options::parse();
    let done = match task {
        Some(Task::Measure(told)) => measure(&told.into()),
        Some(Task::Serve(told)) => tcp::serve(&told).map(|()| ExitCode::SUCCESS),
        None if comparison.restart => restart(&comparison),
        None => comparison.resolved().map_err(|problem| anyhow!(problem)).and_then(|comparison| {
            if comparison.tcp { compare_over_tcp(&comparison) } else { compare(&comparison) }
        }),
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

fn compare(comparison: &Comparison) -> Result<ExitCode> {
    let before = comparison::load();
    let logs = if comparison.durable { Some(directory(comparison)?) } else { None };
    let cases = comparison.cases();
    let extra = comparison.segment_cases();
    let mut all = comparison::run(
        comparison,
        &[&cases[..], &extra[..]].concat(),
        logs.as_ref().map(|(logs, _)| logs.path()),
    )?;
    let segments = all.split_off(cases.iter().map(Vec::len).sum());
    let place = logs.map_or_else(
        || "no disk".to_owned(),
        |(_, place)| format!("logs on {place} in segments of {} MiB", SEGMENT_BYTES >> 20),
    );
    println!(
        "{VOTERS} voters in one process, {place}, {WORKERS} worker threads ({}), commands of {COMMAND_BYTES} bytes; medians of \
         {} rounds of {} s each, after {} s to warm up",
        comparison.threads,
        comparison.rounds,
        comparison.seconds.as_secs_f64(),
        comparison.warm_up.as_secs_f64()
    );
    println!("load of the machine before: {before}; after: {}\n", comparison::load());
    println!("{}", report::table(&all));
    let ratios = report::ratios(&all);
    if !ratios.is_empty() {
        println!("\n{}", report::ratio_table(&ratios));
    }
    if !segments.is_empty() {
        println!("\n{}", report::segment_table(&segments));
    }
    let goals =
        if comparison.durable { goals::on_disk(&ratios, &segments) } else { goals::in_memory(&ratios) };
    Ok(if comparison.goals { judge(&goals) } else { ExitCode::SUCCESS })
}

fn compare_over_tcp(comparison: &Comparison) -> Result<ExitCode> {
    let before = comparison::load();
    let (logs, place) = directory(comparison)?;
    let all = tcp::run(comparison, logs.path())?;
    println!(
        "{VOTERS} voters, a process each, over TCP on loopback; logs on {place} in segments of {} MiB; {WORKERS} worker \
         threads in each process; commands of {COMMAND_BYTES} bytes; medians of {} rounds of {} s each, after {} s to warm up",
        SEGMENT_BYTES >> 20,
        comparison.rounds,
        comparison.seconds.as_secs_f64(),
        comparison.warm_up.as_secs_f64()
    );
    println!("load of the machine before: {before}; after: {}\n", comparison::load());
    let ratios = tcp::ratios(&all);
    println!("{}\n\n{}", tcp::table(&all), tcp::ratio_table(&ratios));
    Ok(if comparison.goals { judge(&tcp::goals(&all, &ratios)) } else { ExitCode::SUCCESS })
}

fn restart(comparison: &Comparison) -> Result<ExitCode> {
    let (logs, place) = directory(comparison)?;
    println!("one server, its log of 1 GiB on {place}; load of the machine before: {}\n", comparison::load());
    let starts = restart::run(logs.path())?;
    println!("{}", restart::table(&starts));
    Ok(if comparison.goals { judge(&goals::of_restarts(&starts)) } else { ExitCode::SUCCESS })
}

fn judge(goals: &[Goal]) -> ExitCode {
    println!("\n{}", goals::list(goals));
    ExitCode::from(u8::from(!goals.iter().all(|goal| goal.is_met)))
}

/// Where the logs are, until it is dropped, and what is to be said of the place.
fn directory(comparison: &Comparison) -> Result<(TempDir, String)> {
    let parent = match &comparison.dir {
        Some(named) => named.clone(),
        None => {
            let program = std::env::current_exe().context("this program")?;
            program.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
        }
    };
    disk::check(&parent)?;
    let made = tempfile::Builder::new().prefix("bench-node-").tempdir_in(&parent);
    let made = made.with_context(|| parent.display().to_string())?;
    let place = disk::file_system(&parent);
    Ok((
        made,
        place.map_or_else(
            || "an unknown file system".to_owned(),
            |(kind, source)| format!("{kind} ({source})"),
        ),
    ))
}
