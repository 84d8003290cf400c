//! Nothing is observable before it is durable; and what happens when a write fails.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use crate::common::{Net, at_once, identity, make, start, wires};
use bytes::Bytes;
use figure2::codec::{FIRST_VERSION, Frame, decode_message, encode};
use figure2::{
    Cluster, Command, Extensions, Failure, Identity, Index, Loaded, MakeError, Options, Peer, Persistent,
    Persister, Raft, Record, ServerId, SnapshotData, Storage, StorageError, Term,
};
use figure2_core::{AppendEntries, AppendResult, Entry, Envelope, Message, RequestVote, RequestVoteReply};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const ME: ServerId = ServerId(0);
const PEER: ServerId = ServerId(1);

fn request(message: Message<Command, SnapshotData>) -> Bytes {
    let envelope = Envelope { from: PEER, to: ME, message };
    encode(&Cluster::numbered(3), FIRST_VERSION, &envelope).unwrap().into_bytes()
}

fn request_vote(term: u64) -> Bytes {
    request(Message::RequestVote(RequestVote {
        term: Term(term),
        last_log_index: Index::ZERO,
        last_log_term: Term::ZERO,
        transfer: false,
    }))
}

fn append_one(term: u64) -> Bytes {
    let entries = vec![Entry { term: Term(term), command: Bytes::from_static(b"x") }];
    request(Message::AppendEntries(AppendEntries {
        term: Term(term),
        prev_log_index: Index::ZERO,
        prev_log_term: Term::ZERO,
        entries,
        leader_commit: Index::ZERO,
    }))
}

fn stored(persister: &Persister) -> Persistent<Command, SnapshotData> {
    persister.copy().read(&identity(ME)).unwrap().persistent
}

/// Compares each message, at the very moment it is sent, with what the sender has stored.
struct Witness {
    sender: Persister,
    requests_for_votes: Arc<AtomicUsize>,
}

