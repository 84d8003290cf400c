//! Several processes find what one finds, and have the same report. Here they are threads of the test, on loopback: what they
//! say to each other is what processes say. The command's tests run them as processes, and kill them.

use crate::checkpoint::assert_same;
use crate::engine::{ALL, on_timely, small};
use figure2_model::mutants::mutants;
use figure2_model::{
    CheckOptions, Limit, Profile, Report, Share, System, Unfinished, Verdict, profile, profiles,
};
use figure2_testing::addresses::free;
use figure2_timely::{Checkpoints, EngineError, Hosts, HostsError, Plan, check};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Addresses at which nobody listens.
fn addresses(processes: usize) -> Vec<String> {
    free(processes).unwrap().iter().map(ToString::to_string).collect()
}

type Found = Vec<Result<Report, EngineError>>;

/// What each of the processes finds, with its own options.
fn each(
    searched: (&System, &Profile),
    (processes, threads): (usize, usize),
    options: impl Fn(usize) -> CheckOptions + Sync,
    directory: Option<&Path>,
) -> Found {
    let checkpoints =
        directory.map(|directory| Checkpoints { directory: directory.to_path_buf(), every: Duration::ZERO });
    each_of_plan(searched, processes, options, &Plan { checkpoints, ..Plan::of_threads(threads) })
}

/// The same by a plan that says all but which process is which.
fn each_of_plan(
    (system, profile): (&System, &Profile),
    processes: usize,
    options: impl Fn(usize) -> CheckOptions + Sync,
    plan: &Plan,
) -> Found {
    let addresses = addresses(processes);
    let run = |process: usize| {
        let hosts = Hosts::new(addresses.clone(), process).unwrap().with_patience(Duration::from_secs(10));
        let plan = Plan { hosts: Some(hosts), ..plan.clone() };
        check(system, profile, &options(process), &plan, &mut |_| ())
    };
    thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = (0..processes).map(|process| scope.spawn(move || run(process))).collect();
        running.into_iter().map(|running| running.join().unwrap()).collect()
    })
}

/// The reports of all. When there are errors, all are shown: one process that fails makes the others wait in vain.
fn reports(found: Found) -> Vec<Report> {
    let (reports, errors): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    assert!(errors.is_empty(), "{errors:?}");
    reports.into_iter().map(Result::unwrap).collect()
}

/// The report that all of them have.
fn together(searched: (&System, &Profile), sizes: (usize, usize), options: &CheckOptions) -> Report {
    let mut found = reports(each(searched, sizes, |_| *options, None));
    let first = found.remove(0);
    for other in &found {
        assert_same(other, &first, "reports of two processes");
    }
    first
}

#[test]
fn several_processes_find_what_one_finds() {
    for profile in small() {
        let system = System::default();
        let expected = on_timely(&system, &profile, &ALL, 2);
        // The larger ones by fewer: all are compared in a night.
        let sizes = if expected.distinct < 50_000 { &[(2, 1), (2, 2), (3, 1)][..] } else { &[(2, 2)] };
        for (processes, threads) in sizes {
            let (processes, threads) = (*processes, *threads);
            let found = together((&system, &profile), (processes, threads), &ALL);
            assert_same(&found, &expected, &format!("{}, {processes} x {threads}", profile.name));
        }
    }
}

/// Several processes with a plan that is unusual find what one finds.
fn assert_same_by(plan: &Plan, sizes: &[(usize, usize)]) {
    let (system, profile) = (System::default(), profile("power-loss-1").unwrap());
    let expected = on_timely(&system, &profile, &ALL, 2);
    for (processes, threads) in sizes {
        let plan = Plan { threads: *threads, ..plan.clone() };
        for found in reports(each_of_plan((&system, &profile), *processes, |_| ALL, &plan)) {
            assert_same(&found, &expected, &format!("{processes} x {threads}"));
        }
    }
}

#[test]
fn processes_that_wait_for_every_byte_to_be_taken_in_find_the_same() {
    assert_same_by(&Plan { window: 1, ..Plan::of_threads(1) }, &[(2, 1), (2, 2), (3, 1)]);
}

