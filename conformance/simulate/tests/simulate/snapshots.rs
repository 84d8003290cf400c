//! A service that takes snapshots faster than a follower's service loads them.

use crate::disks::{calm, holds};
use crate::recorded::Recorded;
use figure2_simulate::{Fault, Kind, Plan, Target};

/// Server 0 is away for 10 s, and then lacks what the others have snapshots of. Each loading takes 1 s, in which the others
/// commit dozens of entries and take several snapshots.
fn compacts_fast(seed: u64, max_retained_bytes: u64, install_automatically: bool) -> Plan {
    let away = Fault { at_ms: 3000, for_ms: 10_000, kind: Kind::Isolated(Target::Server(0)) };
    let mut plan = calm(seed, vec![away]);
    (plan.snapshot_every, plan.install_ms, plan.install_automatically) = (10, 1000, install_automatically);
    (plan.limits.max_retained_bytes, plan.sizes.snapshot_bytes) = (max_retained_bytes, 20_000);
    (plan.pause_ms, plan.faults_until_ms) = (50, 28_000);
    // On a disk it would take the service some time to write a snapshot.
    plan.log = false;
    plan
}

/// By how many entries server 0 lags behind at the end of the faults, and how many snapshots were sent.
fn lag(plan: &Plan) -> (u64, u64) {
    let over = holds(plan);
    let recorded = Recorded::of(&over);
    let commit = |server| recorded.commit_index_at(server, 28_000);
    let most = commit(1).max(commit(2));
    assert!(most > 300, "seed {}: {most}", plan.seed);
    (most - commit(0).min(most), over.figures.sent.snapshots)
}

#[test]
fn a_follower_catches_up_with_a_service_that_compacts_faster_than_it_loads() {
    for (seed, automatic) in [(1, false), (2, true)] {
        let (lags, snapshots) = lag(&compacts_fast(seed, 1 << 20, automatic));
        assert!(lags <= 10, "seed {seed}: {lags} entries behind");
        assert!(snapshots <= 4, "seed {seed}: {snapshots} snapshots");
        // Where nothing is retained it gets one snapshot after the other, and each is old when it is loaded.
        let (_, snapshots) = lag(&compacts_fast(seed, 0, automatic));
        assert!(snapshots > 4, "seed {seed}: {snapshots} snapshots");
    }
}
