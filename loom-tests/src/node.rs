//! A node of a scenario: the engine with fakes around it, and its tasks on threads.

use crate::explore::{Rest, Task, run_until_rest, spawn};
use crate::fakes::{Book, Channel, Clock, Disk, Habits, Monitor, Sent, Shop, Wire};
use crate::setup::Start;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use figure2_engine::{Command, Envelope, Hands, Helped, Service, Submitted, applier, sender, syncer, writer};
use figure2_engine::{Install, Storage};
use std::sync::Arc;

/// The engine, and what its tasks work on.
pub struct Node {
    pub monitor: Arc<Monitor>,
    pub disk: Disk,
    pub book: Arc<Book>,
    /// What was sent.
    pub sent: Arc<std::sync::Mutex<Sent>>,
    leads: bool,
    /// The tasks, where handlers help them.
    hands: Option<Arc<Hands>>,
    rest: Arc<Rest>,
    tasks: Vec<Task>,
    handlers: Vec<Task>,
}

impl Node {
    /// A node, none of whose tasks runs yet.
    pub fn new(start: Start) -> Node {
        let disk = Disk::new(start.durable.clone());
        Node::with(start, disk, Clock::still())
    }

    /// The same, with another disk or clock.
    pub fn with(start: Start, disk: Disk, clock: Clock) -> Node {
        let leads = start.server.is_leader();
        let monitor = Arc::new(Monitor::new(start.server, clock));
        Node {
            monitor,
            leads,
            disk,
            book: Arc::new(Book::default()),
            sent: Arc::default(),
            hands: None,
            rest: Arc::default(),
            tasks: Vec::new(),
            handlers: Vec::new(),
        }
    }

    /// Starts a task of the node or of its service, on a thread of its own.
    pub fn spawn_task<F: Future>(&mut self, task: impl FnOnce() -> F + Send + 'static) {
        let rest = self.rest.clone();
        rest.begin_task();
        self.tasks.push(spawn(move || run_until_rest(task(), &rest)));
    }

    /// Starts the sender and the syncer, each on a thread of its own.
    pub fn spawn_sender_and_syncer(&mut self) {
        let (monitor, wire) = (self.monitor.clone(), self.wire());
        self.spawn_task(move || async move { sender::run(&monitor, wire).await });
        let (monitor, disk) = (self.monitor.clone(), self.disk.clone());
        self.spawn_task(move || async move { syncer::run(&monitor, disk).await });
    }

    /// Starts the writer: the sender and the syncer, in turn on one thread.
    pub fn spawn_writer(&mut self) {
        let disk = self.disk.clone();
        self.spawn_writer_on(disk);
    }

