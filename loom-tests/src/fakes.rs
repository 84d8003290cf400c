//! A disk, a way to the peers, a service and a clock, as small as possible, on the explored primitives; each asserts
//! what the engine may do with it.

use crate::explore::{Mutex, MutexGuard, Waiters, block_on, lock, wait_for, wake};
use crate::setup::{ME, S1, append_succeeded, command};
use core::future::poll_fn;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Poll;
use figure2_core::{AppendResult, Index, Message, Persistent, Record};
use figure2_engine::{ApplyMsg, Command, Identity, Loaded, RoleName, SnapshotData, Storage, StorageError};
use figure2_engine::{Due, Envelope, Link, Service, Snapshot, Timers};
use std::collections::VecDeque;
use std::sync::Arc;

/// The engine, as explored.
pub type Monitor = figure2_engine::Monitor<Clock>;

/// A clock that has come to 0, and the election timeouts that are drawn.
pub struct Clock {
    draws: VecDeque<u64>,
    election: u64,
}

/// A deadline that never comes.
const NEVER: u64 = u64::MAX;

impl Clock {
    /// Nothing ever elapses.
    pub fn still() -> Clock {
        Clock::drawing([])
    }

    /// The election timer has elapsed.
    pub fn election_due() -> Clock {
        Clock::drawing([0])
    }

    /// The first election timeout is long, and the next one is over at once.
    pub fn shortened() -> Clock {
        Clock::drawing([NEVER, 0])
    }

    fn drawing<const N: usize>(draws: [u64; N]) -> Clock {
        Clock { draws: VecDeque::from(draws), election: NEVER }
    }
}

impl Timers for Clock {
    type Instant = u64;

    fn restart_election(&mut self) {
        self.election = self.draws.pop_front().unwrap_or(NEVER);
    }

    fn restart_heartbeat(&mut self) {}

    fn due(&self, _: RoleName) -> Due<u64> {
        if self.election == 0 { Due::Election } else { Due::At(self.election) }
    }

    fn next(&self, _: RoleName) -> u64 {
        self.election
    }
}

/// A disk. Clones are the same disk.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

struct Platter {
    durable: Persistent<Command, SnapshotData>,
    broken: bool,
    /// A write takes until S1 was sent all up to this index.
    takes_until: u64,
    sent: u64,
    waiters: Waiters,
}

impl Disk {
    pub fn new(durable: Persistent<Command, SnapshotData>) -> Disk {
        Disk::made(durable, false, 0)
    }

    /// One on which every write fails.
    pub fn broken(durable: Persistent<Command, SnapshotData>) -> Disk {
        Disk::made(durable, true, 0)
    }

    /// One whose writes are not done before S1 was sent all up to that index.
    pub fn slow(durable: Persistent<Command, SnapshotData>, takes_until: u64) -> Disk {
        Disk::made(durable, false, takes_until)
    }

    fn made(durable: Persistent<Command, SnapshotData>, broken: bool, takes_until: u64) -> Disk {
        let waiters = Waiters::default();
        Disk(Arc::new(Mutex::new(Platter { durable, broken, takes_until, sent: 0, waiters })))
    }

    /// A disk of its own with the same contents: what a restarted server has, out of reach of the old one.
    pub fn copy(&self) -> Disk {
        Disk::new(self.read(Persistent::clone))
    }

    /// S1 was sent all up to that index.
    fn was_sent(&self, index: u64) {
        let waiters = {
            let mut platter = lock(&self.0);
            platter.sent = index;
            if index >= platter.takes_until { platter.waiters.take() } else { Vec::new() }
        };
        wake(waiters);
    }

    /// Looks at what is durable.
    pub fn read<R>(&self, look: impl FnOnce(&Persistent<Command, SnapshotData>) -> R) -> R {
        look(&lock(&self.0).durable)
    }

    /// Asserts that all which the message says of its sender is durable.
    fn assert_holds(&self, message: &Envelope) {
        self.read(|durable| assert_durable(durable, message));
    }
}

impl Storage for Disk {
    async fn load(&mut self, _: &Identity) -> Result<Loaded, StorageError> {
        Ok(Loaded { identity: None, persistent: self.read(Persistent::clone) })
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let mut record = Some(record);
        wait_for(
            &self.0,
            |platter| &mut platter.waiters,
            |platter: &mut Platter| {
                if platter.broken {
                    return Some(Err(StorageError::failed("the disk is broken")));
                }
                (platter.sent >= platter.takes_until).then(|| {
                    record.take().into_iter().for_each(|record| platter.durable.apply_record(record));
                    Ok(())
                })
            },
        )
        .await
    }
}

