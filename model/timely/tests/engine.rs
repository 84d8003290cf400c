//! The same verdicts and counts as the search of stateright, whatever the number of workers.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use figure2_model::mutants::mutants;
use figure2_model::{
    CheckOptions, Limit, Profile, Report, Share, System, Unfinished, Verdict, check, check_system, profile,
    profiles,
};
use figure2_timely::{Workers, check as check_on_timely};

const ALL: CheckOptions = CheckOptions {
    threads: 2,
    time_limit: None,
    max_states: None,
    max_memory: None,
    breadth_first: false,
    recovery: Some(Share::All),
    rehash: 0,
    max_trace_states: 2_000_000,
};

fn on_timely(system: &System, profile: &Profile, threads: usize) -> Report {
    check_on_timely(system, profile, &ALL, Workers { threads }, &mut |_| ()).unwrap().0
}

/// Profiles of at most so many states: those that take seconds here.
fn small() -> Vec<Profile> {
    let names = ["too-large", "limits-of-one", "snapshot-edge", "power-loss-1", "split-votes", "quorum-of-4"];
    names.map(|name| profile(name).unwrap()).to_vec()
}

#[test]
fn counts_rules_witnesses_and_recovery_are_those_of_stateright() {
    for profile in small() {
        let expected = check(&profile, &ALL, &mut |_| ()).unwrap();
        for threads in [1, 2, 3] {
            let found = on_timely(&System::default(), &profile, threads);
            let told = format!("{} on {threads} workers: {:?}", profile.name, found.verdict);
            assert_eq!(found.verdict, expected.verdict, "{told}");
            assert_eq!((found.distinct, found.generated), (expected.distinct, expected.generated), "{told}");
            assert_eq!(
                (found.always, found.sometimes),
                (expected.always.clone(), expected.sometimes.clone()),
                "{told}"
            );
            assert_eq!(
                (found.rules, found.recovered),
                (expected.rules.clone(), expected.recovered),
                "{told}"
            );
        }
    }
    assert!(profiles().len() > 30);
}

#[test]
fn levels_are_exact_and_add_up() {
    let profile = profile("limits-of-one").unwrap();
    let levels = |threads| {
        check_on_timely(&System::default(), &profile, &ALL, Workers { threads }, &mut |_| ()).unwrap()
    };
    let (report, one) = levels(1);
    assert_eq!(one.iter().map(|level| level.states).sum::<u64>(), report.distinct);
    assert_eq!((one[0].depth, one[0].states), (0, 1));
    assert!(one.windows(2).all(|pair| pair[1].depth == pair[0].depth + 1));
    assert_eq!(levels(2).1, one);
}

#[test]
fn a_violation_is_told_by_a_shortest_way_which_does_not_depend_on_the_workers() {
    let mut compared = 0;
    for mutant in mutants().into_iter().step_by(9) {
        let options = CheckOptions { breadth_first: true, threads: 1, ..ALL };
        let expected = check_system(&mutant.system, &mutant.profile, &options, &mut |_| ()).unwrap();
        let Verdict::Violated(expected) = expected.verdict else { panic!("{}", mutant.id) };
        let told =
            [1, 2, 3].map(|threads| match on_timely(&mutant.system, &mutant.profile, threads).verdict {
                Verdict::Violated(trace) => trace,
                other => panic!("{}: {other:?}", mutant.id),
            });
        assert_eq!(told[0].trace.steps.len(), expected.trace.steps.len(), "{}", mutant.id);
        assert_eq!(told[0].broken, expected.broken, "{}", mutant.id);
        assert!(told[0].is_shortest);
        assert!(told.iter().all(|other| *other == told[0]), "{}", mutant.id);
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn a_search_that_hits_a_limit_is_unfinished() {
    let options = CheckOptions { max_states: Some(2000), ..ALL };
    let profile = profile("batches").unwrap();
    let (report, _) =
        check_on_timely(&System::default(), &profile, &options, Workers { threads: 2 }, &mut |_| ()).unwrap();
    assert!(
        matches!(report.verdict, Verdict::Unfinished(Unfinished::Limit(Limit::States(2000)))),
        "{:?}",
        report.verdict
    );
}
