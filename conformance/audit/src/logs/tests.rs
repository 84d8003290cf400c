//! Tests of what the audit knows about snapshots.

use super::*;
use crate::event::{Entry, Snapshot};

#[test]
fn a_snapshot_on_its_way_to_a_service_is_known_though_every_disk_has_it() {
    let (mut logs, mut findings) = (Logs::new(1, true), Findings::new(&[], &[]));
    let (mut term_runs, data) = (TermRuns::default(), Content(7));
    let nothing = Log { snapshot: None, entries: Vec::new() };
    logs.start(0, 0, &term_runs, &nothing, &mut findings);
    let append = Change::Append { entries: vec![Entry { term: 1, command: Content(1) }] };
    let snapshot = Snapshot { last_included_index: 1, last_included_term: 1, data };
    let taken = Change::Snapshot { snapshot, keep_suffix: true };
    for (commit_before, change) in [(0, append), (1, taken)] {
        let writer = Writer { server: 0, term: 1, commit_before };
        logs.change(&writer, &term_runs, &change, &mut findings);
        logs.durable(0, &term_runs, &change, &mut findings);
        term_runs.apply(&change);
        logs.commit(0, &term_runs, 1, (0, 1), &mut findings);
    }
    logs.prune(term_runs.base());
    logs.offered((1, 1), data, &mut findings);
    assert_eq!(findings.violations.first().map(|violation| &violation.what), None);
    logs.offered((1, 2), data, &mut findings);
    assert!(
        findings
            .violations
            .first()
            .is_some_and(|violation| violation.what.contains("committed there is term 1"))
    );
}
