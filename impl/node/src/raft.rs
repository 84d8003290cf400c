//! The node: the engine, run by tokio.

use crate::proposal::{Proposal, StatusWatch};
use crate::tasks::{ApplyChannel, Disk, Wire, while_it_lasts};
use crate::timer::{self, Deadlines};
use crate::{
    Cluster, Command, Failure, Identity, Loaded, MakeError, Options, Peer, Position, Progress,
    ProposalOutcome, ProposeError, Status, Storage, TransferError,
};
use figure2_core::{Server, ServerId, Term};
use figure2_engine::{Hands, Helped, Monitor, SnapshotStore, applier, sender, syncer, writer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::{self, Handle, RuntimeFlavor};
use tokio::sync::watch;

/// A server of the cluster: a handle to it, cheap to clone.
///
/// The server runs until it is [stopped](Self::stop), or fails; dropping the handles does not end it.
#[derive(Clone)]
pub struct Raft {
    pub(crate) monitor: Arc<Monitor<Deadlines>>,
    pub(crate) cluster: Cluster,
    pub(crate) peers: Peers,
    /// Where the service writes its snapshots, as long as the storage is there.
    pub(crate) snapshots: Arc<Mutex<Option<Arc<dyn SnapshotStore>>>>,
    /// Each task holds a receiver until it has let go of all it has.
    tasks: watch::Sender<()>,
    /// The runtime that the tasks are of.
    runtime: runtime::Id,
    /// The tasks that whoever hands in a message or a command may run, where the storage does not block.
    pub(crate) hands: Option<Arc<Hands>>,
}

/// The ways to the other servers, by their place. They may come and go.
type Peers = Arc<Mutex<BTreeMap<ServerId, Arc<dyn Peer>>>>;

impl Raft {
    /// Starts the server with the id `me` from what `storage` holds. Must be called inside a tokio runtime, whose time is
    /// enabled.
    ///
    /// `peers` has one for each other server of the cluster, by its id. Ids are never used again: a server that has lost its
    /// storage comes back under another one. What is committed goes to `apply`, a channel of [`ApplyMsg`](crate::ApplyMsg) or of
    /// batches of them. If there is a [snapshot](Self::latest_snapshot), the service starts from it by itself: the first
    /// message is for the entry after it.
    ///
    /// # Errors
    /// When the cluster, the id or the options make no sense, the state cannot be loaded, is damaged or another server's, or
    /// there is no runtime.
    pub async fn new<P: Peer>(
        me: u64,
        peers: impl IntoIterator<Item = (u64, P)>,
        mut storage: impl Storage,
        apply: impl Into<ApplyChannel>,
        options: Options,
    ) -> Result<Raft, MakeError> {
        let runtime = Handle::try_current().map_err(|_| MakeError::NoRuntime)?;
        options.check()?;
        let peers: BTreeMap<u64, P> = peers.into_iter().collect();
        let voters: BTreeSet<u64> = peers.keys().copied().chain([me]).collect();
        if peers.contains_key(&me) {
            return Err(MakeError::OwnPeer(me));
        }
        let cluster = Cluster::new(options.group, &voters);
        let servers = cluster.size().ok_or(MakeError::BadClusterSize(voters.len()))?;
        let place = cluster.place(me).ok_or(MakeError::BadClusterSize(voters.len()))?;
        let ways = peers.into_iter().filter_map(|(id, peer)| {
            let peer: Arc<dyn Peer> = Arc::new(peer);
            Some((cluster.place(id)?, peer))
        });
        let peers: Peers = Arc::new(Mutex::new(ways.collect()));
        let expected = Identity { server: me, cluster: cluster.clone() };
        let Loaded { identity, persistent } = storage.load(&expected).await?;
        if let Some(found) = identity.filter(|found| *found != expected) {
            return Err(MakeError::OtherServer { found, expected });
        }
        let server = Server::new(place, options.config(servers), persistent)?;
        let snapshots = Arc::new(Mutex::new(storage.snapshots()));

        let deadlines = Deadlines::new(place, &options);
        let make = if options.record { Monitor::recorded } else { Monitor::new };
        let monitor = Arc::new(make(server, deadlines));
        monitor.limit_waiting(options.max_waiting_bytes);
        let mut raft = Raft {
            monitor,
            cluster,
            peers,
            snapshots,
            tasks: watch::Sender::new(()),
            runtime: runtime.id(),
            hands: None,
        };
        let wire = Wire { raft: raft.clone() };
        let in_place = storage.blocks() && runtime.runtime_flavor() != RuntimeFlavor::CurrentThread;
        let one_task = !storage.blocks();
        let storage = Disk { storage, in_place, raft: raft.clone() };
        let (monitor, channel) = (raft.monitor.clone(), apply.into());
        let applies = async move { applier::run(&monitor, options.install, channel).await };
        let monitor = raft.monitor.clone();
        if one_task {
            let applier = Arc::new(Helped::new(applies));
            let own = applier.clone();
            let writes = async move { writer::run(&monitor, storage, wire, &own).await };
            let hands = Arc::new(Hands { writer: Helped::new(writes), applier });
            raft.hands = Some(hands.clone());
            let (task, writer) = (raft.tasks.subscribe(), hands.clone());
            runtime.spawn(async move { while_it_lasts(task, writer.writer.run()).await });
            let task = raft.tasks.subscribe();
            runtime.spawn(async move { while_it_lasts(task, hands.applier.run()).await });
        } else {
            let task = raft.tasks.subscribe();
            runtime.spawn(async move { while_it_lasts(task, sender::run(&monitor, wire)).await });
            let (monitor, task) = raft.task();
            runtime.spawn(async move { while_it_lasts(task, syncer::run(&monitor, storage)).await });
            let task = raft.tasks.subscribe();
            runtime.spawn(async move { while_it_lasts(task, applies).await });
        }
        let (monitor, task) = raft.task();
        runtime.spawn(async move { while_it_lasts(task, timer::run(&monitor)).await });
        Ok(raft)
    }

    /// The servers of the cluster, and their ids: a [`ServerId`] is a place among them.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let id = raft.cluster().id(raft.status().id);
    /// assert_eq!(id, Some(1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// From now on messages to the server with this id go this way, or nowhere: for a server that has moved, or is being
    /// replaced. Who votes does not change by it. False when no such server is of the cluster, or this one was stopped.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// assert!(!raft.set_peer(2, Some(Nowhere)), "server 2 is not of this cluster");
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_peer<P: Peer>(&self, id: u64, peer: Option<P>) -> bool {
        let Some(place) = self.cluster.place(id).filter(|_| !self.is_stopped()) else { return false };
        let mut peers = lock(&self.peers);
        let before = match peer {
            Some(peer) => peers.insert(place, Arc::new(peer)),
            None => peers.remove(&place),
        };
        drop(peers);
        // Not under the lock: it is the caller's.
        drop(before);
        true
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
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let proposal = raft.propose("set x 1".into())?;
    /// println!("it will stand at {}, if it is ever committed", proposal.index);
    /// assert_eq!(proposal.await, figure2::ProposalOutcome::Applied);
    /// # Ok(())
    /// # }
    /// ```
    pub fn propose(&self, command: Command) -> Result<Proposal, ProposeError> {
        self.monitor.propose(command).map(|position| self.proposal(position))
    }

    /// As [`propose`](Self::propose), but waits while too much waits to be committed. Dropped before it is done, it has
    /// proposed nothing.
    ///
    /// # Errors
    /// As those of [`propose`](Self::propose), except for [`ProposeError::Busy`].
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// // However many there are: each waits until there is room.
    /// for number in 0..100 {
    ///     raft.propose_when_ready(number.to_string().into()).await?;
    /// #   applied.recv().await;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn propose_when_ready(&self, command: Command) -> Result<Proposal, ProposeError> {
        self.monitor.propose_when_ready(command).await.map(|position| self.proposal(position))
    }

    /// Hands a command to the leader, and waits for what becomes of it: where it stands, and the outcome. As
    /// [`propose`](Self::propose) and [`Proposal::outcome`], and it costs less where many clients wait at once: their
    /// commands are taken into the log together. While the leader writes to its storage, they wait for the end of that, or
    /// until all that was taken before is committed, or until they fill a message of
    /// [`max_message_bytes`](Options::max_message_bytes). Dropped before it is done, the command may be taken or not.
    ///
    /// Where the storage does not [block](Storage::blocks) and commands come one at a time, the caller's thread goes on with the
    /// command as far as nothing has to be waited for, if it is one of the node's runtime, instead of a wake-up of the node's
    /// tasks. So [`Peer::send`], [`Storage::save`] and the [service](ApplyChannel::call) may be called within the poll of the
    /// future: whoever polls it holds no lock that one of them takes. After 64 commands in a row the tasks have their turn.
    ///
    /// # Errors
    /// As those of [`propose`](Self::propose).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let (position, outcome) = raft.submit("set x 1".into()).await?;
    /// println!("it stands at {}", position.index);
    /// assert_eq!(outcome, figure2::ProposalOutcome::Applied);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn submit(&self, command: Command) -> Result<(Position, ProposalOutcome), ProposeError> {
        // The node's tasks are of its runtime, and so is what they may need of the thread they run on.
        let is_mine = || Handle::try_current().is_ok_and(|current| current.id() == self.runtime);
        match &self.hands {
            Some(hands) => self.monitor.submit_and_help(command, hands, is_mine).await,
            None => self.monitor.submit(command).await,
        }
    }

    /// Hands leadership over to the server with this id (thesis, section 3.10), for instance before this one is taken down: no
    /// election timeout passes without a leader. Returns at once. The leader brings that server up to date, as it does with
    /// every follower, and tells it to stand for election. Meanwhile it takes no commands
    /// ([`ProposeError::Transferring`]). If it still leads after an election timeout, it gives up and takes commands again.
    /// [`watch`](Self::watch) shows who leads in the end. Named again, another server takes the place of the first.
    ///
    /// # Errors
    /// When nothing is handed over: this server is not the leader, the other one leads already or is not of the cluster, or
    /// the server has stopped.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// use figure2::TransferError;
    ///
    /// // Whom this cluster of one could hand over to: nobody.
    /// assert_eq!(raft.transfer_leadership(1), Err(TransferError::LeadsAlready(1)));
    /// assert_eq!(raft.transfer_leadership(2), Err(TransferError::UnknownServer(2)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn transfer_leadership(&self, id: u64) -> Result<(), TransferError> {
        let Some(to) = self.cluster.place(id) else { return Err(TransferError::UnknownServer(id)) };
        self.monitor.transfer_leadership(to, id)
    }

    /// Stops the server. Returns at once; its tasks end soon after, and [`shutdown`](Self::shutdown) waits for that. A write,
    /// a send or a delivery under way may finish, nothing more begins.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// raft.stop();
    /// assert!(raft.propose("too late".into()).is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop(&self) {
        self.monitor.stop();
    }

    /// Stops the server, as [`stop`](Self::stop) does, and returns when all its tasks have ended: the storage, the peers
    /// and the apply channel have been dropped, and another server may be made on the same storage. Waits as long as a
    /// write under way takes.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// raft.shutdown().await;
    /// // Its storage is free for another server.
    /// assert!(raft.is_stopped() && raft.failure().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(&self) {
        self.stop();
        self.tasks.closed().await;
    }

    /// Whether the server was stopped, or failed.
    pub fn is_stopped(&self) -> bool {
        self.monitor.is_stopped()
    }

    /// Why the server stopped, if it did so by itself.
    pub fn failure(&self) -> Option<Failure> {
        self.monitor.failure()
    }

    /// The current term, and whether this server believes to lead it: one atomic read.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let (term, leads) = raft.term_and_leadership();
    /// assert!(term.0 > 0 && leads);
    /// # Ok(())
    /// # }
    /// ```
    pub fn term_and_leadership(&self) -> (Term, bool) {
        self.monitor.term_and_leadership()
    }

    /// The server at one moment: one atomic read.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let status = raft.status();
    /// println!("{} is {} of term {}", status.id, status.role, status.term);
    /// # assert_eq!(status.leader, Some(status.id));
    /// # Ok(())
    /// # }
    /// ```
    pub fn status(&self) -> Status {
        self.monitor.status()
    }

    /// What this server, as leader, knows of each follower; nothing when it does not lead.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// for (follower, progress) in raft.progress() {
    ///     println!("{follower} has all up to {}", progress.match_index);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn progress(&self) -> Vec<(ServerId, Progress)> {
        self.monitor.progress()
    }

    /// Sees each change of the status, from what it is now on. Costs nothing while nobody watches.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let mut watch = raft.watch();
    /// raft.propose("set x 1".into())?;
    /// while watch.status().commit_index.0 == 0 {
    ///     // None would say that the server has stopped.
    ///     assert!(watch.changed().await.is_some());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self) -> StatusWatch {
        StatusWatch(self.monitor.watch())
    }

    /// The storage is about to be let go of: nothing more is written to it, whoever still has a handle.
    pub(crate) fn forget_snapshots(&self) {
        let snapshots = lock(&self.snapshots).take();
        // Not under the lock: it is the caller's.
        drop(snapshots);
    }
}

/// Locks a map that every holder leaves whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
