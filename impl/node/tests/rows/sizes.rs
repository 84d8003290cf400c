//! Commands, backlogs and snapshots of any size.

use crate::world::{Behind, World, command};
use figure2::ProposeError;
use std::time::Duration;
use tokio::time::sleep;

const MIB: usize = 1 << 20;

#[tokio::test(start_paused = true)]
async fn a_command_that_is_too_large_is_refused_at_once_and_stops_nothing() {
    let world = World::new(3);
    let leader = world.leader().await;
    world.crash(world.others(leader)[0]);
    sleep(Duration::from_secs(1)).await;
    let term = world.term();
    let before = world.server(leader).raft.status().last_log_index;
    let proposed = world.server(leader).raft.propose(command(1, 65 * MIB));
    assert_eq!(proposed.unwrap_err(), ProposeError::TooLarge { size: 65 << 20, limit: 8 << 20 });
    let proposed = world.server(leader).raft.propose(command(2, 8 * MIB));
    assert!(proposed.is_ok(), "refused, though just as large as may be: {proposed:?}");
    let last = world.server(leader).raft.status().last_log_index;
    assert_eq!(last, before.next(), "what was refused is in the log");
    assert_eq!(world.client(60, Duration::from_secs(1)).await, 60, "of 60 requests");
    assert_eq!(world.term(), term, "elections");
    assert!(world.server(leader).raft.failure().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_was_away_catches_up_whatever_the_backlog() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    let away = world.others(leader)[0];
    world.crash(away);
    world.commit(leader, 0..700, 100 * 1024).await;
    let term = world.term();
    world.restart(away);
    // Not much longer than it needs: what cannot be sent costs its encoding again and again.
    assert!(world.within(3, |world| world.has_all_of(away, leader)).await, "it never catches up");
    assert_eq!(world.term(), term, "elections");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_any_size_is_installed() {
    let mut behind = Behind::by_a_snapshot_of(65 * MIB).await;
    behind.returns(Duration::ZERO);
    let Behind { world, leader, away, .. } = &behind;
    let term = world.term();
    assert!(world.within(5, |world| world.has_all_of(*away, *leader)).await, "it is never installed");
    behind.assert_installed_once(65 * MIB);
    assert_eq!(world.client(10, Duration::from_millis(100)).await, 10, "of 10 requests");
    assert!(world.has_all_of(*away, *leader), "after the snapshot it gets nothing");
    assert!(world.server(*leader).raft.term_and_leadership().1, "the leader stepped down");
    assert_eq!(world.term(), term, "elections");
}
