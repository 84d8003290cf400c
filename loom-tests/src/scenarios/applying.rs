//! A follower, its handlers and the service.

use crate::fakes::Habits;
use crate::node::Node;
use crate::setup::{append_entries, follower};

/// Two handlers and more of AppendEntries, one of which repeats what the other brings, the writer, the applier.
pub fn append(extra: usize) {
    let mut node = Node::new(follower(0)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| {
        let reply = handler.call(append_entries(0, 2, 2));
        assert!(reply.is_some(), "a running node gave no reply");
    });
    node.handler().tell(append_entries(0, 1, 1));
    node.settle(2);
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
