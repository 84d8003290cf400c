//! Progress while faults last: where a connected majority is left, and where Figure 2 alone cannot give it, but the extensions
//! do.

use crate::disks::{calm, holds};
use crate::failure;
use crate::recorded::Recorded;
use figure2::Extensions;
use figure2_simulate::{Defect, Failure, Fault, Kind, Limits, PROGRESS, Plan, Run, Sizes, Target, run};
use std::time::Duration;

/// From 5 s on, when somebody leads, for 20 s.
fn fault(kind: Kind) -> Fault {
    Fault { at_ms: 5000, for_ms: 20_000, kind }
}

#[test]
fn while_a_majority_is_connected_and_not_disturbed_entries_are_committed() {
    let (leader, follower) = (Target::Leader, Target::Server(1));
    for kind in [
        Kind::Crash(leader),
        Kind::Isolated(leader),
        Kind::Isolated(follower),
        Kind::Mute(leader),
        Kind::Mute(follower),
        Kind::HungDisk(leader),
        Kind::FailingDisk { server: leader, written: true },
        Kind::OneWay { from: 0, to: 1 },
        Kind::Split(vec![2]),
    ] {
        for seed in 1..=2 {
            let judged = holds(&calm(seed, vec![fault(kind.clone())])).figures.progressed.judged;
            assert!(judged.long >= 1, "seed {seed}, {kind:?}: nothing was judged");
            assert!(judged.longest < Duration::from_secs(5), "seed {seed}, {kind:?}: {judged:?}");
        }
    }
}

/// A new leader brings a follower what it inherited one entry a round trip, and commits nothing meanwhile.
#[test]
fn bringing_what_a_leader_inherited_is_progress() {
    // Found by seed 336, and reduced from it.
    let mut plan = Plan::of_seed(336, 60);
    plan.log = false;
    (plan.clients, plan.limits) = (2, Limits { max_in_flight_bytes: 1, ..Limits::default() });
    (plan.sizes, plan.leader_hangs, plan.faults_until_ms) = (Sizes::default(), false, 22_145);
    plan.faults = vec![
        Fault { at_ms: 0, for_ms: 0, kind: Kind::OneWay { from: 1, to: 0 } },
        Fault { at_ms: 11_578, for_ms: 13_906, kind: Kind::Isolated(Target::Leader) },
    ];
    holds(&plan);
}

#[test]
fn that_nothing_is_committed_while_one_server_is_cut_off_is_found() {
    let plan = calm(1, vec![fault(Kind::Isolated(Target::Leader))]);
    let failure = failure(run(&plan, Some(Defect::AllMustAnswer)));
    assert!(matches!(failure, Failure::NoProgress { .. }), "{failure}");
}

/// The plan, with servers that have these extensions.
fn with(plan: &Plan, extensions: Vec<Extensions>) -> Plan {
    let mut plan = plan.clone();
    plan.extensions = extensions;
    plan
}

/// The run, under Figure 2 alone, of a plan whose fault leaves a majority that a server outside disturbs: measured, and not
/// judged.
fn disturbed(plan: &Plan) -> Run {
    let over = holds(&with(plan, Vec::new()));
    assert!(over.figures.progressed.disturbed.lasted > Duration::from_secs(19), "seed {}", plan.seed);
    over
}

/// The run of the same plan where all servers have all extensions: it is judged, and entries are committed all the time.
fn guarded(plan: &Plan) -> Run {
    let extensions = vec![Extensions::ALL; plan.servers.into()];
    let over = holds(&with(plan, extensions));
    let (judged, disturbed) = (over.figures.progressed.judged, over.figures.progressed.disturbed);
    assert!(judged.lasted > Duration::from_secs(19) && disturbed.lasted.is_zero(), "seed {}", plan.seed);
    assert!(judged.longest < Duration::from_secs(5), "seed {}: {judged:?}", plan.seed);
    over
}

/// What CheckQuorum mends: with it, a leader that does not hear a majority steps down.
#[test]
fn a_deaf_leader_keeps_all_others_waiting_as_long_as_it_is_deaf() {
    for seed in 1..=3 {
        let waited =
            disturbed(&calm(seed, vec![fault(Kind::Deaf(Target::Leader))])).figures.progressed.disturbed;
        assert!(
            waited.longest > Duration::from_secs(19) && waited.longest > PROGRESS,
            "seed {seed}: {waited:?}"
        );
        let over = guarded(&calm(seed, vec![fault(Kind::Deaf(Target::Leader))]));
        assert!(over.figures.elections <= 3, "seed {seed}: {} elections", over.figures.elections);
    }
}

/// What PreVote mends: with it, a server that hears no answer does not raise its term.
#[test]
fn a_deaf_follower_ends_one_leadership_after_the_other() {
    let mut elections = 0;
    for seed in 1..=6 {
        let plan = calm(seed, vec![fault(Kind::Deaf(Target::Server(0)))]);
        elections += disturbed(&plan).figures.elections;
        // Server 0 may lead when it becomes deaf, and it may lead no more from then on.
        let with_extensions = guarded(&plan).figures.elections;
        assert!(with_extensions <= 3, "seed {seed}: {with_extensions} elections");
    }
    assert!(elections > 60, "{elections} elections in 6 runs");
}

/// What PreVote and CheckQuorum together mend: with both, a server that hears a leader helps no other to become one.
///
/// Each of the five servers has one that it does not reach, and that reaches a third: whoever leads, somebody misses it, and
/// calls an election that the others hear of.
#[test]
fn where_nobody_reaches_all_one_leadership_ends_after_the_other() {
    let mut elections = 0;
    for seed in 1..=6 {
        let both_ways = [(0, 3), (1, 4), (2, 3)].into_iter().flat_map(|(one, other)| {
            [Kind::OneWay { from: one, to: other }, Kind::OneWay { from: other, to: one }]
        });
        let mut plan = calm(seed, both_ways.map(fault).collect());
        plan.servers = 5;
        elections += disturbed(&plan).figures.elections;
        let with_extensions = guarded(&plan).figures.elections;
        assert!(with_extensions <= 4, "seed {seed}: {with_extensions} elections");
    }
    assert!(elections > 60, "{elections} elections in 6 runs");
}

/// With three servers, two of which do not reach each other, the third reaches all; and soon it leads.
#[test]
fn where_one_server_reaches_all_it_comes_to_lead() {
    for seed in 1..=6 {
        let cut = |from, to| fault(Kind::OneWay { from, to });
        let over = disturbed(&calm(seed, vec![cut(0, 1), cut(1, 0)]));
        assert!(over.figures.elections < 15, "seed {seed}: {} elections", over.figures.elections);
        let recorded = Recorded::of(&over);
        let leader = recorded.leader_at(25_000);
        assert_eq!(leader, Some(2), "seed {seed}");
    }
}
