//! A run that begins in a state of the model: its servers' disks, and the messages in flight.
//!
//! The model's service is the list of the commands that it applied; the simulated service is a map. Each command `cN`
//! of the model becomes the request of a client of its own, which appends `cN;` to one key, and a snapshot becomes
//! the map after these requests. So the model's commands are ordinary entries of the log, and what clients read later
//! shows which of them took effect, and in which order.

use bytes::Bytes;
use figure2::{Command, Persistent, SnapshotData};
use figure2_conform::{translate, translate_persistent};
use figure2_core::{Envelope, Index, Log, Message};
use figure2_linearizability::{Action, Outcome, Recorder};
use figure2_model::{self as model, Prefix, describe_envelope};
use figure2_store::{Request, Store};
use figure2_trace as trace;
use figure2_validate::ToTrace as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Whoever asked for the model's command N is this client and N more. No client of a run has such a number.
const CLIENTS: u64 = 1000;
/// The key that the model's commands append to. No client of a run writes it, so nothing hides what became of them.
pub(super) const KEY: &str = "start";

/// Where a run begins, if not with empty disks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The profile of the model whose state it is.
    pub profile: String,
    /// How many actions from the profile's start.
    pub depth: u32,
    /// The commands that some server of the state knows to be committed, from index 1 on: none of them may be lost.
    pub committed: Prefix,
    /// What is on each server's disk, by server id.
    pub disks: Vec<Persistent<model::Command, Prefix>>,
    /// The messages on their way.
    pub on_their_way: Vec<OnItsWay>,
}

/// A message that was sent before the run began.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnItsWay {
    /// How long after the servers' start it comes to the network, in ms.
    pub after_ms: u64,
    /// The message.
    pub message: model::Envelope,
}

/// What a start has that makes it worth starting from; a run can have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// A server knows of a committed entry.
    Committed,
    /// Two logs have entries of different terms at an index.
    Conflicting,
    /// A log is a prefix of another, and shorter.
    Lagging,
    /// A snapshot is on a disk.
    Snapshot,
    /// Messages are on their way.
    OnTheirWay,
}

impl Feature {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Feature::Committed => "with a committed entry",
            Feature::Conflicting => "with logs that conflict",
            Feature::Lagging => "with a log that lags",
            Feature::Snapshot => "with a snapshot",
            Feature::OnTheirWay => "with messages on their way",
        }
    }
}

fn request(command: model::Command) -> Request {
    let (client, action) = (CLIENTS + u64::from(command.0), action(command));
    Request { client, number: 1, key: KEY.to_owned(), action, size: 0 }
}

fn action(command: model::Command) -> Action {
    Action::Append(format!("{command};"))
}

fn command(command: &model::Command) -> Command {
    request(*command).encode()
}

/// The map after these commands.
fn snapshot(prefix: &Prefix) -> SnapshotData {
    let mut store = Store::default();
    for (index, model) in (1..).zip(Vec::from(*prefix)) {
        // A request of its own making is always understood.
        let _ = store.apply(Index(index), &command(&model), true);
    }
    store.encode(0).into()
}

impl Start {
    /// A server's disk, as the simulated storage holds it.
    pub(super) fn disk(&self, server: u8) -> Persistent<Command, SnapshotData> {
        let disk = self.disks.get(usize::from(server));
        disk.map(|disk| translate_persistent(disk, command, snapshot)).unwrap_or_default()
    }

    /// The messages on their way, and when they come to the network, in ms.
    pub(super) fn messages(&self) -> impl Iterator<Item = (u64, Envelope<Bytes, SnapshotData>)> {
        let sent = self.on_their_way.iter();
        sent.map(|OnItsWay { after_ms, message }| (*after_ms, translate(message, command, snapshot)))
    }

    /// The messages on their way, as a trace shows them.
    pub(super) fn recorded(&self) -> Vec<trace::Envelope<Bytes, Bytes>> {
        let command = |command: &Bytes| command.clone();
        // They were made in memory.
        let data = |data: &SnapshotData| data.to_bytes().unwrap_or_default();
        self.messages().map(|(_, message)| translate(&message, command, data).to_trace()).collect()
    }

    /// Until when messages come to the network, in ms.
    pub(super) fn until_ms(&self) -> u64 {
        self.on_their_way.iter().map(|sent| sent.after_ms).max().unwrap_or(0)
    }

