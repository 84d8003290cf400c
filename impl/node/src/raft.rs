//! The node: the engine, run by tokio.

use crate::timer::{self, Deadlines};
use crate::{
    ApplyMsg, Command, Failure, MakeError, Options, Peer, Position, Progress, ProposalOutcome, ProposeError,
    Replies, SnapshotData, Started, Status, Storage, StorageError, codec,
};
use bytes::Bytes;
use core::future::{Future, IntoFuture, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use figure2_core::{Index, Persistent, Record, Server, ServerId, Term};
use figure2_engine::{
    AwaitOutcome, Envelope, Link, Monitor, Service, Snapshot, Watch, applier, sender, syncer,
};
use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{mpsc, watch};
use tokio::task::block_in_place;

/// A server of the cluster: a handle to it, cheap to clone.
///
/// The server runs until it is [killed](Self::kill), or fails; dropping the handles does not end it.
#[derive(Clone)]
pub struct Raft {
    monitor: Arc<Monitor<Deadlines>>,
    /// Each task holds a receiver until it has let go of all it has.
    tasks: watch::Sender<()>,
}

impl Raft {
    /// Starts the server `me` from what `storage` holds (the lab's Make). Must be called inside a tokio runtime, whose
    /// time is enabled; returns at once.
    ///
    /// `peers` has one per server of the cluster, in the order of their ids; the place of `me` is unused. What is
    /// committed goes to `apply`. If there is a snapshot, the service starts from it by itself: the first message is
    /// for the entry after it.
    ///
    /// # Errors
    /// When the cluster, the id or the options make no sense, the state cannot be loaded or is damaged, or there is no
    /// runtime.
    pub fn make<P: Peer>(
        peers: Vec<P>,
        me: ServerId,
        mut storage: impl Storage,
        apply: mpsc::Sender<ApplyMsg>,
        options: Options,
    ) -> Result<Raft, MakeError> {
        let runtime = Handle::try_current().map_err(|_| MakeError::NoRuntime)?;
        options.check()?;
        let servers = u8::try_from(peers.len()).map_err(|_| MakeError::BadClusterSize(peers.len()))?;
        let server = Server::new(me, options.config(servers), storage.load()?)?;

        let deadlines = Deadlines::new(me, &options);
        let make = if options.record { Monitor::recorded } else { Monitor::new };
        let monitor = Arc::new(make(server, deadlines));
        monitor.limit_waiting(options.max_waiting_bytes);
        let raft = Raft { monitor, tasks: watch::Sender::new(()) };
        let wire = Wire { peers, replies: Replies { raft: raft.clone() } };
        let in_place = storage.blocks() && runtime.runtime_flavor() != RuntimeFlavor::CurrentThread;
        let storage = Disk { storage, in_place };
        let (monitor, task) = raft.task();
        runtime.spawn(async move { while_it_lasts(task, sender::run(&monitor, wire)).await });
        let (monitor, task) = raft.task();
        runtime.spawn(async move { while_it_lasts(task, syncer::run(&monitor, storage)).await });
        let (monitor, task) = raft.task();
        let channel = Channel(apply);
        runtime.spawn(
            async move { while_it_lasts(task, applier::run(&monitor, options.install, channel)).await },
        );
        let (monitor, task) = raft.task();
        runtime.spawn(async move { while_it_lasts(task, timer::run(&monitor)).await });
        Ok(raft)
    }

    /// What a task needs: the monitor, and what says that the task still runs.
    fn task(&self) -> (Arc<Monitor<Deadlines>>, watch::Receiver<()>) {
        (self.monitor.clone(), self.tasks.subscribe())
    }

    fn proposal(&self, Position { index, term }: Position) -> Proposal {
        Proposal { index, term, monitor: self.monitor.clone() }
    }

    /// Hands a command to the leader. Returns at once: [`Proposal::outcome`] waits for what becomes of the command. What is
    /// taken is replicated, whatever its size and however much waits before it.
    ///
    /// # Errors
    /// When it is not taken: this server is not the leader, the command is too large, too much waits to be committed, or
    /// the server has stopped.
    pub fn propose(&self, command: Command) -> Result<Proposal, ProposeError> {
        self.monitor.propose(command).map(|position| self.proposal(position))
    }

    /// As [`propose`](Self::propose), but waits while too much waits to be committed. Dropped before it is done, it has
    /// proposed nothing.
    ///
    /// # Errors
    /// As those of [`propose`](Self::propose), except for [`ProposeError::Busy`].
    pub async fn propose_when_ready(&self, command: Command) -> Result<Proposal, ProposeError> {
        self.monitor.propose_when_ready(command).await.map(|position| self.proposal(position))
    }

    /// [`propose`](Self::propose) as the lab has it (its Start): every refusal is an answer without leadership.
    pub fn start(&self, command: Command) -> Started {
        self.monitor.start(command)
    }

    /// The current term, and whether this server believes it is its leader: one atomic read (the lab's GetState).
    pub fn get_state(&self) -> (Term, bool) {
        self.monitor.term_and_leadership()
    }

    /// The service's state after the entry at `index` (the lab's Snapshot): the log up to there is discarded. Never
    /// waits. Without effect if a snapshot of this or a later index exists, the entry is not committed, or this server
    /// leads and keeps the entries for a follower that lacks them
    /// ([`max_retained_bytes`](crate::Options::max_retained_bytes)): a later snapshot will do.
    pub fn snapshot(&self, index: Index, data: SnapshotData) {
        self.monitor.snapshot(index, data);
    }

    /// The service, offered a snapshot, asks whether it may switch to it (the lab's CondInstallSnapshot). True, and
    /// only once that is durable: it must switch, and the next message is for the entry after the snapshot. False: the
    /// snapshot is old (or the server stopped), and the service must stay as it is.
    ///
    /// Each offer must be answered, for nothing else is handed over meanwhile. Not for
    /// [`Install::Automatic`](crate::Install::Automatic), where Raft has already switched.
    pub async fn cond_install_snapshot(
        &self,
        last_included_term: Term,
        last_included_index: Index,
        data: SnapshotData,
    ) -> bool {
        let snapshot = Snapshot { last_included_index, last_included_term, data };
        self.monitor.install(snapshot).await.unwrap_or(false)
    }

    /// Stops the server (the lab's Kill). Returns at once; its tasks end soon after. A write, a send or a delivery
    /// under way may finish, nothing more begins.
    pub fn kill(&self) {
        self.monitor.kill();
    }

    /// Stops the server, as [`kill`](Self::kill) does, and returns when all its tasks have ended: the storage, the peers
    /// and the apply channel have been dropped, and another server may be made on the same storage. Waits as long as a
    /// write under way takes.
    pub async fn shutdown(&self) {
        self.kill();
        self.tasks.closed().await;
    }

    /// Whether the server was killed, or failed.
    pub fn is_killed(&self) -> bool {
        self.monitor.is_stopped()
    }

    /// Why the server stopped, if it did so by itself.
    pub fn failure(&self) -> Option<Failure> {
        self.monitor.failure()
    }

    /// An RPC from a peer: an encoded request. Answers the encoded reply, once all that it says is durable; none when
    /// the server is killed, or the request is rejected or cannot be decoded.
    pub async fn call(&self, request: &[u8]) -> Option<Bytes> {
        let request = self.decode(request)?;
        if !request.message.is_request() {
            self.misplaced(&request);
            return None;
        }
        let reply = self.monitor.request(request).await?;
        self.encode(&reply)
    }

    /// The server at one moment: one atomic read.
    pub fn status(&self) -> Status {
        self.monitor.status()
    }

    /// What this server, as leader, knows of each follower; nothing when it does not lead.
    pub fn progress(&self) -> Vec<(ServerId, Progress)> {
        self.monitor.progress()
    }

    /// Sees each change of the status, from what it is now on. Costs nothing while nobody watches.
    pub fn watch(&self) -> StatusWatch {
        StatusWatch(self.monitor.watch())
    }

    /// Takes in replies: for a transport that has one apart from its request, such as one that outlived the node that asked.
    pub fn replies(&self) -> Replies {
        Replies { raft: self.clone() }
    }

    /// Takes in a reply from a peer.
    pub(crate) fn deliver(&self, reply: &[u8]) {
        match self.decode(reply) {
            Some(request) if request.message.is_request() => self.misplaced(&request),
            Some(reply) => self.monitor.reply(reply),
            None => {}
        }
    }

    fn decode(&self, bytes: &[u8]) -> Option<Envelope> {
        if self.is_killed() {
            return None;
        }
        codec::decode_message(bytes)
            .inspect_err(|error| {
                let Status { id: server, term, last_log_index: index, .. } = self.status();
                tracing::warn!(target: "figure2", %server, %term, %index, %error, "undecodable message");
            })
            .ok()
    }

    fn encode(&self, envelope: &Envelope) -> Option<Bytes> {
        codec::encode_message(envelope)
            .inspect_err(|error| {
                let (server, term, to) = (envelope.from, envelope.message.term(), envelope.to);
                let message = envelope.message.name();
                tracing::error!(target: "figure2", %server, %term, %to, message, %error, "message not sent");
            })
            .ok()
    }

    /// A request where a reply was expected, or the other way round.
    fn misplaced(&self, envelope: &Envelope) {
        let Status { id: server, term, last_log_index: index, .. } = self.status();
        let (from, message) = (envelope.from, envelope.message.name());
        tracing::warn!(target: "figure2", %server, %term, %index, %from, message, "message dropped: out of place");
    }
}

/// A command that a leader has taken: the answer of [`Raft::propose`]. Awaited, it tells what became of the command.
#[derive(Clone)]
pub struct Proposal {
    /// Where the command will stand if it is ever committed.
    pub index: Index,
    /// The leader's term. If an entry of another term is applied at that index, the command is lost.
    pub term: Term,
    monitor: Arc<Monitor<Deadlines>>,
}

impl Proposal {
    /// Waits until this server's service has an entry at that index, or the server has stopped. A leader that was deposed
    /// may wait for long: whoever cannot, sets a limit. A command is never taken for another at the same index.
    pub async fn outcome(&self) -> ProposalOutcome {
        let Proposal { index, term, .. } = *self;
        self.monitor.outcome(Position { index, term }).await
    }
}

impl IntoFuture for Proposal {
    type Output = ProposalOutcome;
    type IntoFuture = ProposalFuture;

    fn into_future(self) -> ProposalFuture {
        let Proposal { index, term, monitor } = self;
        ProposalFuture(monitor.outcome(Position { index, term }))
    }
}

impl core::fmt::Debug for Proposal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Proposal")
            .field("index", &self.index)
            .field("term", &self.term)
            .finish_non_exhaustive()
    }
}

