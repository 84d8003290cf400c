//! A trace as one HTML page, without network access or other files. All steps are in the page; the script only
//! chooses which one is shown, so without it they are listed one below the other.

use super::{TraceReport, alike, svg, tag};
use figure2_core::ServerId;
use figure2_model::{Field, Step};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");

/// Nothing is loaded from anywhere; the page's own style and script are all that counts.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page.
#[must_use]
pub fn html(report: &TraceReport) -> String {
    let trace = &report.trace;
    let title = report.headline();
    let heading = if report.breaks.is_empty() { "" } else { "broken" };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(&title, POLICY, CSS))
            body {
                header {
                    h1 class=(heading) { (title) }
                    p.setting { (report.setting()) }
                    p.setting { (report.length()) }
                }
                (controls(trace.steps.len()))
                main {
                    div {
                        section.drawing aria-label="Space-time diagram" tabindex="0" { (svg(trace)) }
                        (legend())
                    }
                    div #steps aria-live="polite" {
                        (beginning(report))
                        @for (i, step) in trace.steps.iter().enumerate() { (panel(report, i, step)) }
                    }
                }
                footer {
                    details {
                        summary { "All steps as text" }
                        pre { (trace) }
                    }
                    p { "Made by figure2. " code { "figure2 replay" } " takes the steps of a trace file again." }
                }
                script { (PreEscaped(JS)) }
            }
        }
    };
    page.into_string()
}

/// The head of a page that loads nothing: its content security policy says so, and its style is in it.
fn head(title: &str, policy: &str, css: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { (title) }
            style { (PreEscaped(css)) }
        }
    }
}

/// The controls. Only the script can serve them, so only the script shows them.
fn controls(last: usize) -> Markup {
    html! {
        nav.controls #controls aria-label="Playback" hidden {
            button #first type="button" aria-label="First step" { "⇤ First" }
            button #previous type="button" aria-label="Previous step" { "◀ Previous" }
            button #play type="button" aria-pressed="false" { "▶ Play" }
            button #next type="button" aria-label="Next step" { "Next ▶" }
            button #last type="button" aria-label="Last step" { "Last ⇥" }
            input #slider type="range" min="0" max=(last) value="0" step="1" aria-label="Step";
            output #position for="slider" { "step 0 of " (last) }
            span.keys { "Keys: ← → Home End, space plays" }
        }
    }
}

fn legend() -> Markup {
    html! {
        p.setting {
            "Time runs downwards. A server's line: thin, a follower; " span.candidate { "dashed" } ", a candidate; "
            span.leader { "thick" } ", the leader; dotted, down. A square: it crashes. An arrow runs from the step that "
            "sent the message to the one in which it arrives; dashed, it is lost (✗) or still on its way."
        }
    }
}

fn beginning(report: &TraceReport) -> Markup {
    let trace = &report.trace;
    html! {
        section.step-panel #step-0 aria-label="The start" {
            h2 { "The start" }
            @if !trace.on_their_way.is_empty() {
                h3 { "On their way" }
                (messages(report, &trace.on_their_way))
            }
            h3 { "Servers" }
            (table(&trace.start, &trace.start))
        }
    }
}

fn panel(report: &TraceReport, i: usize, step: &Step) -> Markup {
    let trace = &report.trace;
    let number = i + 1;
    let class = if step.breaks.is_empty() { "step-panel" } else { "step-panel broken" };
    html! {
        section class=(class) id=(format!("step-{number}")) aria-label=(format!("Step {number}")) {
            h2 { (number) ". " (step.label) @if let Some(message) = step.message { " (" (tag(message)) ")" } }
            @if !step.breaks.is_empty() { p.verdict { "✗ This step breaks: " (super::names(&step.breaks)) } }
            @for witness in &step.shows { p.shown { "Now there is: " (witness.name()) } }
            h3 { "Rules that fired" }
            @if step.rules.is_empty() { p.place { "None: no server took a step." } }
            ul {
                @for rule in step.rules.iter() {
                    li { span.rule.mono { (rule.id()) } " " (rule.text()) " " span.place { "— " (rule.place()) } }
                }
            }
            @if !step.sent.is_empty() {
                h3 { "Sent" }
                (messages(report, &step.sent))
            }
            h3 { "Servers" }
            (table(trace.nodes_before(i), &step.nodes))
        }
    }
}

fn messages(report: &TraceReport, numbers: &[usize]) -> Markup {
    html! {
        ul.mono {
            @for (numbers, message) in alike(&report.trace, numbers) {
                li {
                    b { (numbers.iter().map(|number| tag(*number)).collect::<Vec<_>>().join(" ")) } " "
                    (message.name) " " (message.from) "→"
                    (addressees(report, &numbers)) " " (message.content)
                }
            }
        }
    }
}

fn addressees(report: &TraceReport, numbers: &[usize]) -> String {
    let messages = numbers.iter().filter_map(|number| report.trace.message(*number));
    messages.map(|message| message.to.to_string()).collect::<Vec<_>>().join(",")
}

/// All nodes, a column each, with what changed.
fn table(before: &[Vec<Field>], after: &[Vec<Field>]) -> Markup {
    let servers: Vec<ServerId> = (0u8..).map(ServerId).take(after.len()).collect();
    let value = |nodes: &[Vec<Field>], id: ServerId, name: &str| {
        let node = nodes.get(usize::from(id.0))?;
        node.iter().find(|field| field.name == name).map(|field| field.value.clone())
    };
    html! {
        div.table {
            table {
                thead { tr { th scope="col" { "field" } @for id in &servers { th scope="col" { (id) } } } }
                tbody {
                    @for name in field_names(before, after) {
                        tr {
                            th scope="row" { (name) }
                            @for id in &servers { (cell(value(before, *id, name), value(after, *id, name))) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(before: Option<String>, after: Option<String>) -> Markup {
    html! {
        @if before == after {
            td { (after.unwrap_or_default()) }
        } @else {
            td.changed {
                @if let Some(before) = before { del { (before) } " " }
                @if let Some(after) = after { ins { (after) } }
            }
        }
    }
}

/// The names of all fields that some node has, in the order in which nodes have them.
fn field_names(before: &[Vec<Field>], after: &[Vec<Field>]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for node in after.iter().chain(before) {
        let mut place = 0;
        for field in node {
            match names.iter().position(|name| *name == field.name) {
                Some(found) => place = found + 1,
                None => {
                    names.insert(place, field.name);
                    place += 1;
                }
            }
        }
    }
    names
}
