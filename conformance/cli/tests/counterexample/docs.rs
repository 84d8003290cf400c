//! The examples in `docs/counterexamples.md` are made here, from the mutant of the fixture, and that in `docs/transport.md`
//! from a profile, so they stay true.

use crate::fixture::trace_report;
use figure2_cli::counterexample::{Form, TraceReport};
use figure2_model::mutants::survivors;
use figure2_model::{CheckOptions, Trace, Verdict, check, profile};
use std::path::PathBuf;

const HOW: &str = "an example is out of date. Write the pages anew with\n    \
                   FIGURE2_BLESS=1 cargo test -p figure2-cli --test counterexample docs";

/// The page with each marked example made anew.
fn made_anew(page: &str, examples: &[(&str, String)]) -> String {
    let mut page = page.to_owned();
    for (name, example) in examples {
        let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
        let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
        page = format!("{before}{begin}{example}{end}{after}");
    }
    page
}

/// Lines of a fair run that are shown: one without an end is cut.
const LONGEST_RUN: usize = 25;

/// The way to a state from which the cluster does not recover under a changed rule, and the fair run from there.
fn unrecovered(id: &str) -> String {
    let changed = survivors().into_iter().find(|survivor| survivor.id == id).unwrap();
    let report = changed.check_recovery(&CheckOptions::default()).unwrap();
    let Verdict::Unrecovered { trace, run } = report.verdict else { panic!("{id} recovers") };
    let run = run.to_string();
    let mut lines: Vec<&str> = run.trim_end().lines().collect();
    if lines.len() > LONGEST_RUN {
        let end = lines.split_off(lines.len() - 1);
        lines.truncate(LONGEST_RUN);
        lines.push("    ...");
        lines.extend(end);
    }
    format!("{trace}\n{}\n", lines.join("\n"))
}

fn examples() -> Vec<(&'static str, String)> {
    let report = trace_report();
    let fenced = |language: &str, text: String| format!("```{language}\n{text}```\n");
    let render = |form| report.render(form).unwrap();
    let file = TraceReport {
        trace: Trace { steps: report.trace.steps[..2].to_vec(), ..report.trace.clone() },
        ..report.clone()
    };
    vec![
        ("text", fenced("text", render(Form::Text))),
        ("diagram", fenced("text", render(Form::Diagram))),
        ("mermaid", fenced("mermaid", render(Form::Mermaid))),
        ("split votes", fenced("text", unrecovered("C4-once"))),
        ("lost snapshot", fenced("text", unrecovered("S2W-never"))),
        ("hint", fenced("text", unrecovered("AE2-hint"))),
        ("file", fenced("json", file.render(Form::Json).unwrap())),
    ]
}

/// How a server that comes back with an empty disk makes two leaders.
fn two_leaders() -> String {
    let profile = profile("lost-disk").unwrap();
    let report = check(&profile, &CheckOptions::default(), &mut |_| {}).unwrap();
    let Verdict::Violated(trace) = report.verdict else { panic!("{:?}", report.verdict) };
    let text = TraceReport::of_violation(&profile, "figure2", &trace).render(Form::Text).unwrap();
    format!("```text\n{text}```\n")
}

fn is_made_anew(page: &str, examples: &[(&str, String)]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let page = std::fs::read_to_string(&path).unwrap();
    let anew = made_anew(&page, examples);
    if std::env::var_os("FIGURE2_BLESS").is_some() {
        std::fs::write(&path, &anew).unwrap();
    } else {
        assert!(page == anew, "{HOW}");
    }
}

#[test]
fn the_examples_in_the_docs_are_what_the_program_prints() {
    is_made_anew("counterexamples.md", &examples());
    is_made_anew("transport.md", &[("two leaders", two_leaders())]);
}
