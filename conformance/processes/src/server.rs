//! A server's process: a node on the log on disk, and its service.

use crate::tcp::{self, Wiring};
use crate::wire::{Answer, FromServer, ToServer, hear, tell};
use anyhow::Context as _;
use figure2::codec::Frame;
use figure2::{
    ApplyMsg, Command, Identity, Loaded, Options, Peer, ProposalOutcome, Raft, Record, SnapshotData,
    SnapshotStore, Storage, StorageError,
};
use figure2_store::{Request, Store};
use figure2_validate::Recorder;
use figure2_wal::DiskStorage;
use std::io::{self, BufReader, BufWriter, Stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How many entries there are between two snapshots.
const SNAPSHOT_EVERY: u64 = 300;

/// A segment of the log: small, so that segments change often.
const SEGMENT: u64 = 256 << 10;

/// One life of a server, from its start to the moment at which it is killed.
#[derive(Clone, Debug)]
pub struct Life {
    /// The server's id, from 0.
    pub id: u64,
    /// How many servers the cluster has.
    pub servers: u64,
    /// Its directory.
    pub directory: PathBuf,
    /// The file of its recording.
    pub recording: PathBuf,
    /// How it reaches the others over TCP; none: the harness carries its messages.
    pub wiring: Option<Wiring>,
    /// What it does wrong, if anything.
    pub defect: Option<Defect>,
}

/// What a server can do wrong: a harness that finds none of it would show nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// It says that a record is durable before it begins to write it.
    AcknowledgesEarly,
    /// Over TCP, it names its disk by its id: so nobody sees that it comes back with another one.
    SameDiskName,
}

/// The other end of the standard output: one thing is told at a time.
#[derive(Clone)]
pub(crate) struct Out(Arc<Mutex<BufWriter<Stdout>>>);

impl Out {
    pub(crate) fn tell(&self, what: &FromServer) {
        // The harness that does not listen any more is about to kill this process.
        let _ = tell(&mut *lock(&self.0), what);
    }
}

/// The way to another server, through the harness.
struct Way {
    to: u64,
    out: Out,
}

impl Peer for Way {
    fn send(&self, frame: Frame) {
        self.out.tell(&FromServer::Message { to: self.to, frame: frame.into_bytes().to_vec() });
    }
}

/// Runs a server until its standard input ends or it is killed.
///
/// # Errors
/// When the server cannot start, or what it is told makes no sense.
pub fn serve(life: &Life) -> anyhow::Result<()> {
    let (recorder, _file) = Recorder::to_file(&life.recording)
        .with_context(|| format!("{} cannot be made", life.recording.display()))?;
    // What only an operator could help with is kept beside the recordings.
    let errors = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(io::stderr);
    let errors = errors.with_filter(LevelFilter::ERROR);
    tracing_subscriber::registry().with(recorder.layer()).with(errors).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let out = Out(Arc::new(Mutex::new(BufWriter::new(io::stdout()))));
    let (server, listens) = runtime.block_on(Server::start(life, &out))?;
    out.tell(&FromServer::Ready { listens });
    let mut input = BufReader::new(io::stdin());
    while let Some(told) = hear::<ToServer>(&mut input)? {
        match told {
            // What is not taken in is sent again.
            ToServer::Message(frame) => drop(server.raft.handle(frame)),
            ToServer::Request { id, command } => server.request(&runtime, id, command),
        }
        if let Some(failure) = server.raft.failure() {
            out.tell(&FromServer::Failed(failure.to_string()));
            return Ok(());
        }
    }
    Ok(())
}

struct Server {
    raft: Raft,
    store: Arc<Mutex<Store>>,
    out: Out,
}

