//! A leader and its clients.

use crate::explore::block_on;
use crate::fakes::{Clock, Disk, Habits};
use crate::node::{Handler, Node};
use crate::setup::{
    S2, append_succeeded, heartbeat_of_term_2, leader_alone, leader_of_three,
    leader_of_three_with_little_room,
};
use bytes::Bytes;
use figure2_core::{Index, ServerId, Term};
use figure2_engine::{Command, Position, ProposalOutcome};
use std::sync::{Arc, Mutex};

/// Two proposers and more, the writer, the applier. Each command is committed at the index that propose named, and the
/// disk has them in that order.
pub fn propose(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving(Habits::default());
    let total = 2 + extra;
    let promised = Arc::new(Mutex::new(vec![None; total]));
    let promises = promised.clone();
    node.spawn_handlers(1 + extra, move |handler, n| propose_one(handler, 1 + n, &promises));
    propose_one(&node.handler(), 0, &promised);
    let (book, disk) = (node.book.clone(), node.disk.clone());
    node.settle(total as u64);
    let promised: Vec<Option<Command>> = promised.lock().map(|promised| promised.clone()).unwrap_or_default();
    let on_disk: Vec<Option<Command>> =
        disk.read(|durable| durable.log.entries().iter().map(|entry| Some(entry.command.clone())).collect());
    assert!(book.lock().commands == promised, "propose promised {promised:?}");
    assert!(on_disk == promised, "propose promised {promised:?}, the disk has {on_disk:?}");
}

/// Proposes a command of its own, and notes what stands where according to propose. (Nobody acts upon the notes: nothing
/// to explore.)
fn propose_one(handler: &Handler, n: u64, promised: &Mutex<Vec<Option<Command>>>) {
    let command = Bytes::from(format!("of proposer {n}"));
    let proposed = handler.monitor.propose(command.clone());
    let Ok(Position { index, term: Term(1) }) = proposed else {
        panic!("the leader of term 1 took no command: {proposed:?}")
    };
    if let Ok(mut promised) = promised.lock() {
        let place = promised.get_mut(index.0 as usize - 1);
        assert!(place.as_ref().is_some_and(|place| place.is_none()), "{index} promised twice, or too high");
        place.into_iter().for_each(|place| *place = Some(command.clone()));
    }
}

/// A disk whose first write is not done before the followers were sent both commands, the second of which may be proposed
/// during that write: sending waits for nothing, and followers learn of each commit.
pub fn overlap(extra: usize) {
    let start = leader_of_three();
    let total = 2 + extra as u64;
    let disk = Disk::slow(start.durable.clone(), total);
    let mut node = Node::with(start, disk, Clock::still());
    node.spawn_sender_and_syncer();
    let propose = |handler: &Handler, _| {
        assert!(
            handler.monitor.propose(Bytes::from_static(b"a client's")).is_ok(),
            "the leader took no command"
        );
    };
    node.spawn_handlers(1 + extra, propose);
    propose(&node.handler(), 0);
    let (applier, sent) = (node.applier(), node.sent.clone());
    node.settle_beside(total, applier);
    let committed = sent.lock().map(|sent| sent.committed[1]).unwrap_or_default();
    assert!(committed == total, "all rest, and S1 knows only {committed} of {total} to be committed");
}

/// The same, where sender and syncer are one task.
pub fn overlap_in_one(extra: usize) {
    let start = leader_of_three();
    let total = 2 + extra as u64;
    let disk = Disk::slow(start.durable.clone(), total);
    let mut node = Node::with(start, disk, Clock::still()).serving_with_help();
    let propose = |handler: &Handler, _| {
        let proposed = handler.monitor.propose(Bytes::from_static(b"a client's"));
        assert!(proposed.is_ok(), "the leader took no command: {proposed:?}");
    };
    node.spawn_handlers(1 + extra, propose);
    propose(&node.handler(), 0);
    node.settle(total);
}

/// Clients for whom there is room one after the other: each waits until the command before it is committed.
pub fn busy(extra: usize) {
    let mut node = Node::new(leader_of_three_with_little_room()).serving(Habits::default());
    let propose = |handler: &Handler, n| {
        let proposed = block_on(handler.monitor.propose_when_ready(Bytes::from(format!("client {n}"))));
        assert!(proposed.is_ok(), "the leader took no command: {proposed:?}");
    };
    node.spawn_handlers(1 + extra, move |handler, n| propose(handler, 1 + n));
    propose(&node.handler(), 0);
    node.settle(2 + extra as u64);
}

/// Clients that wait for the outcome of their commands: each is told, and by then the service has the command.
pub fn outcome(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, n| {
        let proposed = handler.monitor.propose(Bytes::from(format!("client {n}")));
        let Ok(position) = proposed else { panic!("the leader took no command: {proposed:?}") };
        let outcome = block_on(handler.monitor.outcome(position));
        assert!(outcome == ProposalOutcome::Applied, "{position:?}: {outcome:?}");
        assert!(handler.book.lock().index >= position.index.0, "{position:?} is not applied");
    });
    node.settle(1 + extra as u64);
}

