//! What an embedder waits for: the outcome of a proposal, changes of the status, and the end of a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test fails by panicking

use crate::common::{Cluster, Net, make};
use bytes::Bytes;
use figure2::{
    Command, Identity, Index, Loaded, Options, Persister, ProgressState, ProposalOutcome, Record, RoleName,
    ServerId, SnapshotData, Status, StatusWatch, Storage, StorageError, Term,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const ME: ServerId = ServerId(0);

fn command(text: &str) -> Command {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_proposal_is_applied_when_this_servers_service_has_it() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    let raft = &cluster.node(leader).raft;
    let proposals: Vec<_> = (0..50).map(|n| raft.propose(command(&n.to_string())).unwrap()).collect();
    let last = proposals.last().unwrap().clone();
    assert_eq!(last.await, ProposalOutcome::Applied);
    // Those before it are decided by then, and can be asked again.
    for proposal in &proposals {
        let outcome = timeout(Duration::ZERO, proposal.outcome()).await;
        assert_eq!(outcome, Ok(ProposalOutcome::Applied), "{proposal:?}");
    }
    assert_eq!(raft.status().last_applied, Index(50));
    // Nor does it matter that the log has discarded them.
    raft.snapshot(Index(50), command("state"));
    assert_eq!(raft.status().snapshot_index, Index(50));
    assert_eq!(proposals[20].outcome().await, ProposalOutcome::Applied);
}

/// A leader that is cut off takes a command; the others commit another one at that index.
async fn overtaken() -> (Cluster, ServerId, figure2::Proposal) {
    let cluster = Cluster::with(3, Options { max_retained_bytes: 0, ..Options::default() });
    cluster.commit("first").await;
    let old = cluster.leader().await;
    cluster.net.connect(old, false);
    let proposal = cluster.node(old).raft.propose(command("lost")).unwrap();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(cluster.commit("other").await, proposal.index);
    (cluster, old, proposal)
}

#[tokio::test(start_paused = true)]
async fn a_proposal_in_whose_place_another_is_committed_is_lost() {
    let (cluster, old, proposal) = overtaken().await;
    let early = timeout(Duration::from_secs(5), proposal.outcome()).await;
    assert!(early.is_err(), "nothing is known as long as the old leader is alone: {early:?}");
    cluster.net.connect(old, true);
    let outcome = timeout(Duration::from_secs(5), proposal.outcome()).await;
    assert_eq!(outcome, Ok(ProposalOutcome::Lost), "the same index, and not the same command");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_of_a_proposal_for_whose_entry_a_snapshot_stands() {
    let (cluster, old, proposal) = overtaken().await;
    // The others go on, and discard what the old leader lacks.
    let last = cluster.commit("more").await;
    for node in cluster.nodes.iter().filter(|node| node.id != old) {
        node.raft.snapshot(last, command("state"));
    }
    cluster.net.connect(old, true);
    let outcome = timeout(Duration::from_secs(5), proposal.outcome()).await.unwrap();
    assert!(!cluster.node(old).snapshots().is_empty(), "it was brought up to date by a snapshot");
    // The snapshot ends in a newer term, and may begin that term before or after this index.
    assert_eq!(outcome, ProposalOutcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_known_of_a_proposal_when_the_server_stops() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    let applied = cluster.node(leader).raft.propose(command("applied")).unwrap();
    assert_eq!(applied.outcome().await, ProposalOutcome::Applied);
    cluster.net.connect(leader, false);
    let raft = cluster.node(leader).raft.clone();
    let proposal = raft.propose(command("unknown")).unwrap();
    let waiting = tokio::spawn(proposal.into_future());
    sleep(Duration::from_millis(100)).await;
    raft.stop();
    assert_eq!(waiting.await.unwrap(), ProposalOutcome::Unknown);
    assert_eq!(applied.outcome().await, ProposalOutcome::Applied, "what was known stays known");
}

/// The next change, which must come within a minute. At the end of that time the watch would look once more by itself: who is
/// not woken sees the change then, and too late.
async fn change(watch: &mut StatusWatch) -> Option<Status> {
    let (begin, limit) = (Instant::now(), Duration::from_secs(60));
    let change = timeout(limit, watch.changed()).await.expect("no change was seen");
    assert!(begin.elapsed() < limit, "nobody woke the watch");
    change
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_changes_and_the_end() {
    let cluster = Cluster::new(3);
    let mut watch = cluster.node(ME).raft.watch();
    assert_eq!(watch.status().term, Term::ZERO);
    while watch.status().leader.is_none() {
        let status = change(&mut watch).await;
        assert_eq!(status, Some(watch.status()));
    }
    // At rest nothing changes.
    sleep(Duration::from_secs(1)).await;
    while timeout(Duration::ZERO, watch.changed()).await.is_ok() {}
    assert!(timeout(Duration::from_secs(5), watch.changed()).await.is_err());
    let index = cluster.commit("one").await;
    let mut status = watch.status();
    while status.last_applied < index {
        status = change(&mut watch).await.unwrap();
    }
    assert_eq!(status.commit_index, index);
    let stopping = cluster.node(ME).raft.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        stopping.stop();
    });
    let mut last = None;
    while let Some(status) = change(&mut watch).await {
        last = Some(status);
    }
    let last = last.unwrap();
    assert_eq!((last.role, last.leader), (RoleName::Follower, None), "it has stopped");
    assert_eq!(change(&mut watch).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_leader_tells_how_far_its_followers_are() {
    let cluster = Cluster::new(3);
    let index = cluster.commit("one").await;
    let leader = cluster.leader().await;
    sleep(Duration::from_secs(1)).await;
    let progress = cluster.node(leader).raft.progress();
    assert_eq!(progress.len(), 2);
    for (id, known) in progress {
        assert_ne!(id, leader);
        assert_eq!(known.match_index, index);
        assert!(matches!(known.state, ProgressState::Replicate { .. }), "{known:?}");
        assert!(cluster.node(id).raft.progress().is_empty(), "a follower knows of nobody");
    }
}

/// Storage whose writes take 300 ms.
struct Slow {
    persister: Persister,
    /// Lives as long as the node keeps the storage.
    _token: Arc<()>,
}

impl Storage for Slow {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        self.persister.load(me).await
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        sleep(Duration::from_millis(300)).await;
        self.persister.save(record).await
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_until_the_storage_is_released() {
    let net = Net::new(1);
    let (token, persister) = (Arc::new(()), Persister::new());
    let storage = || Slow { persister: persister.clone(), _token: token.clone() };
    let (raft, _messages) = make(&net, 1, ME, storage(), &Options::default(), 16);
    while !raft.term_and_leadership().1 {
        sleep(Duration::from_millis(50)).await;
    }
    let proposal = raft.propose(command("in the middle of a write")).unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(Arc::strong_count(&token), 2);
    let begin = Instant::now();
    raft.shutdown().await;
    assert!(begin.elapsed() >= Duration::from_millis(200), "it returned in the middle of a write");
    assert_eq!(Arc::strong_count(&token), 1, "the storage is dropped");
    assert!(raft.is_stopped());
    assert_eq!(proposal.outcome().await, ProposalOutcome::Unknown);
    // Again, and it returns at once; and another server on the same storage has what was written.
    raft.shutdown().await;
    let (again, _messages) = make(&net, 1, ME, storage(), &Options::default(), 16);
    assert_eq!(again.status().last_log_index, Index(1));
    again.shutdown().await;
}
