//! What a run still has to write, send and deliver. The node does each in the order of the steps; only a leader's
//! requests may overtake messages that wait for a write.

use super::{Disk, Mismatch};
use crate::convert::{Content, ReplayPayload, ToTrace as _};
use figure2::record::Sent;
use figure2_core::{Batch, Snapshot};
use figure2_core::{Change, Effects, Envelope, Index, Persisted, Server, Term};
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;

type Message<P> = Envelope<ReplayPayload<P>, ReplayPayload<P>>;

/// A write under way, and what may be told to the server once it is durable.
struct Writing<P> {
    changes: Vec<Change<ReplayPayload<P>, ReplayPayload<P>>>,
    persisted: Option<Persisted>,
}

/// The disk, the outbox and what is on its way from the one to the other.
pub(super) struct Outbox<P> {
    disk: Disk<P>,
    /// Changes since the last write.
    unwritten: Vec<Change<ReplayPayload<P>, ReplayPayload<P>>>,
    writing: Option<Writing<P>>,
    persisted: Option<Persisted>,
    /// How many changes were made, and how many of them are durable.
    made: u64,
    durable: u64,
    /// A leader's requests, which wait for nothing.
    early: VecDeque<Message<P>>,
    /// All other messages, each with how many changes must be durable first.
    waiting: VecDeque<(u64, Message<P>)>,
}

