//! What a follower is owed is sent once, and within limits.

use crate::world::{World, command};
use figure2::{Extensions, Options, ProposeError};
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
        assert!(world.server(leader).raft.propose(command(number, 100_000)).is_ok());
        // Some at a time, so that a message has room for several.
        if number.is_multiple_of(50) {
            sleep(Duration::from_millis(50)).await;
        }
    }
    sleep(Duration::from_secs(5)).await;
    let bytes: usize = world.links.sent_to(silent, start).iter().map(|sent| sent.bytes).sum();
    let most = (8 << 20) + 10_000; // 8 MiB in flight, and heartbeats
    assert!(bytes <= most, "{bytes} bytes to a follower that answers none of it, of at most {most}");
    assert!(bytes > most - 200_000, "{bytes} bytes, where there is room for {most}");
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
        let index = world.server(leader).raft.propose(command(number, 16)).unwrap().index;
        // There, back, and the word of the commit: three ways of a millisecond, where a heartbeat takes up to 120.
        sleep(Duration::from_millis(6)).await;
        for id in world.others(leader) {
            let commit_index = world.server(id).raft.status().commit_index;
            let after = start.elapsed();
            assert!(
                commit_index >= index,
                "server {id} knows {commit_index} to be committed, of {index}, {after:?} after"
            );
        }
        sleep(Duration::from_millis(7 * number)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_wait_for_room() {
    // Under Figure 2 alone: a leader that checks its quorum leads no longer when it hears nobody.
    let extensions = Extensions::NONE;
    let options = Options { max_uncommitted_bytes: 1 << 20, extensions, ..Options::default() };
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
    assert!(
        matches!(refused, Err(ProposeError::Busy { limit: 1_048_576, .. })),
        "taken, though too much waits: {refused:?}"
    );
    let all = |world: &World| world.server(leader).service.lock().unwrap().commands.len() == 101;
    let all_applied = world.within(5, all).await;
    let waiting = clients.iter().filter(|client| !client.is_finished()).count();
    assert_eq!(waiting, 0, "clients that still wait for room, of 100");
    for client in clients {
        let proposed = client.await.unwrap();
        assert!(proposed.is_ok(), "who waits for room is refused: {proposed:?}");
    }
    assert!(all_applied, "not all that was taken was applied");

    // Without a majority nothing is committed, and who waits learns that the leader is none any more.
    let others = world.others(leader);
    others.iter().for_each(|id| world.links.cut(*id, leader, true));
    let taken = (0..100).take_while(|_| raft.propose(command(300, 100_000)).is_ok()).count();
    assert_eq!(taken, 10, "commands that fit into 1 MiB");
    let client = raft.clone();
    let waits = tokio::spawn(async move { client.propose_when_ready(command(301, 100_000)).await });
    sleep(Duration::from_secs(2)).await;
    assert!(!waits.is_finished(), "there was no room: {:?}", waits.await);
    others.iter().for_each(|id| world.links.cut(leader, *id, true));
    sleep(Duration::from_secs(2)).await;
    others.iter().for_each(|id| world.links.cut(*id, leader, false));
    assert!(
        world.within(2, |_| waits.is_finished()).await,
        "it waits for room at a server that does not lead"
    );
    let (_, new) = world.leads().unwrap();
    let refused = waits.await.unwrap();
    let Err(ProposeError::NotLeader { leader: Some(told), .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(told.0, new, "who leads now");
}
