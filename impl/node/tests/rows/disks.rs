//! Disks that are slow, hang, or are of a cluster of another size. Of a server with an empty disk, or with another cluster's,
//! its peers know by the transport: impl/tcp/tests/disks.rs.

use crate::world::{World, command};
use figure2::codec::Frame;
use figure2::{Extensions, Options, Peer, Raft};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// Small limits, so that little is much.
fn small() -> Options {
    Options {
        max_message_bytes: 1024,
        max_in_flight_bytes: 1024,
        max_command_bytes: 1024,
        max_waiting_bytes: 4096,
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_disk_hangs_makes_room_for_another() {
    let world = World::new(3);
    let leader = world.leader().await;
    world.commit(leader, 0..10, 16).await;
    world.server(leader).disk.takes(Duration::from_secs(3600));
    let committed = world.client(60, Duration::from_secs(1)).await;
    assert!(committed >= 57, "{committed} of 60 requests");
    let (term, new) = world.leads().unwrap();
    assert!(!world.server(leader).raft.term_and_leadership().1, "the old leader leads on");
    assert_ne!(new, leader, "nobody else leads");
    assert_eq!(term.0, 2, "one election is enough");
    world.server(leader).disk.takes(Duration::ZERO);
    assert!(world.within(5, |world| world.has_all_of(leader, new)).await, "it comes back, and gets nothing");
    assert_eq!(world.leads(), Some((term, new)), "it comes back, and disturbs the new leader");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_slow_costs_no_election() {
    let world = World::new(3);
    let leader = world.leader().await;
    let term = world.term();
    // Nearly an election timeout for each write, of all servers: a proposal is committed by its end.
    world.servers.iter().for_each(|server| server.disk.takes(Duration::from_millis(350)));
    let committed = world.client(60, Duration::from_millis(100)).await;
    assert_eq!(world.term(), term, "elections");
    assert!(world.server(leader).raft.term_and_leadership().1, "the leader stepped down");
    assert_eq!(committed, 60, "of 60 requests");

    // All disks rest now. What a leader sends does not wait for its own write.
    let (start, follower) = (Instant::now(), world.others(leader)[0]);
    let index = world.server(leader).raft.propose(command(1, 16)).unwrap().index;
    sleep(Duration::from_millis(300)).await;
    let sent = world.links.sent_to(follower, start);
    assert!(sent.iter().any(|sent| sent.entries > 0), "the entry waits for the leader's write: {sent:?}");
    let heartbeats = sent.iter().filter(|sent| sent.entries == 0).count();
    assert!(heartbeats >= 2, "{heartbeats} heartbeats within 300 ms of a write: {sent:?}");
    sleep(Duration::from_millis(60)).await;
    let commit_index = world.server(leader).raft.status().commit_index;
    assert!(
        commit_index >= index,
        "leader and followers do not write at the same time: {commit_index} of {index}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_server_whose_disk_hangs_has_to_say_is_bounded() {
    // Under Figure 2 alone: one that asks for pre-votes calls no election.
    let world = World::with(3, Options { extensions: Extensions::NONE, ..small() });
    let leader = world.leader().await;
    let [hung, other] = world.others(leader)[..] else { panic!("two others") };
    world.commit(leader, 0..1, 16).await;
    world.server(hung).disk.takes(Duration::from_secs(36_000));
    let term = world.term();
    // It hears nobody, and may not say so: it calls elections of which nobody hears.
    [leader, other].iter().for_each(|from| world.links.cut(*from, hung, true));
    sleep(Duration::from_secs(600)).await;
    let elections = world.server(hung).raft.term_and_leadership().0.0 - term.0;
    assert!((1..=16).contains(&elections), "{elections} elections wait, of at most 4096 / 256");
    assert_eq!(world.client(10, Duration::from_secs(1)).await, 10, "the others go on");
    assert_eq!(world.term().0, term.0 + elections, "and nobody hears of them");

    // All that waited is said now, and no more than that.
    let start = Instant::now();
    [leader, other].iter().for_each(|from| world.links.cut(*from, hung, false));
    world.server(hung).disk.takes(Duration::ZERO);
    sleep(Duration::from_millis(100)).await;
    let votes = |to| {
        let sent = world.links.sent_to(to, start);
        sent.iter().filter(|sent| (sent.from, sent.name) == (hung, "RequestVote")).count()
    };
    let (to_leader, to_other) = (votes(leader), votes(other));
    assert!(
        (1..=17).contains(&to_leader),
        "{to_leader} requests for a vote, of at most 4096 / 256 and a new one"
    );
    assert!(
        (1..=17).contains(&to_other),
        "{to_other} requests for a vote, of at most 4096 / 256 and a new one"
    );
    assert_eq!(world.client(10, Duration::from_secs(1)).await, 10, "all go on");
    let has_all = |world: &World| [leader, other].iter().all(|of| world.has_all_of(hung, *of));
    assert!(world.within(5, has_all).await, "it comes back, and gets nothing");
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_to_a_server_whose_disk_hangs_is_bounded() {
    let world = World::with(3, small());
    let leader = world.leader().await;
    let hung = world.others(leader)[0];
    world.commit(leader, 0..1, 16).await;
    world.server(hung).disk.takes(Duration::from_secs(36_000));
    let term = world.term();
    // A write is under way, and everything that comes after it must wait.
    assert!(world.server(leader).raft.propose(command(1, 1000)).is_ok());
    sleep(Duration::from_secs(60)).await;
    // The entry counts 1016 bytes and each request 256, until there are 4096. The leader's heartbeats are far more.
    let most = 1 + (4096_usize - (1016 + 256)).div_ceil(256);
    assert_eq!(world.links.waiting_at(hung), most, "requests that wait for the write");
    assert_eq!(world.client(10, Duration::from_secs(1)).await, 10, "the others go on");
    world.server(hung).disk.takes(Duration::ZERO);
    assert!(world.within(5, |world| world.has_all_of(hung, leader)).await, "it comes back, and gets nothing");
    assert_eq!(world.term(), term, "elections");
}

struct Nobody;

impl Peer for Nobody {
    fn send(&self, _: Frame) {}
}

#[tokio::test(start_paused = true)]
async fn a_disk_of_a_cluster_of_another_size_is_refused() {
    let world = World::new(3);
    let leader = world.leader().await;
    world.commit(leader, 0..1, 16).await;
    world.crash(leader);
    let peers = (0..5).filter(|id| *id != u64::from(leader)).map(|id| (id, Nobody));
    let (apply, _messages) = mpsc::channel::<figure2::ApplyMsg>(1);
    let disk = world.server(leader).disk.clone();
    let made = Raft::new(leader.into(), peers, disk, apply, Options::default()).await;
    assert!(made.is_err(), "a server of three starts as one of five");
}
