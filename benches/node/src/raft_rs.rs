//! raft-rs: a `RawNode` per voter, each in a task of its own with a queue, as in raft-rs's own example of five nodes.
//!
//! With `batch_append` the entries of all commands that a turn finds in its queue share a message. The log is raft-rs's
//! own `MemStorage`. Commands are `Bytes` (the `protobuf-codec` feature), so an entry is copied without its command.
//!
//! On disk the log is written to `figure2-wal`, too, by a thread: a voter goes on meanwhile, and says what it has only when
//! it is durable (raft-rs's `advance_append_async` and `on_persist_ready`).

use crate::disk::{LogWriter, Medium, Work};
use crate::system::{Cluster, Execute, KEPT, Service, VOTERS, number_of};
use anyhow::{Result, anyhow};
use figure2::{Index, Term};
use raft::eraftpb::{Entry, EntryType, HardState, Message};
use raft::storage::{MemStorage, Storage as _};
use raft::{Config, RawNode, Ready, StateRole};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

/// raft-rs's unit of time.
const TICK: Duration = Duration::from_millis(50);

/// Most of its queue that a voter takes in a turn: in fact all of it.
const TURN: usize = 1 << 16;

/// What a voter is sent.
enum Incoming {
    Message(Message),
    Propose(Vec<u8>, oneshot::Sender<()>),
    /// What this `Ready` asked to be written is durable, and all before it.
    Persisted(u64),
}

/// The cluster, seen by its clients.
#[derive(Clone)]
pub struct Nodes {
    leader: mpsc::UnboundedSender<Incoming>,
}

impl Cluster for Nodes {
    async fn start(medium: &Medium) -> Result<Nodes> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..VOTERS).map(|_| mpsc::unbounded_channel()).unzip();
        let (elected, election) = oneshot::channel();
        let mut elected = Some(elected);
        for (number, inbox) in (0..).zip(receivers) {
            let disk = match medium.place(number) {
                None => None,
                Some(place) => Some(Disk::new(LogWriter::open(place).await?)),
            };
            let mut voter = Voter::new(number, senders.clone(), disk, medium.compact_every())?;
            if number == 0 {
                voter.elected = elected.take();
                voter.node.campaign()?;
            }
            tokio::spawn(voter.run(inbox));
        }
        election.await?;
        let leader = senders.into_iter().next().ok_or_else(|| anyhow!("no voters"))?;
        Ok(Nodes { leader })
    }
}

impl Execute for Nodes {
    async fn execute(&self, command: Vec<u8>) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        self.leader.send(Incoming::Propose(command, answer)).map_err(|_| anyhow!("the leader stopped"))?;
        answered.await.map_err(|_| anyhow!("the leader dropped a command"))
    }
}

struct Voter {
    node: RawNode<MemStorage>,
    /// The queue of each voter, in the order of their ids, which count from 1.
    peers: Vec<mpsc::UnboundedSender<Incoming>>,
    /// Those who wait until the entry at their index is applied, in the order of the indexes.
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
    /// To be told when this voter leads.
    elected: Option<oneshot::Sender<()>>,
    service: Service,
    compacted_at: u64,
    compact_every: u64,
    /// None in memory.
    disk: Option<Disk>,
}

/// The log on disk, and what waits for it.
struct Disk {
    log: LogWriter,
    /// Numbers of the `Ready`s that are not known to be durable, whether they have something to write, and what the voter
    /// says when they are durable.
    held: VecDeque<(u64, bool, Vec<Message>)>,
    term_and_vote: (u64, u64),
}

impl Disk {
    fn new(log: LogWriter) -> Disk {
        Disk { log, held: VecDeque::new(), term_and_vote: (0, 0) }
    }

    /// What of it must be on the disk. Where the commit index stands need not be: no Raft asks for it.
    fn work(&mut self, state: Option<&HardState>, entries: &[Entry]) -> Vec<Work> {
        let mut work = Vec::new();
        if let Some(state) = state.filter(|state| (state.term, state.vote) != self.term_and_vote) {
            self.term_and_vote = (state.term, state.vote);
            // Ids begin with 1, and 0 is nobody.
            let vote = state.vote.checked_sub(1).and_then(|vote| u8::try_from(vote).ok());
            work.push(Work::Vote(Term(state.term), vote));
        }
        if let Some(first) = entries.first() {
            let entry =
                |entry: &Entry| figure2_core::Entry { term: Term(entry.term), command: entry.data.clone() };
            work.push(Work::Append(Index(first.index), entries.iter().map(entry).collect()));
        }
        work
    }

    /// What may be said now that everything up to a number is durable, and the last number of which that is true.
    fn release(&mut self, durable: u64) -> (Option<u64>, Vec<Message>) {
        let (mut last, mut released) = (None, Vec::new());
        let is_durable = |(number, writes, _): &(u64, bool, Vec<Message>)| *number <= durable || !*writes;
        let count = self.held.iter().take_while(|held| is_durable(held)).count();
        for (number, _, messages) in self.held.drain(..count) {
            last = Some(number);
            released.extend(messages);
        }
        (last, released)
    }
}

