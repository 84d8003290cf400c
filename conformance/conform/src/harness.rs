//! A node whose tasks and timers run only when the harness lets them. It has the node's own lock, outbox, sender,
//! syncer and applier, without tokio.
//!
//! Nothing happens between two calls, so the effect of one input can be compared with what the model says.

use bytes::Bytes;
use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use figure2::codec::{self, FIRST_VERSION, Frame};
use figure2::{
    ApplyMsg, Cluster, Command, Failure, HandleError, Identity, Install, MakeError, Position, ProposeError,
    RoleName, SnapshotData, Storage, StorageError, TransferError,
};
use figure2_core::{Config, Index, ServerId};
use figure2_engine::{
    Due, Envelope, Input, Link, Monitor, Server, Service, Snapshot, Timers, applier, sender, syncer,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// A timer of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// The election timer.
    Election,
    /// The heartbeat interval.
    Heartbeat,
}

/// When the service gets what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyMode {
    /// As soon as it is.
    AtOnce,
    /// At [`Harness::hand_over`], one entry at a time.
    OneByOne,
}

/// A node with [`Install::Conditional`], driven by hand.
pub struct Harness {
    monitor: Arc<Monitor<Manual>>,
    due: Arc<Mutex<Option<Timeout>>>,
    sender: Task,
    syncer: Task,
    applier: Option<Task>,
    service: ServiceFn,
}

impl Harness {
    /// Starts the server `me` from what `storage` holds. Messages to peers go to `link`, encoded, with whether they are
    /// requests; and what is committed goes to `service`.
    ///
    /// # Errors
    /// As those of [`Raft::new`](figure2::Raft::new), and when the storage does not load at once.
    pub fn new(
        me: ServerId,
        config: Config,
        mut storage: impl Storage,
        apply_mode: ApplyMode,
        link: impl Fn(bool, Bytes) + Send + 'static,
        service: impl Fn(ApplyMsg) + Send + Sync + 'static,
    ) -> Result<Harness, MakeError> {
        let identity = identity(me, config);
        let loaded = pin!(storage.load(&identity)).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(loaded) = loaded else {
            return Err(StorageError::failed("it does not load at once").into());
        };
        let server = Server::new(me, config, loaded?.persistent)?;
        let due = Arc::new(Mutex::new(None));
        let monitor = Arc::new(Monitor::sending_by_hand(server, Manual { due: due.clone() }));
        let service = ServiceFn(Arc::new(service));
        let wire = Wire { cluster: identity.cluster, monitor: monitor.clone(), link };
        let sender = Task::new({
            let monitor = monitor.clone();
            async move { sender::run(&monitor, wire).await }
        });
        let syncer = Task::new({
            let monitor = monitor.clone();
            async move { syncer::run(&monitor, storage).await }
        });
        let applier = (apply_mode == ApplyMode::AtOnce).then(|| {
            let (monitor, service) = (monitor.clone(), service.clone());
            Task::new(async move { applier::run(&monitor, Install::Conditional, service).await })
        });
        Ok(Harness { monitor, due, sender, syncer, applier, service })
    }

    /// As [`Raft::propose`](figure2::Raft::propose).
    ///
    /// # Errors
    /// As those.
    pub fn propose(&self, command: Command) -> Result<Position, ProposeError> {
        self.monitor.propose(command)
    }

    /// As [`Raft::transfer_leadership`](figure2::Raft::transfer_leadership).
    ///
    /// # Errors
    /// As those.
    pub fn transfer_leadership(&self, to: ServerId) -> Result<(), TransferError> {
        self.monitor.transfer_leadership(to, to.0.into())
    }

    /// Sends what followers lack. It does so only when told.
    pub fn replicate(&self) {
        self.monitor.give(Input::Replicate);
    }

    /// Tells followers what is committed. It does so only when told.
    pub fn send_commit(&self) {
        self.monitor.give(Input::SendCommit);
    }

    /// As [`Raft::handle`](figure2::Raft::handle).
    ///
    /// # Errors
    /// As those.
    pub fn handle(&self, frame: Frame) -> Result<(), HandleError> {
        Ok(self.monitor.receive(codec::decode_message(frame)?)?)
    }

    /// A timer elapses.
    pub fn fire(&self, timeout: Timeout) {
        *due(&self.due) = Some(timeout);
        self.monitor.timeout();
    }

