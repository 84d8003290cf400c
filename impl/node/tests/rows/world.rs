//! Servers in one process on tokio's paused clock, with disks that take their time, and services that do, too.

use crate::links::{Links, Wire};
use figure2::{
    ApplyMsg, Command, Identity, Index, Install, Loaded, Options, Persistent, Proposal, Raft, Record,
    SnapshotData, Storage, StorageError, Term,
};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// How often a write looks whether its disk has become faster.
const LOOK: Duration = Duration::from_millis(20);

/// A disk in memory: the records themselves, so that a large log costs no encoding. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Memory {
    contents: Arc<Mutex<Persistent<Command, SnapshotData>>>,
    delay: Arc<Mutex<Duration>>,
    identity: Arc<Mutex<Option<Identity>>>,
}

impl Memory {
    pub fn read<R>(&self, look: impl FnOnce(&Persistent<Command, SnapshotData>) -> R) -> R {
        look(&self.contents.lock().unwrap())
    }

    /// How long each write takes, that one included which is under way.
    pub fn takes(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }
}

impl Storage for Memory {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        let mut identity = self.identity.lock().unwrap();
        let (found, persistent) = (identity.clone(), self.read(Clone::clone));
        identity.get_or_insert_with(|| me.clone());
        Ok(Loaded { identity: found, persistent })
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let begun = Instant::now();
        // It looks again and again, so that a disk that hangs can come back.
        loop {
            let rest = self.delay.lock().unwrap().saturating_sub(begun.elapsed());
            if rest.is_zero() {
                break;
            }
            sleep(rest.min(LOOK)).await;
        }
        self.contents.lock().unwrap().apply_record(record);
        Ok(())
    }

    fn blocks(&self) -> bool {
        false
    }
}

/// What a service has, and how it works.
#[derive(Default)]
pub struct Service {
    /// The commands' first eight bytes, in order; a snapshot's stand for all before it.
    pub commands: BTreeSet<u64>,
    /// Index and length of each snapshot that it switched to.
    pub snapshots: Vec<(Index, usize)>,
    pub last: Index,
    /// How long it takes to switch to a snapshot.
    pub installs_in: Duration,
    /// After so many commands it takes a snapshot of so many bytes.
    pub snapshot_each: Option<(u64, usize)>,
}

/// A server.
pub struct Server {
    pub raft: Raft,
    pub disk: Memory,
    pub service: Arc<Mutex<Service>>,
}

/// A cluster.
pub struct World {
    pub links: Arc<Links>,
    pub options: Options,
    pub servers: Vec<Server>,
}

/// A cluster of three in which one server was away, and lacks what only the others' snapshot covers.
pub struct Behind {
    pub world: World,
    pub leader: u8,
    /// It is down.
    pub away: u8,
    /// The follower that was there.
    pub other: u8,
    /// The snapshot's last entry.
    pub index: Index,
}

impl Behind {
    /// With a snapshot of that length. The leader keeps no entries for the follower: only the snapshot will do.
    pub async fn by_a_snapshot_of(length: usize) -> Behind {
        let world = World::with(3, Options { max_retained_bytes: 0, ..Options::default() });
        let leader = world.leader().await;
        let [away, other] = world.others(leader)[..] else { panic!("two others") };
        world.crash(away);
        world.commit(leader, 0..20, 16).await;
        sleep(Duration::from_secs(1)).await;
        let (index, data) = state_of(world.server(leader), length);
        for id in [leader, other] {
            world.server(id).raft.snapshot(index, data.clone());
            let kept = world.server(id).raft.status().snapshot_index;
            assert_eq!(kept, index, "server {id} did not take its service's snapshot");
        }
        Behind { world, leader, away, other, index }
    }

    /// The server that was away starts, with a service that takes so long to switch to a snapshot.
    pub fn returns(&mut self, installs_in: Duration) {
        self.world.restart(self.away);
        self.world.server(self.away).service.lock().unwrap().installs_in = installs_in;
    }

