//! One exploration in a process of its own: a deadlock that an explorer finds can abort the process. The parent reads
//! one line from it.

use crate::explore::{self, Limits};
use crate::options::Job;
use std::io::Write;
use std::panic;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

/// How an exploration ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// Nothing is violated in what was explored.
    Explored { threads: usize, interleavings: u64, finished: bool, seconds: f64 },
    /// Something is violated in the last of so many interleavings.
    Found { interleavings: u64, what: String, seconds: f64 },
    /// The process ended in another way.
    Broken(String),
}

/// In the child: explores, and prints how that ended.
pub fn explore(job: &Job) -> ExitCode {
    let outer = panic::take_hook();
    let checkpoint = job.checkpoint.clone();
    panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        let what = text.lines().next().unwrap_or_default();
        if explore::interleavings() == 0 {
            // Not the scenario's: it has not begun.
            let from = checkpoint.as_ref().filter(|file| file.exists());
            let hint = from.map(|file| format!("; to begin again, remove {}", file.display()));
            eprintln!("{what}{}", hint.unwrap_or_default());
            std::process::exit(2);
        }
        tell(&format!("found {} {what}", explore::interleavings()));
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            outer(info);
        }
        // At once: unwinding through what is deadlocked would panic again, and abort.
        std::process::exit(1);
    }));
    let limits = Limits {
        bound: job.bound.0,
        time: Duration::from_secs(job.seconds),
        checkpoint: job.checkpoint.clone(),
        draws: job.draws,
        seed: job.seed,
    };
    let (run, extra) = (job.scenario.run, job.extra);
    let explored = explore::explore(&limits, move || run(extra));
    tell(&format!("explored {} {} {}", explored.threads, explored.interleavings, explored.finished));
    ExitCode::SUCCESS
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever reads is gone if this fails, and then nobody wants to know.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// In the parent: runs an exploration with that program.
pub fn run(program: &Path, job: &Job) -> Ended {
    let start = Instant::now();
    let mut command = Command::new(program);
    // loom reads limits and more from its own variables: what is explored must depend on the arguments alone.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LOOM_")) {
        command.env_remove(name);
    }
    let child = command.args(job.arguments()).stdin(Stdio::null()).output();
    let seconds = start.elapsed().as_secs_f64();
    match child {
        Ok(output) => read(&output, seconds),
        Err(error) => Ended::Broken(format!("{} did not start: {error}", program.display())),
    }
}

fn read(output: &Output, seconds: f64) -> Ended {
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text.lines().next().unwrap_or_default().splitn(4, ' ').collect();
    let ended = match words[..] {
        ["explored", threads, interleavings, finished] if output.status.success() => {
            threads.parse().ok().zip(interleavings.parse().ok()).zip(finished.parse().ok()).map(
                |((threads, interleavings), finished)| Ended::Explored {
                    threads,
                    interleavings,
                    finished,
                    seconds,
                },
            )
        }
        ["found", interleavings, ..] => interleavings.parse().ok().map(|interleavings| {
            let what = words[2..].join(" ");
            Ended::Found { interleavings, what, seconds }
        }),
        _ => None,
    };
    ended.unwrap_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().last().unwrap_or("it said nothing");
        Ended::Broken(format!("{}: {last}", output.status))
    })
}
