//! A node on files: what it applied once, it has after each restart.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use figure2::codec::Frame;
use figure2::{ApplyMsg, Cluster, Identity, Options, Peer, ProposalOutcome, Raft};
use figure2_wal::{DiskStorage, inspect};
use std::collections::BTreeMap;
use std::io::Write as _;
use tempfile::TempDir;

/// The way to another server, of which there is none.
struct Nobody;

impl Peer for Nobody {
    fn send(&self, _frame: Frame) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_after_a_restart_what_it_applied_before() {
    let directory = TempDir::new().unwrap();
    let mut written: Vec<String> = Vec::new();
    for round in 0..4u64 {
        let storage = DiskStorage::open(directory.path(), figure2_wal::Options::default()).unwrap();
        let (apply, mut applied) = tokio::sync::mpsc::channel(64);
        let peers: BTreeMap<u64, Nobody> = BTreeMap::new();
        let raft = Raft::new(7, peers, storage, apply, Options::default()).await.unwrap();
        let mut status = raft.watch();
        while !raft.term_and_leadership().1 {
            status.changed().await;
        }
        written.push(format!("command {round}"));
        let proposal = raft.propose(written.last().unwrap().clone().into()).unwrap();
        assert_eq!(proposal.index.0, round + 1);
        // From the beginning: there is no snapshot.
        for (index, command) in (1..).zip(&written) {
            match applied.recv().await.unwrap() {
                ApplyMsg::Command { index: found, command: given, .. } => {
                    assert_eq!((found.0, &given[..]), (index, command.as_bytes()));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(proposal.await, ProposalOutcome::Applied);
        raft.shutdown().await;

        let found = inspect(directory.path()).unwrap();
        assert_eq!(found.refusal.map(|refusal| refusal.to_string()), None);
        assert_eq!(found.entries, Some((1, round + 1)));
        assert_eq!(found.identity.unwrap().server, 7);
        assert_eq!((found.term, found.vote), (round + 1, Some(7)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_node_lets_go_of_its_directory_whoever_still_has_a_handle() {
    let directory = TempDir::new().unwrap();
    let open = || DiskStorage::open(directory.path(), figure2_wal::Options::default());
    let (apply, _applied) = tokio::sync::mpsc::channel::<ApplyMsg>(64);
    let peers: BTreeMap<u64, Nobody> = BTreeMap::new();
    let raft = Raft::new(7, peers, open().unwrap(), apply, Options::default()).await.unwrap();
    let mut status = raft.watch();
    while !raft.term_and_leadership().1 {
        status.changed().await;
    }
    let proposal = raft.propose("a command".into()).unwrap();
    let index = proposal.index;
    assert_eq!(proposal.await, ProposalOutcome::Applied);
    let mut writer = raft.snapshot_writer().unwrap();
    writer.write_all(b"the state").unwrap();
    raft.snapshot(index, writer.finish().unwrap());
    // Once a later command is applied, the snapshot is durable, too.
    assert_eq!(raft.propose("another".into()).unwrap().await, ProposalOutcome::Applied);
    let snapshot = raft.latest_snapshot().unwrap();
    assert_eq!(snapshot.data.to_bytes().unwrap(), "the state");
    assert!(snapshot.data.in_memory().is_none());

    // A reader is a file that is open: the directory stays this server's until it is dropped.
    let reader = snapshot.data.reader().unwrap();
    raft.shutdown().await;
    assert!(open().is_err());
    drop(reader);
    let mut again = open().unwrap();
    let found = again.read(&Identity { server: 7, cluster: Cluster::new(0, &[7].into()) }).unwrap();
    assert_eq!(found.persistent.log.snapshot().unwrap().data.to_bytes().unwrap(), "the state");
    assert!(raft.snapshot_writer().is_err());
    assert!(snapshot.data.reader().is_err());
}
