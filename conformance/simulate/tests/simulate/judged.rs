//! A recording is judged in memory, and its text comes to the same verdict.

use super::{Defect, Feature, Plan, first_failure, run, states};
use figure2_validate::Recorded;
use figure2_validate::instrument::Judged;

/// Judges a recording both ways; whether it holds.
fn both_ways(recorded: &Recorded) -> bool {
    let of_events = Judged::of_events(recorded.clone(), "run");
    let of_text = Judged::of_text(recorded.clone(), "run");
    assert_eq!(of_events.wrong, of_text.wrong);
    assert_eq!(of_events.validated, of_text.validated);
    let audited = |judged: &Judged| {
        judged.audited.as_ref().map(|report| {
            let rows = report.rows.iter().map(|row| (row.property, row.verdict, row.checks, row.broken));
            let rows: Vec<_> = rows.collect();
            let counts = (report.lines, report.steps, report.elections, report.committed, report.uncompared);
            (rows, counts, report.widest, format!("{:?}", report.timeline))
        })
    };
    assert_eq!(audited(&of_events), audited(&of_text));
    assert_eq!(of_events.audited.is_some(), of_events.wrong.is_none());
    of_events.wrong.is_none()
}

#[test]
fn sound_runs_hold_in_memory_and_as_text() {
    // In memory and on the log, with large commands, restarts and snapshots; and with messages on their way.
    for seed in 1..=4 {
        assert!(both_ways(&run(&Plan::of_seed(seed, 20), None).recording), "seed {seed}");
    }
    let over = run(&states::with("snapshot-crash", &[Feature::Snapshot, Feature::OnTheirWay]), None);
    assert!(both_ways(&over.recording));
}

#[test]
fn a_defect_is_found_in_memory_and_in_the_text_at_the_same_line() {
    let (_, over) = first_failure(Defect::LyingDisk);
    assert!(!both_ways(&over.recording));
}
