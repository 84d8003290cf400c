//! Reports the progress of a search while it runs.

use super::text::{grouped, memory};
use figure2_model::{Phase, Progress};
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often progress is told where it cannot be told in place.
const SELDOM: Duration = Duration::from_secs(10);

/// Tells on stderr how a search is getting on: in place on a terminal, else a line now and then.
pub struct ProgressReporter<'a> {
    name: &'a str,
    in_place: bool,
    told: Instant,
}

impl<'a> ProgressReporter<'a> {
    /// For the search of a profile.
    pub fn new(name: &'a str) -> Self {
        ProgressReporter { name, in_place: stderr().is_terminal(), told: Instant::now() }
    }

    /// Tells, if it is time to.
    pub fn tell(&mut self, progress: &Progress) {
        if !self.in_place && self.told.elapsed() < SELDOM {
            return;
        }
        self.told = Instant::now();
        let Progress { phase, elapsed, distinct, depth, frontier, left, memory: bytes, disk, .. } = progress;
        let doing = match phase {
            Phase::Search => "",
            Phase::ShortestTrace => "looking for the shortest trace, ",
        };
        let seconds = elapsed.as_secs_f64();
        let rate = *distinct as f64 / seconds.max(1e-3);
        let level = match frontier {
            Some(states) => format!("level {depth} of {} states", grouped(*states)),
            None => format!("depth {depth}"),
        };
        let disk = disk.map(|bytes| format!(" and {} MB on disk", bytes / 1_000_000)).unwrap_or_default();
        let left = left.map(|states| {
            format!(", a guess: {} more in {:.0} s", grouped(states), states as f64 / rate.max(1.0))
        });
        let line = format!(
            "{}: {doing}{} distinct states, {}/s, {level}, {}{disk}, {seconds:.0} s{}",
            self.name,
            grouped(*distinct),
            grouped(rate as u64),
            memory(*bytes),
            left.unwrap_or_default(),
        );
        // Progress that cannot be shown is no reason to fail.
        let _ =
            if self.in_place { write!(stderr(), "\r\x1b[2K{line}") } else { writeln!(stderr(), "{line}") };
    }

    /// Makes room for what comes next.
    pub fn end(&self) {
        if self.in_place {
            let _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}
