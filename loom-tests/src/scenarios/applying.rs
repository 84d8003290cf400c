//! A follower, its handlers and the service.

use crate::fakes::Channel;
use crate::node::Node;
use crate::setup::{append_entries, follower};
use figure2::Install;

/// Two handlers and more of AppendEntries, one of which repeats what the other brings, the writer, the applier.
pub fn append(extra: usize) {
    let mut node = Node::new(follower(0));
    node.spawn_writer();
    node.spawn_applier(node.shop());
    for _ in 0..=extra {
        node.spawn_handler(|handler| {
            let reply = handler.call(append_entries(0, 2, 2));
            assert!(reply.is_some(), "a running node gave no reply");
        });
    }
    node.handler().tell(append_entries(0, 1, 1));
    node.settle(2);
}

/// More committed entries than the channel holds, and a reader that takes its time.
pub fn slow_service(extra: usize) {
    let total = 3;
    let mut node = Node::new(follower(0));
    node.spawn_writer();
    let (sender, channel) = Channel::new(1);
    node.spawn_applier_to(Install::Conditional, sender);
    let shop = node.shop();
    for _ in 0..extra {
        node.spawn_handler(|handler| handler.tell(append_entries(0, 1, 1)));
    }
    node.handler().tell(append_entries(0, total, total));
    node.settle_beside(total, async move { channel.serve(shop).await });
}
