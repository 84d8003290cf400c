//! A report as text, JSON and JUnit XML.

pub use super::page::html;
use super::{CAN_HIDE, Cause, Kind, Report, Row, Tail, Timeline, Unexplained, Verdict};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use std::fmt::Write as _;

/// The report as text.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} lines, {} of {} servers, {} steps; {} elections, {} entries committed, {} restarts, {} snapshots taken, {} installed",
        report.lines,
        report.servers,
        report.cluster,
        report.steps,
        report.elections,
        report.committed,
        report.timeline.count(Kind::Restart),
        report.timeline.count(Kind::SnapshotTaken),
        report.timeline.count(Kind::SnapshotInstalled),
    );
    if report.widest > 0 {
        let _ = writeln!(text, "kept at most {} log indexes at once", report.widest);
    }
    let _ = writeln!(text);
    let _ = writeln!(text, "{:<28} {:<28} {:>10}  place", "property", "verdict", "checks");
    for Row { property, verdict, checks, broken, excused } in &report.rows {
        let times = if *broken > 0 { format!(" ({broken} times)") } else { String::new() };
        let excused = if *excused > 0 { format!(" ({excused} excused)") } else { String::new() };
        let verdict = format!("{}{times}{excused}", verdict.word());
        let _ = writeln!(text, "{:<28} {verdict:<28} {checks:>10}  {}", property.name(), property.place());
    }
    for (violation, around) in
        report.violations.iter().zip(report.contexts.iter().map(Some).chain(std::iter::repeat(None)))
    {
        let _ = writeln!(text, "\nVIOLATED {} at {}", violation.property.name(), violation.place);
        let _ = writeln!(text, "  {}", violation.what);
        let Some(around) = around else { continue };
        for (i, moment) in around.moments.iter().enumerate().skip(around.broken.saturating_sub(8)) {
            let mark = if i == around.broken { ">" } else { " " };
            let _ = writeln!(text, "  {mark} {:>8} S{} {}", moment.number, moment.server, moment.what);
        }
    }
    for Unexplained { cause, place, what, count, .. } in &report.unexplained {
        let _ = writeln!(text, "\nUNEXPLAINED {} ({count} times), first at {place}\n  {what}", cause.name());
    }
    if !report.tails.is_empty() {
        let _ = writeln!(text);
        for line in tails(report) {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "  {CAN_HIDE}");
    }
    for note in &report.notes {
        let _ = writeln!(text, "\nnote: {note}");
    }
    let _ = writeln!(text, "\nverdict: {}", report.sentence());
    text
}

/// A line for each tail. Its times are seconds since the first line of all files.
pub(super) fn tails(report: &Report) -> Vec<String> {
    let seconds = |at: u64| at.saturating_sub(report.timeline.first) as f64 / 1e6;
    let line = |tail: &Tail| {
        let until = match &tail.until {
            Some((at, file)) => format!("until {:.3} s ({file} starts)", seconds(*at)),
            None => "to the end".to_owned(),
        };
        let (server, from, file) = (tail.server, seconds(tail.from), &tail.file);
        format!(
            "hidden: server {server} from {from:.3} s ({file} ends) {until}; {} judgements excused",
            tail.excused
        )
    };
    report.tails.iter().map(line).collect()
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    /// As the process exits: 0 holds, 1 violated, 2 unusable or unfinished.
    exit_code: u8,
    verdict: String,
    files: Vec<&'a str>,
    lines: u64,
    servers: usize,
    cluster: usize,
    steps: u64,
    elections: usize,
    committed: u64,
    uncompared: u64,
    properties: Vec<Property<'a>>,
    unexplained: Vec<Found<'a>>,
    tails: Vec<Hidden<'a>>,
    /// What a tail can hide, if there is one.
    tails_can_hide: Option<&'static str>,
    notes: &'a [String],
    timeline: &'a Timeline,
}