/// Asserts that what a message says of its sender is durable there.
pub fn assert_durable(durable: &Persistent<Command, SnapshotData>, envelope: &Envelope) {
    let term = envelope.message.term();
    assert!(durable.current_term >= term, "sent before its term was durable: {envelope:?}");
    match &envelope.message {
        Message::RequestVote(_) => {
            assert!(durable.voted_for == Some(ME), "asked for votes before the own one was durable");
        }
        Message::RequestVoteReply(reply) if reply.vote_granted && durable.current_term == term => {
            assert!(durable.voted_for == Some(envelope.to), "a vote was sent before it was durable");
        }
        Message::AppendEntriesReply(reply) => {
            if let AppendResult::Success { match_index } = reply.result {
                assert!(durable.log.last_index() >= match_index, "acknowledged before it was durable");
            }
        }
        _ => {}
    }
}

/// The way to the peers: S1 answers, within the call that sends, that it has what it was sent.
pub struct Wire {
    pub monitor: Arc<Monitor>,
    pub disk: Disk,
    /// What was sent. (Only the sender changes it: nothing to explore.)
    pub sent: Arc<std::sync::Mutex<Sent>>,
}

/// What each server was sent.
#[derive(Clone, Copy, Default)]
pub struct Sent {
    /// The last index.
    pub last: [u64; 3],
    /// The highest commit_index.
    pub committed: [u64; 3],
    /// How often it was asked for a vote.
    pub votes: [u64; 3],
    /// How often it was granted one.
    pub granted: [u64; 3],
    /// How many replies.
    pub replies: [u64; 3],
}

impl Link for Wire {
    fn send(&self, envelope: Envelope) {
        self.disk.assert_holds(&envelope);
        let to = usize::from(envelope.to.0);
        let last = {
            let Ok(mut sent) = self.sent.lock() else { return };
            match &envelope.message {
                Message::AppendEntries(message) => {
                    let last = sent.last[to];
                    assert!(message.prev_log_index.0 == last, "sent in another order than that of the lock");
                    sent.last[to] = last + message.entries.len() as u64;
                    sent.committed[to] = sent.committed[to].max(message.leader_commit.0);
                }
                Message::RequestVote(_) => sent.votes[to] += 1,
                Message::RequestVoteReply(reply) => sent.granted[to] += u64::from(reply.vote_granted),
                _ => {}
            }
            sent.replies[to] += u64::from(!envelope.message.is_request());
            sent.last[to]
        };
        if envelope.to == S1 && matches!(envelope.message, Message::AppendEntries(_)) {
            self.disk.was_sent(last);
            // The node may have stopped meanwhile.
            let _ = self.monitor.receive(append_succeeded(S1, last));
        }
    }
}

/// What the service has, and who waits for it.
#[derive(Default)]
pub struct Book {
    page: Mutex<Page>,
    /// Highest index that any message so far said to be committed. (Only asserted upon: nothing to explore.)
    committed: AtomicU64,
}

/// The service's state.
#[derive(Default)]
pub struct Page {
    /// It has all commands up to this index.
    pub index: u64,
    /// The commands themselves, and `None` for those that came in a snapshot.
    pub commands: Vec<Option<Command>>,
    /// A snapshot that it was offered, and has not yet answered.
    pub offered: Option<Index>,
    /// The last snapshot that it was offered.
    pub last_offer: Index,
    waiters: Waiters,
}

impl Book {
    /// A request is about to be handled: what it says is committed may be applied from now on.
    pub fn expect(&self, request: &Envelope) {
        let committed = match &request.message {
            Message::AppendEntries(message) => message.leader_commit,
            Message::InstallSnapshot(message) => message.snapshot.last_included_index,
            _ => return,
        };
        self.committed.fetch_max(committed.0, Ordering::Relaxed);
    }

    /// The service's own lock.
    pub fn lock(&self) -> MutexGuard<'_, Page> {
        lock(&self.page)
    }

    /// Waits until the service has all up to `index`: forever, if a wake-up is lost.
    pub fn wait_for(&self, index: u64) {
        block_on(wait_for(&self.page, |page| &mut page.waiters, |page| (page.index >= index).then_some(())));
    }
}

/// A service.
#[derive(Clone)]
pub struct Shop {
    pub monitor: Arc<Monitor>,
    pub disk: Disk,
    pub book: Arc<Book>,
    /// The server leads, and no other server but S1 has its entries: what is committed must be on its own disk.
    pub leads: bool,
    pub habits: Habits,
}

/// What a service does beyond taking in what it is handed.
#[derive(Clone, Copy, Default)]
pub struct Habits {
    /// Raft installs snapshots without asking it.
    pub automatic: bool,
    /// It asks for the status within each delivery (it has no channel in front of it).
    pub asks_status: bool,
    /// It takes a snapshot within the delivery of this index.
    pub snapshot_at: Option<u64>,
}

