//! How tests are run: the same seed gives the same trace, and whatever goes wrong is a failure with its reason.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use bytes::Bytes;
use figure2::Extensions;
use figure2_lab::labrpc::{EndName, Handler, Handling};
use figure2_lab::suite::{
    Batch, LabTest, Mode, Report, RunOptions, Running, TESTS, run, seed_of_round, select,
};
use figure2_lab::tester::{Applying, Cluster, Failure};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;

fn run_id(id: &str, seed: u64, keep_trace: bool) -> Report {
    run(
        select(&[id.into()]).unwrap()[0],
        RunOptions { mode: Mode::Virtual, disk: false, extensions: Extensions::ALL, seed, keep_trace },
    )
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    for id in ["Figure8Unreliable2C", "UnreliableChurn2C", "SnapshotInstallUnCrash3D"] {
        let [first, again] = [1, 2].map(|_| run_id(id, 11, true));
        assert!(first.trace.text.as_ref().is_some_and(|text| text.lines().count() > 1000));
        assert_eq!(first.trace.text, again.trace.text, "{id}");
        assert_eq!(first.trace, again.trace);
        assert_eq!(first.figures, again.figures);
        let without_text = run_id(id, 11, false);
        assert_eq!(first.trace.digest, without_text.trace.digest);
        assert_ne!(first.trace.digest, run_id(id, 12, false).trace.digest, "{id}: seed 12");
    }
}

#[test]
fn a_batch_gives_the_same_traces_whatever_runs_beside_it() {
    let digest = |jobs| {
        let batch = Batch {
            tests: TESTS.iter().filter(|test| test.part == "2A").collect(),
            mode: Mode::Virtual,
            disk: false,
            extensions: Extensions::ALL,
            seed: 3,
            first_round: 0,
            repeat: 3,
            jobs,
            keep_trace: false,
        };
        let seeds = Mutex::new(Vec::new());
        let summary = batch.run(&|progress| seeds.lock().unwrap().push(progress.report.options.seed));
        let mut seeds = seeds.into_inner().unwrap();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!((summary.runs.len(), summary.failures(), seeds.len()), (9, 0, 3));
        assert!(seeds.contains(&3) && seeds.contains(&seed_of_round(3, 2)));
        summary.digest()
    };
    assert_eq!(digest(1), digest(4));
}

fn scenario(name: &'static str, scenario: fn(Cluster) -> Running) -> &'static LabTest {
    Box::leak(Box::new(LabTest {
        name,
        part: "none",
        later_part: None,
        title: "a test of the runner",
        servers: 3,
        reliable: true,
        needs: None,
        applying: Applying::Plain,
        scenario,
    }))
}

fn outcome(test: &'static LabTest) -> Result<(), Failure> {
    run(
        test,
        RunOptions {
            mode: Mode::Virtual,
            disk: false,
            extensions: Extensions::ALL,
            seed: 1,
            keep_trace: false,
        },
    )
    .outcome
}

#[test]
fn panics_are_failures_in_the_scenario_and_in_tasks() {
    let own = scenario("panics", |_| Box::pin(async { panic!("as asked") }));
    assert!(matches!(outcome(own), Err(Failure::Panic { message }) if message.contains("as asked")));
    let task = scenario("task panics", |_| {
        Box::pin(async {
            tokio::spawn(async { panic!("unseen") });
            sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    });
    for mode in [Mode::Virtual, Mode::Real] {
        let report = run(
            task,
            RunOptions { mode, disk: false, extensions: Extensions::ALL, seed: 1, keep_trace: false },
        );
        assert!(matches!(report.outcome, Err(Failure::Panic { message }) if message.contains("unseen")));
    }
    assert!(outcome(scenario("calm", |_| Box::pin(async { Ok(()) }))).is_ok(), "a panic must not stick");
}

#[test]
fn a_test_that_takes_over_two_minutes_fails() {
    let over: fn(Cluster) -> Running = |_| {
        Box::pin(async {
            sleep(Duration::from_secs(121)).await;
            Ok(())
        })
    };
    assert!(matches!(outcome(scenario("slow", over)), Err(Failure::TimeLimit { .. })));
    let under: fn(Cluster) -> Running = |_| {
        Box::pin(async {
            sleep(Duration::from_secs(119)).await;
            Ok(())
        })
    };
    assert!(outcome(scenario("slow enough", under)).is_ok());
}

#[test]
fn a_failure_from_outside_the_scenario_ends_it() {
    let failing = scenario("fails", |cluster| {
        Box::pin(async move {
            cluster.fail(Failure::NoLeader);
            cluster.fail(Failure::TermChangedTooOften { tries: 1 });
            sleep(Duration::from_secs(60)).await;
            Ok(())
        })
    });
    let report = run(
        failing,
        RunOptions {
            mode: Mode::Virtual,
            disk: false,
            extensions: Extensions::ALL,
            seed: 1,
            keep_trace: false,
        },
    );
    assert!(matches!(report.outcome, Err(Failure::NoLeader)), "the first failure counts");
    assert!(report.figures.took < Duration::from_secs(1));
}

struct Echo;

impl Handler for Echo {
    fn handle(&self, request: Bytes) -> Handling {
        Box::pin(async move { Some(request) })
    }
}

#[test]
fn messages_without_end_at_one_instant_are_a_failure() {
    let storm = scenario("storm", |cluster| {
        Box::pin(async move {
            let name = EndName { caller: 9, target: 9, generation: 0 };
            let end = cluster.network().make_end(name);
            cluster.network().connect(name, 9);
            cluster.network().enable(name, true);
            cluster.network().add_server(9, Arc::new(Echo));
            while end.call(Bytes::new()).await.is_some() {}
            Ok(())
        })
    });
    assert!(matches!(outcome(storm), Err(Failure::Storm { .. })));
}

#[test]
fn real_time_takes_its_time_and_passes() {
    let test = select(&["BasicAgree2B".into()]).unwrap()[0];
    let report = run(
        test,
        RunOptions { mode: Mode::Real, disk: false, extensions: Extensions::ALL, seed: 5, keep_trace: false },
    );
    report.outcome.clone().unwrap();
    assert!(report.wall >= report.figures.took && report.figures.took > Duration::from_millis(400));
    assert_eq!(report.figures.commits, 3);
}
