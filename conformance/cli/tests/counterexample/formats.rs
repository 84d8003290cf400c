//! The machine formats of `figure2 check`: each is read back by what reads it elsewhere, as far as that can be done here.

use crate::fixture::checked;
use figure2_cli::check::{Checked, json, junit, markdown, sarif};
use figure2_cli::counterexample::TraceFile;
use figure2_core::Rule;
use figure2_model::mutants::survivors;
use figure2_model::{CheckOptions, Report, Safety, Verdict, check, profile};
use quick_junit::{NonSuccessKind, TestCaseStatus};
use serde_json::Value;

fn status_of<'a>(report: &'a quick_junit::Report, name: &str) -> &'a TestCaseStatus {
    let mut cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    &cases.find(|case| case.name.as_str() == name).unwrap_or_else(|| panic!("no case {name}")).status
}

fn kind_of(status: &TestCaseStatus) -> Option<NonSuccessKind> {
    match status {
        TestCaseStatus::NonSuccess { kind, .. } => Some(*kind),
        _ => None,
    }
}

fn limited() -> Report {
    let limits = CheckOptions { max_states: Some(1_000), ..CheckOptions::default() };
    check(&profile("election").unwrap(), &limits, &mut |_| ()).unwrap()
}

fn vacuous() -> Report {
    let verdict = Verdict::Vacuous { witnesses: vec![], rules: vec![Rule::C4] };
    let rules =
        limited().rules.into_iter().map(|(rule, count)| (rule, if rule == Rule::C4 { 0 } else { count + 1 }));
    Report { verdict, rules: rules.collect(), ..limited() }
}

#[test]
fn in_junit_a_broken_property_is_a_failure_with_its_trace() {
    let (checked, violations) = checked();
    let report =
        quick_junit::Report::deserialize_from_str(&junit(&checked, &violations, false).unwrap()).unwrap();
    let status = status_of(&report, "always: election safety");
    assert_eq!(kind_of(status), Some(NonSuccessKind::Failure));
    let TestCaseStatus::NonSuccess { description, .. } = status else { panic!("{status:?}") };
    let told = description.as_ref().unwrap().as_str();
    assert!(told.contains("1. S") && told.contains("figure2 replay out/figure2 trace.json"), "{told}");
    assert!(report.failures > 0 && report.errors == 0);
}

#[test]
fn in_junit_what_was_not_finished_is_an_error_and_what_was_not_reached_a_failure() {
    let read = |report: Report, never_fired: Vec<Rule>, is_whole| {
        let checked = Checked { reports: vec![report], never_fired };
        quick_junit::Report::deserialize_from_str(&junit(&checked, &[], is_whole).unwrap()).unwrap()
    };
    let unfinished = read(limited(), vec![], false);
    let status = status_of(&unfinished, "always: election safety");
    assert_eq!(kind_of(status), Some(NonSuccessKind::Error));
    assert_eq!(unfinished.failures, 0);

    let missed = read(vacuous(), vec![], false);
    let name = format!("fires: C4 ({})", Rule::C4.text());
    assert_eq!(kind_of(status_of(&missed, &name)), Some(NonSuccessKind::Failure));

    let whole = read(limited(), vec![Rule::S3], true);
    assert_eq!(kind_of(status_of(&whole, "every rule of the core fires")), Some(NonSuccessKind::Failure));
    let whole = read(limited(), vec![], true);
    assert_eq!(kind_of(status_of(&whole, "every rule of the core fires")), None);
}

#[test]
fn a_state_without_recovery_is_told_in_every_format_with_the_way_there_and_the_fair_run() {
    let survivor = survivors().into_iter().find(|survivor| survivor.id == "C4-once").unwrap();
    let report = survivor.check_recovery(&CheckOptions::default()).unwrap();
    let checked = Checked { reports: vec![report], never_fired: vec![] };
    assert_eq!(checked.exit_code(), 1);
    let stuck = "after round 3 all is as it was before round 1, and so it goes on";

    let suites = quick_junit::Report::deserialize_from_str(&junit(&checked, &[], false).unwrap()).unwrap();
    let status = status_of(&suites, "recovers once faults end");
    assert_eq!(kind_of(status), Some(NonSuccessKind::Failure));
    let TestCaseStatus::NonSuccess { description, .. } = status else { panic!("{status:?}") };
    let told = description.as_ref().unwrap().as_str();
    assert!(told.contains("1. S") && told.contains("round 3") && told.contains(stuck), "{told}");

    let document: Value = serde_json::from_str(&json(&checked, &[]).unwrap()).unwrap();
    let profile = &document["profiles"][0];
    assert_eq!(profile["verdict"], "unrecovered");
    assert_eq!(profile["recovery"]["share"], "all");
    let lines = profile["recovery"]["unrecovered"].as_array().unwrap();
    assert!(lines.iter().any(|line| line == "round 3"), "{lines:?}");

    let results = results_of(&sarif(&checked, &[]).unwrap());
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["ruleId"], "no-recovery");
    assert!(results[0]["message"]["text"].as_str().unwrap().contains(stuck));

    let page = markdown(&checked, &[]);
    assert!(page.contains("no recovery") && page.contains("round 3") && page.contains(stuck), "{page}");
}

