//! A check as text for people.

use super::conclusion::{Checked, advice, missing};
use crate::counterexample::{diagram, names};
use figure2_core::Rule;
use figure2_model::{
    Counterexample, MOST_COLLISIONS, Outcome, Profile, Recovered, Report, Share, Unfinished, Verdict,
};
use figure2_timely::{Checkpoints, Kept};
use std::time::Duration;

/// Width of the names of what a report tells.
const LABEL: usize = 10;

/// What is about to be searched.
#[must_use]
pub fn heading(profile: &Profile) -> String {
    format!("{}: {}\n{}", profile.name, profile.description, field("bounds", &profile.bounds.to_string()))
}

fn field(label: &str, text: &str) -> String {
    format!("  {label:<LABEL$} {text}\n")
}

/// As many fields to a line as fit, under one label; nothing when there are none.
fn list(label: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let (mut text, mut label, mut line) = (String::new(), label, String::new());
    for item in items {
        if !line.is_empty() && line.chars().count() + item.chars().count() + 3 > 96 {
            text.push_str(&field(label, &line));
            label = "";
            line.clear();
        }
        if !line.is_empty() {
            line.push_str("   ");
        }
        line.push_str(item);
    }
    text + &field(label, &line)
}

fn mark(outcome: Outcome) -> char {
    match outcome {
        Outcome::Holds | Outcome::Found => '✓',
        Outcome::Broken | Outcome::NotFound => '✗',
        Outcome::Open => '?',
    }
}

/// What a search found, with the trace of a violation.
#[must_use]
pub fn report(profile: &Profile, report: &Report) -> String {
    let always =
        report.always.iter().map(|(safety, outcome)| format!("{} {}", mark(*outcome), safety.name()));
    let sometimes =
        report.sometimes.iter().map(|(witness, outcome)| format!("{} {}", mark(*outcome), witness.name()));
    let required = report.rules.iter().filter(|(rule, _)| profile.rules.contains(rule));
    let required = required.map(|(rule, count)| {
        format!("{} {} {}", if *count > 0 { '✓' } else { '✗' }, rule.id(), grouped(*count))
    });
    let mut text = list("always", &always.collect::<Vec<_>>());
    text.push_str(&list("sometimes", &sometimes.collect::<Vec<_>>()));
    text.push_str(&list("rules", &required.collect::<Vec<_>>()));
    text.push_str(&field(
        "states",
        &format!("{} generated, {} distinct", grouped(report.generated), grouped(report.distinct)),
    ));
    text.push_str(&field(
        "search",
        &format!(
            "{:.1} s, {} distinct states/s, depth {}, {}",
            report.elapsed.as_secs_f64(),
            grouped(report.rate() as u64),
            report.depth,
            memory(report.peak_memory)
        ),
    ));
    let levels: Vec<String> = report.levels.iter().map(|states| grouped(*states)).collect();
    text.push_str(&list("levels", &levels));
    if let Some(recovered) = &report.recovered {
        text.push_str(&field("recovery", &recovery(report, recovered)));
    }
    text.push_str(&field("verdict", &(verdict(&report.verdict) + &collisions(report))));
    match &report.verdict {
        Verdict::Violated(found) => text.push_str(&trace(found)),
        Verdict::Unrecovered { trace: found, run } => {
            text.push_str(&trace(found));
            text.push_str("\n  From there, the fair run:\n");
            run.to_string().lines().for_each(|line| text.push_str(&format!("    {line}\n")));
        }
        _ => {}
    }
    text + "\n"
}

/// With what a search goes on, before it does.
#[must_use]
pub fn goes_on(kept: Kept) -> String {
    let Kept { level, states } = kept;
    field("goes on", &format!("from the checkpoint of level {level}, with {} states", grouped(states)))
}

/// How to go on with a search that was not finished.
#[must_use]
pub fn to_go_on(checkpoints: Option<&Checkpoints>, kept: Option<Kept>) -> String {
    let how = match (checkpoints, kept) {
        (Some(checkpoints), Some(Kept { level, states })) => format!(
            "the same command goes on from level {level} ({} states), the last checkpoint in {}",
            grouped(states),
            checkpoints.directory.display()
        ),
        (Some(_), None) => "no checkpoint was made yet: the same command begins anew".to_owned(),
        (None, _) => "a search begins anew; with --checkpoint DIR it would go on".to_owned(),
    };
    field("to go on", &how) + "\n"
}

