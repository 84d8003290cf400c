//! What a follower is owed is sent once, and within limits.

use crate::world::{World, command};
use figure2::{Options, ProposeError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn what_is_owed_behind_a_slow_link_is_sent_once() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    let far = world.others(leader)[0];
    world.crash(far);
    world.commit(leader, 0..100, 100_000).await;
    world.links.slow(leader, far, Duration::from_millis(350));
    let (start, term) = (Instant::now(), world.term());
    world.restart(far);
    assert!(world.within(60, |world| world.has_all_of(far, leader)).await, "it never catches up");
    sleep(Duration::from_secs(2)).await;
    let bytes: usize = world.links.sent_to(far, start).iter().map(|sent| sent.bytes).sum();
    assert!((10_000_000..11_000_000).contains(&bytes), "{bytes} bytes for 10 MB that were owed");
    assert_eq!(world.term(), term, "elections");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_does_not_answer_is_sent_a_limited_number_of_bytes() {
    let world = World::new(3);
    let leader = world.leader().await;
    let silent = world.others(leader)[0];
    world.commit(leader, 0..1, 16).await;
    world.links.cut(silent, leader, true);
    let start = Instant::now();
    for number in 1..=200 {
        assert!(world.server(leader).raft.start(command(number, 100_000)).is_leader);
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_secs(5)).await;
    let bytes: usize = world.links.sent_to(silent, start).iter().map(|sent| sent.bytes).sum();
    let limit = 9 << 20; // 8 MiB in flight, one message that begins below it, and heartbeats
    assert!(bytes <= limit, "{bytes} bytes to a follower that answers none of it");
    assert_eq!(world.server(leader).raft.status().commit_index.0, 201, "the others go on");
    world.links.cut(silent, leader, false);
    assert!(world.within(60, |world| world.has_all_of(silent, leader)).await, "it never catches up");
}

#[tokio::test(start_paused = true)]
async fn followers_learn_of_a_commit_when_it_happens() {
    let world = World::new(3);
    let leader = world.leader().await;
    world.commit(leader, 0..1, 16).await;
    sleep(Duration::from_millis(500)).await;
    for number in 1..=50 {
        let start = Instant::now();
        let index = world.server(leader).raft.start(command(number, 16)).index;
        // There, back, and the word of the commit: three ways of a millisecond, where a heartbeat takes up to 120.
        sleep(Duration::from_millis(6)).await;
        for id in world.others(leader) {
            let commit_index = world.server(id).raft.status().commit_index;
            assert!(commit_index >= index, "{commit_index} of {index} after {:?}", start.elapsed());
        }
        sleep(Duration::from_millis(7 * number)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_wait_for_room() {
    let options = Options { max_uncommitted_bytes: 1 << 20, ..Options::default() };
    let world = World::with(3, options);
    let leader = world.leader().await;
    world.commit(leader, 0..1, 16).await;
    let raft = world.server(leader).raft.clone();
    let clients: Vec<_> = (1..=100)
        .map(|number| {
            let raft = raft.clone();
            tokio::spawn(async move { raft.propose_when_ready(command(number, 100_000)).await })
        })
        .collect();
    sleep(Duration::from_micros(100)).await;
    let refused = raft.propose(command(200, 100_000));
    assert!(matches!(refused, Err(ProposeError::Busy { limit: 1_048_576, .. })), "{refused:?}");
    for client in clients {
        assert!(client.await.unwrap().is_ok());
    }
    assert!(
        world.within(5, |world| world.server(leader).service.lock().unwrap().commands.len() == 101).await
    );

    // Without a majority nothing is committed, and who waits learns that the leader is none any more.
    let others = world.others(leader);
    others.iter().for_each(|id| world.links.cut(*id, leader, true));
    while raft.propose(command(300, 100_000)).is_ok() {}
    let client = raft.clone();
    let waits = tokio::spawn(async move { client.propose_when_ready(command(301, 100_000)).await });
    sleep(Duration::from_secs(2)).await;
    assert!(!waits.is_finished());
    world.links.cut(leader, others[0], true);
    world.links.cut(leader, others[1], true);
    sleep(Duration::from_secs(2)).await;
    others.iter().for_each(|id| world.links.cut(*id, leader, false));
    assert!(matches!(waits.await.unwrap(), Err(ProposeError::NotLeader { leader: Some(_), .. }) | Ok(_)));
}
