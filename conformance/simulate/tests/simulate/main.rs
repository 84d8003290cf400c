//! Simulated clusters: the same seed gives the same run, defects are found and their plans reduced, bad plans refused.

#![allow(clippy::unwrap_used, clippy::panic)]

mod disks;
mod judged;
mod progress;
mod recorded;
mod snapshots;
mod states;
mod streams;

use figure2::Extensions;
use figure2_linearizability::{Action, Operation, Reading, read, write};
use figure2_simulate::{
    Batch, Counts, Defect, Failure, Feature, Kind, Plan, Plans, Run, Target, Verdict, reduce, run,
};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Runs seeds until one fails.
fn first_failure(defect: Defect) -> (Plan, Run) {
    // It takes a log without any common entry.
    if defect == Defect::FirstEntryKept {
        return states::first_failure(defect);
    }
    for seed in 1..=60 {
        let is_of_streams = defect == Defect::HalfOpenUnnoticed;
        let plan = if is_of_streams { Plan::on_streams(seed, 30) } else { Plan::of_seed(seed, 30) };
        let over = run(&plan, Some(defect));
        match over.verdict {
            Verdict::Failed(_) => return (plan, over),
            Verdict::Unfinished(reason) => panic!("seed {seed}: {reason}"),
            Verdict::Holds => {}
        }
    }
    panic!("no seed found the defect {defect}");
}

