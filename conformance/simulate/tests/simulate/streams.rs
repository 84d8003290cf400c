//! Clusters whose messages go through the real transport, over streams of bytes.

use figure2_simulate::{Batch, Defect, Failure, Fault, Kind, Plan, Plans, Target, Verdict, run};
use std::sync::Mutex;

use crate::disks::{calm, holds};

/// A calm plan, over streams.
fn streamed(seed: u64, faults: Vec<Fault>) -> Plan {
    let mut plan = calm(seed, faults);
    (plan.log, plan.streams) = (true, true);
    plan
}

#[test]
fn the_same_plan_over_streams_gives_the_same_run_byte_for_byte() {
    for seed in 1..=4 {
        let plan = Plan::on_streams(seed, 20);
        let (one, other) = (run(&plan, None), run(&Plan::parse(&plan.text()).unwrap(), None));
        assert!(matches!(one.verdict, Verdict::Holds), "seed {seed}: {:?}", one.verdict);
        assert!(one.figures.committed > 0 && one.lines() > 1000, "seed {seed}: {:?}", one.figures);
        assert_eq!(one.text(), other.text());
        assert_eq!(one.figures, other.figures);
        assert_eq!(one.digest(), other.digest());
    }
}

#[test]
fn many_seeds_over_streams_hold_meet_every_fault_and_do_not_depend_on_the_threads() {
    let batch =
        |jobs| Batch { seed: 500, seeds: 40, plans: Plans::Streams { seconds: 20 }, jobs, defect: None };
    let failed = Mutex::new(Vec::new());
    let done = batch(2).run(&|plan, over| {
        if !matches!(over.verdict, Verdict::Holds) {
            failed.lock().unwrap().push((plan.seed, over.verdict.clone()));
        }
    });
    assert!(failed.lock().unwrap().is_empty(), "{failed:?}");
    let (counts, sent) = (&done.figures.counts, &done.figures.sent);
    assert_eq!((done.runs, counts.on_streams), (40, 40));
    assert_eq!(counts.faults.len(), 19, "each sort of fault: {:?}", counts.faults);
    for count in [counts.connections, counts.resets, counts.forgotten, counts.lost, sent.snapshots] {
        assert!(count > 10, "{counts:?}, {sent:?}");
    }
    assert_eq!(batch(1).run(&|_, _| ()).digest, done.digest);
}

#[test]
fn a_connection_that_died_without_a_word_is_noticed_and_made_again() {
    let dies = |at_ms| Fault { at_ms, for_ms: 100, kind: Kind::HalfOpen(Target::Leader) };
    let plan = streamed(1, vec![dies(5000), dies(12_000), dies(19_000)]);
    let over = holds(&plan);
    assert!(over.figures.counts.forgotten >= 6, "{:?}", over.figures.counts);
    assert!(over.figures.committed > 100, "{:?}", over.figures);
    let unnoticed = run(&plan, Some(Defect::HalfOpenUnnoticed));
    assert!(
        matches!(unnoticed.verdict, Verdict::Failed(Failure::NoProgress { .. } | Failure::NoLeader { .. })),
        "{:?}",
        unnoticed.verdict
    );
}

#[test]
fn resets_in_the_middle_of_frames_lose_nothing_that_was_acknowledged() {
    let plan = streamed(2, vec![Fault { at_ms: 3000, for_ms: 25_000, kind: Kind::Resets(30) }]);
    let over = holds(&plan);
    assert!(over.figures.counts.resets > 20, "{:?}", over.figures.counts);
    assert!(over.figures.committed > 50, "{:?}", over.figures);
}

#[test]
fn faults_of_connections_are_refused_where_there_are_none() {
    let mut plan =
        streamed(1, vec![Fault { at_ms: 1000, for_ms: 100, kind: Kind::HalfOpen(Target::Leader) }]);
    assert!(Plan::parse(&plan.text()).is_ok());
    plan.streams = false;
    assert!(Plan::parse(&plan.text()).unwrap_err().contains("without streams"));
}
