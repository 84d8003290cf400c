//! The audit reads every kind of line of version 1, and shows each in the context of a violation.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use figure2_audit::{Property, audit, html, json, junit, text};
use figure2_trace::Reader;

/// Every kind of event, input, message, change and outcome. It is no run of a correct cluster.
const VERSION_1: &str = include_str!("../../trace/tests/version1.jsonl");

#[test]
fn every_kind_of_line_is_read_and_shown() {
    let report = audit(&|| Ok(vec![Reader::of_text("version1.jsonl", VERSION_1)?])).unwrap();
    assert_eq!(report.lines as usize, VERSION_1.lines().count() - 2);
    assert_eq!(report.exit_code(), 1);
    let rejected = report.violations.iter().position(|found| found.property == Property::NoRejection);
    let context = &report.contexts[rejected.unwrap()];
    let broken = &context.moments[context.broken];
    assert_eq!(
        broken.what,
        "gets RequestVote(term 3, last 7) of S1: follower, term 3, log to 6, committed 4"
    );
    let shown: Vec<&str> = report
        .contexts
        .iter()
        .flat_map(|context| &context.moments)
        .map(|moment| moment.what.split(':').next().unwrap())
        .collect();
    for what in [
        "starts",
        "election timeout",
        "heartbeat timeout",
        "gets AppendEntries(term 3, prev 4, 2 entries) of S1",
        "gets AppendEntriesReply(term 3, no, 9) of S1",
        "gets InstallSnapshotReply(term 3, yes, 4) of S1",
        "proposes t",
        "replicates",
        "sends its commit_index",
        "is told of the write",
        "applied 4",
        "snapshot at 4",
        "switches to snapshot 4",
    ] {
        assert!(shown.contains(&what), "{what}: {shown:?}");
    }
    assert!(text(&report).contains("VIOLATED no correct message rejected at version1.jsonl:"));
    assert!(html(&report).contains("<title>figure2 audit: violated: "));
    assert!(json(&report).unwrap().contains("\"format\": \"figure2-audit\""));
    assert!(junit(&report).unwrap().contains("figure2.audit"));
}
