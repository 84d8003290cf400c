//! The same verdicts and counts as the search of stateright, whatever the number of workers.

use crate::checkpoint::assert_same;
use figure2_model::mutants::{mutants, survivors};
use figure2_model::{
    CheckOptions, Limit, Profile, Report, Share, System, Unfinished, Verdict, check, check_system, profile,
    profiles,
};
use figure2_timely::{Plan, Spills, check as check_on_timely};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub const ALL: CheckOptions = CheckOptions {
    threads: 2,
    time_limit: None,
    max_states: None,
    max_memory: None,
    breadth_first: false,
    recovery: Some(Share::All),
    rehash: 0,
    max_trace_states: 2_000_000,
};

pub fn on_timely(system: &System, profile: &Profile, options: &CheckOptions, threads: usize) -> Report {
    let plan = Plan::of_threads(threads);
    check_on_timely(system, profile, options, &plan, &mut |_| ()).unwrap()
}

/// Profiles of at most so many states: those that take seconds here.
pub fn small() -> Vec<Profile> {
    let names = ["too-large", "limits-of-one", "snapshot-edge", "power-loss-1", "split-votes", "quorum-of-4"];
    names.map(|name| profile(name).unwrap()).to_vec()
}

#[test]
fn counts_rules_witnesses_and_recovery_are_those_of_stateright() {
    for profile in small() {
        let expected = check(&profile, &ALL, &mut |_| ()).unwrap();
        for threads in [1, 2, 3] {
            let found = on_timely(&System::default(), &profile, &ALL, threads);
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
    let report = |threads| on_timely(&System::default(), &profile, &ALL, threads);
    let one = report(1);
    assert_eq!(one.levels.iter().sum::<u64>(), one.distinct);
    assert_eq!((one.levels[0], one.levels.len() as u64), (1, one.depth));
    assert!(one.levels.iter().all(|states| *states > 0));
    assert_eq!(report(2).levels, one.levels);
}

#[test]
fn a_violation_is_told_by_a_shortest_way_which_does_not_depend_on_the_workers() {
    let mut compared = 0;
    for mutant in mutants().into_iter().step_by(9) {
        // For the one property that must catch it.
        let options = CheckOptions { breadth_first: true, threads: 1, recovery: None, ..ALL };
        let expected = check_system(&mutant.system, &mutant.profile, &options, &mut |_| ()).unwrap();
        let Verdict::Violated(expected) = expected.verdict else { panic!("{}", mutant.id) };
        let told = [1, 2, 3].map(|threads| {
            match on_timely(&mutant.system, &mutant.profile, &options, threads).verdict {
                Verdict::Violated(trace) => trace,
                other => panic!("{}: {other:?}", mutant.id),
            }
        });
        assert_eq!(told[0].trace.steps.len(), expected.trace.steps.len(), "{}", mutant.id);
        assert_eq!(told[0].broken, expected.broken, "{}", mutant.id);
        assert!(told[0].is_shortest);
        for other in &told[1..] {
            assert_eq!(other.to_string(), told[0].to_string(), "{}", mutant.id);
        }
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn a_search_that_hits_a_limit_is_unfinished() {
    let options = CheckOptions { max_states: Some(2000), ..ALL };
    let profile = profile("batches").unwrap();
    let report = on_timely(&System::default(), &profile, &options, 2);
    assert!(
        matches!(report.verdict, Verdict::Unfinished(Unfinished::Limit(Limit::States(2000)))),
        "{:?}",
        report.verdict
    );
}

#[test]
fn a_state_from_which_the_cluster_does_not_recover_is_found_by_a_shortest_way() {
    let changed = survivors().into_iter().find(|survivor| survivor.id == "C4-once").unwrap();
    let options = CheckOptions { breadth_first: true, threads: 1, ..ALL };
    let expected = changed.check_recovery(&options).unwrap();
    let Verdict::Unrecovered { trace: expected, .. } = expected.verdict else {
        panic!("{:?}", expected.verdict)
    };
    let told =
        [1, 2].map(|threads| match on_timely(&changed.system, &changed.profile, &ALL, threads).verdict {
            Verdict::Unrecovered { trace, run } => (trace, run.to_string()),
            other => panic!("{other:?}"),
        });
    assert_eq!(told[0].0.trace.steps.len(), expected.trace.steps.len());
    assert_eq!(told[0], told[1]);
}

/// Bytes of all files below a directory; they come and go.
fn bytes(directory: &Path) -> u64 {
    let of = |entry: fs::DirEntry| match entry.path().is_dir() {
        true => bytes(&entry.path()),
        false => entry.metadata().map_or(0, |file| file.len()),
    };
    fs::read_dir(directory).into_iter().flatten().flatten().map(of).sum()
}

#[test]
fn what_is_on_disk_makes_no_difference() {
    let kept = tempfile::tempdir().unwrap();
    let directory = kept.path().join("spill");
    for name in ["split-votes", "limits-of-one"] {
        let (system, profile) = (System::default(), profile(name).unwrap());
        let expected = on_timely(&system, &profile, &ALL, 2);
        let spills = Spills { directory: directory.clone(), waiting: 100 };
        let plan = Plan { spills: Some(spills), ..Plan::of_threads(2) };
        let (mut most, mut have_waited) = (0, false);
        let (watched, done) = (directory.clone(), AtomicBool::new(false));
        let found = thread::scope(|scope| {
            let watching = scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    most = most.max(bytes(&watched));
                    let files = fs::read_dir(watched.join("0")).into_iter().flatten().flatten();
                    let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
                    have_waited |= names.any(|name| name.contains("frontier"));
                }
            });
            let found = check_on_timely(&system, &profile, &ALL, &plan, &mut |_| ()).unwrap();
            done.store(true, Ordering::SeqCst);
            watching.join().unwrap();
            found
        });
        assert_same(&found, &expected, name);
        // The keys of all levels, and some states that waited; nothing is left of them.
        assert!(most > expected.distinct * 16 / 2, "{most}");
        assert!(have_waited || name == "limits-of-one", "no state of {name} was on disk");
        assert_eq!(bytes(&directory), 0);
    }
    let mutant = mutants().into_iter().find(|mutant| mutant.id == "V8").unwrap();
    let options = CheckOptions { recovery: None, ..ALL };
    let spills = Spills { directory, waiting: 100 };
    let plan = Plan { spills: Some(spills), ..Plan::of_threads(2) };
    let found = check_on_timely(&mutant.system, &mutant.profile, &options, &plan, &mut |_| ()).unwrap();
    assert_eq!(found.verdict, on_timely(&mutant.system, &mutant.profile, &options, 2).verdict);
}

#[test]
fn a_directory_that_is_none_is_refused() {
    let kept = tempfile::tempdir().unwrap();
    fs::write(kept.path().join("file"), "").unwrap();
    let spills = Spills { directory: kept.path().join("file"), waiting: 100 };
    let plan = Plan { spills: Some(spills), ..Plan::of_threads(1) };
    let profile = profile("split-votes").unwrap();
    let error = check_on_timely(&System::default(), &profile, &ALL, &plan, &mut |_| ()).unwrap_err();
    assert!(error.to_string().starts_with("--spill: "), "{error}");
}