/// From which states the cluster recovers.
fn recovery(report: &Report, recovered: &Recovered) -> String {
    let (judged, distinct) = (grouped(recovered.judged), grouped(report.distinct));
    let said = match (&report.verdict, recovered.share) {
        (Verdict::Unrecovered { .. }, _) => return format!("✗ not from all of the {judged} states judged"),
        (Verdict::Holds | Verdict::Vacuous { .. }, Share::All) => format!("✓ holds in all {judged} states"),
        (_, Share::All) => format!("? holds in the {judged} states that were judged"),
        (_, Share::Part { states, seed, index, of }) => {
            let part = format!("part {} of {of}", index + 1);
            format!(
                "✓ holds in {part} of a sample: {judged} of {distinct} states, 1 in {states} by seed {seed}"
            )
        }
        (_, Share::OneIn { states, seed }) => {
            format!("✓ holds in a sample: {judged} of {distinct} states, 1 in {states} by seed {seed}")
        }
    };
    format!("{said}, within {} rounds", recovered.rounds)
}

/// How far a verdict on all states can be wrong by chance.
fn collisions(report: &Report) -> String {
    if !matches!(report.verdict, Verdict::Holds | Verdict::Vacuous { .. }) {
        return String::new();
    }
    let by_seed = if report.rehash > 0 { format!(" by hash {}", report.rehash) } else { String::new() };
    let expected = format!("; expected collisions{by_seed}: {:.0e}", report.expected_collisions());
    if report.is_in_doubt() {
        format!("{expected}, more than {MOST_COLLISIONS}: {}", advice(report))
    } else {
        expected
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Holds => "HOLDS: every state within the bounds was visited".to_owned(),
        Verdict::Violated(trace) => format!("VIOLATED: {}", names(&trace.broken)),
        Verdict::Unrecovered { run, .. } => format!("UNRECOVERED: {}", run.stuck),
        Verdict::Vacuous { .. } => {
            format!("VACUOUS: every state was visited, and none shows: {}", missing(verdict).join(", "))
        }
        Verdict::Unfinished(reason) => format!("UNFINISHED: {reason}; nothing is proved"),
    }
}

/// A violation step by step, then as a diagram.
fn trace(trace: &Counterexample) -> String {
    let kind = if trace.is_shortest {
        "the shortest there is"
    } else {
        "not known to be the shortest: the search for that was too large"
    };
    let mut text = format!("\n  {} steps, {kind}:\n", trace.trace.steps.len());
    for line in trace.to_string().lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text + "\n" + &diagram(&trace.trace)
}

/// How often each rule fired, in all searches together.
#[must_use]
pub fn coverage(checked: &Checked, is_whole: bool) -> String {
    let count = |rule: Rule| -> u64 {
        let counts = checked.reports.iter().flat_map(|report| &report.rules);
        counts.filter(|(other, _)| *other == rule).map(|(_, count)| count).sum()
    };
    let fired: Vec<Rule> = Rule::ALL.iter().copied().filter(|rule| count(*rule) > 0).collect();
    let mut text = format!("rules of the core that fired: {} of {}\n", fired.len(), Rule::ALL.len());
    text.push_str(&list(
        "fired",
        &fired.iter().map(|rule| format!("{} {}", rule.id(), grouped(count(*rule)))).collect::<Vec<_>>(),
    ));
    if is_whole {
        let unreachable =
            figure2_model::UNREACHABLE.iter().map(|rule| rule.id()).collect::<Vec<_>>().join(", ");
        text.push_str(&field("never", &format!("{unreachable}: no correct peer sends what it rejects")));
        for rule in &checked.never_fired {
            text.push_str(&field("MISSING", &format!("{} ({}): {}", rule.id(), rule.place(), rule.text())));
        }
    }
    text + "\n"
}

/// A line for each profile.
#[must_use]
pub fn summary(reports: &[Report], elapsed: Duration) -> String {
    let mut text = format!(
        "{:<12} {:>14} {:>14} {:>11} {:>6} {:>8} {:>8}  verdict\n",
        "profile", "generated", "distinct", "states/s", "depth", "MB", "s"
    );
    for report in reports {
        let megabytes =
            report.peak_memory.map_or_else(|| "?".to_owned(), |bytes| (bytes / 1_000_000).to_string());
        let verdict = match &report.verdict {
            Verdict::Holds => "holds",
            Verdict::Violated(_) => "VIOLATED",
            Verdict::Unrecovered { .. } => "UNRECOVERED",
            Verdict::Vacuous { .. } => "VACUOUS",
            Verdict::Unfinished(Unfinished::Limit(_)) => "UNFINISHED (limit)",
            Verdict::Unfinished(_) => "UNFINISHED (error)",
        };
        text.push_str(&format!(
            "{:<12} {:>14} {:>14} {:>11} {:>6} {:>8} {:>8.1}  {verdict}\n",
            report.profile,
            grouped(report.generated),
            grouped(report.distinct),
            grouped(report.rate() as u64),
            report.depth,
            megabytes,
            report.elapsed.as_secs_f64()
        ));
    }
    let distinct = reports.iter().map(|report| report.distinct).sum();
    text + &format!("{:<12} {:>14} {:>14} {:>36.1}\n", "in all", "", grouped(distinct), elapsed.as_secs_f64())
}

/// An amount of memory, in words.
#[must_use]
pub fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "memory unknown".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000))
}

/// A number with its thousands apart.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
