//! The way to a peer, as the node sees it: a queue of messages, and a place for a snapshot.

use crate::snapshots::Slot;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use figure2::codec::{FIRST_VERSION, Frame};
use figure2::{Peer, Snapshot};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a frame costs beside its bytes.
const OVERHEAD: usize = 64;

/// As many bytes are taken from the queue at once, and one message more.
const BATCH: usize = 256 << 10;

/// Messages that wait for a peer, the oldest first.
///
/// When it is full, new messages are dropped, and not the oldest ones: a follower takes entries that follow on what it has,
/// so the ones that wait are still of use, and a gap before them would make all of them useless. Nothing overtakes: a
/// heartbeat goes where the last entries end, and one that came before them would be refused. It need not overtake
/// either, since entries say as much as a heartbeat does; what is really large, a snapshot, has a connection of its own.
///
/// Without a connection only the newest message waits. What is older is of no use once the peer returns: Raft repeats what
/// matters.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    wake: Notify,
    limit: usize,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Frame>,
    bytes: usize,
    connected: bool,
}

fn cost(frame: &Frame) -> usize {
    frame.len().saturating_add(OVERHEAD)
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Queue {
        Queue { waiting: Mutex::default(), wake: Notify::new(), limit, dropped: AtomicU64::new(0) }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, frame: Frame) {
        let cost = cost(&frame);
        let mut waiting = self.waiting();
        if !waiting.connected {
            self.drop_all(&mut waiting);
        } else if !waiting.frames.is_empty() && waiting.bytes.saturating_add(cost) > self.limit {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes = waiting.bytes.saturating_add(cost);
        waiting.frames.push_back(frame);
        drop(waiting);
        self.wake.notify_one();
    }

    fn drop_all(&self, waiting: &mut Waiting) {
        self.dropped.fetch_add(waiting.frames.len() as u64, Ordering::Relaxed);
        waiting.frames.clear();
        waiting.bytes = 0;
    }

    /// There is a connection now, or there is none any more.
    pub(crate) fn set_connected(&self, connected: bool) {
        let mut waiting = self.waiting();
        waiting.connected = connected;
        if !connected {
            self.drop_all(&mut waiting);
        }
    }

    /// What waits, up to some hundred KiB, once something does.
    pub(crate) async fn take(&self) -> Vec<Frame> {
        loop {
            let taken = self.take_now();
            if !taken.is_empty() {
                return taken;
            }
            self.wake.notified().await;
        }
    }

    fn take_now(&self) -> Vec<Frame> {
        let mut waiting = self.waiting();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH
            && let Some(frame) = waiting.frames.pop_front()
        {
            bytes += cost(&frame);
            taken.push(frame);
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        taken
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.waiting().bytes
    }

    /// How many messages were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// What the node and the connections to a peer share.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) queue: Queue,
    pub(crate) slot: Slot,
    /// The peer has dialled this server, so it is there.
    pub(crate) is_there: Notify,
    version: AtomicU8,
}

impl Line {
    pub(crate) fn new(max_queue_bytes: usize) -> Line {
        Line {
            queue: Queue::new(max_queue_bytes),
            slot: Slot::default(),
            is_there: Notify::new(),
            version: AtomicU8::new(FIRST_VERSION),
        }
    }

    pub(crate) fn set_version(&self, version: u8) {
        self.version.store(version, Ordering::Relaxed);
    }

    pub(crate) fn version(&self) -> u8 {
        self.version.load(Ordering::Relaxed)
    }
}

/// The way to a peer, for [`Raft::new`](figure2::Raft::new). Sending never waits.
#[derive(Clone, Debug)]
pub struct Way {
    pub(crate) line: Arc<Line>,
}

impl Peer for Way {
    fn send(&self, frame: Frame) {
        self.line.queue.push(frame);
    }

    fn version(&self) -> u8 {
        self.line.version()
    }

    fn send_snapshot(&self, message: Frame, snapshot: &Snapshot) -> bool {
        self.line.slot.ask(message, snapshot);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u8, length: usize) -> Frame {
        Frame::from(vec![number; length])
    }

    fn numbers(queue: &Queue) -> Vec<u8> {
        let mut numbers = Vec::new();
        loop {
            let taken = queue.take_now();
            if taken.is_empty() {
                return numbers;
            }
            numbers.extend(taken.iter().map(|frame| frame.clone().into_bytes()[0]));
        }
    }

    #[test]
    fn a_full_queue_keeps_what_came_first_and_counts_what_it_drops() {
        let queue = Queue::new(3 * (100 + OVERHEAD));
        queue.set_connected(true);
        (0..5).for_each(|number| queue.push(frame(number, 100)));
        assert_eq!((queue.bytes(), queue.dropped()), (3 * (100 + OVERHEAD), 2));
        assert_eq!(numbers(&queue), [0, 1, 2]);
        assert_eq!(queue.bytes(), 0);
        queue.push(frame(9, 100));
        assert_eq!(numbers(&queue), [9]);
    }

    #[test]
    fn one_message_always_fits() {
        let queue = Queue::new(10);
        queue.set_connected(true);
        queue.push(frame(1, 1 << 20));
        queue.push(frame(2, 1));
        assert_eq!(numbers(&queue), [1]);
    }

    #[test]
    fn without_a_connection_only_the_newest_waits() {
        let queue = Queue::new(1 << 20);
        (0..5).for_each(|number| queue.push(frame(number, 100)));
        assert_eq!(queue.bytes(), 100 + OVERHEAD);
        queue.set_connected(true);
        queue.push(frame(9, 100));
        assert_eq!(numbers(&queue), [4, 9]);
        queue.push(frame(10, 100));
        queue.set_connected(false);
        assert_eq!((queue.bytes(), queue.dropped()), (0, 5));
    }

    #[test]
    fn a_batch_is_bounded() {
        let queue = Queue::new(1 << 30);
        queue.set_connected(true);
        (0..10).for_each(|number| queue.push(frame(number, 100 << 10)));
        assert_eq!(queue.take_now().len(), 3);
    }

    #[tokio::test]
    async fn who_waits_for_a_message_is_woken() {
        let queue = Arc::new(Queue::new(100));
        let waits = tokio::spawn({
            let queue = queue.clone();
            async move { queue.take().await.len() }
        });
        tokio::task::yield_now().await;
        queue.push(frame(1, 1));
        assert_eq!(waits.await.unwrap(), 1);
    }
}
