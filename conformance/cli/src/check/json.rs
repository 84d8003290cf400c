//! A check as JSON, for other programs.

use super::conclusion::{Checked, Violation, advice, outcome_word, sentence, word};
use crate::counterexample::TraceFile;
use figure2_model::{Report, Verdict};
use serde::Serialize;

#[derive(Serialize)]
struct Document {
    format: &'static str,
    version: u32,
    /// As the process exits: 0 holds, 1 violated or vacuous, 2 unfinished.
    exit_code: u8,
    profiles: Vec<ProfileResult>,
    rules_never_fired: Vec<&'static str>,
}

#[derive(Serialize)]
struct ProfileResult {
    profile: String,
    bounds: String,
    verdict: &'static str,
    because: String,
    states_generated: u64,
    states_distinct: u64,
    /// The seed of the hash by which states were told apart.
    rehash: u64,
    /// How many states are expected to be missed because another one had their fingerprint.
    expected_collisions: f64,
    depth: u64,
    /// How many states each level has; nothing where the search does not go by levels.
    states_of_levels: Vec<u64>,
    seconds: f64,
    peak_memory_bytes: Option<u64>,
    always: Vec<Named>,
    sometimes: Vec<Named>,
    rules_fired: Vec<Count>,
    /// Whether the cluster recovers once faults end; none where that was not judged.
    recovery: Option<Recovery>,
    trace_file: Option<String>,
    trace: Option<TraceFile>,
}

#[derive(Serialize)]
struct Recovery {
    /// `all` states, or one in so many.
    share: String,
    states_judged: u64,
    /// The most rounds that a recovery took.
    most_rounds: u32,
    /// The fair run that is no recovery, a line an event.
    unrecovered: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Named {
    property: &'static str,
    outcome: &'static str,
}

#[derive(Serialize)]
struct Count {
    rule: &'static str,
    count: u64,
}

/// The document.
///
/// # Errors
/// Those of the encoder.
pub fn json(checked: &Checked, violations: &[Violation]) -> anyhow::Result<String> {
    let document = Document {
        format: "figure2-check",
        version: 1,
        exit_code: checked.exit_code(),
        profiles: checked.reports.iter().map(|report| result(report, violations)).collect(),
        rules_never_fired: checked.never_fired.iter().map(|rule| rule.id()).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn because(report: &Report) -> String {
    let sentence = sentence(&report.verdict);
    if report.is_in_doubt() { format!("{sentence}; {}", advice(report)) } else { sentence }
}

fn result(report: &Report, violations: &[Violation]) -> ProfileResult {
    let violation = violations.iter().find(|violation| violation.report.profile == report.profile);
    ProfileResult {
        profile: report.profile.clone(),
        bounds: report.bounds.to_string(),
        verdict: word(&report.verdict),
        because: because(report),
        states_generated: report.generated,
        states_distinct: report.distinct,
        rehash: report.rehash,
        expected_collisions: report.expected_collisions(),
        depth: report.depth,
        states_of_levels: report.levels.clone(),
        seconds: report.elapsed.as_secs_f64(),
        peak_memory_bytes: report.peak_memory,
        always: report.always.iter().map(|(safety, outcome)| named(safety.name(), *outcome)).collect(),
        sometimes: report
            .sometimes
            .iter()
            .map(|(witness, outcome)| named(witness.name(), *outcome))
            .collect(),
        rules_fired: report
            .rules
            .iter()
            .map(|(rule, count)| Count { rule: rule.id(), count: *count })
            .collect(),
        recovery: report.recovered.map(|recovered| Recovery {
            share: recovered.share.to_string(),
            states_judged: recovered.judged,
            most_rounds: recovered.rounds,
            unrecovered: match &report.verdict {
                Verdict::Unrecovered { run, .. } => Some(run.trace.clone()),
                _ => None,
            },
        }),
        trace_file: violation.map(|violation| violation.file.display().to_string()),
        trace: violation.map(|violation| TraceFile::of(&violation.report)),
    }
}

fn named(property: &'static str, outcome: figure2_model::Outcome) -> Named {
    Named { property, outcome: outcome_word(outcome) }
}