impl Voter {
    fn new(
        number: u8,
        peers: Vec<mpsc::UnboundedSender<Incoming>>,
        disk: Option<Disk>,
        compact_every: u64,
    ) -> Result<Voter> {
        let config = Config {
            id: u64::from(number) + 1,
            election_tick: 10,
            heartbeat_tick: 2,
            // As generous as they come: neither is ever what limits it.
            max_size_per_msg: u64::MAX,
            max_inflight_msgs: 4096,
            ..Config::default()
        };
        let voters: Vec<u64> = (1..=u64::from(VOTERS)).collect();
        let storage = MemStorage::new_with_conf_state((voters, vec![]));
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let mut node = RawNode::new(&config, storage, &logger)?;
        node.raft.set_batch_append(true);
        let (waiting, service) = (VecDeque::new(), Service::default());
        Ok(Voter { node, peers, waiting, elected: None, service, compacted_at: 0, compact_every, disk })
    }

    /// Until all its senders are gone, or it fails; whoever waits finds out then.
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Incoming>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = Vec::new();
        loop {
            // The first turn does without: there may be a campaign to tell of.
            if self.on_ready().is_err() {
                return;
            }
            tokio::select! {
                biased;
                _ = ticks.tick() => { self.node.tick(); }
                count = inbox.recv_many(&mut taken, TURN) => {
                    if count == 0 {
                        return;
                    }
                    taken.drain(..).for_each(|incoming| self.take(incoming));
                }
            }
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            // What is not for it, it says; nothing follows from that here.
            Incoming::Message(message) => _ = self.node.step(message),
            Incoming::Persisted(number) => self.persisted(number),
            Incoming::Propose(command, answer) => {
                // Dropped, the answer says that there is none.
                if self.node.propose(Vec::new(), command).is_ok() {
                    self.waiting.push_back((self.node.raft.raft_log.last_index(), answer));
                }
            }
        }
    }

    /// The steps of raft-rs's documentation, in its order.
    fn on_ready(&mut self) -> Result<()> {
        while self.node.has_ready() {
            let store = self.node.store().clone();
            let mut ready = self.node.ready();
            self.send(ready.take_messages());
            if !ready.snapshot().is_empty() {
                self.service.sum = number_of(ready.snapshot().get_data());
                store.wl().apply_snapshot(ready.snapshot().clone())?;
            }
            self.apply(ready.take_committed_entries());
            store.wl().append(ready.entries())?;
            if let Some(state) = ready.hs() {
                store.wl().set_hardstate(state.clone());
            }
            let messages = ready.take_persisted_messages();
            if self.disk.is_some() {
                self.persist(ready, messages);
            } else {
                self.send(messages);
                let mut light = self.node.advance(ready);
                if let Some(commit) = light.commit_index() {
                    store.wl().mut_hard_state().set_commit(commit);
                }
                self.send(light.take_messages());
                self.apply(light.take_committed_entries());
            }
            self.node.advance_apply();
            self.compact(&store)?;
        }
        if self.node.raft.state == StateRole::Leader
            && let Some(elected) = self.elected.take()
        {
            let _ = elected.send(());
        }
        Ok(())
    }

    /// Hands to the disk what it must have, with what may be said afterwards.
    fn persist(&mut self, ready: Ready, messages: Vec<Message>) {
        let Some(disk) = &mut self.disk else { return };
        let number = ready.number();
        let work = disk.work(ready.hs(), ready.entries());
        let writes = !work.is_empty();
        disk.held.push_back((number, writes, messages));
        let own =
            usize::try_from(self.node.raft.id - 1).ok().and_then(|place| self.peers.get(place)).cloned();
        if writes {
            disk.log.submit(work, move |written| {
                // A disk that failed is silent: the commands that wait for it are never answered.
                if let (Ok(()), Some(own)) = (written, own) {
                    let _ = own.send(Incoming::Persisted(number));
                }
            });
        }
        self.node.advance_append_async(ready);
        self.persisted(0);
    }

    /// The disk has everything up to this `Ready`.
    fn persisted(&mut self, number: u64) {
        let Some(disk) = &mut self.disk else { return };
        let (last, released) = disk.release(number);
        if let Some(last) = last {
            self.node.on_persist_ready(last);
        }
        self.send(released);
    }

    fn send(&self, messages: Vec<Message>) {
        for message in messages {
            let peer = usize::try_from(message.to - 1).ok().and_then(|place| self.peers.get(place));
            if let Some(peer) = peer {
                let _ = peer.send(Incoming::Message(message));
            }
        }
    }

    fn apply(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            // A leader's first entry is empty; the voters never change.
            if entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty() {
                self.service.apply(&entry.data);
            }
            while let Some((index, _)) = self.waiting.front()
                && *index <= entry.index
            {
                if let Some((_, answer)) = self.waiting.pop_front() {
                    let _ = answer.send(());
                }
            }
        }
    }

    fn compact(&mut self, store: &MemStorage) -> Result<()> {
        let applied = self.node.raft.raft_log.applied;
        if applied >= self.compacted_at + self.compact_every {
            self.compacted_at = applied;
            // What is kept begins with this one.
            let first = applied.saturating_sub(KEPT).max(1);
            let (last, term) = (first - 1, store.term(first - 1)?);
            store.wl().compact(first)?;
            if let Some(disk) = &self.disk {
                disk.log.submit(vec![Work::Compact(Index(last), Term(term), self.service)], drop);
            }
        }
        Ok(())
    }
}