#[derive(Serialize)]
struct Property<'a> {
    property: &'static str,
    place: &'static str,
    verdict: Verdict,
    checks: u64,
    broken: u64,
    excused: u64,
    first: Option<First<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    cause: Cause,
    name: &'static str,
    count: u64,
    first: First<'a>,
}

/// A tail; its times are microseconds, as in the time line.
#[derive(Serialize)]
struct Hidden<'a> {
    server: u8,
    from: u64,
    file: &'a str,
    until: Option<u64>,
    until_file: Option<&'a str>,
    excused: u64,
}

#[derive(Serialize)]
struct First<'a> {
    file: &'a str,
    line: u64,
    server: u64,
    what: &'a str,
}

/// The report as JSON.
///
/// # Errors
/// Those of the encoder.
pub fn json(report: &Report) -> anyhow::Result<String> {
    let property = |row: &Row| Property {
        property: row.property.name(),
        place: row.property.place(),
        verdict: row.verdict,
        checks: row.checks,
        broken: row.broken,
        excused: row.excused,
        first: report.violations.iter().find(|violation| violation.property == row.property).map(|v| First {
            file: &v.place.file,
            line: v.place.line,
            server: v.server,
            what: &v.what,
        }),
    };
    let document = Document {
        format: "figure2-audit",
        version: 1,
        exit_code: report.exit_code(),
        verdict: report.sentence(),
        files: report.files.iter().map(AsRef::as_ref).collect(),
        lines: report.lines,
        servers: report.servers,
        cluster: report.cluster,
        steps: report.steps,
        elections: report.elections,
        committed: report.committed,
        uncompared: report.uncompared,
        properties: report.rows.iter().map(property).collect(),
        unexplained: report.unexplained.iter().map(found).collect(),
        tails: report.tails.iter().map(hidden).collect(),
        tails_can_hide: (!report.tails.is_empty()).then_some(CAN_HIDE),
        notes: &report.notes,
        timeline: &report.timeline,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn hidden(tail: &Tail) -> Hidden<'_> {
    Hidden {
        server: tail.server,
        from: tail.from,
        file: &tail.file,
        until: tail.until.as_ref().map(|(at, _)| *at),
        until_file: tail.until.as_ref().map(|(_, file)| file.as_ref()),
        excused: tail.excused,
    }
}

fn found(found: &Unexplained) -> Found<'_> {
    Found {
        cause: found.cause,
        name: found.cause.name(),
        count: found.count,
        first: First {
            file: &found.place.file,
            line: found.place.line,
            server: found.server,
            what: &found.what,
        },
    }
}

/// The report as JUnit XML: a case for each property, and one for the trace as a whole.
///
/// # Errors
/// Those of the encoder.
pub fn junit(report: &Report) -> anyhow::Result<String> {
    let mut suite = TestSuite::new(report.files.join(" "));
    for row in &report.rows {
        let violation = report.violations.iter().find(|violation| violation.property == row.property);
        let status = match (row.verdict, violation) {
            (_, Some(violation)) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(format!("{}: {}", violation.place, violation.what));
                status
            }
            (Verdict::NotExercised | Verdict::NotShown, None) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(row.verdict.word());
                status
            }
            _ => TestCaseStatus::success(),
        };
        suite.add_test_case(case(row.property.name(), status));
    }
    for Unexplained { cause, place, what, count, .. } in &report.unexplained {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(format!("{count} times, first at {place}: {what}"));
        suite.add_test_case(case(cause.name(), status));
    }
    let status = if report.exit_code() == 2 {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(report.sentence());
        status
    } else if report.tails.is_empty() {
        TestCaseStatus::success()
    } else {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!("{}; {CAN_HIDE}", tails(report).join("; ")));
        status
    };
    suite.add_test_case(case("the whole trace was judged", status));
    let mut document = quick_junit::Report::new("figure2 audit");
    document.add_test_suite(suite);
    Ok(document.to_string()?)
}

fn case(name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname("figure2.audit");
    case
}
