//! Lines in memory come to the verdict that their text comes to.

#![allow(clippy::unwrap_used)]

use figure2_audit::{InMemory, Report, audit};
use figure2_trace::{Header, Line, Reader};

/// Every kind of line, of servers that keep no property.
const EVERY_KIND: &str = include_str!("../../trace/tests/version1.jsonl");

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
    let of_text = audit(&|| Ok(vec![Reader::of_text("t", EVERY_KIND)?])).unwrap();
    let header: Header = serde_json::from_str(EVERY_KIND.lines().next().unwrap()).unwrap();
    let mut in_memory = InMemory::begin("t", header.servers, header.began, &header.on_their_way);
    let mut lines = 0;
    for text in EVERY_KIND.lines().filter(|text| text.starts_with(r#"{"server""#)) {
        in_memory.take(&serde_json::from_str::<Line>(text).unwrap()).unwrap();
        lines += 1;
    }
    let in_memory = in_memory.finish();
    assert!(lines > 40 && in_memory.lines == lines && !in_memory.violations.is_empty());
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
