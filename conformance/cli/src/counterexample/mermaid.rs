//! A trace as a Mermaid sequence diagram, which many Markdown renderers draw by themselves.

use super::{TraceReport, brief, tag};
use figure2_core::ServerId;
use std::fmt::Write as _;

/// The diagram. A message is drawn when it arrives or is lost, because that is when it matters; the note of the step
/// that sent it names it.
#[must_use]
pub fn mermaid(report: &TraceReport) -> String {
    let trace = &report.trace;
    let servers: Vec<String> = (0u8..).zip(&trace.start).map(|(id, _)| ServerId(id).to_string()).collect();
    let all = match servers.as_slice() {
        [] => return String::new(),
        [only] => only.clone(),
        [first, .., last] => format!("{first},{last}"),
    };
    let mut text = format!("%% {}\n%% {}\nsequenceDiagram\n", report.headline(), report.setting());
    let mut line = |depth: usize, line: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:width$}{line}", "", width = 4 * depth);
    };
    for server in &servers {
        line(1, format!("participant {server}"));
    }
    for (i, step) in trace.steps.iter().enumerate() {
        let depth = if step.breaks.is_empty() { 1 } else { 2 };
        if !step.breaks.is_empty() {
            line(1, "rect rgba(220, 60, 60, 0.2)".to_owned());
        }
        let number = i + 1;
        match step.message.and_then(|number| trace.message(number)) {
            Some(message) => {
                let arrow = if step.label.is_loss() { "--x" } else { "-)" };
                let words = escape(&format!("{number}. {}", brief(trace, step)));
                line(depth, format!("{}{arrow}{}: {words}", message.from, message.to));
            }
            None => {
                let words = escape(&format!("{number}. {}", step.label));
                line(depth, format!("Note over {}: {words}", step.label.server()));
            }
        }
        let mut told: Vec<String> = step.change_lines().iter().map(|change| escape(change)).collect();
        if !step.rules.is_empty() {
            let ids: Vec<&str> = step.rules.iter().map(|rule| rule.id()).collect();
            told.insert(0, format!("rules {}", ids.join(" ")));
        }
        if !step.sent.is_empty() {
            told.push(format!(
                "sends {}",
                step.sent.iter().map(|number| tag(*number)).collect::<Vec<_>>().join(" ")
            ));
        }
        if !told.is_empty() {
            line(depth, format!("Note right of {}: {}", step.label.server(), told.join("<br/>")));
        }
        if !step.breaks.is_empty() {
            line(depth, format!("Note over {all}: ✗ breaks {}", super::names(&step.breaks)));
            line(1, "end".to_owned());
        }
    }
    text
}

/// Mermaid ends a statement at a semicolon, and takes a hash for the start of a character's number.
fn escape(text: &str) -> String {
    text.replace('#', "#35;").replace(';', "#59;").replace('<', "#lt;").replace('>', "#gt;")
}
