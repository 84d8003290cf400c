//! One node: its disk, the steps that wait for a write, and, while it is up, a server and its service.

use crate::cluster::prefix::{Command, Prefix};
use crate::properties::SafetySet;
use crate::properties::contact::Contact;
use figure2_core::{Batch, Extensions, Log, Persistent, Record, Server, ServerId, Snapshot, Term};
use smallvec::SmallVec;

/// A message on its way.
pub type Envelope = figure2_core::Envelope<Command, Prefix>;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Whose node it is.
    pub id: ServerId,
    /// What its server does beyond Figure 2: it is so after each restart.
    pub extensions: Extensions,
    /// The server; none while the node is down.
    pub server: Option<Server<Command, Prefix>>,
    /// What a crash leaves for sure.
    pub disk: Persistent<Command, Prefix>,
    /// What the steps since then asked for, oldest first, a batch a step. Empty where writes do not lag.
    pub unwritten: SmallVec<[Unwritten; 2]>,
    /// What the service has applied. It is lost in a crash, but for the snapshot on the disk.
    pub service: Prefix,
    /// The snapshot that the service was given and has yet to answer.
    pub answering: Option<Snapshot<Prefix>>,
    /// Whether the last step made the service switch to a snapshot.
    pub installed: bool,
    /// The highest term that this server told anyone or made durable, and the vote in it: no crash takes that back.
    pub term_vote: TermVote,
    /// Where the server stands after a crash.
    pub recovery: Recovery,
    /// Who has answered the server, and whom it hands over to, as far as properties of the extensions ask for it.
    pub contact: Contact,
    /// Promises about steps that a step of this server broke.
    pub violations: SafetySet,
}

/// The batch of a step that is not durable yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unwritten {
    /// The record, and the messages that wait for it.
    pub batch: Batch<Command, Prefix, ()>,
    /// Whether the messages have left already: only a broken durability policy lets them.
    pub released: bool,
}

impl Unwritten {
    /// What a write makes durable.
    pub fn record(&self) -> &Record<Command, Prefix> {
        self.batch.record()
    }
}

/// A term and the vote in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TermVote {
    /// The term.
    pub term: Term,
    /// The vote, if one was given.
    pub vote: Option<ServerId>,
}

/// Where a server stands after a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// It has not crashed, or that is over.
    #[default]
    None,
    /// It restarted with a vote or with entries on its disk, and has not taken part since.
    Restarted,
    /// Its last step granted a vote, took in entries, or won an election: the first time since it restarted.
    Rejoined,
}

impl Node {
    /// The log as the server has it, or as its disk has it while it is down.
    pub fn log(&self) -> &Log<Command, Prefix> {
        self.server.as_ref().map_or(&self.disk.log, Server::log)
    }

    /// The node of the same server under other names.
    #[must_use]
    pub fn renamed(&self, names: &[ServerId]) -> Node {
        // Every field is listed: a new one that holds ids must not be forgotten here.
        let Node {
            id,
            extensions,
            server,
            disk,
            unwritten,
            service,
            answering,
            installed,
            term_vote,
            recovery,
            contact,
            violations,
        } = self;
        let name = |id: ServerId| names.get(usize::from(id.0)).copied().unwrap_or(id);
        let batches = unwritten.iter().map(|Unwritten { batch, released }| Unwritten {
            batch: batch.renamed(names),
            released: *released,
        });
        Node {
            id: name(*id),
            extensions: *extensions,
            server: server.as_ref().map(|server| server.renamed(names)),
            disk: disk.renamed(names),
            unwritten: batches.collect(),
            service: *service,
            answering: answering.clone(),
            installed: *installed,
            term_vote: TermVote { term: term_vote.term, vote: term_vote.vote.map(name) },
            recovery: *recovery,
            contact: contact.renamed(name),
            violations: *violations,
        }
    }
}
