//! A leader and its clients.

use crate::node::{Handler, Node};
use crate::setup::{heartbeat_of_term_2, leader_alone, leader_of_three};
use bytes::Bytes;
use figure2::{Index, ServerId, Term};

/// Proposes a command of its own, and asserts that it is what the service got at the index named.
fn propose_one(handler: &Handler, name: String, total: u64) {
    let command = Bytes::from(name);
    let started = handler.monitor.start(command.clone());
    assert!(started.is_leader && started.term == Term(1), "the leader of term 1 took no command: {started:?}");
    handler.book.wait_for(total);
    let page = handler.book.lock();
    let at = page.commands.get(started.index.0 as usize - 1);
    assert!(at == Some(&Some(command)), "another command stands at {}: {at:?}", started.index);
}

/// Two proposers and more, the writer, the applier. Each command is committed at the index that start named, and the
/// disk has them in that order.
pub fn propose(extra: usize) {
    let mut node = Node::new(leader_of_three());
    node.spawn_writer();
    let mut shop = node.shop();
    shop.leads = true;
    node.spawn_applier(shop);
    let total = 2 + extra as u64;
    for n in 1..total {
        node.spawn_handler(move |handler| propose_one(handler, format!("of {n}"), total));
    }
    propose_one(&node.handler(), "of main".into(), total);
    let disk = node.disk.read(|durable| durable.log.entries().to_vec());
    let page = node.book.lock().commands.clone();
    assert!(page.len() as u64 == total, "{} commands of {total}", page.len());
    assert!(page.iter().zip(&disk).all(|(run, entry)| run.as_ref() == Some(&entry.command)), "disk and service differ");
    node.join_handlers();
    node.end();
}

/// The service has a lock of its own, and calls start under it (pitfall 28): app lock, start, raft lock against raft
/// lock, apply, app lock.
pub fn four_way(extra: usize) {
    let mut node = Node::new(leader_alone());
    node.spawn_writer();
    let mut shop = node.shop();
    (shop.leads, shop.asks_status) = (true, true);
    node.spawn_applier(shop);
    let total = 1 + extra as u64;
    let client = |handler: &Handler| {
        let service = handler.book.lock();
        let started = handler.monitor.start(Bytes::from_static(b"a client's"));
        assert!(started.is_leader, "the only server leads: {started:?}");
        drop(service);
        handler.book.wait_for(started.index.0);
    };
    for _ in 1..total {
        node.spawn_handler(client);
    }
    client(&node.handler());
    node.join_handlers();
    node.end();
}

/// What is read together was true together: the leader of term 1 hears of term 2, in which S2 leads.
pub fn get_state(extra: usize) {
    let mut node = Node::new(leader_of_three());
    node.spawn_writer();
    node.spawn_handler(|handler| {
        let reply = handler.call(heartbeat_of_term_2());
        assert!(reply.is_some_and(|reply| reply.message.term() == Term(2)), "term 2 was not adopted");
    });
    for _ in 0..extra {
        node.spawn_handler(read);
    }
    read(&node.handler());
    node.join_handlers();
    node.end();
}

fn read(handler: &Handler) {
    let first = handler.monitor.term_and_leadership();
    let status = handler.monitor.status();
    let last = handler.monitor.term_and_leadership();
    let before = (Term(1), true);
    let after = (Term(2), false);
    for state in [first, last] {
        assert!(state == before || state == after, "get_state is torn: {state:?}");
    }
    assert!(first.0 <= status.term && status.term <= last.0, "terms went back");
    // A server that is made as a leader has not heard from one.
    let leaders = [(Term(1), None), (Term(2), Some(ServerId(2)))];
    assert!(leaders.contains(&(status.term, status.leader)), "the status is torn: {status:?}");
    assert!(status.last_applied <= status.commit_index && status.commit_index == Index::ZERO, "{status:?}");
}
