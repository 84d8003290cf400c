//! Three servers in virtual time: elections, commits, restarts.

#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

use crate::common::{Cluster, Net, make};
use bytes::Bytes;
use figure2::codec::decode_message;
use figure2::{ApplyMsg, Index, Options, Persister, ProposeError, RoleName, ServerId};
use figure2_core::Message;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const ALL: [ServerId; 3] = [ServerId(0), ServerId(1), ServerId(2)];

fn command(n: u64) -> Bytes {
    Bytes::from(n.to_string())
}

#[tokio::test(start_paused = true)]
async fn one_leader_is_elected_and_stays() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    let (term, is_leader) = cluster.node(leader).raft.term_and_leadership();
    assert!(is_leader);
    sleep(Duration::from_secs(3)).await;
    for id in ALL {
        let status = cluster.node(id).raft.status();
        assert_eq!((status.term, status.leader), (term, Some(leader)), "{id}");
        assert_eq!(status.role == RoleName::Leader, id == leader);
    }
}

#[tokio::test(start_paused = true)]
async fn commands_are_applied_everywhere_in_order() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    for n in 1..=20 {
        assert_eq!(cluster.node(leader).raft.propose(command(n)).unwrap().index, Index(n));
    }
    cluster.wait_applied(Index(20), &command(20), &ALL).await;
    let expected: Vec<(u64, Bytes)> = (1..=20).map(|n| (n, command(n))).collect();
    for id in ALL {
        assert_eq!(cluster.node(id).commands(), expected, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_commands_share_a_message() {
    let cluster = Cluster::new(3);
    cluster.commit("first").await;
    let leader = cluster.leader().await;
    sleep(Duration::from_millis(1)).await;
    let before = cluster.net.count_sent();
    for n in 0..50 {
        cluster.node(leader).raft.propose(command(n)).unwrap();
    }
    sleep(Duration::from_millis(10)).await;
    let sent = cluster.net.count_sent() - before;
    assert!((2..=4).contains(&sent), "{sent} messages for 50 commands to 2 followers");
    assert_eq!(cluster.node(leader).raft.status().commit_index, Index(51));
}

#[tokio::test(start_paused = true)]
async fn a_follower_takes_no_command() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    let follower = ServerId((leader.0 + 1) % 3);
    let refused = cluster.node(follower).raft.propose(command(1)).map(|proposal| proposal.index);
    let (term, _) = cluster.node(leader).raft.term_and_leadership();
    assert_eq!(refused, Err(ProposeError::NotLeader { term, leader: Some(leader) }));
    sleep(Duration::from_secs(1)).await;
    assert!(ALL.iter().all(|id| cluster.node(*id).raft.status().last_log_index == Index::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_follows_a_stopped_one() {
    let cluster = Cluster::new(3);
    cluster.commit("first").await;
    let old = cluster.leader().await;
    let (old_term, _) = cluster.node(old).raft.term_and_leadership();
    cluster.crash(old);
    let new = cluster.leader().await;
    assert_ne!(new, old);
    assert!(cluster.node(new).raft.term_and_leadership().0 > old_term);
    assert_eq!(cluster.commit("second").await, Index(2));
    assert_eq!(cluster.node(old).commands().len(), 1, "nothing is delivered after the stop");
}

#[tokio::test(start_paused = true)]
async fn a_minority_elects_and_commits_nothing() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    let others: Vec<ServerId> = ALL.into_iter().filter(|id| *id != leader).collect();
    for id in &others {
        cluster.net.connect(*id, false);
    }
    cluster.node(leader).raft.propose(command(1)).unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(cluster.node(leader).raft.status().commit_index, Index::ZERO);
    assert!(others.iter().all(|id| !cluster.node(*id).raft.term_and_leadership().1));
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_log_term_and_vote() {
    let mut cluster = Cluster::new(3);
    for n in 1..=5 {
        cluster.commit(&n.to_string()).await;
    }
    let terms: Vec<_> = ALL.iter().map(|id| cluster.node(*id).raft.term_and_leadership().0).collect();
    for id in ALL {
        cluster.crash(id);
    }
    for id in ALL {
        cluster.restart(id);
        let status = cluster.node(id).raft.status();
        assert_eq!((status.last_log_index, status.commit_index), (Index(5), Index::ZERO));
        assert_eq!(status.term, terms[usize::from(id.0)]);
    }
    assert_eq!(cluster.commit("6").await, Index(6));
    let expected: Vec<(u64, Bytes)> = (1..=6).map(|n| (n, command(n))).collect();
    assert!(ALL.iter().all(|id| cluster.node(*id).commands() == expected));
}

#[tokio::test(start_paused = true)]
async fn a_restart_after_a_snapshot_delivers_what_follows_it() {
    let mut cluster = Cluster::new(3);
    for n in 1..=5 {
        cluster.commit(&n.to_string()).await;
    }
    for id in ALL {
        cluster.node(id).raft.snapshot(Index(3), Bytes::from_static(b"state after 3"));
    }
    sleep(Duration::from_millis(10)).await;
    for id in ALL {
        cluster.crash(id);
    }
    for id in ALL {
        cluster.restart(id);
        assert_eq!(cluster.node(id).persister.read_snapshot(), "state after 3");
        assert_eq!(cluster.node(id).raft.status().snapshot_index, Index(3));
    }
    cluster.commit("6").await;
    let expected: Vec<(u64, Bytes)> = (4..=6).map(|n| (n, command(n))).collect();
    for id in ALL {
        assert_eq!(cluster.node(id).commands(), expected, "{id}");
        assert!(cluster.node(id).snapshots().is_empty(), "its service has the snapshot already");
    }
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_runs() {
    async fn run(seed: u64) -> Vec<(Duration, ServerId, ServerId, Bytes)> {
        let mut cluster = Cluster::with(3, Options { seed: Some(seed), ..Options::default() });
        for n in 0..5 {
            cluster.commit(&n.to_string()).await;
        }
        let leader = cluster.leader().await;
        cluster.crash(leader);
        cluster.commit("without the old leader").await;
        cluster.restart(leader);
        cluster.commit("with it").await;
        let trace = cluster.net.trace();
        for id in ALL {
            cluster.crash(id);
        }
        trace
    }
    let (first, again, other) = (run(7).await, run(7).await, run(8).await);
    assert!(first.len() > 30, "{} messages", first.len());
    assert!(first == again, "the same seed gave another run");
    assert!(first != other, "the seed does not matter");
}

#[tokio::test(start_paused = true)]
async fn a_single_server_is_its_own_majority() {
    let net = Net::new(1);
    let (raft, mut messages) = make(&net, 1, ServerId(0), Persister::new(), &Options::default(), 1);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(raft.propose(command(1)).unwrap().index, Index(1));
    let message = messages.recv().await;
    assert!(matches!(message, Some(ApplyMsg::Command { index: Index(1), .. })), "{message:?}");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_their_interval() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    sleep(Duration::from_secs(1)).await;
    let (before, start) = (cluster.net.count_sent(), Instant::now());
    sleep(Duration::from_secs(10)).await;
    let per_follower_and_second =
        (cluster.net.count_sent() - before) as f64 / 2.0 / start.elapsed().as_secs_f64();
    assert!(cluster.node(leader).raft.term_and_leadership().1);
    assert!((8.0..=8.4).contains(&per_follower_and_second), "{per_follower_and_second}, expected 1 / 0.12");
}

#[tokio::test(start_paused = true)]
async fn a_new_leaders_next_heartbeat_comes_an_interval_later() {
    let cluster = Cluster::new(3);
    let leader = cluster.leader().await;
    sleep(Duration::from_secs(1)).await;
    let follower = ServerId((leader.0 + 1) % 3);
    let heartbeats: Vec<Duration> = cluster
        .net
        .trace()
        .into_iter()
        .filter(|(_, from, to, bytes)| {
            let message = decode_message(bytes).unwrap().message;
            (*from, *to) == (leader, follower) && matches!(message, Message::AppendEntries(_))
        })
        .map(|(at, ..)| at)
        .collect();
    assert!(heartbeats.len() > 5, "{heartbeats:?}");
    assert!(
        heartbeats.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(120)),
        "{heartbeats:?}"
    );
}