impl<P: Content> Outbox<P> {
    pub(super) fn new(disk: Disk<P>) -> Outbox<P> {
        Outbox {
            disk,
            unwritten: Vec::new(),
            writing: None,
            persisted: None,
            made: 0,
            durable: 0,
            early: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Takes in what a step left.
    pub(super) fn push(&mut self, mut effects: Effects<ReplayPayload<P>, ReplayPayload<P>>) {
        let changes = effects.record().changes();
        self.made += changes.len() as u64;
        self.unwritten.extend(changes.iter().cloned());
        self.early.extend(effects.take_early());
        let mut batch = Batch::default();
        batch.push((), effects);
        let Ok(done) = batch.persist(|_| Ok::<(), Infallible>(()));
        self.persisted = done.persisted.or(self.persisted);
        for released in done.released {
            self.waiting.extend(released.messages.into_iter().map(|message| (self.made, message)));
        }
    }

    pub(super) fn write(&mut self) -> Result<(), Mismatch> {
        if self.writing.is_some() {
            return Err(Mismatch::new("a write begins before the one under way is durable"));
        }
        if self.unwritten.is_empty() {
            return Err(Mismatch::new("a write of nothing: no step changed anything since the last"));
        }
        let changes = std::mem::take(&mut self.unwritten);
        self.writing = Some(Writing { changes, persisted: self.persisted.take() });
        Ok(())
    }

    /// What may be told to the server now.
    pub(super) fn durable(&mut self) -> Result<Option<Persisted>, Mismatch> {
        let Some(Writing { changes, persisted }) = self.writing.take() else {
            return Err(Mismatch::new("a write is durable that did not begin"));
        };
        self.durable += changes.len() as u64;
        changes.into_iter().for_each(|change| self.disk.apply(change));
        Ok(persisted)
    }

    /// The message that leaves, if it is the next one and its changes are durable.
    pub(super) fn sent(&mut self, sent: &Sent) -> Result<Message<P>, Mismatch> {
        let is_next = |message: Option<&Message<P>>| message.is_some_and(|next| Sent::of(next) == *sent);
        if is_next(self.early.front())
            && let Some(message) = self.early.pop_front()
        {
            return Ok(message);
        }
        if is_next(self.waiting.front().map(|(_, message)| message))
            && let Some((changes, message)) = self.waiting.pop_front()
        {
            if changes > self.durable {
                let what =
                    "a message leaves before the changes of its step, and of those before it, are durable";
                return Err(Mismatch::new(what).found(json(&sent.to_trace())));
            }
            return Ok(message);
        }
        let next = self.early.front().into_iter().chain(self.waiting.front().map(|(_, message)| message));
        let shown: Vec<String> = next.map(|message| json(&Sent::of(message).to_trace())).collect();
        let due = if shown.is_empty() { "nothing".to_owned() } else { shown.join(" or ") };
        let what = "a message leaves that is not the next one the steps made";
        Err(Mismatch::new(what).expected(due).found(json(&sent.to_trace())))
    }

    /// Nothing that waits leaves any more.
    pub(super) fn stop(&mut self) {
        self.unwritten.clear();
    }

    /// What a restart can find: what is durable, or that and the write under way.
    pub(super) fn recoverable(&self) -> Vec<Disk<P>> {
        let mut states = vec![self.disk.clone()];
        if let Some(Writing { changes, .. }) = &self.writing {
            let mut written = self.disk.clone();
            changes.iter().for_each(|change| written.apply(change.clone()));
            states.push(written);
        }
        states
    }
}

/// What the service is to get.
pub(super) struct Deliveries<P> {
    /// Index of the last entry it has, or was handed.
    last: Index,
    /// Committed and not handed over yet; the first has index `last` + 1.
    entries: VecDeque<(Term, ReplayPayload<P>)>,
    /// Snapshots from leaders that the service may be handed.
    offers: Vec<Snapshot<ReplayPayload<P>>>,
    committed: Index,
}

impl<P: Content> Deliveries<P> {
    /// The service starts from the snapshot.
    pub(super) fn new(base: Index) -> Deliveries<P> {
        Deliveries { last: base, entries: VecDeque::new(), offers: Vec::new(), committed: base }
    }

    /// Index of the last entry handed over.
    pub(super) fn last(&self) -> Index {
        self.last
    }

    /// Whether this snapshot was offered and is still to be answered.
    pub(super) fn is_offered(&self, snapshot: &Snapshot<ReplayPayload<P>>) -> bool {
        self.offers.contains(snapshot)
    }

    /// After a step.
    pub(super) fn observe(
        &mut self,
        server: &Server<ReplayPayload<P>, ReplayPayload<P>>,
        installed: Option<Index>,
    ) {
        if let Some(index) = installed {
            // The service has switched, or will before it gets anything else.
            self.last = index;
            self.committed = index;
            self.entries.clear();
        }
        while self.committed < server.commit_index() {
            let Some(entry) = server.log().entry(self.committed.next()) else { break };
            self.committed = self.committed.next();
            self.entries.push_back((entry.term, entry.command.clone()));
        }
        if let Some(offer) = server.offered().filter(|offer| !self.is_offered(offer)) {
            self.offers.push(offer.clone());
        }
    }

    pub(super) fn deliver(
        &mut self,
        index: Index,
        term: Term,
        command: &ReplayPayload<P>,
    ) -> Result<(), Mismatch> {
        let due = self.last.next();
        if index != due {
            let what = "an entry is handed to the service out of order";
            return Err(Mismatch::new(what).expected(format!("index {due}")).found(format!("index {index}")));
        }
        let Some((due_term, due_command)) = self.entries.pop_front() else {
            return Err(Mismatch::new(format!("the entry at index {index} is handed over uncommitted")));
        };
        self.last = index;
        if (term, command) != (due_term, &due_command) {
            return Err(Mismatch::new(format!(
                "what is handed over at index {index} is not what is committed"
            ))
            .expected(format!("term {due_term}: {due_command}"))
            .found(format!("term {term}: {command}")));
        }
        Ok(())
    }

    pub(super) fn deliver_snapshot(&self, snapshot: &Snapshot<ReplayPayload<P>>) -> Result<(), Mismatch> {
        if self.is_offered(snapshot) {
            Ok(())
        } else {
            let what = "a snapshot is handed to the service that no leader sent";
            Err(Mismatch::new(what).found(json(&snapshot.clone().to_trace())))
        }
    }

    /// The service answered the offers up to this index.
    pub(super) fn answered(&mut self, index: Index) {
        // One is kept: with Install::Automatic the service is handed it after the answer.
        self.offers.retain(|offer| offer.last_included_index >= index);
    }
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
