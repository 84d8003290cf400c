//! Kill, restart, and what makes a node stop by itself. Each ends with the join of all threads: a task that does not
//! end, or a caller that is left waiting, is a deadlock, and found.

use crate::explore::{Mutex, block_on, lock};
use crate::fakes::{Clock, Disk, Habits};
use crate::node::Node;
use crate::setup::{
    S1, S2, append_entries, follower, leader_of_three, restarted, snapshot_from_leader, vote_request,
};
use bytes::Bytes;
use core::task::{Context, Waker};
use figure2_core::{Message, Persistent};
use figure2_engine::{Envelope, syncer};
use figure2_engine::{Failure, ProposalOutcome};
use std::sync::Arc;

pub fn kill_propose(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| {
        let started = handler.monitor.start(Bytes::from_static(b"a client's"));
        assert!(started.is_leader || handler.monitor.is_stopped(), "the leader refused a command");
    });
    node.end();
}

pub fn kill_outcome(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| {
        if let Ok(position) = handler.monitor.propose(Bytes::from_static(b"a client's")) {
            let outcome = block_on(handler.monitor.outcome(position));
            assert!(outcome != ProposalOutcome::Lost, "nothing else is committed at {position:?}");
            assert!(
                outcome == ProposalOutcome::Applied || handler.monitor.is_stopped(),
                "unknown in a running node"
            );
        }
    });
    node.end();
}

pub fn kill_append(extra: usize) {
    let mut node = Node::new(follower(0)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| {
        let reply = handler.call(append_entries(0, 2, 2));
        assert!(reply.is_some() || handler.monitor.is_stopped(), "a running node gave no reply");
    });
    node.end();
}

pub fn kill_snapshot(extra: usize) {
    let mut node = Node::new(follower(2)).serving(Habits { snapshot_at: Some(1), ..Habits::default() });
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.end();
}

pub fn kill_install(extra: usize) {
    let mut node = Node::new(follower(0)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, n| handler.tell(snapshot_from_leader(2 + n)));
    node.end();
}

pub fn kill_slow_service(extra: usize) {
    let (mut node, channel) = Node::new(follower(2)).serving_a_channel();
    node.spawn_handlers(extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.handler().tell(append_entries(0, 2, 2));
    node.end();
    drop(channel);
}

pub fn kill_timer(extra: usize) {
    let start = restarted(3, follower(0).durable);
    let disk = Disk::new(start.durable.clone());
    let mut node = Node::with(start, disk, Clock::election_due());
    node.spawn_writer();
    node.spawn_timer();
    node.spawn_handlers(extra, |handler, _| drop(handler.call(vote_request(S1))));
    node.end();
}

/// A candidate of term 2 gets the server's vote, or not, while it is killed and restarted from a copy of its disk; then
/// another candidate of term 2 asks. The old writer may still be writing: what it acknowledges is in the copy, so no
/// two of them get the vote.
pub fn restart(extra: usize) {
    let start = restarted(3, Persistent::default());
    let disk = Disk::new(start.durable.clone());
    let mut old = Node::with(start, disk.clone(), Clock::still());
    let votes = Arc::new(Mutex::new(0));
    old.spawn_writer_on(disk.clone());
    let count = votes.clone();
    old.spawn_handlers(1 + extra, move |handler, _| {
        let reply = block_on(handler.monitor.request(vote_request(S1)));
        *lock(&count) += u32::from(grants(reply.as_ref()));
    });
    old.monitor.kill();
    let copy = disk.copy();
    let durable = copy.read(Persistent::clone);
    let new = Node::new(restarted(3, durable.clone()));
    let reply = {
        let request = new.monitor.request(vote_request(S2));
        let mut new_syncer = Box::pin(syncer::run(&new.monitor, copy));
        let mut context = Context::from_waker(Waker::noop());
        assert!(new_syncer.as_mut().poll(&mut context).is_pending(), "the new syncer ended");
        block_on(request)
    };
    old.join();
    let of_the_old = *lock(&votes) > 0;
    assert!(!(of_the_old && grants(reply.as_ref())), "two candidates got this server's vote in term 2");
    assert!(!of_the_old || durable.voted_for == Some(S1), "the vote that was sent is not on the disk");
}

fn grants(reply: Option<&Envelope>) -> bool {
    matches!(reply.map(|reply| &reply.message), Some(Message::RequestVoteReply(reply)) if reply.vote_granted)
}

/// The first write fails. Nothing that waited for it is answered, sent, or counted; all tasks end by themselves.
pub fn storage_fails(extra: usize) {
    let start = follower(0);
    let disk = Disk::broken(start.durable.clone());
    let mut node = Node::with(start, disk, Clock::still()).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| {
        assert!(handler.call(append_entries(0, 2, 0)).is_none(), "answered after a failed write");
    });
    assert!(node.handler().call(append_entries(0, 1, 0)).is_none(), "answered after a failed write");
    let failure = node.monitor.failure();
    assert!(matches!(failure, Some(Failure::Storage(_))), "{failure:?}");
    node.join();
}

/// The service drops its end of the channel: the node stops, for it could not run what it commits.
pub fn service_gone(extra: usize) {
    let (mut node, channel) = Node::new(follower(2)).serving_a_channel();
    node.spawn_handlers(1 + extra, |handler, _| drop(handler.call(append_entries(0, 2, 2))));
    channel.close();
    node.join_and(|monitor| {
        let failure = monitor.failure();
        assert!(matches!(failure, Some(Failure::ServiceGone)), "{failure:?}");
    });
}
