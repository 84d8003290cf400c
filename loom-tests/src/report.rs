//! The result of a run for other programs: `--json FILE`. `figure2 verify` reads it.

use crate::child::Ended;
use crate::options::Job;
use serde_json::{Value, json};
use std::path::Path;

/// What is said at the end, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// All was explored, and nothing is violated; all mutants were found.
    Holds,
    /// A limit was hit, or something could not be run.
    Unfinished,
    /// Something is violated, or a mutant survives.
    Violated,
}

impl Verdict {
    /// For the process: 0 holds, 1 violated, 2 unfinished.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Holds => 0,
            Verdict::Violated => 1,
            Verdict::Unfinished => 2,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Violated => "violated",
            Verdict::Unfinished => "unfinished",
        }
    }
}

/// A row for each exploration and each mutant. A part that was not asked for is absent; one that could not begin has
/// no rows.
#[derive(Default)]
pub struct Report {
    /// Scenarios under loom.
    pub loom: Option<Vec<Value>>,
    /// Mutants of the engine.
    pub mutants: Option<Vec<Value>>,
    /// Scenarios under shuttle.
    pub shuttle: Option<Vec<Value>>,
}

impl Report {
    /// Writes it to a file.
    pub fn write(&self, file: &Path, verdict: Verdict, seconds: f64) -> Result<(), String> {
        let Report { loom, mutants, shuttle } = self;
        let document = json!({
            "format": "figure2-loom",
            "version": 1,
            "verdict": verdict.word(),
            "seconds": seconds,
            "loom": loom,
            "mutants": mutants,
            "shuttle": shuttle,
        });
        std::fs::write(file, format!("{document:#}\n"))
            .map_err(|error| format!("--json {}: {error}", file.display()))
    }
}

/// The row of an exploration. `bound` is loom's bound, `null` without one; for shuttle it is the depth.
pub fn exploration(job: &Job, ended: &Ended) -> Value {
    let mut row = json!({ "scenario": job.scenario.name, "extra": job.extra, "bound": job.bound.0 });
    let more = match ended {
        Ended::Explored { threads, interleavings, finished, seconds } => json!({
            "outcome": if *finished { "finished" } else { "unfinished" },
            "threads": threads,
            "interleavings": interleavings,
            "seconds": seconds,
        }),
        Ended::Found { interleavings, what, seconds } => {
            json!({ "outcome": "violated", "interleavings": interleavings, "what": what, "seconds": seconds })
        }
        Ended::Broken(why) => json!({ "outcome": "broken", "what": why }),
    };
    if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
        row.extend(more);
    }
    row
}

/// The row of a mutant: `found`, `survives`, `undecided` or `not built`.
pub fn mutant(name: &str, outcome: &str, scenario: Option<&str>, seconds: f64) -> Value {
    json!({ "mutant": name, "outcome": outcome, "scenario": scenario, "seconds": seconds })
}
