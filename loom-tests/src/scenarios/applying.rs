//! A follower, its handlers and the service.

use crate::fakes::{Clock, Disk, Habits};
use crate::node::Node;
use crate::setup::{append_entries, follower};
use figure2_core::Term;

/// Two handlers and more of AppendEntries, one of which repeats what the other brings, the writer, the applier.
pub fn append(extra: usize) {
    let mut node = Node::new(follower(0)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.handler().tell(append_entries(0, 1, 1));
    node.settle_with_replies(2, [0, 2 + extra as u64, 0]);
}

/// The same, and the handlers go on with what follows: whoever cannot, leaves it to the task, and nothing is left undone.
pub fn help(extra: usize) {
    let mut node = Node::new(follower(0)).serving_with_help();
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.handler().tell(append_entries(0, 1, 1));
    node.settle_with_replies(2, [0, 2 + extra as u64, 0]);
}

/// More committed entries than the channel holds, and a reader that takes its time.
pub fn slow_service(extra: usize) {
    let total = 3;
    let (mut node, channel) = Node::new(follower(0)).serving_a_channel();
    let shop = node.shop(Habits::default());
    node.spawn_handlers(extra, |handler, _| handler.tell(append_entries(0, 1, 1)));
    node.handler().tell(append_entries(0, total, total));
    node.settle_beside(total, async move { channel.serve(shop).await });
}

/// A heartbeat brings a shorter election timeout than the one that the timer sleeps on, and it is over at once: votes are
/// asked for, and only when the own one is durable.
pub fn shorter_timeout(extra: usize) {
    let start = follower(0);
    let disk = Disk::new(start.durable.clone());
    let mut node = Node::with(start, disk, Clock::shortened());
    node.spawn_timer();
    node.spawn_sender_and_syncer();
    node.spawn_handlers(extra, |handler, _| {
        handler.monitor.status();
    });
    node.handler().tell(append_entries(0, 0, 0));
    let (monitor, sent) = (node.monitor.clone(), node.sent.clone());
    node.settle(0);
    assert!(monitor.status().term == Term(2), "all rest, and no election was called: the timer overslept");
    let votes = sent.lock().map(|sent| sent.votes).unwrap_or_default();
    assert!(votes == [0, 1, 1], "all rest, and votes were asked for {votes:?} times");
}
