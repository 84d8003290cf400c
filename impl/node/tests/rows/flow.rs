//! What a follower is owed is sent once, and within limits.

use crate::world::{World, command};
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
