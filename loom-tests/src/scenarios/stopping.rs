//! Stop, restart, and what makes a node stop by itself. Each ends with the join of all threads: a task that does not
//! end, or a caller that is left waiting, is a deadlock, and found.

use crate::explore::{Mutex, block_on, lock};
use crate::fakes::{Clock, Disk, Habits, Sent};
use crate::node::Node;
use crate::setup::{
    S1, S2, append_entries, follower, leader_of_three, restarted, snapshot_from_leader, state_after,
    vote_request,
};
use bytes::Bytes;
use figure2_core::{Index, Persistent, Term};
use figure2_engine::{Failure, ProposalOutcome, Snapshot};
use std::sync::Arc;

pub fn stop_propose(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| {
        let proposed = handler.monitor.propose(Bytes::from_static(b"a client's"));
        assert!(proposed.is_ok() || handler.monitor.is_stopped(), "the leader refused a command");
    });
    node.end();
}

pub fn stop_outcome(extra: usize) {
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

pub fn stop_submit(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving_with_help();
    node.spawn_handlers(1 + extra, |handler, _| {
        let told = block_on(handler.monitor.submit(Bytes::from_static(b"a client's")));
        let is_applied = matches!(told, Ok((_, ProposalOutcome::Applied)));
        assert!(is_applied || handler.monitor.is_stopped(), "a running node told {told:?}");
    });
    node.end();
}

pub fn stop_help(extra: usize) {
    let mut node = Node::new(follower(0)).serving_with_help();
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.end();
}

pub fn stop_append(extra: usize) {
    let mut node = Node::new(follower(0)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.end();
}

pub fn stop_snapshot(extra: usize) {
    let mut node = Node::new(follower(2)).serving(Habits { snapshot_at: Some(1), ..Habits::default() });
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.end();
}

pub fn stop_install(extra: usize) {
    let mut node = Node::new(follower(0)).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, n| handler.tell(snapshot_from_leader(2 + n)));
    node.end();
}

pub fn stop_slow_service(extra: usize) {
    let (mut node, channel) = Node::new(follower(2)).serving_a_channel();
    node.spawn_handlers(extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    node.handler().tell(append_entries(0, 2, 2));
    node.end();
    drop(channel);
}

pub fn stop_timer(extra: usize) {
    let start = restarted(3, follower(0).durable);
    let disk = Disk::new(start.durable.clone());
    let mut node = Node::with(start, disk, Clock::election_due());
    node.spawn_writer();
    node.spawn_timer();
    node.spawn_handlers(extra, |handler, _| handler.tell(vote_request(S1)));
    node.end();
}

/// A candidate of term 2 gets the server's vote, or not, while it is stopped and restarted from a copy of its disk; then
/// another candidate of term 2 asks. The old writer may still be writing: what it has granted is in the copy, so no
/// two of them get the vote.
pub fn restart(extra: usize) {
    let start = restarted(3, Persistent::default());
    let disk = Disk::new(start.durable.clone());
    let mut old = Node::with(start, disk.clone(), Clock::still());
    old.spawn_writer_on(disk.clone());
    old.spawn_handlers(1 + extra, |handler, _| handler.tell(vote_request(S1)));
    old.monitor.stop();
    let copy = disk.copy();
    let durable = copy.read(Persistent::clone);
    let new = Node::with(restarted(3, durable.clone()), copy, Clock::still());
    new.handler().tell(vote_request(S2));
    new.write_by_hand();
    let (of_the_old, of_the_new) = (old.sent.clone(), new.sent.clone());
    old.join();
    let granted = |sent: &std::sync::Mutex<Sent>| sent.lock().map(|sent| sent.granted).unwrap_or_default();
    let [_, to_s1, _] = granted(&of_the_old);
    let [_, _, to_s2] = granted(&of_the_new);
    assert!(to_s1 == 0 || to_s2 == 0, "two candidates got this server's vote in term 2");
    assert!(to_s1 == 0 || durable.voted_for == Some(S1), "the vote that was sent is not on the disk");
    assert!(to_s2 > 0 || durable.voted_for == Some(S1), "nobody has the vote, and S2 was refused");
}

/// A service asks whether it may switch to a snapshot, while the server is stopped and its disk copied: if it was told to,
/// the copy has the snapshot. The old writer may still be writing.
pub fn restart_install(extra: usize) {
    let mut old = Node::new(follower(0));
    old.spawn_writer();
    let switched = Arc::new(Mutex::new(false));
    let told = switched.clone();
    old.spawn_handlers(1 + extra, move |handler, _| {
        handler.tell(snapshot_from_leader(2));
        let answer = block_on(handler.monitor.install(snapshot()));
        assert!(answer.is_some() || handler.monitor.is_stopped(), "a running node gave no answer");
        *lock(&told) |= answer == Some(true);
    });
    old.monitor.stop();
    let copy = old.disk.copy();
    old.join();
    let durable = copy.read(|durable| durable.log.base_index());
    assert!(
        !*lock(&switched) || durable == Index(2),
        "the service was told to switch, and a restart knows of nothing"
    );
}

fn snapshot() -> Snapshot {
    Snapshot { last_included_index: Index(2), last_included_term: Term(1), data: state_after(2) }
}

/// The first write fails. Nothing that waited for it is answered, sent, or counted; all tasks end by themselves.
pub fn storage_fails(extra: usize) {
    let start = follower(0);
    let disk = Disk::broken(start.durable.clone());
    let mut node = Node::with(start, disk, Clock::still()).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 0)));
    node.handler().tell(append_entries(0, 1, 0));
    let sent = node.sent.clone();
    node.join_and(|monitor| {
        let failure = monitor.failure();
        assert!(matches!(failure, Some(Failure::Storage(_))), "{failure:?}");
    });
    let replies = sent.lock().map(|sent| sent.replies).unwrap_or_default();
    assert!(replies == [0; 3], "answered after a failed write: {replies:?}");
}

/// The service drops its end of the channel: the node stops, for it could not run what it commits.
pub fn service_gone(extra: usize) {
    let (mut node, channel) = Node::new(follower(2)).serving_a_channel();
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_entries(0, 2, 2)));
    channel.close();
    node.join_and(|monitor| {
        let failure = monitor.failure();
        assert!(matches!(failure, Some(Failure::ServiceGone)), "{failure:?}");
    });
}
