//! Commands that are submitted one at a time are gone on with by whoever submits them.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use figure2::codec::Frame;
use figure2::{ApplyChannel, ApplyMsg, Options, Peer, Persister, ProposalOutcome, Raft};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};

struct Nobody;

impl Peer for Nobody {
    fn send(&self, _: Frame) {}
}

/// On which threads the service was called, once for each command.
type Calls = Arc<Mutex<Vec<ThreadId>>>;

/// A server that leads alone, after so many commands that it shows that they come one at a time.
async fn leader() -> (Raft, Calls) {
    let calls = Calls::default();
    let called = calls.clone();
    let apply = ApplyChannel::call(move |messages: Vec<ApplyMsg>| {
        called.lock().unwrap().extend(messages.iter().map(|_| thread::current().id()));
    });
    let nobody = std::iter::empty::<(u64, Nobody)>();
    let raft = Raft::new(1, nobody, Persister::new(), apply, Options::default()).await.unwrap();
    let mut status = raft.watch();
    while !raft.term_and_leadership().1 {
        status.changed().await;
    }
    for _ in 0..10 {
        let (_, outcome) = raft.submit("x".into()).await.unwrap();
        assert_eq!(outcome, ProposalOutcome::Applied);
    }
    (raft, calls)
}

/// Whether a command is applied as soon as it is submitted.
fn is_applied_at_once(raft: &Raft) -> bool {
    match pin!(raft.submit("x".into())).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok((_, outcome))) => outcome == ProposalOutcome::Applied,
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_alone_is_applied_where_it_is_submitted() {
    let (raft, calls) = leader().await;
    assert!(is_applied_at_once(&raft));
    assert_eq!(calls.lock().unwrap().len(), 11);
    // Not for ever: the other tasks have their turn.
    assert!((0..100).any(|_| !is_applied_at_once(&raft)));
    assert!(raft.submit("x".into()).await.is_ok());
}

/// What the node calls may need its runtime: a thread that is none of the runtime's leaves it to the tasks.
#[tokio::test(start_paused = true)]
async fn a_thread_of_no_runtime_does_not_run_the_node() {
    let (raft, calls) = leader().await;
    let elsewhere = raft.clone();
    assert!(!thread::spawn(move || is_applied_at_once(&elsewhere)).join().unwrap());
    assert_eq!(calls.lock().unwrap().len(), 10, "it was not applied yet");
    // The tasks have it with the next one, at the latest.
    assert!(raft.submit("x".into()).await.is_ok());
    assert_eq!(*calls.lock().unwrap(), vec![thread::current().id(); 12]);
}
