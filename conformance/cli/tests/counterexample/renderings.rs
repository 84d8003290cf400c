//! The trace itself, and the ways it is drawn.

use crate::fixture::{trace_report, witness};
use figure2_cli::counterexample::{Form, TraceReport, diagram, html, mermaid};
use figure2_model::{ActionLabel, Fate, NodeEvent, Safety, Witness};

fn all() -> Vec<TraceReport> {
    vec![
        trace_report(),
        witness("election", Witness::RecoveredCrash),
        witness("snapshot", Witness::InstalledSnapshot),
        witness("figure8", Witness::OlderCommitted),
    ]
}

#[test]
fn the_last_step_and_no_other_breaks_the_property() {
    let trace = trace_report().trace;
    let breaking: Vec<usize> =
        (0..trace.steps.len()).filter(|i| !trace.steps[*i].breaks.is_empty()).collect();
    assert_eq!(breaking, [trace.steps.len() - 1]);
    // Two servers were elected in one term, and one of them crashed or let a voter crash in between.
    let elected = trace.steps.iter().filter(|step| step.shows.contains(&Witness::Leader)).count();
    assert!(elected >= 1);
    assert!(trace.steps.iter().any(|step| matches!(step.label, ActionLabel::Node(_, NodeEvent::Restart))));
    assert!(trace.to_string().contains("✗ breaks: election safety"));
}

#[test]
fn every_change_is_one_and_every_field_follows_from_the_changes() {
    for report in all() {
        let trace = &report.trace;
        for (i, step) in trace.steps.iter().enumerate() {
            let mut nodes = trace.nodes_before(i).to_vec();
            for change in &step.changes {
                assert_ne!(change.from, change.to, "{}", step.label);
                let node = &mut nodes[usize::from(change.server.0)];
                let place = node.iter().position(|field| field.name == change.field);
                assert_eq!(place.map(|place| node[place].value.clone()), change.from);
                node.retain(|field| field.name != change.field);
                if let Some(to) = &change.to {
                    node.push(figure2_model::Field { name: change.field, value: to.clone() });
                }
            }
            for (mut told, mut is) in nodes.into_iter().zip(step.nodes.clone()) {
                told.sort_by_key(|field| field.name);
                is.sort_by_key(|field| field.name);
                assert_eq!(told, is, "step {}", i + 1);
            }
        }
    }
}

#[test]
fn a_message_arrives_only_after_it_was_sent_and_not_after_it_is_gone() {
    for report in all() {
        let trace = &report.trace;
        let mut on_their_way = trace.on_their_way.clone();
        let mut moved = 0;
        for step in &trace.steps {
            assert_eq!(step.message.is_some(), step.label.fate().is_some());
            if let Some(number) = step.message {
                moved += 1;
                assert!(on_their_way.contains(&number), "{}", step.label);
                let message = trace.message(number).unwrap();
                assert_eq!(step.label.message(), Some(message.to_string().as_str()));
                if step.label.fate() != Some(Fate::ArrivesAndStays) {
                    on_their_way.retain(|other| *other != number);
                }
            }
            on_their_way.extend(&step.sent);
        }
        assert!(moved > 0);
    }
}

#[test]
fn the_diagram_fits_a_terminal_and_marks_the_break() {
    for report in all() {
        let text = diagram(&report.trace);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 118, "{longest}\n{text}");
        for (i, step) in report.trace.steps.iter().enumerate() {
            let number = format!("{} ", i + 1);
            let row = text.lines().find(|line| line.get(1..).is_some_and(|rest| rest.starts_with(&number)));
            // A row that breaks begins with a mark of three bytes instead of a space.
            let broken = text.lines().find(|line| line.starts_with(&format!("✗{number}")));
            assert_eq!((row.is_some(), broken.is_some()), (step.breaks.is_empty(), !step.breaks.is_empty()));
        }
        assert_eq!(text.contains("✗ BREAKS: "), !report.breaks.is_empty());
    }
}

/// What every line of a Mermaid sequence diagram, of the kinds used here, looks like.
fn is_mermaid(line: &str) -> bool {
    let line = line.trim_start();
    let is_server = |name: &str| name.strip_prefix('S').is_some_and(|id| id.parse::<u8>().is_ok());
    let message = || {
        let (from, rest) = line.split_once("-)").or_else(|| line.split_once("--x"))?;
        let (to, words) = rest.split_once(": ")?;
        Some(is_server(from) && is_server(to) && !words.contains([';', '#']))
    };
    let note = || {
        let rest = line.strip_prefix("Note over ").or_else(|| line.strip_prefix("Note right of "))?;
        let (over, words) = rest.split_once(": ")?;
        Some(over.split(',').all(is_server) && !words.contains([';', '#']))
    };
    line.starts_with("%% ")
        || line == "sequenceDiagram"
        || line == "end"
        || line.starts_with("rect rgba(")
        || line.strip_prefix("participant ").is_some_and(is_server)
        || message().or_else(note) == Some(true)
}

#[test]
fn mermaid_has_only_lines_that_mermaid_knows() {
    for report in all() {
        let text = mermaid(&report);
        for line in text.lines() {
            assert!(is_mermaid(line), "{line}");
        }
        let arrows = text.lines().filter(|line| line.contains("-)") || line.contains("--x")).count();
        let moved = report.trace.steps.iter().filter(|step| step.message.is_some()).count();
        assert_eq!(arrows, moved);
        let (opened, closed) =
            (text.matches("rect ").count(), text.lines().filter(|line| line.trim() == "end").count());
        assert_eq!((opened, closed), (usize::from(!report.breaks.is_empty()), opened));
    }
}

#[test]
fn the_page_loads_nothing() {
    let page = html(&trace_report()).replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for link in ["http:", "https:", "src=", "href=", "url(", "@import", "<link", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(link), "{link}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn the_page_escapes_what_comes_from_a_file() {
    let report = TraceReport { profile: "<script>alert(1)</script>&\"".to_owned(), ..trace_report() };
    let page = html(&report);
    assert!(!page.contains("<script>alert"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;"));
}

#[test]
fn every_rule_that_fired_stands_in_the_page_with_its_text_and_place() {
    let report = trace_report();
    let page = report.render(Form::Html).unwrap();
    let mut rules = 0;
    for rule in report.trace.steps.iter().flat_map(|step| step.rules.iter()) {
        let escaped = |text: &str| text.replace('&', "&amp;").replace('>', "&gt;").replace('<', "&lt;");
        assert!(
            page.contains(&escaped(rule.text())) && page.contains(&escaped(rule.place())),
            "{}",
            rule.id()
        );
        rules += 1;
    }
    assert!(rules > 5);
    assert!(page.contains("This step breaks: election safety"));
    assert_eq!(report.breaks, [Safety::ElectionSafety]);
}
