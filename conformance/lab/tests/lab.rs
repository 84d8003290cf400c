//! The whole lab in virtual time, one seed, one cargo test per lab test.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use figure2::Extensions;
use figure2_lab::suite::{Mode, RunOptions, TESTS, run, select};

/// Runs the test of that id; its trace is printed in part when it fails.
fn lab(id: &str) {
    let test = select(&[id.into()]).unwrap()[0];
    let report = run(
        test,
        RunOptions {
            mode: Mode::Virtual,
            disk: false,
            extensions: Extensions::ALL,
            seed: 1,
            keep_trace: true,
        },
    );
    if let Err(failure) = &report.outcome {
        let trace = report.trace.text.unwrap_or_default();
        let lines: Vec<&str> = trace.lines().collect();
        println!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        let path = format!("{}/{id}-seed-1.jsonl", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&path, report.recording.unwrap_or_default()).unwrap();
        println!("recorded: {path}");
        panic!("{id}, seed 1: {failure}");
    }
    assert!(report.trace.events > 0 && report.figures.rpcs > 0, "nothing happened");
}

macro_rules! lab_tests {
    ($($function:ident $id:literal)*) => {
        $(#[test] fn $function() { lab($id); })*

        #[test]
        fn no_lab_test_is_left_out() {
            let listed = [$($id),*];
            let all: Vec<String> = TESTS.iter().map(|test| test.id()).collect();
            assert_eq!(listed.as_slice(), all.as_slice());
        }
    };
}

lab_tests! {
    initial_election_2a "InitialElection2A"
    re_election_2a "ReElection2A"
    many_elections_2a "ManyElections2A"
    basic_agree_2b "BasicAgree2B"
    basic_agree_five_2b "BasicAgreeFive2B"
    rpc_bytes_2b "RPCBytes2B"
    fail_agree_2b "FailAgree2B"
    fail_no_agree_2b "FailNoAgree2B"
    concurrent_starts_2b "ConcurrentStarts2B"
    rejoin_2b "Rejoin2B"
    backup_2b "Backup2B"
    count_2b "Count2B"
    follower_failure_3b "FollowerFailure3B"
    leader_failure_3b "LeaderFailure3B"
    persist1_2c "Persist12C"
    persist2_2c "Persist22C"
    persist3_2c "Persist32C"
    figure_8_2c "Figure82C"
    unreliable_agree_2c "UnreliableAgree2C"
    figure_8_unreliable_2c "Figure8Unreliable2C"
    reliable_churn_2c "ReliableChurn2C"
    unreliable_churn_2c "UnreliableChurn2C"
    snapshot_basic_2d "SnapshotBasic2D"
    snapshot_install_2d "SnapshotInstall2D"
    snapshot_install_unreliable_2d "SnapshotInstallUnreliable2D"
    snapshot_install_crash_2d "SnapshotInstallCrash2D"
    snapshot_install_un_crash_2d "SnapshotInstallUnCrash2D"
    snapshot_basic_3d "SnapshotBasic3D"
    snapshot_install_3d "SnapshotInstall3D"
    snapshot_install_unreliable_3d "SnapshotInstallUnreliable3D"
    snapshot_install_crash_3d "SnapshotInstallCrash3D"
    snapshot_install_un_crash_3d "SnapshotInstallUnCrash3D"
    snapshot_all_crash_3d "SnapshotAllCrash3D"
    snapshot_init_3d "SnapshotInit3D"
    heartbeat_rate_limits "HeartbeatRatelimits"
    new_leader_limits "NewLeaderlimits"
}
