//! Snapshots from the leader: offered, installed, refused; and never delivered before they are durable.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use crate::common::{Cluster, Net, make};
use bytes::Bytes;
use figure2::codec::{FIRST_VERSION, encode};
use figure2::{ApplyMsg, Command, Index, Install, Options, Persister, Raft, ServerId, SnapshotData, Term};
use figure2_core::{AppendEntries, Entry, Envelope, InstallSnapshot, Message, Snapshot};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

const ALL: [ServerId; 3] = [ServerId(0), ServerId(1), ServerId(2)];

async fn a_lagging_follower_gets_the_snapshot(install: Install) {
    let cluster = Cluster::with(3, Options { install, max_retained_bytes: 0, ..Options::default() });
    cluster.commit("1").await;
    let leader = cluster.leader().await;
    let lagging = ServerId((leader.0 + 1) % 3);
    cluster.net.connect(lagging, false);
    for n in 2..=10 {
        cluster.commit(&n.to_string()).await;
    }
    for id in ALL.into_iter().filter(|id| *id != lagging) {
        cluster.node(id).raft.snapshot(Index(8), Bytes::from_static(b"state after 8"));
    }
    cluster.net.connect(lagging, true);
    cluster.commit("11").await;
    let node = cluster.node(lagging);
    assert_eq!(node.snapshots(), [(8, Bytes::from_static(b"state after 8"))]);
    let indexes: Vec<u64> = node.commands().iter().map(|(index, _)| *index).collect();
    assert_eq!(indexes, [1, 9, 10, 11], "what the snapshot covers is not delivered again");
    assert_eq!(node.persister.read_snapshot(), "state after 8");
    assert_eq!(node.raft.status().snapshot_index, Index(8));
}

#[tokio::test(start_paused = true)]
async fn a_lagging_follower_gets_the_snapshot_if_its_service_says_so() {
    a_lagging_follower_gets_the_snapshot(Install::Conditional).await;
}

#[tokio::test(start_paused = true)]
async fn a_lagging_follower_gets_the_snapshot_by_itself() {
    a_lagging_follower_gets_the_snapshot(Install::Automatic).await;
}

/// A laggard whose service is the test, while the others trimmed their logs to index 8 of 10.
struct Laggard {
    raft: Raft,
    messages: mpsc::Receiver<ApplyMsg>,
    persister: Persister,
    _others: Cluster,
}

impl Laggard {
    async fn new(install: Install) -> Laggard {
        let cluster = Cluster::with(3, Options { install, max_retained_bytes: 0, ..Options::default() });
        let leader = cluster.leader().await;
        let lagging = ServerId((leader.0 + 1) % 3);
        cluster.crash(lagging);
        for n in 1..=10 {
            cluster.commit(&n.to_string()).await;
        }
        for id in ALL.into_iter().filter(|id| *id != lagging) {
            cluster.node(id).raft.snapshot(Index(8), Bytes::from_static(b"state after 8"));
        }
        let persister = Persister::new();
        let (raft, messages) = make(&cluster.net, 3, lagging, persister.clone(), &cluster.options, 16);
        cluster.net.connect(lagging, true);
        Laggard { raft, messages, persister, _others: cluster }
    }

    async fn next(&mut self) -> ApplyMsg {
        timeout(Duration::from_secs(5), self.messages.recv()).await.unwrap().unwrap()
    }

