//! The engine without tokio: threads, and futures run by hand.

#![allow(clippy::unwrap_used)] // a test fails by panicking

mod cells;
mod helping;
mod holding;
mod proposals;

use crate::signal::Signal;
use crate::*;
use bytes::Bytes;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use figure2_core::{
    AppendEntries, Config, Entry, Index, InstallSnapshot, Message, Persistent, Record, RequestVote, ServerId,
    Term,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Whether a future is ready at once.
fn is_ready<F: Future>(future: F) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Timers whose election timeout elapses once, at once.
struct ElectAtOnce;

impl Timers for ElectAtOnce {
    type Instant = ();

    fn restart_election(&mut self) {}
    fn restart_heartbeat(&mut self) {}

    fn due(&self, role: RoleName) -> Due<()> {
        if role == RoleName::Follower { Due::Election } else { Due::At(()) }
    }

    fn next(&self, _: RoleName) {}
}

fn monitor(servers: u8) -> Arc<Monitor<ElectAtOnce>> {
    let server = Server::new(ServerId(0), Config::new(servers), Persistent::default()).unwrap();
    Arc::new(Monitor::new(server, ElectAtOnce))
}

/// Storage that says how far it has come.
#[derive(Default)]
struct Disk {
    contents: Persistent<Command, SnapshotData>,
    durable: Arc<AtomicU64>,
}

impl Storage for Disk {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        Ok(Loaded { identity: None, persistent: self.contents.clone() })
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        self.contents.apply_record(record);
        self.durable.store(self.contents.log.last_index().0, Ordering::SeqCst);
        Ok(())
    }
}

/// A service that compares what it gets with what is durable.
struct Witness {
    durable: Arc<AtomicU64>,
    delivered: Arc<Mutex<Vec<u64>>>,
}

impl Service for Witness {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        let ApplyMsg::Command { index, .. } = message else { return false };
        assert!(index.0 <= self.durable.load(Ordering::SeqCst), "delivered before it was durable");
        self.delivered.lock().unwrap().push(index.0);
        true
    }
}

/// Requests that were sent, as the message's name and its term.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<(&'static str, Term)>>>);

impl Link for Sent {
    fn send(&self, envelope: Envelope) {
        self.0.lock().unwrap().push((envelope.message.name(), envelope.message.term()));
    }
}

#[test]
fn commands_of_many_threads_are_delivered_in_order_once_durable() {
    let monitor = monitor(1);
    let (durable, delivered) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<u64>>>::default());
    let disk = Disk { durable: durable.clone(), ..Disk::default() };
    let service = Witness { durable, delivered: delivered.clone() };
    let (for_sender, for_syncer, for_applier) = (monitor.clone(), monitor.clone(), monitor.clone());
    let sender = thread::spawn(move || block_on(sender::run(&for_sender, Sent::default())));
    let syncer = thread::spawn(move || block_on(syncer::run(&for_syncer, disk)));
    let applier = thread::spawn(move || block_on(applier::run(&for_applier, Install::Conditional, service)));

    monitor.timeout();
    while !monitor.term_and_leadership().1 {
        thread::yield_now();
    }
    let (clients, each) = (4, 50);
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                for _ in 0..each {
                    assert!(monitor.propose(Bytes::from_static(b"x")).is_ok());
                }
            });
        }
    });
    while monitor.status().last_applied < Index(clients * each) {
        thread::yield_now();
    }
    monitor.stop();
    sender.join().unwrap();
    syncer.join().unwrap();
    applier.join().unwrap();
    assert!(monitor.failure().is_none(), "{:?}", monitor.failure());
    assert_eq!(*delivered.lock().unwrap(), (1..=clients * each).collect::<Vec<_>>());
}

/// Storage that notes how many messages had been sent when it was called, and is done when the test says so.
struct Notes {
    sent: Sent,
    at_save: Arc<Mutex<Vec<usize>>>,
    done: Arc<Signal>,
}

impl Storage for Notes {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        Ok(Loaded::default())
    }

    async fn save(&mut self, _: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        self.at_save.lock().unwrap().push(self.sent.0.lock().unwrap().len());
        self.done.wait().await;
        Ok(())
    }
}

fn vote_granted(monitor: &Monitor<ElectAtOnce>) {
    let term = monitor.status().term;
    let reply = figure2_core::RequestVoteReply { term, vote_granted: true };
    let message = Message::RequestVoteReply(reply);
    monitor.receive(Envelope { from: ServerId(1), to: ServerId(0), message }).unwrap();
}

