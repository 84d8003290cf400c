//! A judged history in words, as JSON, and as JUnit XML.

use std::fmt::Write as _;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::draw::draw_picture;
use super::picture::{Bar, Ended, Picture};
use super::{Examined, Finding, History, Summary, Told};

/// At most this many keys are listed one by one if they hold.
const LISTED: usize = 20;

/// A history, and what was found out about it.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The file it was read from.
    pub name: String,
    /// What was read.
    pub history: &'a History,
    /// What was found out.
    pub examined: &'a Examined,
    /// Time to read it.
    pub reading: Duration,
    /// Time to judge it.
    pub judging: Duration,
}

impl Judged<'_> {
    fn word(&self) -> &'static str {
        match self.examined.summary() {
            Summary::Holds => "holds",
            Summary::Violated => "violated",
            Summary::Unfinished => "unfinished",
        }
    }

    /// What was read, in a sentence.
    pub(super) fn read(&self) -> String {
        let History { operations, format, model, keys, lines, skipped, .. } = self.history;
        let count = self.examined.findings.len() + self.examined.not_judged;
        let mut text = format!(
            "{}, model {}, {keys}; {lines} lines, {} operations on {count} {}",
            format.words(),
            model.words(),
            operations.len(),
            if count == 1 { "key" } else { "keys" },
        );
        if !skipped.is_empty() {
            let each: Vec<String> = skipped.iter().map(|(who, count)| format!("{count} of {who}")).collect();
            let _ = write!(text, "; events of no client: {}", each.join(", "));
        }
        text
    }

    fn exit_code(&self) -> u8 {
        match self.examined.summary() {
            Summary::Holds => 0,
            Summary::Violated => 1,
            Summary::Unfinished => 2,
        }
    }
}

/// A finding's key and operations, in words.
pub(super) fn title(finding: &Finding) -> String {
    let Finding { key, operations, .. } = finding;
    if key.is_empty() {
        format!("the only object, {operations} operations")
    } else {
        format!("key {key:?}, {operations} operations")
    }
}

/// What a violation comes to, in a few words.
pub(super) fn claim(picture: &Picture) -> String {
    match picture.bars.len() {
        1 => "no order explains this operation".to_owned(),
        count => format!("no order explains these {count} operations"),
    }
}

/// The report for a terminal, without the times.
pub fn text(judged: &Judged<'_>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}", judged.read());
    for note in &judged.history.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let findings = &judged.examined.findings;
    let (holding, others): (Vec<_>, Vec<_>) =
        findings.iter().partition(|finding| matches!(finding.told, Told::Holds));
    for finding in holding.iter().take(LISTED) {
        let _ = writeln!(text, "{}: holds", title(finding));
    }
    if let Some(more) = holding.len().checked_sub(LISTED).filter(|&more| more > 0) {
        let _ = writeln!(text, "and {more} more keys: hold");
    }
    for finding in others {
        match &finding.told {
            Told::Holds => {}
            Told::Unfinished(reason) => {
                let _ = writeln!(text, "{}: unfinished: {reason}", title(finding));
            }
            Told::Violated(picture) => {
                let _ = writeln!(text, "{}: violated: {}", title(finding), claim(picture));
                text.push_str(&violation(judged.history, picture));
            }
        }
    }
    if judged.examined.not_judged > 0 {
        let _ = writeln!(text, "{} more keys were not judged (--first)", judged.examined.not_judged);
    }
    let _ = writeln!(text, "verdict: {}", judged.word());
    text
}

fn violation(history: &History, picture: &Picture) -> String {
    let places = history.places();
    let mut text = draw_picture(picture, places, places.word());
    let _ = writeln!(text, "  {}", picture.strength());
    if let Some(farthest) = picture.orders.first() {
        let _ = writeln!(text, "  farthest: {}", picture.told(farthest));
    }
    for hint in &picture.hints {
        let _ = writeln!(text, "  hint: {hint}");
    }
    text
}