    /// What clients asked before the run, and were told: those whose command is committed that it was done, in the order
    /// of the log. Of the others nobody knows.
    pub(super) fn history(&self) -> Recorder {
        let mut history = Recorder::default();
        let committed = Vec::from(self.committed);
        for known in [true, false] {
            let others = self.commands().into_iter().filter(|command| !committed.contains(command));
            let these: Vec<_> = if known { committed.clone() } else { others.collect() };
            for command in these {
                let client = request(command).client;
                // Each of these clients asks once.
                let _ = history.invoke(client, KEY, action(command));
                if known {
                    let _ = history.complete(client, Outcome::Ok { read: None });
                }
            }
        }
        history
    }

    /// All commands in its logs, snapshots and messages.
    fn commands(&self) -> BTreeSet<model::Command> {
        let mut all: BTreeSet<model::Command> = BTreeSet::new();
        for disk in &self.disks {
            all.extend(Vec::from(Prefix::of_log(&disk.log)));
        }
        for sent in &self.on_their_way {
            match &sent.message.message {
                Message::AppendEntries(message) => {
                    all.extend(message.entries.iter().map(|entry| entry.command));
                }
                Message::InstallSnapshot(message) => all.extend(Vec::from(message.snapshot.data)),
                _ => {}
            }
        }
        all
    }

    /// What is in it.
    #[must_use]
    pub fn features(&self) -> Vec<Feature> {
        let logs: Vec<&Log<_, _>> = self.disks.iter().map(|disk| &disk.log).collect();
        let pairs = || logs.iter().flat_map(|one| logs.iter().map(move |other| (one, other)));
        let mut features = Vec::new();
        let mut note = |feature, is_so: bool| features.extend(is_so.then_some(feature));
        note(Feature::Committed, self.committed.last_index() > Index::ZERO);
        note(Feature::Conflicting, pairs().any(|(one, other)| conflict(one, other)));
        let lags = |one: &Log<_, _>, other| one.last_index() < last(other) && !conflict(one, other);
        note(Feature::Lagging, pairs().any(|(one, other)| lags(one, other)));
        note(Feature::Snapshot, logs.iter().any(|log| log.snapshot().is_some()));
        note(Feature::OnTheirWay, !self.on_their_way.is_empty());
        features
    }

    /// Whether a run of so many servers can begin so.
    pub(super) fn check(&self, servers: u8) -> Result<(), String> {
        if self.disks.len() != usize::from(servers) {
            return Err(format!("start: {} disks, and there are {servers} servers", self.disks.len()));
        }
        let is_whole = |index: Index, content: &Prefix| content.last_index() == index;
        for (server, disk) in self.disks.iter().enumerate() {
            let snapshot = disk.log.snapshot();
            if snapshot.is_some_and(|snapshot| !is_whole(snapshot.last_included_index, &snapshot.data)) {
                return Err(format!(
                    "start: the snapshot of server {server} holds other entries than it says"
                ));
            }
        }
        for OnItsWay { message, .. } in &self.on_their_way {
            if message.from == message.to || message.from.0.max(message.to.0) >= servers {
                return Err(format!("start: a message from {} to {}", message.from, message.to));
            }
            if let Message::InstallSnapshot(message) = &message.message
                && !is_whole(message.snapshot.last_included_index, &message.snapshot.data)
            {
                return Err("start: the snapshot in a message holds other entries than it says".to_owned());
            }
        }
        Ok(())
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "begins in a state of {}, {} actions from its start; committed: {}",
            self.profile, self.depth, self.committed
        )?;
        for (server, disk) in self.disks.iter().enumerate() {
            write!(f, "\n  server {server}: term {}", disk.current_term)?;
            if let Some(vote) = disk.voted_for {
                write!(f, ", voted for {vote}")?;
            }
            if let Some(snapshot) = disk.log.snapshot() {
                let (index, term) = (snapshot.last_included_index, snapshot.last_included_term);
                write!(f, ", snapshot up to index {index} of term {term} {}", snapshot.data)?;
            }
            let entries: Vec<String> = disk
                .log
                .entries()
                .iter()
                .map(|entry| format!("{} of term {}", entry.command, entry.term))
                .collect();
            write!(
                f,
                ", entries: {}",
                if entries.is_empty() { "none".to_owned() } else { entries.join(", ") }
            )?;
        }
        for OnItsWay { after_ms, message } in &self.on_their_way {
            write!(f, "\n  on its way, after {after_ms} ms: {}", describe_envelope(message))?;
        }
        Ok(())
    }
}

fn last(log: &Log<model::Command, Prefix>) -> Index {
    log.last_index()
}

/// Whether two logs have different terms at an index.
fn conflict(one: &Log<model::Command, Prefix>, other: &Log<model::Command, Prefix>) -> bool {
    (1..=last(one).0.min(last(other).0)).map(Index).any(|index| {
        let terms = (one.term_at(index), other.term_at(index));
        matches!(terms, (Some(one), Some(other)) if one != other)
    })
}