impl Shop {
    /// Takes in a message, and answers it if it is an offer.
    pub async fn take(&self, message: ApplyMsg) {
        match message {
            ApplyMsg::Command { index, command, .. } => self.run(index, command),
            ApplyMsg::Snapshot { index, data, .. } if self.habits.automatic => {
                let installed = self.monitor.status().snapshot_index;
                assert!(installed >= index, "a snapshot was handed over before Raft installed it");
                self.switch_to(index, &data);
            }
            ApplyMsg::Snapshot { index: last_included_index, term: last_included_term, data } => {
                self.consider(Snapshot { last_included_index, last_included_term, data }).await;
            }
        }
    }

    fn run(&self, index: Index, run: Command) {
        let waiters = {
            let mut page = self.book.lock();
            assert!(page.offered.is_none(), "an entry came before the offer was answered");
            assert!(index.0 == page.index + 1, "applied {index} after {}", page.index);
            if self.leads {
                let durable = self.disk.read(|durable| durable.log.last_index());
                assert!(index <= durable, "counted before it was durable");
            } else {
                let committed = self.book.committed.load(Ordering::Relaxed);
                assert!(index.0 <= committed, "applied {index}, committed {committed}");
                assert!(run == command(index.0), "another command at {index}");
            }
            if self.habits.asks_status {
                let status = self.monitor.status();
                assert!(index <= status.commit_index, "applied {index}, committed {}", status.commit_index);
                assert!(status.last_applied.0 <= page.index, "last_applied ran ahead of the service");
            }
            page.index = index.0;
            page.commands.push(Some(run));
            page.waiters.take()
        };
        wake(waiters);
        if self.habits.snapshot_at == Some(index.0) {
            self.monitor.snapshot(index, crate::setup::state_after(index.0));
        }
    }

    /// The lab's CondInstallSnapshot, from the service's side.
    async fn consider(&self, snapshot: Snapshot) {
        let (index, data) = (snapshot.last_included_index, snapshot.data.clone());
        {
            let mut page = self.book.lock();
            assert!(page.offered.is_none(), "an offer came before the last one was answered");
            assert!(index.0 > page.index, "an old snapshot was offered");
            assert!(index > page.last_offer, "the same snapshot was offered again");
            (page.offered, page.last_offer) = (Some(index), index);
        }
        let answer = self.monitor.install(snapshot).await;
        self.book.lock().offered = None;
        assert!(answer.is_some() || self.monitor.is_stopped(), "a running node gave no answer");
        if answer == Some(true) {
            let durable = self.disk.read(|durable| durable.log.base_index());
            assert!(durable >= index, "the service was told to switch before the snapshot was durable");
            self.switch_to(index, &data);
        }
    }

    fn switch_to(&self, index: Index, data: &SnapshotData) {
        let waiters = {
            let mut page = self.book.lock();
            assert!(index.0 > page.index, "a snapshot took the service back");
            assert!(*data == crate::setup::state_after(index.0), "another state than that of {index}");
            page.index = index.0;
            page.commands.resize(index.0 as usize, None);
            page.waiters.take()
        };
        wake(waiters);
    }
}

impl Service for Shop {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        self.take(message).await;
        true
    }
}

/// An apply channel with a service behind it that reads when it likes.
pub struct Channel {
    capacity: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<ApplyMsg>,
    sender: Waiters,
    receiver: Waiters,
    sender_gone: bool,
    receiver_gone: bool,
}

/// The applier's end.
pub struct Sender(Arc<Channel>);

impl Channel {
    pub fn new(capacity: usize) -> (Sender, Arc<Channel>) {
        let channel = Arc::new(Channel { capacity, queue: Mutex::default() });
        (Sender(channel.clone()), channel)
    }

    /// The next message; none when the applier is gone.
    async fn receive(&self) -> Option<ApplyMsg> {
        let (message, sender) = wait_for(
            &self.queue,
            |queue| &mut queue.receiver,
            |queue| {
                let message = queue.messages.pop_front();
                (message.is_some() || queue.sender_gone).then(|| (message, queue.sender.take()))
            },
        )
        .await;
        wake(sender);
        message
    }

    /// A service that takes in what the channel brings, until the applier is gone.
    pub async fn serve(&self, shop: Shop) {
        while let Some(message) = self.receive().await {
            shop.take(message).await;
        }
    }

    /// The service is gone.
    pub fn close(&self) {
        let sender = {
            let mut queue = lock(&self.queue);
            queue.receiver_gone = true;
            queue.sender.take()
        };
        wake(sender);
    }
}

impl Service for Sender {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        let mut message = Some(message);
        poll_fn(|context| {
            let receiver = {
                let mut queue = lock(&self.0.queue);
                if queue.receiver_gone {
                    return Poll::Ready(false);
                }
                if queue.messages.len() >= self.0.capacity {
                    queue.sender.add(context);
                    return Poll::Pending;
                }
                queue.messages.extend(message.take());
                queue.receiver.take()
            };
            wake(receiver);
            Poll::Ready(true)
        })
        .await
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let receiver = {
            let mut queue = lock(&self.0.queue);
            queue.sender_gone = true;
            queue.receiver.take()
        };
        wake(receiver);
    }
}
