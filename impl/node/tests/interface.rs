//! The interface toward the service and the peers: nothing blocks, nothing lingers, nothing is torn.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use crate::common::{Cluster, Net, identity, make, start, wires};
use bytes::Bytes;
use figure2::codec::{FIRST_VERSION, Frame, decode_message, encode};
use figure2::{
    ApplyMsg, Extensions, Failure, HandleError, Index, MakeError, Options, Peer, Persister, ProposeError,
    Raft, RoleName, ServerId, SnapshotData, Term,
};
use figure2_core::{Envelope, Message, PreVoteReply, RequestVote, RequestVoteReply};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

const ME: ServerId = ServerId(0);

/// Options of a server that leaves the election to another.
fn patient() -> Options {
    Options { election_timeout: Duration::from_secs(600)..Duration::from_secs(601), ..Options::default() }
}

/// Of servers numbered from 0, more of them than there are.
fn encode_message(envelope: Envelope<Bytes, SnapshotData>) -> Bytes {
    encode(&figure2::Cluster::numbered(9), FIRST_VERSION, &envelope).unwrap().into_bytes()
}

fn request_vote(from: u8, to: u8, term: u64) -> Bytes {
    let last_log_index = Index::ZERO;
    let vote = RequestVote { term: Term(term), last_log_index, last_log_term: Term::ZERO, transfer: false };
    let message = Message::RequestVote(vote);
    encode_message(Envelope { from: ServerId(from), to: ServerId(to), message })
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_listen_blocks_nobody() {
    let net = Net::new(3);
    // One message fits the channel, and nobody takes it out.
    let (raft, mut messages) = make(&net, 3, ME, Persister::new(), &Options::default(), 1);
    let _others = [1, 2].map(|id| start(&net, 3, ServerId(id), Persister::new(), &patient()));
    sleep(Duration::from_secs(1)).await;
    for n in 1..=200 {
        assert_eq!(raft.propose(Bytes::from(vec![n])).unwrap().index, Index(u64::from(n)));
    }
    let (before, term) = (net.count_sent(), raft.term_and_leadership().0);
    sleep(Duration::from_secs(10)).await;
    assert!(net.count_sent() - before > 100, "heartbeats go on");
    let status = raft.status();
    assert_eq!((status.term, status.role, status.commit_index), (term, RoleName::Leader, Index(200)));
    assert_eq!(status.last_applied, Index::ZERO, "it counts only when the service has it");
    assert!(net.call(&raft, &request_vote(1, 0, term.0)).await.is_some(), "requests are answered");
    // Once it listens, it gets everything.
    for n in 1..=200 {
        let Some(ApplyMsg::Command { index, command, .. }) = messages.recv().await else {
            panic!("a command")
        };
        assert_eq!((index, command), (Index(u64::from(n)), Bytes::from(vec![n])));
    }
}

#[tokio::test(start_paused = true)]
async fn the_reader_of_the_apply_channel_may_take_snapshots() {
    let net = Net::new(3);
    let (raft, mut messages) = make(&net, 3, ME, Persister::new(), &Options::default(), 1);
    let _others = [1, 2].map(|id| start(&net, 3, ServerId(id), Persister::new(), &patient()));
    sleep(Duration::from_secs(1)).await;
    for n in 1..=100 {
        raft.propose(Bytes::from(vec![n])).unwrap();
    }
    for n in 1..=100 {
        let message = timeout(Duration::from_secs(5), messages.recv()).await.unwrap();
        let Some(ApplyMsg::Command { index, .. }) = message else { panic!("{message:?}") };
        assert_eq!(index, Index(n));
        if n % 10 == 0 {
            raft.snapshot(index, Bytes::from(n.to_string()));
            assert_eq!(raft.status().snapshot_index, index);
        }
    }
    // Beyond what is committed, or again: without effect.
    raft.snapshot(Index(101), Bytes::new());
    raft.snapshot(Index(50), Bytes::new());
    assert_eq!(raft.status().snapshot_index, Index(100));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_every_task() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let net = Net::new(3);
    let peers = wires(&net, 3, ME);
    let token = Arc::downgrade(&peers[0].1.token);
    let (apply, mut messages) = mpsc::channel::<ApplyMsg>(1);
    let raft = Raft::new(0, peers, Persister::new(), apply, Options::default()).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(tasks() - before, 3, "sender and syncer in one, applier, timer");
    let stopped_at = Instant::now();
    raft.stop();
    raft.stop();
    assert!(raft.is_stopped() && raft.failure().is_none());
    assert_eq!(messages.recv().await, None, "the applier let go of the channel");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(tasks(), before);
    assert!(token.upgrade().is_none(), "the sender let go of the peers");
    assert!(stopped_at.elapsed() < Duration::from_millis(10), "without waiting for a timer");

    let (term, _) = raft.term_and_leadership();
    assert!(matches!(raft.propose(Bytes::from_static(b"x")), Err(ProposeError::Stopped)));
    assert!(matches!(raft.handle(request_vote(1, 0, 1000)), Err(HandleError::Stopped)));
    raft.snapshot(Index(1), Bytes::new());
    assert_eq!(raft.term_and_leadership(), (term, false));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_an_applier_that_waits_for_its_service() {
    let net = Net::new(1);
    let before = Handle::current().metrics().num_alive_tasks();
    let (raft, mut messages) = make(&net, 1, ME, Persister::new(), &Options::default(), 1);
    sleep(Duration::from_secs(1)).await;
    for n in 0..10 {
        assert!(raft.propose(Bytes::from(vec![n])).is_ok());
    }
    sleep(Duration::from_secs(1)).await;
    raft.stop();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
    assert!(messages.recv().await.is_some(), "it was in the channel before");
    assert_eq!(messages.recv().await, None, "nothing is delivered after the stop");
}

#[tokio::test(start_paused = true)]
async fn a_node_without_its_service_stops() {
    let net = Net::new(1);
    let (raft, messages) = make(&net, 1, ME, Persister::new(), &Options::default(), 1);
    sleep(Duration::from_secs(1)).await;
    drop(messages);
    assert!(raft.propose(Bytes::from_static(b"x")).is_ok());
    sleep(Duration::from_secs(1)).await;
    assert!(matches!(raft.failure(), Some(Failure::ServiceGone)), "{:?}", raft.failure());
    assert!(!raft.term_and_leadership().1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_for_us_changes_nothing() {
    let net = Net::new(3);
    let persister = Persister::new();
    let (raft, _messages) = make(&net, 3, ME, persister.clone(), &patient(), 1);
    for (what, bytes) in [
        ("for another server", request_vote(1, 2, 9)),
        ("from ourselves", request_vote(0, 0, 9)),
        ("from a stranger", request_vote(7, 0, 9)),
        ("of no term", request_vote(1, 0, 0)),
        ("nothing", Bytes::new()),
        ("noise", Bytes::from_static(b"\x12\xFF\xFF\xFF")),
    ] {
        let refused = raft.handle(bytes);
        assert!(
            matches!(refused, Err(HandleError::Undecodable(_) | HandleError::Rejected(_))),
            "{what}: {refused:?}"
        );
    }
    sleep(Duration::from_millis(10)).await;
    assert_eq!(raft.status().term, Term::ZERO);
    assert_eq!(persister.raft_state_size(), 0, "nothing was written");
    assert!(net.call(&raft, &request_vote(1, 0, 9)).await.is_some(), "it is still well");
}

#[tokio::test(start_paused = true)]
async fn a_persister_is_read_whole_and_copied_apart() {
    let cluster = Cluster::new(3);
    cluster.commit("1").await;
    let leader = cluster.leader().await;
    let node = cluster.node(leader);
    let copy = node.persister.copy();
    cluster.commit("2").await;
    node.raft.snapshot(Index(2), Bytes::from_static(b"both"));
    sleep(Duration::from_millis(5)).await;
    assert_eq!(
        (node.persister.read_snapshot(), node.persister.snapshot_size()),
        (Bytes::from_static(b"both"), 4)
    );
    assert_eq!(node.persister.raft_state_size(), node.persister.read_raft_state().len());
    let loaded = node.persister.clone().read(&identity(leader)).unwrap().persistent;
    assert_eq!((loaded.log.base_index(), loaded.log.last_index()), (Index(2), Index(2)));
    let before = copy.clone().read(&identity(leader)).unwrap().persistent;
    assert_eq!((before.log.base_index(), before.log.last_index()), (Index::ZERO, Index(1)));
    assert!(copy.read_snapshot().is_empty());
}

/// A peer that grants every vote and pre-vote before `send` returns: the node may be called from there.
struct Grants {
    id: ServerId,
    asks: Arc<OnceLock<Raft>>,
}

impl Grants {
    /// Of the node that is set as the one who asks.
    fn new(id: u8, asks: &Arc<OnceLock<Raft>>) -> Grants {
        Grants { id: ServerId(id), asks: asks.clone() }
    }
}

impl Peer for Grants {
    fn send(&self, frame: Frame) {
        let request = decode_message(&frame).unwrap();
        let vote_granted = true;
        let granted = match request.message {
            Message::RequestVote(vote) => {
                Message::RequestVoteReply(RequestVoteReply { term: vote.term, vote_granted })
            }
            Message::PreVote(asked) => Message::PreVoteReply(PreVoteReply { term: asked.term, vote_granted }),
            _ => return,
        };
        if let Some(asks) = self.asks.get() {
            let reply = Envelope { from: self.id, to: request.from, message: granted };
            // It may have stopped meanwhile.
            let _ = asks.handle(encode_message(reply));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn term_and_leadership_are_read_together() {
    let options = Options {
        election_timeout: Duration::from_millis(2)..Duration::from_millis(3),
        heartbeat_interval: Duration::from_millis(1),
        // A leader listens to candidates, or nothing would change.
        extensions: Extensions::NONE,
        ..Options::default()
    };
    let asks = Arc::default();
    let peers = [1, 2].map(|id| (id.into(), Grants::new(id, &asks)));
    let (apply, _messages) = mpsc::channel::<ApplyMsg>(1);
    let raft = Raft::new(0, peers, Persister::new(), apply, options).await.unwrap();
    asks.get_or_init(|| raft.clone());
    let reader = raft.clone();
    let reader = std::thread::spawn(move || {
        let (mut led, mut torn) = (BTreeSet::new(), Vec::new());
        while !reader.is_stopped() {
            match reader.term_and_leadership() {
                // The rounds below bring in terms that end in 000: this server can lead none of them.
                (term, true) if term.0 % 1000 == 0 => torn.push(term),
                (term, true) => drop(led.insert(term)),
                (_, false) => {}
            }
        }
        (led, torn)
    });
    for round in 1..=40 {
        raft.handle(request_vote(1, 0, round * 1000)).unwrap();
        for _ in 0..200 {
            if raft.term_and_leadership().1 {
                break;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
    raft.stop();
    let (led, torn) = reader.join().unwrap();
    assert!(led.len() >= 10, "led only {led:?}");
    assert!(torn.is_empty(), "leadership of one term was read with another: {torn:?}");
}

#[tokio::test]
async fn messages_may_be_handed_in_where_there_is_no_runtime() {
    let (replies, mut received) = mpsc::unbounded_channel();
    let peers = [1, 2].map(|id| (id, Replies { id, replies: replies.clone() }));
    let (apply, _messages) = mpsc::channel::<ApplyMsg>(1);
    let raft = Raft::new(0, peers, Persister::new(), apply, patient()).await.unwrap();
    let handed_in: Vec<_> = [(1, 5), (2, 6), (1, 7)]
        .map(|(from, term)| {
            let raft = raft.clone();
            std::thread::spawn(move || raft.handle(request_vote(from, 0, term))).join().unwrap().is_ok()
        })
        .into();
    assert_eq!(handed_in, [true; 3]);
    for expected in [(1, 5), (2, 6), (1, 7)] {
        let reply = timeout(Duration::from_secs(5), received.recv()).await.unwrap().unwrap();
        assert_eq!(reply, expected, "replies leave in the order of the requests");
    }
}

/// A peer that notes its id, and the term of each reply that it is sent.
struct Replies {
    id: u64,
    replies: mpsc::UnboundedSender<(u64, u64)>,
}

impl Peer for Replies {
    fn send(&self, frame: Frame) {
        let message = decode_message(&frame).unwrap().message;
        if !message.is_request() {
            self.replies.send((self.id, message.term().0)).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_another_group_is_not_heard() {
    let net = Net::new(3);
    let (raft, _messages) = make(&net, 3, ME, Persister::new(), &patient(), 1);
    let vote = RequestVote {
        term: Term(9),
        last_log_index: Index::ZERO,
        last_log_term: Term::ZERO,
        transfer: false,
    };
    let envelope = Envelope { from: ServerId(1), to: ME, message: Message::RequestVote(vote) };
    let of_group = |group| {
        let cluster = figure2::Cluster::new(group, &[0, 1, 2].into());
        encode(&cluster, FIRST_VERSION, &envelope).unwrap()
    };
    assert!(matches!(raft.handle(of_group(5)), Err(HandleError::Undecodable(_))));
    assert_eq!(raft.status().term, Term::ZERO);
    assert!(net.call(&raft, of_group(0)).await.is_some(), "the same one of its own group is");
}

#[tokio::test(start_paused = true)]
async fn a_storage_of_another_server_is_refused() {
    let storage = Persister::new();
    let made = async |me: u64, group: u64| {
        let peers = [1, 2, 3].into_iter().filter(|id| *id != me).map(|id| (id, Silent::default()));
        let (apply, _messages) = mpsc::channel::<ApplyMsg>(1);
        Raft::new(me, peers, storage.clone(), apply, Options { group, ..patient() }).await
    };
    let first = made(1, 0).await.unwrap();
    first.handle(encode_between(&[1, 2, 3], 1, 0)).unwrap();
    sleep(Duration::from_millis(10)).await;
    first.shutdown().await;
    for (me, group) in [(2, 0), (1, 7)] {
        let refused = made(me, group).await.map(|_| ());
        assert!(
            matches!(refused, Err(MakeError::OtherServer { .. })),
            "server {me} of group {group}: {refused:?}"
        );
    }
    assert_eq!(made(1, 0).await.unwrap().status().term, Term(9), "its own is not");
}

/// A request for a vote in term 9 between two places of these servers.
fn encode_between(servers: &[u64], from: u8, to: u8) -> Frame {
    let vote = RequestVote {
        term: Term(9),
        last_log_index: Index::ZERO,
        last_log_term: Term::ZERO,
        transfer: false,
    };
    let message = Message::RequestVote(vote);
    let cluster = figure2::Cluster::new(0, &servers.iter().copied().collect());
    encode(&cluster, FIRST_VERSION, &Envelope { from: ServerId(from), to: ServerId(to), message }).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_batches_gets_every_command_once_and_in_order() {
    let (apply, mut batches) = mpsc::channel::<Vec<ApplyMsg>>(1);
    let raft = Raft::new(1, std::iter::empty::<(u64, Grants)>(), Persister::new(), apply, Options::default());
    let raft = raft.await.unwrap();
    while !raft.term_and_leadership().1 {
        sleep(Duration::from_millis(50)).await;
    }
    for number in 0..1000_u64 {
        raft.propose(number.to_le_bytes().to_vec().into()).unwrap();
    }
    let (mut next, mut several) = (0_u64, 0);
    while next < 1000 {
        let batch = batches.recv().await.unwrap();
        several += usize::from(batch.len() > 1);
        for message in batch {
            let ApplyMsg::Command { index, command, .. } = message else { panic!("{message:?}") };
            assert_eq!((index.0, &command[..]), (next + 1, &next.to_le_bytes()[..]));
            next += 1;
        }
    }
    assert!(several > 0, "each command came alone");
}

/// A peer that counts what it is sent, and never answers.
#[derive(Default)]
struct Silent(Arc<AtomicUsize>);

impl Peer for Silent {
    fn send(&self, _: Frame) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn peers_can_be_taken_from_a_running_node_and_added() {
    let (apply, _messages) = mpsc::channel::<ApplyMsg>(64);
    let sent = Arc::<AtomicUsize>::default();
    let peers = [2, 3].map(|id| (id, Silent(sent.clone())));
    // The peer that comes answers no entries: a leader that checks its quorum would step down.
    let options = Options { extensions: Extensions::NONE, ..Options::default() };
    let raft = Raft::new(1, peers, Persister::new(), apply, options).await.unwrap();
    let asks = Arc::new(OnceLock::from(raft.clone()));
    sleep(Duration::from_secs(5)).await;
    assert!(!raft.term_and_leadership().1, "elected without a vote");
    let before = sent.load(Ordering::SeqCst);
    assert!(before > 0 && raft.set_peer::<Silent>(2, None) && raft.set_peer::<Silent>(3, None));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(sent.load(Ordering::SeqCst), before, "sent to peers that were taken away");
    // It votes under the id that it has.
    assert!(raft.set_peer(3, Some(Grants::new(3, &asks))));
    sleep(Duration::from_secs(5)).await;
    assert!(raft.term_and_leadership().1, "the peer that was added votes");
    assert!(!raft.set_peer::<Grants>(4, None), "no such server");
    raft.stop();
    assert!(!raft.set_peer::<Grants>(3, None), "a stopped node takes none");
}
