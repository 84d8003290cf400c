//! Snapshots: taken by the service, and sent by the leader.

use crate::fakes::Habits;
use crate::node::Node;
use crate::setup::{append_entries, follower, snapshot_from_leader, state_after};
use figure2_core::Index;

/// A thread of the service takes a snapshot of what it has, while more is committed and applied.
pub fn snapshot(extra: usize) {
    let mut node = Node::new(follower(2)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| {
        handler.book.wait_for(1);
        handler.monitor.snapshot(Index(1), state_after(1));
    });
    node.handler().tell(append_entries(0, 2, 2));
    node.settle_with_replies(2, [0, 1, 0]);
}

/// The service takes a snapshot within the delivery of the entry that it ends with.
pub fn snapshot_inline(extra: usize) {
    let habits = Habits { snapshot_at: Some(1), asks_status: true, ..Habits::default() };
    let mut node = Node::new(follower(2)).serving(habits);
    node.spawn_handlers(extra, |handler, _| handler.tell(append_entries(0, 2, 1)));
    node.handler().tell(append_entries(0, 2, 2));
    let disk = node.disk.clone();
    node.settle_with_replies(2, [0, 1 + extra as u64, 0]);
    assert!(disk.read(|durable| durable.log.base_index()) == Index(1), "the snapshot was not taken");
}

/// A snapshot through 2 arrives while the entries it covers are committed. Whichever wins, the service gets the two
/// once.
pub fn install_entries(extra: usize) {
    let mut node = Node::new(follower(2)).serving(Habits::default());
    commit_beside(&mut node, 1 + extra, 2);
    node.handler().tell(snapshot_from_leader(2));
    node.settle(2);
}

/// An offer that its service, behind a channel, has yet to answer while the entries it covers are committed: nothing
/// else is handed over until then, and all that is committed afterwards.
pub fn offer_in_channel(extra: usize) {
    let node = Node::new(follower(2));
    node.handler().tell(snapshot_from_leader(2));
    let (mut node, channel) = node.serving_a_channel();
    // By a handler while the service is at work, or before: both at once would be told twice the same.
    commit_beside(&mut node, extra, 2);
    if extra == 0 {
        node.handler().tell(append_entries(2, 2, 2));
    }
    let shop = node.shop(Habits::default());
    node.settle_beside(2, async move { channel.serve(shop).await });
}

/// Handlers of heartbeats: one that commits all that the log has up to `last`, the others less.
fn commit_beside(node: &mut Node, handlers: usize, last: u64) {
    node.spawn_handlers(handlers, move |handler, n| {
        handler.tell(append_entries(last, last, last - n % last));
    });
}

/// A snapshot and a newer one, each from a handler of its own.
pub fn install_newer(extra: usize) {
    let mut node = Node::new(follower(0)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, n| handler.tell(snapshot_from_leader(2 + n)));
    let newest = 3 + extra as u64;
    node.handler().tell(snapshot_from_leader(newest));
    node.settle(newest);
}

/// The same as with entries, where Raft installs by itself and then tells the service.
pub fn install_automatic(extra: usize) {
    let mut node = Node::new(follower(3)).serving(Habits { automatic: true, ..Habits::default() });
    commit_beside(&mut node, 1 + extra, 3);
    node.handler().tell(snapshot_from_leader(2));
    node.settle(3);
}
