//! A node on files: what it applied once, it has after each restart.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use figure2::codec::Frame;
use figure2::{ApplyMsg, Options, Peer, ProposalOutcome, Raft};
use figure2_wal::{DiskStorage, inspect};
use std::collections::BTreeMap;
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