/// The future of a [`Proposal`]: as [`Proposal::outcome`].
#[must_use = "futures do nothing unless awaited"]
pub struct ProposalFuture(AwaitOutcome<Deadlines>);

impl Future for ProposalFuture {
    type Output = ProposalOutcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ProposalOutcome> {
        Pin::new(&mut self.0).poll(context)
    }
}

/// Sees the changes of a server's status: see [`Raft::watch`].
pub struct StatusWatch(Watch<Deadlines>);

impl StatusWatch {
    /// The status that was seen last; at first that of the moment in which the watch began.
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// Waits until the status is another than the one seen last, and returns it: what comes and goes in between is not
    /// seen. None when the server has stopped, and its last status was seen.
    pub async fn changed(&mut self) -> Option<Status> {
        self.0.changed().await
    }
}

/// Runs a task, and lets go of the receiver when the task has ended and dropped what it held.
async fn while_it_lasts(task: watch::Receiver<()>, running: impl Future<Output = ()>) {
    running.await;
    drop(task);
}

/// The engine's storage: the caller's, kept from blocking the runtime.
struct Disk<S> {
    storage: S,
    in_place: bool,
}

impl<S: Storage> Storage for Disk<S> {
    fn load(&mut self) -> Result<Persistent<Command, SnapshotData>, StorageError> {
        self.storage.load()
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        if !self.in_place {
            return self.storage.save(record).await;
        }
        let mut saving = pin!(block_in_place(|| self.storage.save(record)));
        poll_fn(|cx| block_in_place(|| saving.as_mut().poll(cx))).await
    }
}

/// The engine's link: encodes, and hands to the caller's transport.
struct Wire<P> {
    peers: Vec<P>,
    replies: Replies,
}

impl<P: Peer> Link for Wire<P> {
    fn send(&self, envelope: Envelope) {
        let peer = self.peers.get(usize::from(envelope.to.0));
        if let (Some(peer), Some(request)) = (peer, self.replies.raft.encode(&envelope)) {
            peer.send(request, &self.replies);
        }
    }
}

/// The engine's way to the service: the apply channel.
struct Channel(mpsc::Sender<ApplyMsg>);

impl Service for Channel {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        self.0.send(message).await.is_ok()
    }
}
