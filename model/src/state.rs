//! The state of the cluster. All of it is hashed, by derived `Hash`: servers, disks, services, the network, what was
//! elected and committed, and the budgets used so far.

use crate::hashed::Hashed;
use crate::prefix::{Command, Prefix};
use crate::properties::Breaches;
use crate::symmetry::RENAMINGS_OF_3;
use figure2_core::{Envelope, Index, Message, Persistent, Server, ServerId, Snapshot, Term};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A message on its way, shared between the states in which it is.
pub type Packet = Arc<Hashed<Letter>>;

/// A message with its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Letter {
    /// The sender.
    pub from: ServerId,
    /// The addressee.
    pub to: ServerId,
    /// What is said. No server is named in it.
    pub message: Hashed<Message<Command, Prefix>>,
}

impl Letter {
    /// The hash of what is said, whoever says it to whom.
    pub fn content_digest(&self) -> u64 {
        self.message.digest()
    }

    /// The message as the core takes it.
    pub fn envelope(&self) -> Envelope<Command, Prefix> {
        Envelope { from: self.from, to: self.to, message: Message::clone(&self.message) }
    }
}

/// The whole cluster at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The machines, by server id.
    pub hosts: SmallVec<[Arc<Machine>; 5]>,
    /// The messages on their way.
    pub network: Network,
    /// What happened and must not be contradicted later.
    pub history: Arc<Hashed<History>>,
    /// How much of the bounds is used up.
    pub used: Used,
}

impl State {
    /// The machine of a server.
    pub fn host(&self, id: ServerId) -> Option<&Host> {
        self.hosts.get(usize::from(id.0)).map(|machine| &****machine)
    }
}

/// A machine as states share it: its content, and hashes of that content, each computed when first asked for.
#[derive(Debug)]
pub struct Machine {
    id: ServerId,
    host: Hashed<Host>,
    hashes: [AtomicU64; 1 + RENAMINGS_OF_3],
}

impl Machine {
    /// The machine of server `id`.
    pub fn new(id: ServerId, host: Host) -> Machine {
        Machine { id, host: Hashed::new(host), hashes: Default::default() }
    }

    /// Whose machine it is.
    pub fn id(&self) -> ServerId {
        self.id
    }

    /// A hash of the content that is computed once. Two threads may both compute it; they get the same.
    pub(crate) fn remembered(&self, place: usize, compute: impl FnOnce(&Host) -> u64) -> u64 {
        let Some(place) = self.hashes.get(place) else { return compute(&self.host) };
        // Relaxed: the hash is all there is, nothing else is published with it. 0 means "not yet".
        match place.load(Ordering::Relaxed) {
            0 => {
                let hash = compute(&self.host);
                place.store(hash, Ordering::Relaxed);
                hash
            }
            hash => hash,
        }
    }
}

impl Deref for Machine {
    type Target = Hashed<Host>;

    fn deref(&self) -> &Hashed<Host> {
        &self.host
    }
}

impl PartialEq for Machine {
    fn eq(&self, other: &Self) -> bool {
        (self.id, &self.host) == (other.id, &other.host)
    }
}

impl Eq for Machine {}

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state); // the id is the machine's place in the state
    }
}

/// One machine: its disk, and, while it is up, a server and its service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// The server; none while the machine is down.
    pub server: Option<Server<Command, Prefix>>,
    /// What a crash leaves.
    pub disk: Arc<Persistent<Command, Prefix>>,
    /// What the service has applied. It is lost in a crash, but for the snapshot on the disk.
    pub service: Prefix,
    /// The snapshot that the service was given and has yet to answer.
    pub answering: Option<Snapshot<Prefix>>,
    /// Whether the last step made the service switch to a snapshot.
    pub installed: bool,
    /// The highest term this server was ever in and its vote there: history, which no crash erases.
    pub ballot: Ballot,
    /// Where the server stands after a crash.
    pub recovery: Recovery,
    /// Promises about steps that a step of this server broke.
    pub breaches: Breaches,
}

/// A term and the vote in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ballot {
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

/// What was elected and committed: Figure 3 speaks about the past, so the state must hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// All elections won, by term.
    pub elections: SmallVec<[Election; 4]>,
    /// The entry first committed at each index, from index 1 on.
    pub committed: SmallVec<[Committed; 4]>,
}

/// An election that was won.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Election {
    /// In which term.
    pub term: Term,
    /// By whom.
    pub leader: ServerId,
    /// The commands in the winner's log at that moment.
    pub log: Prefix,
}

/// A committed entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Committed {
    /// The entry's command.
    pub command: Command,
    /// The entry's term.
    pub term: Term,
    /// The current_term of the server that was the first to know that the entry is committed.
    pub committed_in: Term,
}

impl History {
    /// The entry committed at `index`, if any is.
    pub fn committed_at(&self, index: Index) -> Option<&Committed> {
        let position = usize::try_from(index.0).ok()?.checked_sub(1)?;
        self.committed.get(position)
    }
}

/// How often what bounds limit has happened. What is unlimited is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Used {
    /// Client requests that a leader accepted.
    pub client_requests: u8,
    /// Crashes.
    pub crashes: u8,
    /// Losses.
    pub losses: u8,
    /// Duplications.
    pub duplications: u8,
    /// Snapshots taken.
    pub snapshots: u8,
}

/// The messages on their way: a set, in the order of their hashes.
///
/// A set and not a multiset: two equal messages on their way differ from one only in that both can be delivered, and
/// one that is delivered with a copy left behind does the same. Any message may be delivered at any time, so order
/// is arbitrary already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Network(SmallVec<[Packet; 4]>);

impl Network {
    /// The messages.
    pub fn packets(&self) -> &[Packet] {
        &self.0
    }

    /// Puts a message on its way, unless an equal one is.
    pub fn insert(&mut self, envelope: Envelope<Command, Prefix>) {
        let Envelope { from, to, message } = envelope;
        let packet = Hashed::new(Letter { from, to, message: Hashed::new(message) });
        let start = self.0.partition_point(|other| other.digest() < packet.digest());
        let same_hash = self.0.iter().skip(start).take_while(|other| other.digest() == packet.digest());
        if !same_hash.into_iter().any(|other| **other == packet) {
            self.0.insert(start, Arc::new(packet));
        }
    }

    /// Takes the message at a position out.
    pub fn remove(&mut self, position: usize) {
        if position < self.0.len() {
            self.0.remove(position);
        }
    }

    /// Takes all messages out.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