    /// Its service has switched to the snapshot, once, and to no other.
    pub fn assert_installed_once(&self, length: usize) {
        let snapshots = self.world.server(self.away).service.lock().unwrap().snapshots.clone();
        assert_eq!(snapshots, [(self.index, length)], "the snapshots that its service switched to");
    }
}

/// A command that can be told from others, of that length (8 bytes at least).
pub fn command(number: u64, length: usize) -> Command {
    let mut bytes = vec![0; length.max(8)];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes.into()
}

/// A state that has these commands, padded to that length.
fn state(commands: &BTreeSet<u64>, length: usize) -> SnapshotData {
    let mut bytes: Vec<u8> = (commands.len() as u64).to_le_bytes().to_vec();
    bytes.extend(commands.iter().flat_map(|number| number.to_le_bytes()));
    bytes.resize(bytes.len().max(length), 0);
    bytes.into()
}

fn commands_of(state: &[u8]) -> BTreeSet<u64> {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let count = number(&state[..8]) as usize;
    state[8..8 + 8 * count].chunks_exact(8).map(number).collect()
}

impl World {
    pub fn new(servers: u8) -> World {
        World::with(servers, Options::default())
    }

    pub fn with(servers: u8, options: Options) -> World {
        let mut world = World { links: Arc::default(), options, servers: Vec::new() };
        for id in 0..servers {
            let server = world.start(id, servers, Memory::default());
            world.servers.push(server);
        }
        world
    }

