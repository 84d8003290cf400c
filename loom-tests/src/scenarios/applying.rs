//! A follower, its handlers and the service.

use crate::explore::block_on;
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
    let reply = node.handler().call(append_entries(0, 1, 1));
    assert!(reply.is_some(), "a running node gave no reply");
    node.join_handlers();
    node.book.wait_for(2);
    node.end();
}

/// More committed entries than the channel holds, and a reader that takes its time.
pub fn slow_service(extra: usize) {
    let total = 2 + extra as u64;
    let mut node = Node::new(follower(0));
    node.spawn_writer();
    let (sender, channel) = Channel::new(1);
    node.spawn_applier_to(Install::Conditional, sender);
    let shop = node.shop();
    node.spawn(move || {
        while let Some(message) = channel.receive() {
            block_on(shop.take(message));
        }
    });
    let reply = node.handler().call(append_entries(0, total, total));
    assert!(reply.is_some(), "a running node gave no reply");
    node.book.wait_for(total);
    node.end();
}