impl Server {
    /// Starts it. Where it listens, over TCP.
    async fn start(life: &Life, out: &Out) -> anyhow::Result<(Server, Option<SocketAddr>)> {
        let options = figure2_wal::Options::default().segment_bytes(SEGMENT).zeroed_at_once(64 << 10);
        let mut disk = DiskStorage::open(&life.directory, options)?;
        let carried = match &life.wiring {
            None => None,
            Some(wiring) => Some(tcp::start(life, wiring, &mut disk).await?),
        };
        let early = life.defect == Some(Defect::AcknowledgesEarly);
        let storage = MaybeEarly { disk: Arc::new(Mutex::new(disk)), early };
        let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
        let options = Options { record: true, ..options_of_a_quick_cluster() };
        let raft = match &carried {
            None => {
                let others = (0..life.servers).filter(|id| *id != life.id);
                let ways = others.map(|to| (to, Way { to, out: out.clone() }));
                Raft::new(life.id, ways, storage, apply, options).await?
            }
            Some((transport, _)) => Raft::new(life.id, transport.peers(), storage, apply, options).await?,
        };
        let store = match raft.latest_snapshot() {
            None => Store::default(),
            Some(snapshot) => load(&snapshot.data).map_err(anyhow::Error::msg)?,
        };
        let store = Arc::new(Mutex::new(store));
        tokio::spawn(run(raft.clone(), store.clone(), applied, out.clone()));
        let listens = carried.map(|(transport, address)| {
            transport.serve(raft.clone());
            tokio::spawn(tcp::report(raft.clone(), transport, out.clone()));
            address
        });
        Ok((Server { raft, store, out: out.clone() }, listens))
    }

    fn request(&self, runtime: &tokio::runtime::Runtime, id: u64, command: Vec<u8>) {
        let (out, store) = (self.out.clone(), self.store.clone());
        let asked = Request::decode(&command);
        let proposed = self.raft.propose(command.into());
        let (Some(request), Ok(proposal)) = (asked, proposed) else {
            return out.tell(&FromServer::Answer { id, answer: Answer::NotTaken });
        };
        runtime.spawn(async move {
            let answer = match proposal.await {
                ProposalOutcome::Applied => told(&store, &request).await,
                ProposalOutcome::Lost | ProposalOutcome::Unknown => Answer::Unknown,
            };
            out.tell(&FromServer::Answer { id, answer });
        });
    }
}

/// What the service told the client; it has the entry, or is about to.
async fn told(store: &Mutex<Store>, request: &Request) -> Answer {
    for _ in 0..100 {
        if let Some(reply) = lock(store).told(request.client, request.number) {
            return Answer::Reply(reply);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Answer::Unknown
}

/// Elections are quick, so that a cluster is not without a leader most of the time between two kills.
fn options_of_a_quick_cluster() -> Options {
    let ms = Duration::from_millis;
    Options { election_timeout: ms(150)..ms(300), heartbeat_interval: ms(30), ..Options::default() }
}

/// The state is read from the snapshot's file as a stream, as a service does whose state is larger than memory.
fn load(data: &SnapshotData) -> Result<Store, String> {
    Store::read_from(data.reader().map_err(|error| error.to_string())?)
}

/// The service: applies what is committed, and takes snapshots.
async fn run(raft: Raft, store: Arc<Mutex<Store>>, mut applied: mpsc::Receiver<ApplyMsg>, out: Out) {
    while let Some(message) = applied.recv().await {
        let taken = match message {
            ApplyMsg::Command { index, command, .. } => {
                let mut store = lock(&store);
                store
                    .apply(index, &command, true)
                    .map(|_| index.0.is_multiple_of(SNAPSHOT_EVERY).then(|| (index, store.clone())))
            }
            ApplyMsg::Snapshot { data, .. } => load(&data).map(|loaded| {
                *lock(&store) = loaded;
                None
            }),
        };
        let snapshot = match taken {
            Ok(None) => continue,
            Ok(Some((index, state))) => {
                let written = raft.snapshot_writer().and_then(|mut writer| {
                    state.write_to(&mut writer)?;
                    writer.finish()
                });
                written.map(|data| raft.snapshot(index, data)).map_err(|error| error.to_string())
            }
            Err(what) => Err(what),
        };
        if let Err(what) = snapshot {
            return out.tell(&FromServer::Failed(what));
        }
    }
}

/// The log on disk, or one that acknowledges before it writes.
struct MaybeEarly {
    disk: Arc<Mutex<DiskStorage>>,
    early: bool,
}

impl Storage for MaybeEarly {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        Ok(lock(&self.disk).read(me)?)
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        if self.early {
            let (done, last) = oneshot::channel::<()>();
            let disk = self.disk.clone();
            std::thread::spawn(move || {
                // In the order of the saves, each a while after its acknowledgement.
                let mut disk = lock(&disk);
                drop(done);
                std::thread::sleep(Duration::from_millis(60));
                let _ = disk.write(record);
            });
            // The next save waits for its turn; this one is over.
            let _ = last.await;
            return Ok(());
        }
        Ok(lock(&self.disk).write(record)?)
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        lock(&self.disk).snapshots()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
