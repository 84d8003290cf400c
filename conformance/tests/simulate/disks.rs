//! Disks that hang, and disks that are merely slow.

use crate::recorded::Recorded;
use figure2_conformance::linear::Outcome;
use figure2_conformance::simulate::{
    Defect, Failure, Fault, Kind, Limits, Plan, Run, Sizes, Span, Target, Verdict, run,
};

/// Three servers on a calm network with fast disks and clients that ask often, for 30 s with these faults.
pub(crate) fn calm(seed: u64, faults: Vec<Fault>) -> Plan {
    let mut plan = Plan::of_seed(seed, 30);
    (plan.servers, plan.clients, plan.keys, plan.pause_ms) = (3, 3, 2, 200);
    (plan.snapshot_every, plan.install_automatically, plan.install_ms) = (0, false, 0);
    (plan.delay_ms, plan.write_ms) = (Span(1, 5), Span(0, 2));
    (plan.limits, plan.sizes) = (Limits::default(), Sizes::default());
    (plan.leader_hangs, plan.faults_until_ms, plan.faults) = (false, 30_000, faults);
    plan
}

pub(crate) fn holds(plan: &Plan) -> Run {
    let over = run(plan, None);
    assert!(matches!(over.verdict, Verdict::Holds), "seed {}: {:?}", plan.seed, over.verdict);
    over
}

/// When faults begin, in ms: somebody leads by then.
const BEGIN: u64 = 5000;

fn fault(kind: Kind) -> Fault {
    Fault { at_ms: BEGIN, for_ms: 20_000, kind }
}

#[test]
fn a_slow_disk_costs_no_election_whoever_has_it() {
    for seed in 1..=2 {
        // Shorter than any election timeout.
        let slow = |server| fault(Kind::SlowDisk(Target::Server(server), 350));
        for faults in [vec![slow(0), slow(1), slow(2)], vec![fault(Kind::SlowDisk(Target::Leader, 350))]] {
            let over = holds(&calm(seed, faults));
            let figures = &over.figures;
            assert_eq!(figures.elections, 1, "seed {seed}");
            assert!(figures.committed > 30, "seed {seed}: {figures:?}");
        }
    }
}

#[test]
fn while_the_leaders_disk_hangs_another_leads_and_no_client_waits_longer_than_three_seconds() {
    for seed in 1..=3 {
        let plan = calm(seed, vec![fault(Kind::HungDisk(Target::Leader))]);
        let over = holds(&plan);
        let recorded = Recorded::of(&over);
        let leader_at = |ms| recorded.leader_at(ms).unwrap();
        let (first, later) = (leader_at(BEGIN), leader_at(BEGIN + 5000));
        assert_ne!(first, later, "seed {seed}");
        assert_eq!(leader_at(25_000), later, "seed {seed}: the successor stays");
        let longest = recorded.longest_without_commit(BEGIN, 25_000);
        assert!(longest < 3000, "seed {seed}: nothing was committed for {longest} ms");
        let done = over.history.iter().filter(|op| matches!(op.outcome, Outcome::Ok { .. })).count();
        assert!(done > 300, "seed {seed}: {done} requests");
    }
}

#[test]
fn that_another_leads_is_found_missing_when_a_leader_never_steps_down() {
    let mut plan = calm(1, Vec::new());
    plan.leader_hangs = true;
    holds(&plan);
    let over = run(&plan, Some(Defect::NeverStepsDown));
    assert!(matches!(over.verdict, Verdict::Failed(Failure::NoSuccessor { .. })), "{:?}", over.verdict);
}
