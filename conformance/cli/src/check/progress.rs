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
        let Progress { phase, elapsed, distinct, depth, memory: bytes, .. } = progress;
        let doing = match phase {
            Phase::Search => "",
            Phase::ShortestTrace => "looking for the shortest trace, ",
        };
        let seconds = elapsed.as_secs_f64();
        let line = format!(
            "{}: {doing}{} distinct states, {}/s, depth {depth}, {}, {seconds:.0} s",
            self.name,
            grouped(*distinct),
            grouped((*distinct as f64 / seconds.max(1e-3)) as u64),
            memory(*bytes),
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
