//! A check as JUnit XML: a suite for each profile, a case for each property, witness and required rule. A failure is
//! something wrong that the search found; an error is something that the search did not decide.

use super::conclusion::{Checked, Violation, sentence, word};
use figure2_model::{Outcome, Profile, Report, Verdict, profiles};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

/// The document. `is_whole` says whether all profiles were checked, so that together they should reach all rules.
///
/// # Errors
/// Those of the encoder.
pub fn junit(checked: &Checked, violations: &[Violation], is_whole: bool) -> anyhow::Result<String> {
    let mut document = quick_junit::Report::new("figure2 check");
    for report in &checked.reports {
        let profile = profiles().into_iter().find(|profile| profile.name == report.profile);
        let violation = violations.iter().find(|violation| violation.report.profile == report.profile);
        document.add_test_suite(suite(report, profile.as_ref(), violation));
    }
    if is_whole {
        document.add_test_suite(coverage(checked));
    }
    document.set_time(checked.reports.iter().map(|report| report.elapsed).sum());
    Ok(document.to_string()?)
}

fn suite(report: &Report, profile: Option<&Profile>, violation: Option<&Violation>) -> TestSuite {
    let mut suite = TestSuite::new(report.profile.clone());
    suite.set_time(report.elapsed);
    suite.add_property(("bounds", report.bounds.to_string().as_str()));
    suite.add_property(("states_distinct", report.distinct.to_string().as_str()));
    suite.add_property(("verdict", word(&report.verdict)));
    let mut add = |name: &str, status: TestCaseStatus| {
        let mut case = TestCase::new(name, status);
        case.set_classname(format!("figure2.check.{}", report.profile));
        suite.add_test_case(case);
    };
    for (safety, outcome) in &report.always {
        add(&format!("always: {}", safety.name()), status(*outcome, report, violation));
    }
    for (witness, outcome) in &report.sometimes {
        add(&format!("sometimes: {}", witness.name()), status(*outcome, report, violation));
    }
    if report.recovered.is_some() {
        add("recovers once faults end", recovery(report));
    }
    let required = profile.map(|profile| profile.rules.as_slice()).unwrap_or_default();
    for (rule, count) in report.rules.iter().filter(|(rule, _)| required.contains(rule)) {
        let is_exhausted = matches!(report.verdict, Verdict::Holds | Verdict::Vacuous { .. });
        let outcome = match (count, is_exhausted) {
            (0, true) => Outcome::NotFound,
            (0, false) => Outcome::Open,
            _ => Outcome::Found,
        };
        add(&format!("fires: {} ({})", rule.id(), rule.text()), status(outcome, report, violation));
    }
    suite
}

fn status(outcome: Outcome, report: &Report, violation: Option<&Violation>) -> TestCaseStatus {
    let told = |kind: NonSuccessKind, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message);
        status
    };
    match outcome {
        Outcome::Holds | Outcome::Found => TestCaseStatus::success(),
        Outcome::NotFound => {
            told(NonSuccessKind::Failure, "no state shows it: the search is vacuous".to_owned())
        }
        Outcome::Broken => {
            let mut status = told(NonSuccessKind::Failure, sentence(&report.verdict));
            if let Some(Violation { report, file }) = violation {
                let (length, trace) = (report.length(), &report.trace);
                status.set_description(format!("{length}; figure2 replay {}\n\n{trace}", file.display()));
            }
            status
        }
        Outcome::Open if matches!(report.verdict, Verdict::Violated(_)) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("the search ended with the violation of another property");
            status
        }
        Outcome::Open => told(NonSuccessKind::Error, format!("unfinished: {}", sentence(&report.verdict))),
    }
}

fn recovery(report: &Report) -> TestCaseStatus {
    let told = |kind: NonSuccessKind, message: String| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message);
        status
    };
    match &report.verdict {
        Verdict::Holds | Verdict::Vacuous { .. } => TestCaseStatus::success(),
        Verdict::Unrecovered { trace, run } => {
            let mut status = told(NonSuccessKind::Failure, sentence(&report.verdict));
            status.set_description(format!("{trace}\n{run}"));
            status
        }
        Verdict::Violated(_) => TestCaseStatus::skipped(),
        Verdict::Unfinished(_) => told(NonSuccessKind::Error, sentence(&report.verdict)),
    }
}

/// The rules that all profiles together must reach.
fn coverage(checked: &Checked) -> TestSuite {
    let mut status = TestCaseStatus::success();
    if !checked.never_fired.is_empty() {
        let missing: Vec<&str> = checked.never_fired.iter().map(|rule| rule.id()).collect();
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(format!("never fired: {}", missing.join(", ")));
    }
    let mut case = TestCase::new("every rule of the core fires", status);
    case.set_classname("figure2.check.all");
    let mut suite = TestSuite::new("all profiles");
    suite.add_test_case(case);
    suite
}