/// The report for other programs.
///
/// # Errors
/// Those of the encoder.
pub fn json(judged: &Judged<'_>) -> Result<String, serde_json::Error> {
    let History { format, model, lines, skipped, notes, operations, .. } = judged.history;
    let document = json!({
        "format": "figure2-linear",
        "version": 1,
        "exit_code": judged.exit_code(),
        "verdict": judged.word(),
        "file": judged.name,
        "recognised": { "format": format.words(), "model": model.words(), "keys": judged.history.keys },
        "lines": lines,
        "operations": operations.len(),
        "skipped": skipped,
        "notes": notes,
        "keys_not_judged": judged.examined.not_judged,
        "seconds": { "reading": judged.reading.as_secs_f64(), "judging": judged.judging.as_secs_f64() },
        "keys": judged.examined.findings.iter().map(|one| key(judged.history, one)).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn key(history: &History, finding: &Finding) -> Value {
    let (verdict, more) = match &finding.told {
        Told::Holds => ("holds", Value::Null),
        Told::Unfinished(reason) => ("unfinished", json!(reason)),
        Told::Violated(picture) => ("violated", window(history, picture)),
    };
    let mut object = json!({ "key": finding.key, "operations": finding.operations, "verdict": verdict });
    match &finding.told {
        Told::Holds => {}
        Told::Unfinished(_) => object["because"] = more,
        Told::Violated(_) => object["window"] = more,
    }
    object
}

fn window(history: &History, picture: &Picture) -> Value {
    let bar = |bar: &Bar| {
        json!({
            "process": bar.process,
            "operation": bar.long,
            "outcome": match bar.ended { Ended::Ok => "ok", Ended::Failed => "fail", Ended::Unknown => "unknown" },
            "invoked": history.places().number(bar.invoked),
            "completed": bar.completed.map(|place| history.places().number(place)),
        })
    };
    let attempt = |attempt: &super::orders::Attempt| {
        let number = |at: usize| at + 1;
        json!({
            "steps": attempt.steps.iter().map(|(at, there)| json!({"operation": number(*at), "then": there})).collect::<Vec<_>>(),
            "stuck": attempt.stuck.iter().map(|at| number(*at)).collect::<Vec<_>>(),
        })
    };
    json!({
        "before": picture.before,
        "places": history.places().word(),
        "operations": picture.bars.iter().map(bar).collect::<Vec<_>>(),
        "outside": picture.outside.iter().map(bar).collect::<Vec<_>>(),
        "minimal": picture.minimal,
        "every_order_tried": picture.confirmed,
        "orders": picture.orders.iter().map(attempt).collect::<Vec<_>>(),
        "hints": picture.hints,
    })
}

/// The report as JUnit XML: a case for each key.
///
/// # Errors
/// Those of the encoder.
pub fn junit(judged: &Judged<'_>) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(judged.name.clone());
    suite.set_time(judged.judging);
    suite.add_property(("recognised", judged.read().as_str()));
    for finding in &judged.examined.findings {
        let status = match &finding.told {
            Told::Holds => TestCaseStatus::success(),
            Told::Unfinished(reason) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status.set_message(format!("unfinished: {reason}"));
                status
            }
            Told::Violated(picture) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(format!("not linearizable: {}", claim(picture)));
                status.set_description(violation(judged.history, picture));
                status
            }
        };
        let name = if finding.key.is_empty() {
            "the only object".to_owned()
        } else {
            format!("key {:?}", finding.key)
        };
        let mut case = TestCase::new(name, status);
        case.set_classname("figure2.linear");
        suite.add_test_case(case);
    }
    if judged.examined.not_judged > 0 {
        let mut status = TestCaseStatus::skipped();
        status.set_message("not judged: an earlier key is violated, and --first was asked for");
        let mut case = TestCase::new(format!("{} more keys", judged.examined.not_judged), status);
        case.set_classname("figure2.linear");
        suite.add_test_case(case);
    }
    let mut document = quick_junit::Report::new("figure2 linear");
    document.add_test_suite(suite);
    document.set_time(judged.reading + judged.judging);
    document.to_string()
}
