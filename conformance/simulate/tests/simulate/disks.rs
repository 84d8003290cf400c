//! Disks that hang, and disks that are merely slow.

use crate::recorded::Recorded;
use figure2::Extensions;
use figure2_linearizability::{Action, Operation, Outcome};
use figure2_simulate::{Defect, Failure, Fault, Kind, Limits, Plan, Run, Sizes, Span, Target, Verdict, run};

/// Three servers with all extensions on a calm network with fast disks and clients that ask often, for 30 s with these faults.
pub(crate) fn calm(seed: u64, faults: Vec<Fault>) -> Plan {
    let mut plan = Plan::of_seed(seed, 30);
    (plan.servers, plan.clients, plan.keys, plan.pause_ms) = (3, 3, 2, 200);
    (plan.snapshot_every, plan.install_automatically, plan.install_ms) = (0, false, 0);
    (plan.delay_ms, plan.write_ms) = (Span(1, 5), Span(0, 2));
    (plan.limits, plan.sizes) = (Limits::default(), Sizes::default());
    (plan.leader_hangs, plan.faults_until_ms, plan.faults) = (false, 30_000, faults);
    plan.extensions = vec![Extensions::ALL; 3];
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
    // Shorter than any election timeout.
    let takes_ms = 350;
    let slow = |target| fault(Kind::SlowDisk(target, takes_ms));
    for seed in 1..=2 {
        let all = (0..3).map(|server| slow(Target::Server(server))).collect();
        for (whose, faults) in [("all", all), ("the leader's", vec![slow(Target::Leader)])] {
            let over = holds(&calm(seed, faults));
            let (figures, recorded) = (&over.figures, Recorded::of(&over));
            assert_eq!(figures.elections, 1, "seed {seed}, {whose}: elections, where the first is enough");
            assert!(figures.committed > 30, "seed {seed}, {whose}: {figures:?}");
            // Or else nothing was slow.
            let leader = recorded.leader_at(BEGIN).unwrap();
            let most = usize::try_from(20_000 / takes_ms + 1).unwrap();
            for server in 0..3 {
                let writes = recorded.writes_of(server, BEGIN, BEGIN + 20_000);
                let told = format!("seed {seed}, {whose}: server {server} ended {writes} writes in 20 s");
                if whose == "all" || server == leader {
                    assert!(writes <= most, "{told}, and a slow disk ends {most}");
                } else {
                    assert!(writes > most, "{told}: it waits for the leader's disk");
                }
                assert!(writes > 20, "{told}");
            }
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
        assert_ne!(first, later, "seed {seed}: the server whose disk hangs leads on");
        let writes = recorded.writes_of(first, BEGIN + 1000, 25_000);
        assert_eq!(writes, 0, "seed {seed}: writes that ended on a disk that hangs");
        assert_eq!(leader_at(25_000), later, "seed {seed}: the successor stays");
        let longest = recorded.longest_without_commit(BEGIN, 25_000);
        assert!(longest < 3000, "seed {seed}: nothing was committed for {longest} ms");
        let done = over.history.iter().filter(|op| matches!(op.outcome, Outcome::Ok { .. })).count();
        assert!(done > 300, "seed {seed}: {done} requests");
        // A client gives up after 2.5 s. (A compare-and-set may also be refused.)
        let gave_up = |op: &&Operation| match op.outcome {
            Outcome::Ok { .. } => false,
            Outcome::Failed => !matches!(op.action, Action::Cas { .. }),
            Outcome::Unknown => op.completed.is_some(),
        };
        let given_up: Vec<_> = over.history.iter().filter(gave_up).collect();
        assert!(given_up.is_empty(), "seed {seed}: clients waited in vain: {given_up:?}");
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