impl Peer for Witness {
    fn send(&self, frame: Frame) {
        let envelope = decode_message(&frame).unwrap();
        let stored = stored(&self.sender);
        let term = envelope.message.current_term();
        assert!(term.is_none_or(|term| stored.current_term >= term), "a term was sent before it was durable");
        if let Message::RequestVote(_) = envelope.message {
            assert_eq!(
                stored.voted_for,
                Some(envelope.from),
                "a vote was asked for before the own was durable"
            );
            self.requests_for_votes.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_for_votes_follow_the_own_vote() {
    let (persister, requests_for_votes) = (Persister::new(), Arc::<AtomicUsize>::default());
    let witness = || Witness { sender: persister.clone(), requests_for_votes: requests_for_votes.clone() };
    let peers = [1, 2].map(|id| (id, witness()));
    let (apply, _messages) = mpsc::channel::<figure2::ApplyMsg>(1);
    // It asks nobody before it stands: nobody would answer.
    let options = Options { extensions: Extensions::NONE, ..Options::default() };
    let raft = Raft::new(0, peers, persister, apply, options).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    assert!(requests_for_votes.load(Ordering::Relaxed) > 10);
    assert!(raft.failure().is_none(), "{:?}", raft.failure());
}

#[tokio::test(start_paused = true)]
async fn replies_follow_what_they_say() {
    let (net, persister) = (Net::new(3), Persister::new());
    let (raft, _messages) = make(&net, 3, ME, persister.clone(), &Options::default(), 1);

    let reply = decode_message(net.call(&raft, &request_vote(5)).await.unwrap()).unwrap();
    assert_eq!(
        reply.message,
        Message::RequestVoteReply(RequestVoteReply { term: Term(5), vote_granted: true })
    );
    assert_eq!((stored(&persister).current_term, stored(&persister).voted_for), (Term(5), Some(PEER)));

    let reply = decode_message(net.call(&raft, &append_one(5)).await.unwrap()).unwrap();
    let Message::AppendEntriesReply(reply) = reply.message else { panic!("{reply:?}") };
    assert_eq!(reply.result, AppendResult::Success { match_index: Index(1) });
    assert_eq!(stored(&persister).log.last_index(), Index(1));
}

/// Storage whose writes wait for a gate, and fail when told.
#[derive(Clone, Default)]
struct Gated {
    persister: Persister,
    shut: Arc<(Mutex<bool>, Condvar)>,
    fails: Arc<AtomicBool>,
    begun: Arc<AtomicUsize>,
}

impl Gated {
    fn shut(&self, shut: bool) {
        *self.shut.0.lock().unwrap() = shut;
        self.shut.1.notify_all();
    }
}

impl Storage for Gated {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        self.persister.load(me).await
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        // A test that fails while the gate is shut must end, too.
        let patience = Duration::from_secs(10);
        let gate =
            self.shut.1.wait_timeout_while(self.shut.0.lock().unwrap(), patience, |shut| *shut).unwrap();
        drop(gate);
        if self.fails.load(Ordering::SeqCst) {
            return Err(StorageError::failed("disk full"));
        }
        self.persister.write(record)
    }
}

/// Waits in real time until the condition holds.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..5000 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("not within 5 s: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn while_a_write_is_under_way_nothing_is_answered_and_nothing_else_waits() {
    let (net, storage) = (Net::new(3), Gated::default());
    let slow =
        Options { election_timeout: Duration::from_secs(60)..Duration::from_secs(61), ..Options::default() };
    let (raft, _messages) = make(&net, 3, ME, storage.clone(), &slow, 1);
    storage.shut(true);
    let (voters, voter) = (net.clone(), raft.clone());
    let vote = tokio::spawn(async move { voters.call(&voter, &request_vote(5)).await });
    until("the write begins", || storage.begun.load(Ordering::SeqCst) == 1).await;
    // What does not depend on the disk goes on.
    assert_eq!(raft.term_and_leadership(), (Term(5), false));
    assert!(raft.propose(Bytes::from_static(b"x")).is_err());
    // Later requests wait together and share the next write.
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (net, raft) = (net.clone(), raft.clone());
            tokio::spawn(async move { net.call(&raft, &append_one(5)).await })
        })
        .collect();
    until("the entry is in memory", || raft.status().last_log_index == Index(1)).await;
    sleep(Duration::from_millis(50)).await;
    assert!(!vote.is_finished() && calls.iter().all(|call| !call.is_finished()), "answered before the write");
    storage.shut(false);
    assert!(vote.await.unwrap().is_some());
    for call in calls {
        assert!(call.await.unwrap().is_some());
    }
    assert_eq!(storage.begun.load(Ordering::SeqCst), 2, "the ten requests after the vote share one write");
    raft.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_stop_during_a_write_lets_nothing_out() {
    let (net, storage) = (Net::new(3), Gated::default());
    storage.shut(true);
    let fast = Options {
        election_timeout: Duration::from_millis(10)..Duration::from_millis(20),
        heartbeat_interval: Duration::from_millis(5),
        // It asks nobody before it stands: nobody would answer.
        extensions: Extensions::NONE,
        ..Options::default()
    };
    let (raft, _messages) = make(&net, 3, ME, storage.clone(), &fast, 1);
    until("the write of an election begins", || storage.begun.load(Ordering::SeqCst) == 1).await;
    let (voters, voter) = (net.clone(), raft.clone());
    let vote = tokio::spawn(async move { voters.call(&voter, &request_vote(1_000_000)).await });
    until("the request is handled", || raft.term_and_leadership().0 == Term(1_000_000)).await;
    raft.stop();
    assert_eq!(
        timeout(Duration::from_secs(5), vote).await.unwrap().unwrap(),
        None,
        "without waiting for the write"
    );
    storage.shut(false);
    sleep(Duration::from_millis(50)).await;
    assert_eq!(net.count_sent(), 0, "sent after the stop");
    assert_eq!(storage.begun.load(Ordering::SeqCst), 1, "another write after the stop");
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_stops_the_node_and_answers_nothing() {
    let (net, storage) = (Net::new(3), Gated::default());
    let (raft, mut messages) = make(&net, 3, ME, storage.clone(), &Options::default(), 1);
    assert!(net.call(&raft, &request_vote(5)).await.is_some());
    storage.fails.store(true, Ordering::SeqCst);

    assert_eq!(net.call(&raft, &append_one(5)).await, None, "the entry is not durable");
    let failure = raft.failure();
    assert!(matches!(failure, Some(Failure::Storage(StorageError::Failed(_)))), "{failure:?}");
    assert!(failure.unwrap().to_string().contains("disk full"));

    // From here on it answers as a node does that was stopped, even when the disk is well again.
    storage.fails.store(false, Ordering::SeqCst);
    assert!(raft.is_stopped());
    assert_eq!(net.call(&raft, &request_vote(6)).await, None);
    assert!(!raft.cond_install_snapshot(Term(1), Index(1), Bytes::new()).await);
    assert_eq!(raft.term_and_leadership(), (Term(5), false));
    let sent = net.count_sent();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(net.count_sent(), sent);
    assert_eq!(messages.recv().await, None);
    assert_eq!(storage.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_write_fails_does_not_commit() {
    let net = Net::new(3);
    let storage = Gated::default();
    let (raft, _messages) = make(&net, 3, ME, storage.clone(), &Options::default(), 1);
    // The others are patient, so that this one leads.
    let patient =
        Options { election_timeout: Duration::from_secs(60)..Duration::from_secs(61), ..Options::default() };
    let _others = [1, 2].map(|id| start(&net, 3, ServerId(id), Persister::new(), &patient));
    sleep(Duration::from_secs(2)).await;
    assert!(raft.term_and_leadership().1);
    storage.fails.store(true, Ordering::SeqCst);
    assert!(raft.propose(Bytes::from_static(b"x")).is_ok());
    sleep(Duration::from_secs(1)).await;
    assert!(raft.failure().is_some());
    let status = raft.status();
    assert_eq!(
        (status.commit_index, status.last_applied, raft.term_and_leadership().1),
        (Index::ZERO, Index::ZERO, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_storage_stops_the_node() {
    struct Panics;
    impl Storage for Panics {
        async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
            Ok(Loaded::default())
        }
        async fn save(&mut self, _: Record<Command, SnapshotData>) -> Result<(), StorageError> {
            panic!("on purpose")
        }
    }
    let net = Net::new(3);
    let (raft, mut messages) = make(&net, 3, ME, Panics, &Options::default(), 1);
    assert_eq!(net.call(&raft, &request_vote(5)).await, None);
    assert!(matches!(raft.failure(), Some(Failure::TaskEnded)));
    assert_eq!(messages.recv().await, None, "the applier ended too");
}

fn make_error(servers: u8, storage: impl Storage, options: Options) -> String {
    let (apply, _messages) = mpsc::channel::<figure2::ApplyMsg>(1);
    match at_once(Raft::new(0, wires(&Net::new(servers), servers, ME), storage, apply, options)) {
        Ok(_) => panic!("made"),
        Err(error) => error.to_string(),
    }
}

/// An encoded state of server 0 of three, after its identity: term, vote, snapshot, heads of the entries; and the commands.
fn state(after: &[u8], commands: &[u8]) -> Bytes {
    let head = [b"\x00\x00\x03\x00\x01\x02", after].concat();
    let length = u8::try_from(head.len()).unwrap();
    [b"\x21\x01", &[length, 0, 0, 0][..], &head, commands].concat().into()
}

#[tokio::test]
async fn a_damaged_state_is_not_started_on() {
    let damaged = Persister::from_bytes(Bytes::from_static(b"\x21\x01\x02\0\0\0\x05\x01"), None);
    let error = make_error(3, damaged, Options::default());
    assert!(error.contains("damaged") && error.contains("an empty storage"), "{error}");
    // Says that a snapshot ends at index 8, but there is none.
    let torn = Persister::from_bytes(state(b"\x05\x00\x01\x08\x02\x03\x00\x01\x02\x00", b""), None);
    let error = make_error(3, torn, Options::default());
    assert!(error.contains("do not belong together"), "{error}");
    // The entry's term is beyond the current term.
    let unsound = Persister::from_bytes(state(b"\x01\x00\x00\x01\x09\x00\x01", b"x"), None);
    let error = make_error(3, unsound, Options::default());
    assert!(error.contains("contradict"), "{error}");
}

#[tokio::test]
async fn senseless_options_are_refused_with_what_to_do() {
    let ms = Duration::from_millis;
    let with = |election_timeout, heartbeat_interval| Options {
        election_timeout,
        heartbeat_interval,
        ..Options::default()
    };
    for (servers, options, says) in [
        (65, Options::default(), "1 to 64"),
        (3, with(ms(500)..ms(500), ms(100)), "below its end"),
        (3, with(ms(0)..ms(500), ms(100)), "above zero"),
        (3, with(ms(500)..ms(900), ms(500)), "below the shortest election timeout"),
        (3, with(ms(500)..ms(900), ms(0)), "above zero"),
        (3, Options { max_entries_per_message: 0, ..Options::default() }, "at least 1"),
        (3, Options { snapshot_patience: 0, ..Options::default() }, "snapshot_patience must be at least 1"),
        (3, Options { max_command_bytes: 64 << 20, ..Options::default() }, "fit into one message"),
        (3, Options { max_message_bytes: 64 << 20, ..Options::default() }, "fit into one message"),
        (3, Options { max_waiting_bytes: 1 << 20, ..Options::default() }, "without an answer"),
    ] {
        let error = make_error(servers, Persister::new(), options);
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn without_a_runtime_there_is_no_node() {
    let (apply, _messages) = mpsc::channel::<figure2::ApplyMsg>(1);
    let peers = wires(&Net::new(1), 1, ME);
    let made = at_once(Raft::new(0, peers, Persister::new(), apply, Options::default()));
    assert!(matches!(made, Err(MakeError::NoRuntime)));
}
