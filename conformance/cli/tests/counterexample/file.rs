//! The trace file: what is written is read, what is read is taken again, and what is wrong is named.

use crate::fixture::{mutant, trace_report, witness};
use figure2_cli::counterexample::{ReplayError, TraceFile, TraceFileError};
use figure2_model::{Safety, System, Witness, replay};

fn written() -> String {
    TraceFile::of(&trace_report()).to_json().unwrap()
}

fn refused(text: &str) -> String {
    TraceFile::from_json(text).unwrap_err().to_string()
}

/// The file with one piece of text in place of another.
fn with(old: &str, new: &str) -> String {
    let text = written();
    assert!(text.contains(old), "{old} is not in\n{text}");
    text.replacen(old, new, 1)
}

#[test]
fn a_file_reads_back_as_it_was_written() {
    let file = TraceFile::of(&trace_report());
    assert_eq!(TraceFile::from_json(&file.to_json().unwrap()).unwrap(), file);
}

#[test]
fn the_steps_break_the_same_property_again_and_tell_the_same_story() {
    let file = TraceFile::from_json(&written()).unwrap();
    let (_, replayed) = file.replay(None).unwrap();
    assert_eq!(replayed.possible_instead, None);
    assert!(replayed.broken.contains(&Safety::ElectionSafety));
    assert_eq!(replayed.trace, trace_report().trace);
}

#[test]
fn under_the_rules_of_figure_2_the_violation_does_not_reproduce() {
    let file = TraceFile::from_json(&written()).unwrap();
    let (_, replayed) = file.replay(Some("figure2")).unwrap();
    assert_eq!(replayed.broken, []);
    let possible = replayed.possible_instead.unwrap();
    assert!(!possible.is_empty());
    let taken = replayed.trace.steps.len();
    assert!(taken > 0 && taken < file.steps.len(), "{taken}");
}

#[test]
fn a_step_left_out_makes_a_later_one_impossible() {
    let mut file = TraceFile::of(&trace_report());
    file.steps.remove(0);
    let replayed = replay(&mutant().system, &mutant().profile, &file.labels().unwrap()).unwrap();
    assert!(replayed.possible_instead.is_some());
}

#[test]
fn a_witness_is_shown_again() {
    let report = witness("snapshot", Witness::InstalledSnapshot);
    let file = TraceFile::from_json(&TraceFile::of(&report).to_json().unwrap()).unwrap();
    let (profile, replayed) = file.replay(None).unwrap();
    assert!(replayed.shown.contains(&Witness::InstalledSnapshot));
    let again = replay(&System::default(), &profile, &file.labels().unwrap()).unwrap();
    assert_eq!((again.trace, again.possible_instead), (report.trace, None));
}

#[test]
fn what_is_no_trace_file_is_refused_with_what_to_do() {
    for (text, expected) in [
        ("", "figure2 check --trace FILE"),
        ("{}", "missing field"),
        ("{\"format\": \"figure2-check\", \"version\": 1}", "figure2-check"),
        (&with("\"version\": 1", "\"version\": 2"), "its version is 2"),
        (&with("\"shortest\"", "\"longest\""), "longest"),
        (&with("election safety", "election luck"), "election luck"),
        (
            &with("election timeout", "lunch"),
            "step 1: \"lunch\" is nothing that happens; possible are: arrives",
        ),
        (&with("\"message\"", "\"command\": 1, \"note\""), "note"),
    ] {
        let error = refused(text);
        assert!(error.contains(expected), "{error}");
    }
    let mut nothing = TraceFile::of(&trace_report());
    nothing.breaks.clear();
    assert!(matches!(TraceFile::from_json(&nothing.to_json().unwrap()), Err(TraceFileError::Pointless)));
}

#[test]
fn other_bounds_an_unknown_profile_and_unknown_rules_are_named() {
    let replay = |text: &str| TraceFile::from_json(text).unwrap().replay(None).unwrap_err();
    let bounds = replay(&with("3 servers", "4 servers")).to_string();
    assert!(bounds.contains("4 servers") && bounds.contains("3 servers"), "{bounds}");
    let profile = replay(&with("\"profile\": \"mutant\"", "\"profile\": \"selection\""));
    assert!(matches!(profile, ReplayError::UnknownProfile { .. }));
    assert!(profile.to_string().contains("selection") && profile.to_string().contains("replication"));
    let rules = replay(&with("\"rules\": \"V8\"", "\"rules\": \"V88\"")).to_string();
    assert!(rules.contains("no rules V88") && rules.contains("figure2, V8, "), "{rules}");
}
