//! Links that are cut in one direction.

use crate::world::World;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_leader_that_hears_nothing_makes_room_for_another() {
    let world = World::new(3);
    let deaf = world.leader().await;
    world.others(deaf).iter().for_each(|other| world.links.cut(*other, deaf, true));
    let committed = world.client(600, Duration::from_millis(100)).await;
    assert!(committed >= 550, "{committed} of 600 requests");
    assert!(!world.server(deaf).raft.term_and_leadership().1, "it still believes that it leads");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_hears_nothing_disturbs_nobody() {
    let world = World::new(3);
    let leader = world.leader().await;
    let deaf = world.others(leader)[0];
    let term = world.term();
    world.others(deaf).iter().for_each(|other| world.links.cut(*other, deaf, true));
    let committed = world.client(600, Duration::from_millis(100)).await;
    assert!(committed >= 590, "{committed} of 600 requests");
    assert_eq!(world.term(), term, "elections");
}
