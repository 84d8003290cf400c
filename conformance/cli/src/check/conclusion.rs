//! The conclusion from checking some profiles, which all formats report.

use crate::counterexample::TraceReport;
use figure2_core::Rule;
use figure2_model::{Outcome, Profile, Report, Verdict};
use std::path::PathBuf;

/// What came out of checking some profiles.
pub struct Checked {
    /// A report for each profile.
    pub reports: Vec<Report>,
    /// Rules that no profile reached, though all profiles together should have; empty when only some were checked.
    pub never_fired: Vec<Rule>,
}

impl Checked {
    /// 0 holds, 1 violated or vacuous, 2 unfinished. The worst of all: a violation is a fact, whatever else was not
    /// finished.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let is_broken = |report: &Report| !matches!(report.verdict, Verdict::Holds | Verdict::Unfinished(_));
        let is_open = |report: &Report| matches!(report.verdict, Verdict::Unfinished(_));
        if self.reports.iter().any(is_broken) {
            1
        } else if self.reports.iter().any(is_open) {
            2
        } else {
            u8::from(!self.never_fired.is_empty())
        }
    }
}

/// A violation, and where its trace was written.
pub struct Violation {
    /// The steps.
    pub report: TraceReport,
    /// The trace file.
    pub file: PathBuf,
}

impl Violation {
    /// The violation that a report on a profile under some rules tells of, if it does. `file` is where its trace goes.
    #[must_use]
    pub fn of(profile: &Profile, rules: &str, report: &Report, file: PathBuf) -> Option<Violation> {
        let Verdict::Violated(trace) = &report.verdict else { return None };
        Some(Violation { report: TraceReport::of_violation(profile, rules, trace), file })
    }
}

/// A verdict in a word.
#[must_use]
pub fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::Violated(_) => "violated",
        Verdict::Unrecovered { .. } => "unrecovered",
        Verdict::Vacuous { .. } => "vacuous",
        Verdict::Unfinished(_) => "unfinished",
    }
}

/// A verdict in a line.
#[must_use]
pub fn sentence(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Holds => "every state within the bounds was visited".to_owned(),
        Verdict::Violated(trace) => crate::counterexample::names(&trace.broken),
        Verdict::Unrecovered { run, .. } => format!("no recovery: {}", run.stuck),
        Verdict::Vacuous { .. } => {
            format!("every state was visited, and none shows: {}", missing(verdict).join(", "))
        }
        Verdict::Unfinished(reason) => format!("{reason}; nothing is proved"),
    }
}

/// What to do about a verdict that may rest on states that were taken for one by chance.
#[must_use]
pub fn advice(report: &Report) -> String {
    format!("run it again with --rehash {}: the counts must be the same", report.rehash.wrapping_add(1))
}

/// What a search should have reached and did not.
#[must_use]
pub fn missing(verdict: &Verdict) -> Vec<&'static str> {
    let Verdict::Vacuous { witnesses, rules } = verdict else { return Vec::new() };
    witnesses.iter().map(|witness| witness.name()).chain(rules.iter().map(|rule| rule.id())).collect()
}

/// An outcome in a word or two.
#[must_use]
pub fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Broken => "broken",
        Outcome::Found => "found",
        Outcome::NotFound => "not found",
        Outcome::Open => "open",
    }
}