    async fn next_snapshot(&mut self) -> (Index, Term, Bytes) {
        match self.next().await {
            ApplyMsg::Snapshot { index, term, data } => (index, term, data.to_bytes().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    async fn expect_commands(&mut self, indexes: impl Iterator<Item = u64>) {
        for expected in indexes {
            let next = self.next().await;
            assert!(matches!(next, ApplyMsg::Command { index, .. } if index == Index(expected)), "{next:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_an_offer_before_its_answer() {
    let mut laggard = Laggard::new(Install::Conditional).await;
    let (index, term, data) = laggard.next_snapshot().await;
    assert_eq!(index, Index(8));
    let silence = timeout(Duration::from_secs(5), laggard.messages.recv()).await;
    assert!(silence.is_err(), "{silence:?}");
    assert_eq!(laggard.raft.status().snapshot_index, Index::ZERO, "not installed before the service says so");

    assert!(laggard.raft.cond_install_snapshot(term, index, data.clone()).await);
    assert_eq!(laggard.persister.read_snapshot(), data, "durable once the answer is yes");
    laggard.expect_commands(9..=10).await;

    // The same again, and an older one: the service must not go back.
    assert!(!laggard.raft.cond_install_snapshot(term, index, data).await);
    assert!(!laggard.raft.cond_install_snapshot(term, Index(5), Bytes::from_static(b"old")).await);
    assert_eq!(laggard.persister.read_snapshot(), "state after 8");
}

#[tokio::test(start_paused = true)]
async fn an_automatic_snapshot_is_durable_before_it_is_delivered() {
    let mut laggard = Laggard::new(Install::Automatic).await;
    let (index, _, data) = laggard.next_snapshot().await;
    assert_eq!((index, &data[..]), (Index(8), &b"state after 8"[..]));
    assert_eq!(laggard.persister.read_snapshot(), data);
    laggard.expect_commands(9..=10).await;
}

#[tokio::test(start_paused = true)]
async fn an_offer_may_be_answered_by_a_stop() {
    let mut laggard = Laggard::new(Install::Conditional).await;
    let (index, term, data) = laggard.next_snapshot().await;
    laggard.raft.stop();
    assert!(!laggard.raft.cond_install_snapshot(term, index, data).await);
    assert_eq!(laggard.messages.recv().await, None);
}

/// A leader's request to server 0, made by hand.
async fn tell(net: &Net, raft: &Raft, message: Message<Command, SnapshotData>) {
    let envelope = Envelope { from: ServerId(1), to: ServerId(0), message };
    let frame = encode(&figure2::Cluster::numbered(3), FIRST_VERSION, &envelope).unwrap();
    assert!(net.call(raft, frame).await.is_some());
}

/// AppendEntries with the entries after `prev` up to `last`, all committed.
fn entries(prev: u64, last: u64) -> Message<Command, SnapshotData> {
    let entry = |n: u64| Entry { term: Term(1), command: Bytes::from(n.to_string()) };
    Message::AppendEntries(AppendEntries {
        term: Term(1),
        prev_log_index: Index(prev),
        prev_log_term: Term(u64::from(prev > 0)),
        entries: (prev + 1..=last).map(entry).collect(),
        leader_commit: Index(last),
    })
}

/// While the service is busy, a snapshot arrives and then the entries that it covers: by the time the service could
/// switch, the log has more.
async fn overtaken_snapshot(install: Install) -> (Raft, mpsc::Receiver<ApplyMsg>) {
    let (net, options) = (Net::new(3), Options { install, ..Options::default() });
    let (raft, messages) = make(&net, 3, ServerId(0), Persister::new(), &options, 1);
    tell(&net, &raft, entries(0, 3)).await;
    let snapshot =
        Snapshot { last_included_index: Index(5), last_included_term: Term(1), data: "state after 5".into() };
    tell(&net, &raft, Message::InstallSnapshot(InstallSnapshot { term: Term(1), snapshot })).await;
    tell(&net, &raft, entries(3, 6)).await;
    (raft, messages)
}

async fn expect_command(messages: &mut mpsc::Receiver<ApplyMsg>, n: u64) {
    let next = timeout(Duration::from_secs(5), messages.recv()).await.unwrap();
    assert!(matches!(next, Some(ApplyMsg::Command { index, .. }) if index == Index(n)), "{n}: {next:?}");
}

#[tokio::test(start_paused = true)]
async fn an_overtaken_snapshot_is_not_delivered() {
    let (raft, mut messages) = overtaken_snapshot(Install::Automatic).await;
    for n in 1..=6 {
        expect_command(&mut messages, n).await;
    }
    assert_eq!(raft.status().snapshot_index, Index::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_overtaken_snapshot_is_refused() {
    let (raft, mut messages) = overtaken_snapshot(Install::Conditional).await;
    for n in 1..=3 {
        expect_command(&mut messages, n).await;
    }
    let Some(ApplyMsg::Snapshot { index, term, data }) = messages.recv().await else { panic!("an offer") };
    assert!(!raft.cond_install_snapshot(term, index, data).await);
    for n in 4..=6 {
        expect_command(&mut messages, n).await;
    }
}