fn failure(over: Run) -> Failure {
    match over.verdict {
        Verdict::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_plan_gives_the_same_run_byte_for_byte() {
    for seed in 1..=4 {
        let plan = Plan::of_seed(seed, 20);
        let (one, other) = (run(&plan, None), run(&Plan::parse(&plan.text()).unwrap(), None));
        assert!(matches!(one.verdict, Verdict::Holds), "seed {seed}: {:?}", one.verdict);
        assert!(one.figures.committed > 0 && one.lines() > 1000, "seed {seed}: {:?}", one.figures);
        assert_eq!(one.text(), other.text());
        assert_eq!(one.history, other.history);
        assert_eq!(one.digest(), other.digest());
    }
    let digest = |seed| run(&Plan::of_seed(seed, 5), None).digest();
    assert_ne!(digest(1), digest(2));
}

/// A client that is given up in the middle of a request must not go on with another check, and a request whose client and
/// number the service knows is not done again.
#[test]
fn each_check_after_the_faults_has_clients_of_its_own() {
    let clients = |plan: &Plan, is_meant: &dyn Fn(&Operation) -> bool| {
        let over = run(plan, None);
        assert!(matches!(over.verdict, Verdict::Holds), "{:?}", over.verdict);
        let meant = over.history.iter().filter(|operation| is_meant(operation));
        meant.map(|operation| operation.process).collect::<BTreeSet<u64>>().len()
    };
    let mut hangs = disks::calm(1, Vec::new());
    hangs.leader_hangs = true;
    let after_the_plans = |operation: &Operation| operation.process > hangs.clients.into();
    assert_eq!(clients(&hangs, &after_the_plans), 4, "served; equal; served while the disk hangs; equal");
    let start = states::with("snapshot", &[Feature::Committed]);
    let reads_back = |operation: &Operation| operation.key == "start" && operation.action == Action::Get;
    assert_eq!(clients(&start, &reads_back), 2, "when the cluster serves; at the end");
}

#[test]
fn many_seeds_hold_meet_every_fault_and_do_not_depend_on_the_threads() {
    let batch = |jobs| Batch {
        seed: 200,
        seeds: 40,
        plans: Plans::Faults { seconds: 20, log: false },
        jobs,
        defect: None,
    };
    let failed = Mutex::new(Vec::new());
    let done = batch(2).run(&|plan, over| {
        if !matches!(over.verdict, Verdict::Holds) {
            failed.lock().unwrap().push((plan.seed, over.verdict.clone()));
        }
    });
    assert!(failed.lock().unwrap().is_empty(), "{failed:?}");
    let figures = &done.figures;
    assert_eq!((done.runs, done.failed, done.unfinished), (40, 0, 0));
    assert_eq!(figures.counts.faults.len(), 17, "each sort of fault: {:?}", figures.counts.faults);
    let counts = &figures.counts;
    let Counts { lost, duplicated, failed_writes, undone_writes, cut_writes, on_log, restarts, .. } = *counts;
    let Counts { snapshots, failed_snapshots, .. } = *counts;
    assert!((10..30).contains(&on_log), "about half of them: {on_log}");
    for count in
        [lost, duplicated, failed_writes, undone_writes, cut_writes, restarts, snapshots, failed_snapshots]
    {
        assert!(count > 0, "{counts:?}");
    }
    assert_eq!(batch(1).run(&|_, _| ()).digest, done.digest);
}

/// Half of the seeds have all extensions, a quarter none, a quarter differ from server to server; one in three transfers.
#[test]
fn plans_differ_in_the_extensions_of_their_servers() {
    let plans: Vec<Plan> = (0..400).map(|seed| Plan::of_seed(seed, 60)).collect();
    let count = |is_so: &dyn Fn(&Plan) -> bool| plans.iter().filter(|plan| is_so(plan)).count();
    let guarded = count(&Plan::is_guarded);
    assert!((180..240).contains(&guarded), "{guarded} of 400 with all extensions");
    let none = count(&|plan| plan.extensions.is_empty());
    assert!((70..130).contains(&none), "{none} of 400 with none");
    let transfers =
        count(&|plan| plan.faults.iter().any(|fault| matches!(fault.kind, Kind::Transfer { .. })));
    assert!((100..170).contains(&transfers), "{transfers} of 400 with transfers");
    let plan = plans.iter().find(|plan| !plan.extensions.is_empty()).unwrap();
    assert_eq!(Plan::parse(&plan.text()).as_ref(), Ok(plan));
}

#[test]
fn each_defect_is_found_by_the_check_that_is_there_for_it() {
    type Expected = fn(&Failure) -> bool;
    let expected: [(Defect, Expected); 16] = [
        (Defect::LyingDisk, |failure| matches!(failure, Failure::Recording { .. })),
        (Defect::StaleReads, |failure| matches!(failure, Failure::NotLinearizable { .. })),
        (Defect::DoneTwice, |failure| matches!(failure, Failure::NotLinearizable { .. })),
        (Defect::SnapshotLacksEntry, |failure| {
            matches!(
                failure,
                Failure::Diverged { .. } | Failure::NotLinearizable { .. } | Failure::Service { .. }
            )
        }),
        (Defect::SnapshotNotLoaded, |failure| {
            matches!(failure, Failure::Diverged { .. } | Failure::NotLinearizable { .. })
        }),
        (Defect::NoElections, |failure| matches!(failure, Failure::NoLeader { .. })),
        (Defect::NeverStepsDown, |failure| {
            matches!(failure, Failure::NoSuccessor { .. } | Failure::NoLeader { .. })
        }),
        (Defect::LimitsIgnored, |failure| matches!(failure, Failure::Limit { .. })),
        (
            Defect::SnapshotRepeated,
            |failure| matches!(failure, Failure::Limit { what, .. } if what.contains("sent again")),
        ),
        (Defect::FirstEntryKept, |failure| {
            matches!(failure, Failure::Diverged { .. } | Failure::NoLeader { .. })
        }),
        (Defect::AllMustAnswer, |failure| matches!(failure, Failure::NoProgress { .. })),
        (Defect::LogNotSynced, |failure| matches!(failure, Failure::Log { .. })),
        (Defect::LogNotWrittenAnew, |failure| matches!(failure, Failure::Log { .. })),
        (Defect::LogEpochIgnored, |failure| matches!(failure, Failure::Log { .. })),
        (Defect::SnapshotNotSynced, |failure| matches!(failure, Failure::Log { .. })),
        (Defect::HalfOpenUnnoticed, |failure| {
            matches!(
                failure,
                Failure::NoProgress { .. } | Failure::NoLeader { .. } | Failure::Diverged { .. }
            )
        }),
    ];
    assert_eq!(expected.map(|(defect, _)| defect), Defect::ALL);
    for (defect, is_expected) in expected {
        let failure = failure(first_failure(defect).1);
        assert!(is_expected(&failure), "{defect}: {failure}");
    }
}

#[test]
fn a_failing_plan_is_reduced_to_one_that_fails_in_the_same_way_and_has_a_shorter_trace() {
    let (plan, over) = first_failure(Defect::LyingDisk);
    let lines = over.lines();
    let failure_before = failure(over);
    let reduced = reduce(&plan, &failure_before, Some(Defect::LyingDisk), 200);
    assert!(reduced.runs <= 200);
    assert_eq!(reduced.plan.faults.len(), 1, "{:?}", reduced.plan.faults);
    let again = run(&reduced.plan, Some(Defect::LyingDisk));
    assert!(again.lines() * 4 < lines, "{} lines, {lines} before", again.lines());
    let failure_after = failure(again);
    assert!(failure_after.is_like(&failure_before), "{failure_after}");
    assert_eq!(failure_after.to_string(), reduced.failure.to_string());
    assert!(matches!(run(&reduced.plan, None).verdict, Verdict::Holds), "it is the defect that fails");
}

#[test]
fn a_history_that_is_written_can_be_read() {
    let history = run(&Plan::of_seed(3, 10), None).history;
    let read = read(write(&history).as_bytes(), &Reading::default()).unwrap();
    let read = read.operations.registers().unwrap();
    assert_eq!(read.len(), history.len());
    for (read, written) in read.iter().zip(&history) {
        assert_eq!(
            (&read.key, &read.action, &read.outcome),
            (&written.key, &written.action, &written.outcome)
        );
        assert_eq!(
            (read.process, read.invoked, read.completed),
            (written.process, written.invoked, written.completed)
        );
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_with_what_would() {
    let plan = Plan::of_seed(1, 10);
    let refused = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        Plan::parse(&plan.text()).unwrap_err()
    };
    assert!(refused(&|plan| plan.servers = 10).contains("possible are 1 to 9"));
    assert!(refused(&|plan| plan.extensions = vec![Extensions::ALL; 6]).contains("than there are"));
    assert!(refused(&|plan| plan.clients = 0).contains("at least 1"));
    assert!(refused(&|plan| plan.faults[0].kind = Kind::Crash(Target::Server(9))).contains("no server 9"));
    assert!(refused(&|plan| plan.faults[0].at_ms = u64::MAX).contains("over a day"));
    assert!(refused(&|plan| plan.write_ms.0 = 1000).contains("from the smaller"));
    assert!(refused(&|plan| plan.limits.snapshot_patience = 0).contains("at least 1"));
    assert!(refused(&|plan| plan.limits.max_command_bytes = 1 << 40).contains("at most"));
    assert!(refused(&|plan| plan.sizes.large_bytes.0 = u64::MAX).contains("from the smaller"));
    assert!(refused(&|plan| plan.sizes.snapshot_bytes = 1 << 40).contains("at most"));
    assert!(
        refused(&|plan| {
            plan.servers = 1;
            plan.extensions.truncate(1);
            plan.faults.clear();
            plan.leader_hangs = true;
        })
        .contains("no other can serve")
    );
    let text = plan.text();
    let older = r#"{ "format": "figure2-simulation", "version": 1, "seed": 7, "servers": 3 }"#;
    let told = Plan::parse(older).unwrap_err();
    assert!(told.contains("version 1") && told.contains("version 3") && told.contains("--seed"), "{told}");
    assert!(Plan::parse(&text.replace("figure2-simulation", "another")).unwrap_err().contains("another"));
    assert!(Plan::parse(&text[..text.len() / 2]).unwrap_err().contains("not a plan"));
}
