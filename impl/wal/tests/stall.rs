//! A follower's disk that stalls for less than an election timeout costs no election: on the log itself, on the simulated
//! disk, in paused time. The leader's heartbeats end the follower's wait whether its disk answers or not.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use figure2::codec::Frame;
use figure2::{
    ApplyMsg, Command, Identity, Loaded, Options, Peer, ProposalOutcome, Raft, Record, SnapshotData, Storage,
    StorageError,
};
use figure2_testing::disk::{Disk, DiskFs};
use figure2_wal::DiskStorage;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

const SERVERS: u64 = 3;

/// How long a stall lasts: just below the shortest election timeout.
const STALLS: Duration = Duration::from_millis(390);

/// How many of the next writes a disk takes its time for.
#[derive(Clone, Default)]
struct Stall(Arc<Mutex<u32>>);

impl Stall {
    fn lasts_for(&self, writes: u32) {
        *self.0.lock().unwrap() = writes;
    }

    /// How long the next write takes.
    fn next(&self) -> Duration {
        let mut writes = self.0.lock().unwrap();
        let stalls = *writes > 0;
        *writes = writes.saturating_sub(1);
        if stalls { STALLS } else { Duration::ZERO }
    }
}

/// The log on a disk that stalls.
struct Stalling {
    log: DiskStorage<DiskFs>,
    stall: Stall,
}

impl Storage for Stalling {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        self.log.load(me).await
    }

    async fn save(&mut self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        sleep(self.stall.next()).await;
        self.log.save(record).await
    }

    fn blocks(&self) -> bool {
        false
    }
}

/// The way to another server.
struct Link(mpsc::UnboundedSender<Frame>);

impl Peer for Link {
    fn send(&self, frame: Frame) {
        // The other end is gone at the end of the test only.
        let _ = self.0.send(frame);
    }
}

struct Server {
    raft: Raft,
    stall: Stall,
}

async fn cluster(seed: u64) -> Vec<Server> {
    let mut servers = Vec::new();
    let mut ways = Vec::new();
    for me in 0..SERVERS {
        let mut peers = Vec::new();
        for to in (0..SERVERS).filter(|to| *to != me) {
            let (sender, frames) = mpsc::unbounded_channel();
            peers.push((to, Link(sender)));
            ways.push((to, frames));
        }
        let (apply, mut messages) = mpsc::channel::<ApplyMsg>(64);
        tokio::spawn(async move { while messages.recv().await.is_some() {} });
        let log = DiskStorage::on(
            Disk::new(seed ^ me).open().unwrap(),
            figure2_wal::Options::default().segment_bytes(64 << 10).helper_thread(false),
        );
        let stall = Stall::default();
        let storage = Stalling { log, stall: stall.clone() };
        let options = Options { seed: Some(seed), ..Options::default() };
        servers.push(Server { raft: Raft::new(me, peers, storage, apply, options).await.unwrap(), stall });
    }
    for (to, mut frames) in ways {
        let to = servers[to as usize].raft.clone();
        tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                // A network of a millisecond; what is not taken is sent again.
                sleep(Duration::from_millis(1)).await;
                let _ = to.handle(frame);
            }
        });
    }
    servers
}

/// The place of the leader.
async fn leader(servers: &[Server]) -> usize {
    loop {
        sleep(Duration::from_millis(10)).await;
        if let Some(leader) = servers.iter().position(|server| server.raft.term_and_leadership().1) {
            return leader;
        }
    }
}

/// Commands of a client, one after the other, each so long after the answer to the one before: the slowest answer.
async fn commands(raft: &Raft, count: u32) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0..count {
        let begun = Instant::now();
        let proposal = raft.propose(number.to_string().into()).unwrap();
        let outcome = timeout(Duration::from_secs(5), proposal).await;
        assert_eq!(outcome, Ok(ProposalOutcome::Applied), "command {number}");
        slowest = slowest.max(begun.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    slowest
}

#[tokio::test(start_paused = true)]
async fn a_follower_whose_disk_stalls_calls_no_election() {
    for seed in 0..20 {
        let servers = cluster(seed).await;
        let leader = leader(&servers).await;
        let (term, _) = servers[leader].raft.term_and_leadership();
        let others: Vec<_> = (0..servers.len()).filter(|server| *server != leader).collect();
        // One follower, the other one, and both; once, and five times in a row, with one write in between.
        for (round, writes) in [1, 1, 1, 5, 5, 5].into_iter().enumerate() {
            let stalled = if round % 3 == 2 { others.clone() } else { vec![others[round % 3]] };
            stalled.iter().for_each(|follower| servers[*follower].stall.lasts_for(writes));
            let slowest = commands(&servers[leader].raft, 30 * writes).await;
            let most = if stalled.len() == 1 { Duration::from_millis(20) } else { STALLS * 3 };
            assert!(slowest <= most, "seed {seed}, {stalled:?} stalled: an answer took {slowest:?}");
            for server in &servers {
                assert_eq!(server.raft.term_and_leadership().0, term, "seed {seed}, {stalled:?} stalled");
            }
        }
        assert!(servers[leader].raft.term_and_leadership().1, "seed {seed}: the leader leads no more");
        // Who stalled has all of it in the end.
        sleep(Duration::from_secs(1)).await;
        let has = |server: &Server| server.raft.status().last_applied;
        assert!(servers.iter().all(|server| has(server) == has(&servers[leader])), "seed {seed}");
        servers.iter().for_each(|server| server.raft.stop());
    }
}
