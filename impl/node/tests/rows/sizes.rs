//! Commands, backlogs and snapshots of any size.

use crate::world::{World, command, state_of};
use figure2::{Options, ProposeError};
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
    let last = world.server(leader).raft.status().last_log_index;
    let proposed = world.server(leader).raft.propose(command(1, 65 * MIB));
    assert_eq!(proposed, Err(ProposeError::TooLarge { size: 65 << 20, limit: 8 << 20 }));
    let started = world.server(leader).raft.start(command(1, 65 * MIB));
    assert!(!started.is_leader && started.index.0 == 0, "taken: {started:?}");
    assert!(world.server(leader).raft.propose(command(2, 8 * MIB)).is_ok(), "as large as may be");
    let last = last.next();
    assert_eq!(world.server(leader).raft.status().last_log_index, last);
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
    assert!(world.within(60, |world| world.has_all_of(away, leader)).await, "it never catches up");
    assert_eq!(world.term(), term, "elections");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_any_size_is_installed() {
    // The leader keeps no entries for the follower: only the snapshot will do.
    let mut world = World::with(3, Options { max_retained_bytes: 0, ..Options::default() });
    let leader = world.leader().await;
    let away = world.others(leader)[0];
    world.crash(away);
    world.commit(leader, 0..20, 16).await;
    sleep(Duration::from_secs(1)).await;
    let (index, data) = state_of(world.server(leader), 65 * MIB);
    for id in world.others(away) {
        world.server(id).raft.snapshot(index, data.clone());
    }
    let term = world.term();
    world.restart(away);
    assert!(world.within(60, |world| world.has_all_of(away, leader)).await, "it is never installed");
    assert!(world.server(leader).raft.get_state().1);
    assert_eq!(world.server(away).service.lock().unwrap().snapshots, [(index, 65 * MIB)]);
    assert_eq!(world.term(), term, "elections");
}
