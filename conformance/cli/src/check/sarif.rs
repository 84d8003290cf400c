//! A check as SARIF 2.1.0: a result for each broken property, located in its trace file at the step that breaks it,
//! with all steps as a code flow. An unfinished search is a failed invocation, which is how SARIF says that no result
//! means nothing.

use super::conclusion::{Checked, Violation, sentence};
use crate::counterexample::TraceFile;
use figure2_model::{Report, Safety, Verdict};
use serde::Serialize;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Where a profile says what a search of it must have seen.
const PROFILES: &str = "model/src/profiles/mod.rs";

/// The rule of a search that did not reach what it is there to check.
const VACUOUS: &str = "vacuous-check";
/// The rule's id of a state from which the cluster does not recover.
const NO_RECOVERY: &str = "no-recovery";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    results: Vec<Finding>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Described>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    id: String,
    short_description: Text,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    exit_code: u8,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Text,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: String,
    level: &'static str,
    message: Text,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_flows: Vec<CodeFlow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeFlow {
    thread_flows: [ThreadFlow; 1],
}

#[derive(Serialize)]
struct ThreadFlow {
    locations: Vec<FlowLocation>,
}

#[derive(Serialize)]
struct FlowLocation {
    location: Location,
}

/// The document.
///
/// # Errors
/// Those of the encoder.
pub fn sarif(checked: &Checked, violations: &[Violation]) -> anyhow::Result<String> {
    let described = Safety::ALL.iter().map(|safety| Described {
        id: id(*safety),
        short_description: text(format!("Always: {}", safety.name())),
    });
    let vacuous = Described {
        id: VACUOUS.to_owned(),
        short_description: text("A search reaches what it is there to check".to_owned()),
    };
    let no_recovery = Described {
        id: NO_RECOVERY.to_owned(),
        short_description: text("From every state the cluster recovers, once faults end".to_owned()),
    };
    let driver = Driver {
        name: "figure2",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: described.chain([vacuous, no_recovery]).collect(),
    };
    let unfinished: Vec<Notification> = checked.reports.iter().filter_map(notification).collect();
    let invocation = Invocation {
        execution_successful: unfinished.is_empty(),
        exit_code: checked.exit_code(),
        tool_execution_notifications: unfinished,
    };
    let mut results = Vec::new();
    for violation in violations {
        results.extend(findings(violation)?);
    }
    let vacuous = checked.reports.iter().filter_map(vacuous_finding);
    let never = checked.never_fired.iter().map(|rule| {
        vacuous_text(format!("{} never fired in any profile: {} ({})", rule.id(), rule.text(), rule.place()))
    });
    results.extend(vacuous.chain(never));
    results.extend(checked.reports.iter().filter_map(unrecovered_finding));
    let runs = [Run { tool: Tool { driver }, invocations: [invocation], results }];
    Ok(serde_json::to_string_pretty(&Log { schema: SCHEMA, version: "2.1.0", runs })? + "\n")
}

fn id(safety: Safety) -> String {
    safety.name().replace(' ', "-")
}

fn text(text: String) -> Text {
    Text { text }
}

fn at(uri: &str, start_line: usize, message: Option<String>) -> Location {
    let artifact_location = Artifact { uri: uri.to_owned() };
    let region = Region { start_line };
    Location { physical_location: Physical { artifact_location, region }, message: message.map(text) }
}

fn notification(report: &Report) -> Option<Notification> {
    let Verdict::Unfinished(_) = report.verdict else { return None };
    let message = format!("profile {}: unfinished: {}", report.profile, sentence(&report.verdict));
    Some(Notification { level: "error", message: text(message) })
}

fn findings(violation: &Violation) -> anyhow::Result<Vec<Finding>> {
    let Violation { report, file } = violation;
    let uri = uri(&file.display().to_string());
    let lines = TraceFile::of(report).lines_of_steps()?;
    let broken_at = lines.last().copied().unwrap_or(1);
    let of_property = |safety: &Safety| {
        let steps = (1..).zip(&report.trace.steps).zip(&lines).map(|((number, step), line)| FlowLocation {
            location: at(&uri, *line, Some(format!("{number}. {}", step.label))),
        });
        let length = report.length();
        let message = format!("{} is broken in profile {} ({length})", safety.name(), report.profile);
        Finding {
            rule_id: id(*safety),
            level: "error",
            message: text(message),
            locations: vec![at(&uri, broken_at, None)],
            code_flows: vec![CodeFlow { thread_flows: [ThreadFlow { locations: steps.collect() }] }],
        }
    };
    Ok(report.breaks.iter().map(of_property).collect())
}

fn vacuous_finding(report: &Report) -> Option<Finding> {
    let Verdict::Vacuous { .. } = report.verdict else { return None };
    Some(vacuous_text(format!("profile {}: {}", report.profile, sentence(&report.verdict))))
}

fn unrecovered_finding(report: &Report) -> Option<Finding> {
    let Verdict::Unrecovered { trace, run } = &report.verdict else { return None };
    Some(Finding {
        rule_id: NO_RECOVERY.to_owned(),
        level: "error",
        message: text(format!("profile {}: {}\n\n{trace}\n{run}", report.profile, run.stuck)),
        locations: vec![at(PROFILES, 1, None)],
        code_flows: Vec::new(),
    })
}

fn vacuous_text(message: String) -> Finding {
    Finding {
        rule_id: VACUOUS.to_owned(),
        level: "error",
        message: text(message),
        locations: vec![at(PROFILES, 1, None)],
        code_flows: Vec::new(),
    }
}

/// A path as a relative reference: with forward slashes, and what is special in a URI encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte))
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
