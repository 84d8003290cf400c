//! raft-rs: a `RawNode` per voter, each in a task of its own with a queue, as in raft-rs's own example of five nodes.
//!
//! With `batch_append` the entries of all commands that a turn finds in its queue share a message. The log is raft-rs's
//! own `MemStorage`. Commands are `Bytes` (the `protobuf-codec` feature), so an entry is copied without its command.

use crate::system::{COMPACT_EVERY, Cluster, KEPT, Service, VOTERS, number_of};
use anyhow::{Result, anyhow};
use raft::eraftpb::{Entry, EntryType, Message};
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
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
}

/// The cluster, seen by its clients.
#[derive(Clone)]
pub struct Nodes {
    leader: mpsc::UnboundedSender<Incoming>,
}

impl Cluster for Nodes {
    async fn start() -> Result<Nodes> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..VOTERS).map(|_| mpsc::unbounded_channel()).unzip();
        let (elected, election) = oneshot::channel();
        let mut elected = Some(elected);
        for (id, inbox) in (1..).zip(receivers) {
            let mut voter = Voter::new(id, senders.clone())?;
            if id == 1 {
                voter.elected = elected.take();
                voter.node.campaign()?;
            }
            tokio::spawn(voter.run(inbox));
        }
        election.await?;
        let leader = senders.into_iter().next().ok_or_else(|| anyhow!("no voters"))?;
        Ok(Nodes { leader })
    }

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
}

impl Voter {
    fn new(id: u64, peers: Vec<mpsc::UnboundedSender<Incoming>>) -> Result<Voter> {
        let config = Config {
            id,
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
        Ok(Voter { node, peers, waiting, elected: None, service, compacted_at: 0 })
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
            self.send(ready.take_persisted_messages());
            let mut light = self.node.advance(ready);
            if let Some(commit) = light.commit_index() {
                store.wl().mut_hard_state().set_commit(commit);
            }
            self.send(light.take_messages());
            self.apply(light.take_committed_entries());
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
        if applied >= self.compacted_at + COMPACT_EVERY {
            self.compacted_at = applied;
            store.wl().compact(applied.saturating_sub(KEPT))?;
        }
        Ok(())
    }
}
