//! The checks of the services work: each service gets what no correct server delivers, and must refuse it.

use super::*;
use crate::tester::Medium;
use crate::tester::cluster::Settings;
use std::time::Duration;
use tokio::time::timeout;

/// Server 0's service, fed by the test. The cluster's own nodes deliver nothing meanwhile: nothing is submitted.
struct Fed {
    cluster: Cluster,
    apply: mpsc::Sender<ApplyMsg>,
}

impl Fed {
    async fn new(applying: Applying) -> Fed {
        let settings = Settings {
            extensions: figure2::Extensions::ALL,
            servers: 3,
            reliable: true,
            applying,
            medium: Medium::Memory,
            tcp: false,
            seed: 1,
            keep_trace: false,
        };
        let cluster = Cluster::new(settings).await.unwrap();
        let (apply, messages) = mpsc::channel::<ApplyMsg>(1);
        let applier = Applier {
            cluster: cluster.clone(),
            server: 0,
            generation: 1,
            raft: cluster.raft(0).await.unwrap(),
            last_applied: Index::ZERO,
        };
        tokio::spawn(applier.run(messages));
        Fed { cluster, apply }
    }

    async fn command(&self, index: u64, command: &'static str) {
        let command = Bytes::from_static(command.as_bytes());
        self.apply.send(ApplyMsg::Command { index: Index(index), term: Term(1), command }).await.unwrap();
    }

    async fn snapshot(&self, index: u64, data: Bytes) {
        let data = data.into();
        self.apply.send(ApplyMsg::Snapshot { index: Index(index), term: Term(1), data }).await.unwrap();
    }

    /// The failure within a second, if there is one.
    async fn failure(&self) -> Option<Failure> {
        timeout(Duration::from_secs(1), self.cluster.failed()).await.ok()
    }
}

fn snapshot_of(commands: &[&'static str]) -> Bytes {
    let log: BTreeMap<_, _> = commands
        .iter()
        .zip(1..)
        .map(|(command, index)| (Index(index), Bytes::from_static(command.as_bytes())))
        .collect();
    snapshot::encode(Index(commands.len() as u64), &log).unwrap()
}

#[tokio::test(start_paused = true)]
async fn in_order_and_equal_is_accepted() {
    for applying in [Applying::Plain, Applying::Conditional, Applying::Automatic] {
        let fed = Fed::new(applying).await;
        fed.command(1, "a").await;
        fed.command(2, "b").await;
        assert!(fed.failure().await.is_none());
        assert_eq!(fed.cluster.committed(Index(2)).await.unwrap(), (1, Some("b".into())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_refused_by_every_service_and_a_repeat_by_the_strict_one() {
    for applying in [Applying::Plain, Applying::Conditional, Applying::Automatic] {
        let fed = Fed::new(applying).await;
        fed.command(1, "a").await;
        fed.command(3, "c").await;
        let failure = fed.failure().await;
        assert!(matches!(failure, Some(Failure::ApplyOutOfOrder { index: Index(3), .. })), "{failure:?}");
    }
    for (applying, refused) in [(Applying::Conditional, false), (Applying::Automatic, true)] {
        let fed = Fed::new(applying).await;
        fed.command(1, "a").await;
        fed.command(1, "a").await;
        assert_eq!(fed.failure().await.is_some(), refused, "{applying:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_differs_from_another_servers_is_refused_even_from_a_killed_server() {
    for killed in [false, true] {
        let fed = Fed::new(Applying::Automatic).await;
        fed.cluster.lock().await.logs.apply(1, Index(1), "b".into()).unwrap();
        if killed {
            fed.cluster.crash(0).await;
        }
        fed.command(1, "a").await;
        let failure = fed.failure().await;
        assert!(matches!(failure, Some(Failure::ApplyMismatch { server: 0, other: 1, .. })), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_server_delivers_is_not_recorded() {
    for applying in [Applying::Plain, Applying::Conditional, Applying::Automatic] {
        let fed = Fed::new(applying).await;
        fed.cluster.start(0).await.unwrap();
        fed.command(5, "late").await;
        assert!(fed.failure().await.is_none());
        assert_eq!(fed.cluster.committed(Index(5)).await.unwrap().0, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_where_nobody_takes_one_is_refused() {
    let fed = Fed::new(Applying::Plain).await;
    fed.snapshot(1, "a".into()).await;
    assert!(matches!(fed.failure().await, Some(Failure::BadSnapshot { index: Index(1), .. })));
}

#[tokio::test(start_paused = true)]
async fn the_later_service_refuses_snapshots_that_go_back_lie_or_cannot_be_read() {
    let good = snapshot_of(&["a", "b", "c"]);
    for (index, data, refused) in [
        (3, good.clone(), false),
        (2, good.clone(), true),
        (3, good.slice(..20), true),
        (1, snapshot_of(&["a"]), true),
    ] {
        let fed = Fed::new(Applying::Automatic).await;
        fed.command(1, "a").await;
        fed.snapshot(index, data).await;
        let failure = fed.failure().await;
        assert_eq!(matches!(failure, Some(Failure::BadSnapshot { .. })), refused, "{index}: {failure:?}");
    }
    let fed = Fed::new(Applying::Automatic).await;
    fed.snapshot(3, good).await;
    fed.command(4, "d").await;
    assert!(fed.failure().await.is_none());
    assert_eq!(fed.cluster.committed(Index(3)).await.unwrap(), (1, Some("c".into())));
    fed.command(3, "c").await;
    assert!(matches!(fed.failure().await, Some(Failure::ApplyOutOfOrder { expected: Index(5), .. })));
}

#[tokio::test(start_paused = true)]
async fn the_2021_service_switches_only_when_the_server_says_so() {
    let fed = Fed::new(Applying::Conditional).await;
    fed.command(1, "a").await;
    // The server never offered this snapshot; whatever it answers, the service must follow.
    fed.snapshot(7, "g".into()).await;
    assert!(fed.failure().await.is_none());
    let state = fed.cluster.lock().await;
    let installed = state.members[0].raft.as_ref().unwrap().status().snapshot_index == Index(7);
    assert_eq!(state.logs.of(0).contains_key(&Index(7)), installed);
    assert_eq!(state.logs.of(0).contains_key(&Index(1)), !installed);
}