/// What SARIF 2.1.0 requires of the parts used here, and what code scanning asks for beyond.
fn results_of(text: &str) -> Vec<Value> {
    let log: Value = serde_json::from_str(text).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "figure2");
    let ids: Vec<&str> =
        driver["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), Safety::ALL.len() + 2);
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    let results = run["results"].as_array().unwrap();
    for result in results {
        assert!(ids.contains(&result["ruleId"].as_str().unwrap()));
        assert_eq!(result["level"], "error");
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.is_empty() && !uri.contains([' ', '\\']), "{uri}");
    }
    results.clone()
}

#[test]
fn in_sarif_a_broken_property_points_at_its_trace_file() {
    let (checked, violations) = checked();
    let results = results_of(&sarif(&checked, &violations).unwrap());
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["ruleId"], "election-safety");
    let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "out/figure2%20trace.json");
    let steps = results[0]["codeFlows"][0]["threadFlows"][0]["locations"].as_array().unwrap();
    assert_eq!(steps.len(), violations[0].report.trace.steps.len());
    assert!(steps[0]["location"]["message"]["text"].as_str().unwrap().starts_with("1. S"));
}

#[test]
fn in_sarif_each_step_points_at_its_own_line_and_the_result_at_the_last() {
    let (checked, violations) = checked();
    let file = TraceFile::of(&violations[0].report);
    let text = file.to_json().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let result = &results_of(&sarif(&checked, &violations).unwrap())[0];
    let line_of = |location: &Value| {
        let number = location["physicalLocation"]["region"]["startLine"].as_u64().unwrap();
        usize::try_from(number).unwrap()
    };
    let steps = result["codeFlows"][0]["threadFlows"][0]["locations"].as_array().unwrap();
    let numbers: Vec<usize> = steps.iter().map(|step| line_of(&step["location"])).collect();
    assert_eq!(numbers.len(), file.steps.len());
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    for (step, number) in file.steps.iter().zip(&numbers) {
        assert_eq!(lines[number - 2].trim(), "{");
        assert_eq!(lines[number - 1].trim(), format!("\"what\": \"{}\",", step.what));
        let server = format!("\"server\": {}", step.server);
        assert_eq!(lines[*number].trim().trim_end_matches(','), server);
    }
    assert_eq!(Some(&line_of(&result["locations"][0])), numbers.last());
}

#[test]
fn in_sarif_what_was_not_finished_is_a_failed_invocation_and_what_was_not_reached_a_result() {
    let unfinished = Checked { reports: vec![limited()], never_fired: vec![] };
    let text = sarif(&unfinished, &[]).unwrap();
    assert_eq!(results_of(&text), Vec::<Value>::new());
    let log: Value = serde_json::from_str(&text).unwrap();
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(
        (&invocation["executionSuccessful"], &invocation["exitCode"]),
        (&Value::from(false), &Value::from(2))
    );
    assert_eq!(invocation["toolExecutionNotifications"][0]["level"], "error");

    let vacuous = Checked { reports: vec![vacuous()], never_fired: vec![Rule::S3] };
    let results = results_of(&sarif(&vacuous, &[]).unwrap());
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|result| result["ruleId"] == "vacuous-check"));
}

#[test]
fn json_holds_verdict_figures_and_trace() {
    let (checked, violations) = checked();
    let document: Value = serde_json::from_str(&json(&checked, &violations).unwrap()).unwrap();
    assert_eq!((&document["format"], &document["version"]), (&Value::from("figure2-check"), &Value::from(1)));
    assert_eq!(document["exit_code"], 1);
    let profile = &document["profiles"][0];
    assert_eq!(
        (&profile["profile"], &profile["verdict"]),
        (&Value::from("mutant"), &Value::from("violated"))
    );
    assert!(profile["states_distinct"].as_u64().unwrap() > 0);
    assert_eq!(profile["always"][0]["outcome"], "broken");
    assert_eq!(profile["trace"]["format"], "figure2-trace");
    assert_eq!(profile["trace_file"], "out/figure2 trace.json");
}

#[test]
fn markdown_has_a_row_for_each_profile_and_a_diagram_for_each_violation() {
    let (mut checked, violations) = checked();
    checked.reports.push(limited());
    let text = markdown(&checked, &violations);
    assert!(text.contains("| mutant | **violated** |") && text.contains("| election | **unfinished** |"));
    assert_eq!(text.matches("```mermaid\n").count(), 1);
    assert_eq!(text.matches("```").count(), 4);
}
