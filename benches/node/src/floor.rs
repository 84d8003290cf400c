//! The floor: the syncs and the messages of the protocol, and nothing else.
//!
//! The leader takes all commands that wait as one batch. It hands the batch to its own writer and to the two followers at
//! the same time, and goes on with the next one while that is on its way: two at most, for what comes then shares the next
//! batch. A writer takes all batches that wait, writes them with one write into a
//! file that was zeroed before, syncs it, and says so. What two of the three have is committed, and its clients are
//! answered. There are no terms, no elections, no indexes, no checksums, no log in memory and no service: what is left is
//! not Raft, and no Raft can be faster by more than chance.

use crate::disk::{Counted, GroupWriter, Medium};
use crate::system::{Cluster, Execute, VOTERS};
use anyhow::{Context as _, Result, anyhow};
use figure2_wal::Fs as _;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// The file is written over and over: it never grows.
const FILE_BYTES: u64 = 16 << 20;

/// Most batches that are on their way at once. With one, the disks rest while the clients are answered; with any number,
/// each batch is small: with 1,024 clients, unlimited, the floor did 0.7 times as much and took twice the CPU.
const IN_FLIGHT: usize = 2;

/// Commands that go to the voters together.
pub type Batch = Arc<Vec<Vec<u8>>>;

/// Hands a batch to a voter, which tells the leader when it is durable.
pub type Hand = Box<dyn Fn(Batch) + Send>;

/// What the leader is told.
enum Incoming {
    /// A client's command, and whom to answer.
    Propose(Vec<u8>, oneshot::Sender<()>),
    /// A voter has so many batches more on its disk.
    Durable { voter: usize, batches: u64 },
    /// A voter is lost: what is measured then is worth nothing.
    Lost,
}

/// The way back from the voters to the leader.
#[derive(Clone)]
pub struct Back(mpsc::WeakUnboundedSender<Incoming>);

impl Back {
    /// A voter has so many batches more on its disk.
    pub fn durable(&self, voter: usize, batches: u64) {
        self.tell(Incoming::Durable { voter, batches });
    }

    /// A voter is lost: the leader ends.
    pub fn lost(&self) {
        self.tell(Incoming::Lost);
    }

    fn tell(&self, what: Incoming) {
        if let Some(leader) = self.0.upgrade() {
            let _ = leader.send(what);
        }
    }
}

/// The cluster, seen by its clients.
#[derive(Clone)]
pub struct Nodes {
    leader: mpsc::UnboundedSender<Incoming>,
}

impl Cluster for Nodes {
    async fn start(medium: &Medium) -> Result<Nodes> {
        let here = |voter, back: &Back| {
            let place = medium.place(voter).context("the floor is one of disks")?;
            on_disk(voter.into(), &place.directory(), back)
        };
        Nodes::lead(|back| (0..VOTERS).map(|voter| here(voter, back)).collect())
    }
}

impl Nodes {
    /// Starts the leader, with these ways to the voters.
    ///
    /// # Errors
    /// When there is none to one of them.
    pub fn lead(ways: impl FnOnce(&Back) -> Result<Vec<Hand>>) -> Result<Nodes> {
        let (leader, inbox) = mpsc::unbounded_channel();
        let voters = ways(&Back(leader.downgrade()))?;
        let lead = Leader { voters, durable: [0; VOTERS as usize], answered: 0, waiting: VecDeque::new() };
        tokio::spawn(lead.run(inbox));
        Ok(Nodes { leader })
    }
}

/// The way to a voter that writes in this process, on a thread of its own.
///
/// # Errors
/// When there is no file to be had, or no thread.
pub fn on_disk(voter: usize, directory: &Path, back: &Back) -> Result<Hand> {
    let mut file = Floor::open(directory)?;
    let writer = GroupWriter::start(move |batches: Vec<Batch>| {
        file.write(batches.iter().flat_map(|batch| batch.iter()).map(Vec::as_slice))
    })?;
    let back = back.clone();
    Ok(Box::new(move |batch| {
        let back = back.clone();
        writer.submit(batch, move |written| match written {
            Ok(()) => back.durable(voter, 1),
            Err(_) => back.lost(),
        });
    }))
}

impl Execute for Nodes {
    async fn execute(&self, command: Vec<u8>) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.leader.send(Incoming::Propose(command, answer)).map_err(|_| anyhow!("the leader stopped"))?;
        answered.await.map_err(|_| anyhow!("a voter is lost"))
    }
}

struct Leader {
    voters: Vec<Hand>,
    /// How many batches each voter has on its disk.
    durable: [u64; VOTERS as usize],
    /// How many batches are answered.
    answered: u64,
    /// The clients of the batches that are not.
    waiting: VecDeque<Vec<oneshot::Sender<()>>>,
}

impl Leader {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Incoming>) {
        let mut taken = Vec::new();
        let (mut batch, mut clients) = (Vec::new(), Vec::new());
        while inbox.recv_many(&mut taken, 1 << 16).await > 0 {
            for incoming in taken.drain(..) {
                match incoming {
                    Incoming::Propose(command, answer) => {
                        batch.push(command);
                        clients.push(answer);
                    }
                    Incoming::Durable { voter, batches } => self.durable[voter] += batches,
                    Incoming::Lost => return,
                }
            }
            self.answer();
            if !batch.is_empty() && self.waiting.len() < IN_FLIGHT {
                self.waiting.push_back(std::mem::take(&mut clients));
                let batch = Arc::new(std::mem::take(&mut batch));
                self.voters.iter().for_each(|hand| hand(batch.clone()));
            }
        }
    }

    /// Answers the clients of all batches that a majority has.
    fn answer(&mut self) {
        let mut durable = self.durable;
        durable.sort_unstable();
        let committed = durable[durable.len() / 2];
        while self.answered < committed {
            self.answered += 1;
            for client in self.waiting.pop_front().into_iter().flatten() {
                let _ = client.send(());
            }
        }
    }
}

/// The file of a voter.
pub struct Floor {
    files: Counted,
    file: std::fs::File,
    offset: u64,
    buffer: Vec<u8>,
}

impl Floor {
    /// Makes it, zeroed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(directory: &Path) -> Result<Floor> {
        let files = Counted::open(directory).with_context(|| directory.display().to_string())?;
        let file = files.create("floor")?;
        for offset in (0..FILE_BYTES).step_by(1 << 20) {
            files.write_at(&file, &vec![0; 1 << 20], offset)?;
        }
        files.sync_data(&file)?;
        files.sync_dir()?;
        Ok(Floor { files, file, offset: 0, buffer: Vec::new() })
    }

    /// Writes all of it with one write, and syncs.
    ///
    /// # Errors
    /// When it may not be durable.
    pub fn write<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        self.buffer.clear();
        pieces.for_each(|piece| self.buffer.extend_from_slice(piece));
        let length = self.buffer.len() as u64;
        if self.offset + length > FILE_BYTES {
            self.offset = 0;
        }
        self.files.write_at(&self.file, &self.buffer, self.offset)?;
        self.offset += length;
        self.files.sync_data(&self.file)
    }
}
