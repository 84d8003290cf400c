//! The lab's Raft over the node: which call gets which reply, and when a call gets none.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use bytes::Bytes;
use figure2::codec::{FIRST_VERSION, decode_message, encode};
use figure2::{
    ApplyMsg, Cluster, Command, Extensions, Identity, Index, Loaded, Options, Persister, Record, ServerId,
    SnapshotData, Storage, StorageError, Term,
};
use figure2_core::{AppendEntries, Envelope, Message, RequestVote, RequestVoteReply};
use figure2_lab::labrpc::{EndName, Network, NoObserver};
use figure2_lab::raft::{Raft, Started};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A disk that writes only while it is told to.
#[derive(Clone)]
struct Disk {
    persister: Persister,
    writes: watch::Sender<bool>,
}

impl Storage for Disk {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        self.persister.load(me).await
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let mut writes = self.writes.subscribe();
        writes.wait_for(|writes| *writes).await.map_err(StorageError::failed)?;
        self.persister.write(record)
    }

    fn blocks(&self) -> bool {
        false
    }
}

/// Server 0 of three, which calls no elections, on a disk that does not write yet.
async fn server() -> (Raft, Disk, mpsc::Receiver<ApplyMsg>) {
    let network = Network::new(1, Arc::new(NoObserver));
    let end = |target| network.make_end(EndName { caller: 0, target, generation: 1 });
    let disk = Disk { persister: Persister::new(), writes: watch::Sender::new(false) };
    let (apply, messages) = mpsc::channel(1);
    let options = Options {
        election_timeout: Duration::from_secs(600)..Duration::from_secs(601),
        // Each vote request is answered, whoever leads.
        extensions: Extensions::NONE,
        ..Options::default()
    };
    let raft = Raft::make((0..3).map(end).collect(), 0, disk.clone(), apply, options).await.unwrap();
    (raft, disk, messages)
}

fn request(from: u8, message: Message<Command, SnapshotData>) -> Bytes {
    let envelope = Envelope { from: ServerId(from), to: ServerId(0), message };
    encode(&Cluster::numbered(3), FIRST_VERSION, &envelope).unwrap().into_bytes()
}

fn vote(from: u8, term: u64) -> Bytes {
    let (last_log_index, last_log_term) = (Index::ZERO, Term::ZERO);
    request(
        from,
        Message::RequestVote(RequestVote {
            term: Term(term),
            last_log_index,
            last_log_term,
            transfer: false,
        }),
    )
}

fn heartbeat(from: u8, term: u64) -> Bytes {
    let message = AppendEntries {
        term: Term(term),
        prev_log_index: Index::ZERO,
        prev_log_term: Term::ZERO,
        entries: Vec::new(),
        leader_commit: Index::ZERO,
    };
    request(from, Message::AppendEntries(message))
}

/// A call that is under way when this returns.
async fn call(raft: &Raft, request: Bytes) -> JoinHandle<Option<Bytes>> {
    let raft = raft.clone();
    let call = tokio::spawn(async move { raft.handle_request(request).await });
    sleep(Duration::from_millis(1)).await;
    call
}

/// What a call was answered: the message's name, its term and the addressee.
async fn answer(call: JoinHandle<Option<Bytes>>) -> Option<(&'static str, u64, u8)> {
    let reply = decode_message(&call.await.unwrap()?).unwrap();
    Some((reply.message.name(), reply.message.term().0, reply.to.0))
}

#[tokio::test(start_paused = true)]
async fn each_call_gets_its_own_reply_once_that_is_durable() {
    let (raft, disk, _messages) = server().await;
    let requests = [vote(1, 5), vote(2, 6), heartbeat(1, 6), vote(1, 7), heartbeat(1, 7)];
    let mut calls = Vec::new();
    for request in requests {
        calls.push(call(&raft, request).await);
    }
    assert!(calls.iter().all(|call| !call.is_finished()), "answered before it was durable");
    disk.writes.send_replace(true);
    let mut answers = Vec::new();
    for call in calls {
        answers.push(answer(call).await.unwrap());
    }
    let expected = [
        ("RequestVoteReply", 5, 1),
        ("RequestVoteReply", 6, 2),
        ("AppendEntriesReply", 6, 1),
        ("RequestVoteReply", 7, 1),
        ("AppendEntriesReply", 7, 1),
    ];
    assert_eq!(answers, expected);
}

#[tokio::test(start_paused = true)]
async fn the_reply_to_a_call_that_was_given_up_goes_to_no_other() {
    let (raft, disk, _messages) = server().await;
    let given_up = call(&raft, vote(1, 5)).await;
    let waits = call(&raft, vote(1, 6)).await;
    given_up.abort();
    disk.writes.send_replace(true);
    assert_eq!(answer(waits).await, Some(("RequestVoteReply", 6, 1)));
    assert_eq!(answer(call(&raft, vote(1, 7)).await).await, Some(("RequestVoteReply", 7, 1)));
}

#[tokio::test(start_paused = true)]
async fn what_the_node_does_not_take_is_answered_at_once_with_nothing() {
    let (raft, disk, _messages) = server().await;
    let reply = RequestVoteReply { term: Term(9), vote_granted: true };
    let of_no_term = vote(1, 0);
    for refused in [Bytes::new(), of_no_term, request(1, Message::RequestVoteReply(reply))] {
        assert_eq!(raft.handle_request(refused).await, None);
    }
    assert_eq!(raft.get_state(), (Term::ZERO, false));
    // None of them waits for a reply, which it would take from the one that does.
    disk.writes.send_replace(true);
    assert_eq!(answer(call(&raft, vote(1, 5)).await).await, Some(("RequestVoteReply", 5, 1)));
}

#[tokio::test(start_paused = true)]
async fn a_kill_ends_the_calls_that_wait() {
    let (raft, _disk, _messages) = server().await;
    let calls = [call(&raft, vote(1, 5)).await, call(&raft, heartbeat(2, 5)).await];
    assert!(calls.iter().all(|call| !call.is_finished()), "answered before it was durable");
    raft.kill();
    for call in calls {
        assert_eq!(answer(call).await, None);
    }
    assert_eq!(raft.handle_request(vote(1, 6)).await, None);
    assert!(raft.is_killed() && raft.failure().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_starts_nothing() {
    let (raft, disk, _messages) = server().await;
    disk.writes.send_replace(true);
    assert!(raft.handle_request(vote(1, 5)).await.is_some());
    let refused = Started { index: Index::ZERO, term: Term(5), is_leader: false };
    assert_eq!(raft.start(Bytes::from_static(b"x")), refused);
    raft.kill();
    assert_eq!(raft.start(Bytes::from_static(b"x")), refused);
}