/// A follower says that it has all up to `match_index`.
fn append_succeeded(monitor: &Monitor<ElectAtOnce>, match_index: u64) {
    append_succeeded_by(monitor, 1, match_index);
}

/// This one says so.
fn append_succeeded_by(monitor: &Monitor<ElectAtOnce>, follower: u8, match_index: u64) {
    let result = figure2_core::AppendResult::Success { match_index: Index(match_index) };
    let message = Message::AppendEntriesReply(figure2_core::AppendEntriesReply { term: Term(1), result });
    monitor.receive(Envelope { from: ServerId(follower), to: ServerId(0), message }).unwrap();
}

#[test]
fn votes_wait_for_the_write_and_what_a_leader_sends_does_not() {
    let (monitor, sent, at_save) = (monitor(3), Sent::default(), Arc::<Mutex<Vec<usize>>>::default());
    let done = Arc::<Signal>::default();
    let notes = Notes { sent: sent.clone(), at_save: at_save.clone(), done: done.clone() };
    let mut sender = pin!(sender::run(&monitor, sent.clone()));
    let mut syncer = pin!(syncer::run(&monitor, notes));
    let mut run = || {
        for _ in 0..10 {
            assert!(syncer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert!(sender.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        sent.0.lock().unwrap().len()
    };
    monitor.timeout();
    assert_eq!(run(), 0, "asked for votes while the own one is being written");
    done.notify();
    assert_eq!(run(), 2, "the requests for votes");
    vote_granted(&monitor);
    assert_eq!(run(), 4, "the first heartbeats");
    append_succeeded(&monitor, 0);

    // A follower that is known to match gets entries before the leader's own write, and during it.
    for _ in 0..3 {
        assert!(monitor.propose(Bytes::from_static(b"x")).is_ok());
    }
    assert_eq!(run(), 5, "the entries of three commands, in one message");
    assert_eq!(at_save.lock().unwrap().len(), 2, "their write has begun");
    for sent in 6..=8 {
        assert!(monitor.propose(Bytes::from_static(b"x")).is_ok());
        assert_eq!(run(), sent, "an entry that was proposed during the write");
    }
    append_succeeded(&monitor, 6);
    assert_eq!((run(), monitor.status().commit_index), (8, Index::ZERO), "the own entries are not durable");
    assert_eq!(at_save.lock().unwrap().len(), 2, "one write at a time");
    done.notify();
    assert_eq!(
        (run(), monitor.status().commit_index),
        (9, Index(3)),
        "the first write, and the follower is told"
    );
    assert_eq!(at_save.lock().unwrap().len(), 3, "what came during the write shares the next one");
    done.notify();
    assert_eq!((run(), monitor.status().commit_index), (10, Index(6)));
}

#[test]
fn a_stopped_node_neither_steps_nor_saves() {
    let (monitor, sent, at_save) = (monitor(3), Sent::default(), Arc::<Mutex<Vec<usize>>>::default());
    monitor.timeout();
    let vote = RequestVote {
        term: Term(9),
        last_log_index: Index::ZERO,
        last_log_term: Term::ZERO,
        transfer: false,
    };
    let envelope = Envelope { from: ServerId(1), to: ServerId(0), message: Message::RequestVote(vote) };
    assert_eq!(monitor.receive(envelope.clone()), Ok(()));
    let offered = Snapshot {
        last_included_index: Index(5),
        last_included_term: Term(1),
        data: SnapshotData::default(),
    };
    let installed = monitor.install(offered);
    monitor.stop();
    assert_eq!(block_on(installed), None, "who waited gets no answer");
    assert_eq!(monitor.receive(envelope), Err(ReceiveError::Stopped));
    assert!(monitor.timeout().is_none());
    let notes = Notes { sent: sent.clone(), at_save: at_save.clone(), done: Arc::default() };
    block_on(syncer::run(&monitor, notes));
    block_on(sender::run(&monitor, sent.clone()));
    assert!(at_save.lock().unwrap().is_empty() && sent.0.lock().unwrap().is_empty());
    monitor.fail(Failure::TaskEnded);
    assert!(monitor.failure().is_none(), "the first reason stands");
}

#[test]
fn a_panic_under_the_lock_stops_the_node() {
    struct PanicsAtHeartbeat;
    impl Timers for PanicsAtHeartbeat {
        type Instant = ();
        fn restart_election(&mut self) {}
        fn restart_heartbeat(&mut self) {
            panic!("on purpose");
        }
        fn due(&self, _: RoleName) -> Due<()> {
            Due::Election
        }
        fn next(&self, _: RoleName) {}
    }
    let server = Server::new(ServerId(0), Config::new(3), Persistent::default()).unwrap();
    let monitor = Arc::new(Monitor::new(server, PanicsAtHeartbeat));
    let other = monitor.clone();
    assert!(thread::spawn(move || other.timeout()).join().is_err());
    assert!(monitor.timeout().is_none());
    assert!(matches!(monitor.failure(), Some(Failure::TaskEnded)));
    assert!(monitor.is_stopped() && is_ready(monitor.timer.wait()));
}

#[test]
fn nothing_follows_an_offer_before_its_answer_is_durable() {
    let monitor = monitor(3);
    let from_leader = |message| Envelope { from: ServerId(1), to: ServerId(0), message };
    let snapshot = || Snapshot {
        last_included_index: Index(5),
        last_included_term: Term(1),
        data: "state after 5".into(),
    };
    let offer = InstallSnapshot { term: Term(1), snapshot: snapshot() };
    monitor.receive(from_leader(Message::InstallSnapshot(offer))).unwrap();
    assert_eq!(monitor.next_apply(Install::Conditional), Some(Apply::Snapshot(snapshot())));
    assert_eq!(monitor.next_apply(Install::Conditional), None, "offered once");

    let installed = monitor.install(snapshot());
    let entries = vec![Entry { term: Term(1), command: Bytes::from_static(b"x") }];
    let append = AppendEntries {
        term: Term(1),
        prev_log_index: Index(5),
        prev_log_term: Term(1),
        entries: entries.clone(),
        leader_commit: Index(6),
    };
    monitor.receive(from_leader(Message::AppendEntries(append))).unwrap();
    assert_eq!(monitor.status().commit_index, Index(6));
    assert_eq!(monitor.next_apply(Install::Conditional), None, "the answer is not durable yet");

    let mut syncer = pin!(syncer::run(&monitor, Disk::default()));
    assert!(syncer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(block_on(installed), Some(true));
    let first_index = Index(6);
    assert_eq!(monitor.next_apply(Install::Conditional), Some(Apply::Entries { first_index, entries }));
}

#[test]
fn requests_beyond_the_limit_are_dropped_until_the_write_ends() {
    let (monitor, sent, done) = (monitor(3), Sent::default(), Arc::<Signal>::default());
    monitor.limit_waiting(1024);
    let notes = Notes { sent: Sent::default(), at_save: Arc::default(), done: done.clone() };
    let mut syncer = pin!(syncer::run(&monitor, notes));
    let mut sender = pin!(sender::run(&monitor, sent.clone()));
    let mut run = || {
        for _ in 0..4 {
            assert!(syncer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert!(sender.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        sent.0.lock().unwrap().iter().map(|(_, term)| term.0).collect::<Vec<_>>()
    };
    let ask = |term| {
        let vote = RequestVote {
            term: Term(term),
            last_log_index: Index::ZERO,
            last_log_term: Term::ZERO,
            transfer: false,
        };
        monitor.receive(Envelope { from: ServerId(1), to: ServerId(0), message: Message::RequestVote(vote) })
    };
    assert_eq!(ask(1), Ok(()));
    run();
    assert_eq!([ask(2), ask(3), ask(4)], [Ok(()); 3]);
    assert_eq!(monitor.status().term, Term(4));
    assert_eq!(ask(5), Err(ReceiveError::Busy), "4 times 256 bytes wait");
    assert_eq!(monitor.status().term, Term(4), "it was not even looked at");
    vote_granted(&monitor);
    assert_eq!(run(), [], "nothing is durable yet");
    done.notify();
    assert_eq!(run(), [1]);
    assert_eq!(ask(6), Ok(()), "there is room again");
    assert_eq!(monitor.status().term, Term(6));
    done.notify();
    run();
    done.notify();
    assert_eq!(run(), [1, 2, 3, 4, 6], "in the order of the requests");
}

#[test]
fn what_no_correct_peer_sends_is_refused_and_has_no_reply() {
    let monitor = monitor(3);
    let vote = RequestVote {
        term: Term(1),
        last_log_index: Index::ZERO,
        last_log_term: Term::ZERO,
        transfer: false,
    };
    let stranger = Envelope { from: ServerId(9), to: ServerId(0), message: Message::RequestVote(vote) };
    let rejection = figure2_core::Rejection::UnknownSender(ServerId(9));
    assert_eq!(monitor.receive(stranger), Err(ReceiveError::Rejected(rejection)));
    assert!(monitor.take_outbox(&mut Vec::new()).is_none(), "nothing waits for a write");
}