/// Clients that submit commands are told what became of them: sender and syncer are one task, which finds whatever comes,
/// also what comes while it looks for the last time before it sleeps.
pub fn submit(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving_with_help();
    let submit = |handler: &Handler, n: u64| {
        let told = block_on(handler.monitor.submit(Bytes::from(format!("client {n}"))));
        let Ok((position, ProposalOutcome::Applied)) = told else { panic!("a client was told {told:?}") };
        assert!(handler.book.lock().index >= position.index.0, "{position:?} is not applied");
    };
    node.spawn_handlers(1 + extra, move |handler, n| submit(handler, 1 + n));
    submit(&node.handler(), 0);
    node.settle(2 + extra as u64);
}

/// Clients that go on with their commands themselves, for commands have come one at a time so far. Only one of them can be at it,
/// and the other one wakes the task.
pub fn submit_alone(extra: usize) {
    let node = Node::new(leader_of_three());
    node.monitor.commands_come_one_at_a_time();
    let mut node = node.serving_with_help();
    let submit = |handler: &Handler, n: u64| {
        let told = block_on(handler.submit(Bytes::from(format!("client {n}"))));
        let Ok((position, ProposalOutcome::Applied)) = told else { panic!("a client was told {told:?}") };
        assert!(handler.book.lock().index >= position.index.0, "{position:?} is not applied");
    };
    node.spawn_handlers(1 + extra, move |handler, n| submit(handler, 1 + n));
    submit(&node.handler(), 0);
    node.settle(2 + extra as u64);
}

/// As [`submit`], with sender and syncer apart. What is submitted while the first is saved waits for the end of that; then the two
/// race for it, and it is sent and saved all the same.
pub fn submit_apart(extra: usize) {
    let mut node = Node::new(leader_of_three());
    let total = 2 * (1 + extra as u64);
    node.spawn_sender_and_syncer();
    node.spawn_handlers(1 + extra, |handler, n| {
        let commands = [2 * n, 2 * n + 1].map(|n| Bytes::from(format!("client {n}")));
        for submitted in commands.map(|command| handler.monitor.submit(command)) {
            let told = block_on(submitted);
            let Ok((position, ProposalOutcome::Applied)) = told else { panic!("a client was told {told:?}") };
            assert!(handler.book.lock().index >= position.index.0, "{position:?} is not applied");
        }
    });
    let (applier, sent) = (node.applier(), node.sent.clone());
    node.settle_beside(total, applier);
    let committed = sent.lock().map(|sent| sent.committed[1]).unwrap_or_default();
    assert!(committed == total, "all rest, and S1 knows only {committed} of {total} to be committed");
}

/// S2, until now silent, is heard of while a command is proposed: whichever step finds it behind, it is sent the command.
pub fn late_follower(extra: usize) {
    let mut node = Node::new(leader_of_three()).serving(Habits::default());
    node.spawn_handlers(1 + extra, |handler, _| handler.tell(append_succeeded(S2, 0)));
    let proposed = node.monitor.propose(Bytes::from_static(b"a client's"));
    assert!(proposed.is_ok(), "the leader of term 1 took no command: {proposed:?}");
    let sent = node.sent.clone();
    node.settle(1);
    let sent = sent.lock().map(|sent| sent.last).unwrap_or_default();
    assert!(sent == [0, 1, 1], "all rest, and S1 and S2 were sent {sent:?}");
}

/// The service has a lock of its own, and proposes under it (pitfall 28): app lock, propose, raft lock against raft
/// lock, apply, app lock.
pub fn four_way(extra: usize) {
    let mut node = Node::new(leader_alone()).serving(Habits { asks_status: true, ..Habits::default() });
    let total = 2 + extra as u64;
    let client = |handler: &Handler, _| {
        let service = handler.book.lock();
        let proposed = handler.monitor.propose(Bytes::from_static(b"a client's"));
        assert!(proposed.is_ok(), "the only server leads: {proposed:?}");
        drop(service);
    };
    node.spawn_handlers(1 + extra, client);
    client(&node.handler(), 0);
    node.settle(total);
}

/// What is read together was true together: the leader of term 1 hears of term 2, in which S2 leads.
pub fn leadership(extra: usize) {
    let mut node = Node::new(leader_of_three());
    node.spawn_writer();
    node.spawn_handlers(1, |handler, _| handler.tell(heartbeat_of_term_2()));
    node.spawn_handlers(extra, |handler, _| read(handler));
    read(&node.handler());
    let monitor = node.monitor.clone();
    node.settle_with_replies(0, [0, 0, 1]);
    assert!(monitor.term_and_leadership() == (Term(2), false), "term 2 was not adopted");
}

fn read(handler: &Handler) {
    let first = handler.monitor.term_and_leadership();
    let status = handler.monitor.status();
    let last = handler.monitor.term_and_leadership();
    let before = (Term(1), true);
    let after = (Term(2), false);
    for state in [first, last] {
        assert!(state == before || state == after, "term and leadership are torn: {state:?}");
    }
    assert!(first.0 <= status.term && status.term <= last.0, "terms went back");
    let leaders = [(Term(1), Some(ServerId(0))), (Term(2), Some(ServerId(2)))];
    assert!(leaders.contains(&(status.term, status.leader)), "the status is torn: {status:?}");
    assert!(status.last_applied <= status.commit_index && status.commit_index == Index::ZERO, "{status:?}");
}
