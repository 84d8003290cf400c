//! Lines in memory come to the verdict that their text comes to.

#![allow(clippy::unwrap_used)]

use figure2_audit::{InMemory, Report, audit};
use figure2_trace::{Header, Line, Reader};

/// Every kind of line, of servers that keep no property.
const EVERY_KIND: [&str; 2] = [
    include_str!("../../trace/tests/version1.jsonl"),
    include_str!("../../trace/tests/version1-extensions.jsonl"),
];

fn shown(report: &Report) -> String {
    let Report { cluster, servers, steps, elections, committed, rows, violations, .. } = report;
    let Report { uncompared, widest, timeline, lines, files, .. } = report;
    format!(
        "{files:?} {lines} {cluster} {servers} {steps} {elections} {committed} {uncompared} {widest} {rows:#?} \
         {violations:#?} {timeline:?}"
    )
}

#[test]
fn every_kind_of_line_is_judged_in_memory_as_it_is_in_the_text() {
    EVERY_KIND.into_iter().for_each(is_judged_alike);
}

fn is_judged_alike(recording: &'static str) {
    let of_text = audit(&|| Ok(vec![Reader::of_text("t", recording)?])).unwrap();
    let header: Header = serde_json::from_str(recording.lines().next().unwrap()).unwrap();
    let mut in_memory = InMemory::begin("t", header.servers, header.began, &header.on_their_way);
    let mut lines = 0;
    for text in recording.lines().filter(|text| text.starts_with(r#"{"server""#)) {
        in_memory.take(&serde_json::from_str::<Line>(text).unwrap()).unwrap();
        lines += 1;
    }
    let in_memory = in_memory.finish();
    assert!(lines > 10 && in_memory.lines == lines && !in_memory.violations.is_empty());
    assert_eq!(shown(&in_memory), shown(&of_text));
}

#[test]
fn a_number_that_no_cluster_reaches_is_refused() {
    let text =
        r#"{"server":0,"run":1,"seq":1,"at":0,"event":{"deliver":{"index":N,"term":1,"command":"t:"}}}"#;
    let line = |index: &str| serde_json::from_str::<Line>(&text.replace('N', index)).unwrap();
    let mut in_memory = InMemory::begin::<[u8; 0], [u8; 0]>("t", 3, 0, &[]);
    assert!(in_memory.take(&line("7")).is_ok());
    assert!(in_memory.take(&line(&u64::MAX.to_string())).is_err());
}