    /// As [`Raft::snapshot`](figure2::Raft::snapshot).
    pub fn snapshot(&self, index: Index, data: SnapshotData) {
        self.monitor.snapshot(index, data);
    }

    /// As [`Raft::cond_install_snapshot`](figure2::Raft::cond_install_snapshot); the answer arrives once the node has
    /// come to rest.
    pub fn cond_install_snapshot(
        &self,
        snapshot: Snapshot,
    ) -> impl Future<Output = Option<bool>> + Send + use<> {
        self.monitor.install(snapshot)
    }

    /// Hands one entry, or a snapshot to answer, to the service. False when nothing is due.
    pub fn hand_over(&mut self) -> bool {
        let Some(apply) = self.monitor.next_apply_at_most(Install::Conditional, 1) else { return false };
        let delivered =
            pin!(applier::hand_over(&self.monitor, Install::Conditional, &mut self.service, apply));
        // The service takes what it is given at once, so there is nothing to wait for.
        matches!(delivered.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
    }

    /// Lets the tasks run until each of them waits.
    pub fn rest(&mut self) {
        loop {
            self.rest_but_syncer();
            if !self.syncer.run() {
                return;
            }
        }
    }

    /// Lets the tasks but the syncer run until each of them waits: a syncer that comes to its work late.
    pub fn rest_but_syncer(&mut self) {
        loop {
            let applier_ran = self.applier.as_mut().is_some_and(Task::run);
            if !self.sender.run() && !applier_ran {
                return;
            }
        }
    }

    /// Lets the syncer run until it waits, or until it is done with a save and has yet to look for more.
    pub fn run_syncer(&mut self) {
        self.syncer.run();
    }

    /// Looks at the server, under the lock.
    pub fn look<R>(&self, look: impl FnOnce(&Server) -> R) -> R {
        self.monitor.look(look)
    }

    /// Why the node stopped by itself, if it did.
    pub fn failure(&self) -> Option<Failure> {
        self.monitor.failure()
    }

    /// As [`Raft::stop`](figure2::Raft::stop), and the tasks end.
    pub fn stop(mut self) {
        self.monitor.stop();
        self.rest();
    }
}

fn due(due: &Mutex<Option<Timeout>>) -> MutexGuard<'_, Option<Timeout>> {
    due.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who a server is: they are numbered from 0.
pub fn identity(me: ServerId, config: Config) -> Identity {
    Identity { server: me.0.into(), cluster: Cluster::numbered(config.servers()) }
}

/// Timers that elapse when they are told to.
struct Manual {
    due: Arc<Mutex<Option<Timeout>>>,
}

impl Timers for Manual {
    type Instant = ();

    fn restart_election(&mut self) {}

    fn restart_heartbeat(&mut self) {}

    fn due(&self, _role: RoleName) -> Due<()> {
        match due(&self.due).take() {
            Some(Timeout::Election) => Due::Election,
            Some(Timeout::Heartbeat) => Due::Heartbeat,
            None => Due::At(()),
        }
    }

    fn next(&self, _role: RoleName) {}
}

/// A task: a future that is polled when it was woken and the harness lets it run.
struct Task {
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Task {
    fn new(future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task { future: Some(Box::pin(future)), woken: Arc::new(Woken(AtomicBool::new(true))) }
    }

    /// Polls it once, if it was woken. Whether it was.
    fn run(&mut self) -> bool {
        let Some(future) = &mut self.future else { return false };
        if !self.woken.0.swap(false, Ordering::AcqRel) {
            return false;
        }
        let waker = Waker::from(self.woken.clone());
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.future = None;
        }
        true
    }
}

/// The way to the peers: encodes, as that of [`Raft`](figure2::Raft) does.
struct Wire<L> {
    cluster: Cluster,
    monitor: Arc<Monitor<Manual>>,
    link: L,
}

impl<L: Fn(bool, Bytes) + Send> Link for Wire<L> {
    fn send(&self, envelope: Envelope) {
        match codec::encode(&self.cluster, FIRST_VERSION, &envelope) {
            Ok(frame) => (self.link)(envelope.message.is_request(), frame.into_bytes()),
            Err(error) => self.monitor.fail(Failure::Storage(StorageError::failed(error))),
        }
    }
}

/// The way to the service, which takes all at once.
#[derive(Clone)]
struct ServiceFn(Arc<dyn Fn(ApplyMsg) + Send + Sync>);

impl Service for ServiceFn {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        (self.0)(message);
        true
    }
}