/// More workers than processors, and each sends something every few states: so much arrives at once. A worker once took that in
/// in another order than it was sent.
#[test]
fn processes_that_send_little_at_a_time_find_the_same() {
    assert_same_by(&Plan { turn: 2, ..Plan::of_threads(1) }, &[(3, 1), (4, 1), (3, 2)]);
}

#[test]
fn each_of_several_processes_owns_as_many_states_as_the_others() {
    let (system, profile) = (System::default(), profile("power-loss-1").unwrap());
    for processes in [2, 3] {
        let directory = tempfile::tempdir().unwrap();
        reports(each((&system, &profile), (processes, 1), |_| ALL, Some(directory.path())));
        // A checkpoint has the keys that a process owns, each in as many bytes as the others.
        let bytes = |process: usize| {
            fs::metadata(directory.path().join(format!("edges-0-{process}"))).unwrap().len() as f64
        };
        let bytes: Vec<f64> = (0..processes).map(bytes).collect();
        let even = bytes.iter().sum::<f64>() / processes as f64;
        assert!(even > 16.0 * 4_000.0, "{even}");
        assert!(bytes.iter().all(|bytes| (bytes / even - 1.0).abs() < 0.05), "{bytes:?}");
    }
}

/// All profiles by both engines, and those that are small by several processes, too. Told as it goes.
#[test]
#[ignore = "half an hour on two quiet cores: for a night, with `cargo test --release -p figure2-timely --test main -- --ignored --nocapture`"]
fn all_profiles_are_the_same_by_both_engines_and_by_several_processes() {
    for profile in profiles() {
        let system = System::default();
        let options = CheckOptions { recovery: Some(profile.recovery()), ..ALL };
        let expected = figure2_model::check(&profile, &options, &mut |_| ()).unwrap();
        let sizes: &[_] = match expected.distinct < 3_000_000 {
            true => &[(1, 2), (1, 1), (2, 1), (2, 2)],
            false => &[(1, 2)],
        };
        for (processes, threads) in sizes {
            let found = match processes {
                1 => on_timely(&system, &profile, &options, *threads),
                _ => together((&system, &profile), (*processes, *threads), &options),
            };
            let told = format!("{}, {processes} x {threads}", profile.name);
            // Depths differ, and only one of them tells levels.
            let expected = Report { levels: found.levels.clone(), ..expected.clone() };
            assert_same(&found, &expected, &told);
            println!("{told}: {} states, {:.1} s", found.distinct, found.elapsed.as_secs_f64());
        }
    }
}

#[test]
fn a_violation_is_told_by_the_same_way_in_all_processes() {
    let mut compared = 0;
    for mutant in mutants().into_iter().step_by(29) {
        let options = CheckOptions { recovery: None, ..ALL };
        let expected = on_timely(&mutant.system, &mutant.profile, &options, 1);
        let found = together((&mutant.system, &mutant.profile), (2, 1), &options);
        assert_eq!(found.verdict, expected.verdict, "{}", mutant.id);
        assert_eq!((&found.always, found.distinct), (&expected.always, expected.distinct), "{}", mutant.id);
        compared += usize::from(matches!(found.verdict, Verdict::Violated(_)));
    }
    assert!(compared > 3, "{compared}");
}

#[test]
fn the_limit_of_one_process_ends_all() {
    let (system, profile) = (System::default(), profile("batches").unwrap());
    let limited = |process| CheckOptions { max_states: (process == 1).then_some(2000), ..ALL };
    for report in reports(each((&system, &profile), (2, 1), limited, None)) {
        assert_eq!(report.verdict, Verdict::Unfinished(Unfinished::Limit(Limit::States(2000))));
    }
}