    /// Starts the writer on another storage.
    pub fn spawn_writer_on(&mut self, storage: impl Storage) {
        let (monitor, wire) = (self.monitor.clone(), self.wire());
        self.spawn_task(move || async move {
            let mut sender = pin!(sender::run(&monitor, wire));
            let mut syncer = pin!(syncer::run(&monitor, storage));
            let (mut sends, mut syncs) = (true, true);
            poll_fn(|context| {
                sends = sends && sender.as_mut().poll(context).is_pending();
                syncs = syncs && syncer.as_mut().poll(context).is_pending();
                if sends || syncs { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
        });
    }

    /// Lets the syncer and then the sender do, on this thread, all that there is to do.
    pub fn write_by_hand(&self) {
        let mut syncer = pin!(syncer::run(&self.monitor, self.disk.clone()));
        let mut sender = pin!(sender::run(&self.monitor, self.wire()));
        let mut context = Context::from_waker(Waker::noop());
        // Each goes on once after it has found work.
        for _ in 0..2 {
            assert!(syncer.as_mut().poll(&mut context).is_pending(), "the syncer ended");
        }
        for _ in 0..2 {
            assert!(sender.as_mut().poll(&mut context).is_pending(), "the sender ended");
        }
    }

    fn wire(&self) -> Wire {
        Wire { monitor: self.monitor.clone(), disk: self.disk.clone(), sent: self.sent.clone() }
    }

    /// Starts the writer, and the applier with a service behind it on the same thread.
    pub fn serving(mut self, habits: Habits) -> Node {
        let install = if habits.automatic { Install::Automatic } else { Install::Conditional };
        let shop = self.shop(habits);
        self.spawn_writer();
        self.spawn_applier(install, shop);
        self
    }

    /// Starts sender and syncer as one task, and the applier with a service behind it: each on a thread of its own, and
    /// handlers help them.
    pub fn serving_with_help(mut self) -> Node {
        let (monitor, disk, wire) = (self.monitor.clone(), self.disk.clone(), self.wire());
        let (applies, shop) = (self.monitor.clone(), self.shop(Habits::default()));
        let applies = async move { applier::run(&applies, Install::Conditional, shop).await };
        let applier = Arc::new(Helped::new(applies));
        let own = applier.clone();
        let writes = async move { writer::run(&monitor, disk, wire, &own).await };
        let hands = Arc::new(Hands { writer: Helped::new(writes), applier });
        self.hands = Some(hands.clone());
        let writer = hands.clone();
        self.spawn_task(move || async move { writer.writer.run().await });
        self.spawn_task(move || async move { hands.applier.run().await });
        self
    }

    /// Starts the writer, and the applier with a channel behind it that holds one message.
    pub fn serving_a_channel(mut self) -> (Node, Arc<Channel>) {
        let (sender, channel) = Channel::new(1);
        self.spawn_writer();
        self.spawn_applier(Install::Conditional, sender);
        (self, channel)
    }

    /// Starts the timer, as the node's task is, but that no deadline comes by itself.
    pub fn spawn_timer(&mut self) {
        let monitor = self.monitor.clone();
        self.spawn_task(move || async move {
            let _stop_at_end = monitor.stop_at_end();
            while monitor.timeout().is_some() {
                monitor.timer.wait().await;
            }
        });
    }

    /// The applier with a service behind it, to be run on the scenario's own thread.
    pub fn applier(&self) -> impl Future<Output = ()> + use<> {
        let (monitor, shop) = (self.monitor.clone(), self.shop(Habits::default()));
        async move { applier::run(&monitor, Install::Conditional, shop).await }
    }

    fn spawn_applier(&mut self, install: Install, service: impl Service + 'static) {
        let monitor = self.monitor.clone();
        self.spawn_task(move || async move { applier::run(&monitor, install, service).await });
    }

    /// A service of this node.
    pub fn shop(&self, habits: Habits) -> Shop {
        let (monitor, disk, book) = (self.monitor.clone(), self.disk.clone(), self.book.clone());
        Shop { monitor, disk, book, leads: self.leads, habits }
    }

    /// Starts threads with the engine at hand, handlers or clients; each gets its number, from 0 on.
    pub fn spawn_handlers(&mut self, count: usize, body: impl Fn(&Handler, u64) + Clone + Send + 'static) {
        for n in 0..count as u64 {
            let (handler, rest, body) = (self.handler(), self.rest.clone(), body.clone());
            rest.begin_handler();
            self.handlers.push(spawn(move || {
                body(&handler, n);
                drop((handler, body));
                rest.end_handler();
            }));
        }
    }

    /// What a handler needs.
    pub fn handler(&self) -> Handler {
        Handler { monitor: self.monitor.clone(), book: self.book.clone(), hands: self.hands.clone() }
    }

    /// Waits until the handlers have ended and no task has anything to do; then the service must have all up to `index`,
    /// and the disk what the server has in memory. A wake-up that is lost leaves something undone.
    pub fn settle(self, index: u64) {
        self.settle_beside(index, async {});
    }

    /// The same, and each of these servers was sent so many replies.
    pub fn settle_with_replies(self, index: u64, replies: [u64; 3]) {
        let sent = self.sent.clone();
        self.settle(index);
        let sent = sent.lock().map(|sent| sent.replies).unwrap_or_default();
        assert!(sent == replies, "all rest, and replies were sent {sent:?}, of {replies:?}");
    }

    /// The same as [`settle`](Self::settle), while this thread runs a task.
    pub fn settle_beside(mut self, index: u64, task: impl Future) {
        self.rest.begin_task();
        self.rest.call();
        run_until_rest(task, &self.rest);
        self.join_threads();
        let (status, service) = (self.monitor.status(), self.book.lock().index);
        assert!(!self.monitor.is_stopped(), "the node stopped: {:?}", self.monitor.failure());
        assert!(status.commit_index.0 == index, "committed {}, expected {index}", status.commit_index);
        assert!(
            service == index,
            "all rest, and the service has only {service} of {index}: a wake-up was lost"
        );
        assert!(
            status.last_applied.0 == index,
            "the service has {index}, last_applied is {}",
            status.last_applied
        );
        self.disk.read(|durable| {
            let on_disk = (durable.current_term, durable.log.base_index(), durable.log.last_index());
            let in_memory = (status.term, status.snapshot_index, status.last_log_index);
            assert!(on_disk == in_memory, "all rest, and the disk holds {on_disk:?} of {in_memory:?}");
        });
    }

    /// Stops the node, and waits for the end of all its threads.
    pub fn end(self) {
        self.monitor.stop();
        self.join();
    }

    /// Waits for the end of all threads of a node that stops, or has stopped.
    pub fn join(self) {
        self.join_and(|_| {});
    }

    /// The same, and looks at what is left.
    pub fn join_and(mut self, look: impl FnOnce(&Monitor)) {
        self.join_threads();
        assert!(self.monitor.is_stopped(), "the tasks ended, and the node goes on");
        assert!(Arc::strong_count(&self.monitor) == 1, "something still holds the engine: a task leaked");
        look(&self.monitor);
    }

    fn join_threads(&mut self) {
        self.handlers.drain(..).chain(self.tasks.drain(..)).for_each(Task::join);
    }
}

/// A thread's view of the node.
pub struct Handler {
    pub monitor: Arc<Monitor>,
    pub book: Arc<Book>,
    hands: Option<Arc<Hands>>,
}

impl Handler {
    /// A command of a client, who goes on with it where the tasks may be helped.
    pub fn submit(&self, command: Command) -> Submitted {
        match &self.hands {
            Some(hands) => self.monitor.submit_and_help(command, hands, || true),
            None => self.monitor.submit(command),
        }
    }

    /// A message from a peer. (What it is answered, the way to the peers sees.)
    pub fn tell(&self, message: Envelope) {
        self.book.expect(&message);
        let taken = match &self.hands {
            Some(hands) => self.monitor.receive_and_help(message, hands),
            None => self.monitor.receive(message),
        };
        assert!(taken.is_ok() || self.monitor.is_stopped(), "a running node took no message: {taken:?}");
    }
}