    fn start(&self, id: u8, servers: u8, disk: Memory) -> Server {
        let wire = |to| (u64::from(to), Wire { links: self.links.clone(), from: id, to });
        let peers = (0..servers).filter(|to| *to != id).map(wire);
        let (apply, messages) = mpsc::channel::<ApplyMsg>(16);
        // Services are asked before a snapshot is installed; and the same test is the same run.
        let options = Options {
            install: Install::Conditional,
            seed: self.options.seed.or(Some(0)),
            ..self.options.clone()
        };
        let node = pin!(Raft::new(id.into(), peers, disk.clone(), apply, options));
        let Poll::Ready(raft) = node.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("the disk loads at once")
        };
        let raft = raft.unwrap();
        let service = Service {
            commands: disk.read(|durable| {
                durable
                    .log
                    .snapshot()
                    .map(|snapshot| commands_of(&snapshot.data.to_bytes().unwrap()))
                    .unwrap_or_default()
            }),
            last: disk.read(|durable| durable.log.base_index()),
            ..Service::default()
        };
        let service = Arc::new(Mutex::new(service));
        self.links.rafts.lock().unwrap().insert(id, raft.clone());
        tokio::spawn(serve(raft.clone(), messages, service.clone()));
        Server { raft, disk, service }
    }

    /// The server ends, as in a crash.
    pub fn crash(&self, id: u8) {
        self.links.rafts.lock().unwrap().remove(&id);
        self.server(id).raft.stop();
    }

    /// A crashed server starts again from its disk.
    pub fn restart(&mut self, id: u8) {
        let disk = self.server(id).disk.clone();
        self.servers[usize::from(id)] = self.start(id, self.servers.len() as u8, disk);
    }

    pub fn server(&self, id: u8) -> &Server {
        &self.servers[usize::from(id)]
    }

    pub fn others(&self, id: u8) -> Vec<u8> {
        (0..self.servers.len() as u8).filter(|other| *other != id).collect()
    }

    /// Who leads the latest term, if anybody does.
    pub fn leads(&self) -> Option<(Term, u8)> {
        let leads = |id: u8| {
            let (term, leads) = self.server(id).raft.term_and_leadership();
            leads.then_some((term, id))
        };
        (0..self.servers.len() as u8).filter_map(leads).max()
    }

    /// The leader, within 10 seconds.
    pub async fn leader(&self) -> u8 {
        for _ in 0..100 {
            sleep(Duration::from_millis(100)).await;
            if let Some((_, leader)) = self.leads() {
                return leader;
            }
        }
        panic!("no leader within 10 s");
    }

    /// The highest term of all servers.
    pub fn term(&self) -> Term {
        self.servers.iter().map(|server| server.raft.term_and_leadership().0).max().unwrap()
    }

    /// Waits, so many seconds at most. Whether it came to be.
    pub async fn within(&self, seconds: u64, condition: impl Fn(&World) -> bool) -> bool {
        for _ in 0..seconds * 100 {
            if condition(self) {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
        condition(self)
    }

    /// Commits so many commands of that length through the leader, some at a time.
    pub async fn commit(&self, leader: u8, numbers: core::ops::Range<u64>, length: usize) {
        for number in numbers {
            let raft = &self.server(leader).raft;
            let proposed = raft.propose(command(number, length));
            let Ok(Proposal { index, .. }) = proposed else { panic!("{number}: {proposed:?}") };
            if number.is_multiple_of(50) {
                assert!(
                    self.within(30, |_| raft.status().last_applied >= index).await,
                    "{number} not applied"
                );
            }
        }
        let raft = &self.server(leader).raft;
        let last = raft.status().last_log_index;
        assert!(self.within(30, |_| raft.status().last_applied >= last).await, "not all was applied");
    }

    /// A client that sends a small command each so often to whoever leads; how many were applied by a majority in the end.
    pub async fn client(&self, requests: u64, every: Duration) -> u64 {
        let first = 1 << 40;
        for number in first..first + requests {
            sleep(every).await;
            if let Some((_, leader)) = self.leads() {
                // It may lead no more, and refuse.
                let _ = self.server(leader).raft.propose(command(number, 16));
            }
        }
        sleep(Duration::from_secs(2)).await;
        let applied = |number: &u64| {
            let has = |server: &&Server| server.service.lock().unwrap().commands.contains(number);
            self.servers.iter().filter(has).count() > self.servers.len() / 2
        };
        (first..first + requests).filter(applied).count() as u64
    }

    /// Whether the service of a server has all that the service of another has.
    pub fn has_all_of(&self, id: u8, other: u8) -> bool {
        // One lock after the other: the two may be the same server.
        let (last, theirs) = {
            let theirs = self.server(other).service.lock().unwrap();
            (theirs.last, theirs.commands.clone())
        };
        let mine = self.server(id).service.lock().unwrap();
        mine.last >= last && mine.commands == theirs
    }
}

async fn serve(raft: Raft, mut messages: mpsc::Receiver<ApplyMsg>, service: Arc<Mutex<Service>>) {
    while let Some(message) = messages.recv().await {
        match message {
            ApplyMsg::Command { index, command, .. } => {
                let snapshot = {
                    let mut service = service.lock().unwrap();
                    assert_eq!(index, service.last.next(), "out of order");
                    service.last = index;
                    service.commands.insert(u64::from_le_bytes(command[..8].try_into().unwrap()));
                    let due = service.snapshot_each.filter(|(each, _)| index.0.is_multiple_of(*each));
                    due.map(|(_, length)| state(&service.commands, length))
                };
                if let Some(data) = snapshot {
                    raft.snapshot(index, data);
                }
            }
            ApplyMsg::Snapshot { index, term, data } => {
                let installs_in = service.lock().unwrap().installs_in;
                sleep(installs_in).await;
                if raft.cond_install_snapshot(term, index, data.clone()).await {
                    let mut service = service.lock().unwrap();
                    service.snapshots.push((index, data.len() as usize));
                    service.last = index;
                    service.commands = commands_of(&data.to_bytes().unwrap());
                }
            }
        }
    }
}

/// What the server's service would hand over as a snapshot now, of that length.
fn state_of(server: &Server, length: usize) -> (Index, SnapshotData) {
    let service = server.service.lock().unwrap();
    (service.last, state(&service.commands, length))
}