#[test]
fn a_checkpoint_of_several_processes_is_gone_on_from_by_any_number() {
    let (system, profile) = (System::default(), profile("split-votes").unwrap());
    let options = CheckOptions { recovery: Some(Share::OneIn { states: 10, seed: 1 }), ..ALL };
    let expected = on_timely(&system, &profile, &options, 2);
    let directory = tempfile::tempdir().unwrap();
    // Each part is done by another number of processes and workers, and the last one comes to the end.
    let parts = [((2, 1), 1), ((1, 2), 2), ((3, 1), 3), ((2, 2), 9)];
    for (sizes, part) in parts {
        let options = CheckOptions { max_states: Some(expected.distinct * part / 4), ..options };
        for report in reports(each((&system, &profile), sizes, |_| options, Some(directory.path()))) {
            match part {
                9 => assert_same(&report, &expected, "gone on"),
                _ => {
                    assert!(matches!(report.verdict, Verdict::Unfinished(_)), "{part}: {:?}", report.verdict)
                }
            }
        }
        assert!(directory.path().join("manifest").exists());
    }
}

/// The same processes go on at once, again and again: a search that is over has let go of its checkpoint.
#[test]
fn a_search_that_is_over_leaves_its_checkpoint_to_the_next() {
    let (system, profile) = (System::default(), profile("split-votes").unwrap());
    let directory = tempfile::tempdir().unwrap();
    for part in 1..=60 {
        let options = CheckOptions { max_states: Some(10 * part), recovery: None, ..ALL };
        for report in reports(each((&system, &profile), (3, 1), |_| options, Some(directory.path()))) {
            assert!(matches!(report.verdict, Verdict::Unfinished(_)), "{part}: {:?}", report.verdict);
        }
    }
}

#[test]
fn processes_that_do_not_fit_are_told_so_before_anything_runs() {
    let (system, profile) = (System::default(), profile("split-votes").unwrap());
    let differing = |process| CheckOptions { rehash: process as u64, ..ALL };
    for found in each((&system, &profile), (2, 1), differing, None) {
        let Err(EngineError::Hosts(error @ HostsError::Differs { .. })) = found else { panic!("{found:?}") };
        let told = error.to_string();
        assert!(told.contains("hash 0") && told.contains("hash 1") && told.contains("search"), "{told}");
    }
}

#[test]
fn a_process_that_does_not_come_is_named_and_a_stranger_is_no_process() {
    let (system, profile) = (System::default(), profile("split-votes").unwrap());
    let addresses = addresses(2);
    let check_as = |process: usize| {
        let hosts = Hosts::new(addresses.clone(), process).unwrap().with_patience(Duration::from_secs(2));
        let plan = Plan { hosts: Some(hosts), ..Plan::of_threads(1) };
        check(&system, &profile, &ALL, &plan, &mut |_| ()).unwrap_err().to_string()
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| check_as(0));
        thread::sleep(Duration::from_millis(100));
        let mut stranger = TcpStream::connect(&addresses[0]).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let told = first.join().unwrap();
        assert!(told.contains("process 1 at 127.0.0.1:") && told.contains("did not come"), "{told}");
    });
    let told = check_as(1);
    assert!(told.contains("process 0 at 127.0.0.1:") && told.contains("did not come"), "{told}");
    let _taken = TcpListener::bind(&addresses[0]).unwrap();
    let told = check_as(0);
    assert!(told.contains("cannot listen at 127.0.0.1:"), "{told}");
}

#[test]
fn silly_hosts_are_refused_with_what_to_write() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hosts");
    let refused = |text: &str, process: usize, told: &str| {
        fs::write(&file, text).unwrap();
        let error = Hosts::read(&file, process).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    };
    refused("# nobody\n", 0, "0 addresses: write an address a line");
    refused("127.0.0.1\n", 0, "`127.0.0.1` is no address");
    refused("127.0.0.1:99999\n", 0, "is no address");
    refused("a:1\nb:2\na:1\n", 0, "`a:1` is there twice");
    refused("a:1\nb:2\n", 2, "process 2 of 2: they are numbered from 0 to 1");
    let missing = Hosts::read(&directory.path().join("missing"), 0).unwrap_err();
    assert!(matches!(missing, HostsError::File { .. }), "{missing}");
    fs::write(&file, "# two\na:1\n\n b:2 \n").unwrap();
    assert_eq!(Hosts::read(&file, 1).unwrap(), Hosts::new(vec!["a:1".into(), "b:2".into()], 1).unwrap());
}
