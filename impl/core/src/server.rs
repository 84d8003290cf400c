//! A server's state, as the boxes of Figure 2 list it.

use crate::effects::Effects;
use crate::input::{Apply, Input};
use crate::log::{Log, Snapshot};
use crate::persistent::Persistent;
use crate::rules::{AllServers, Figure2, Persistence, Rules};
use crate::types::{Index, ServerId, ServerSet, Term};
use crate::{MAX_INDEX, MAX_SERVERS, MAX_TERM};
use alloc::vec::Vec;
use core::fmt;

/// The cluster, as each of its servers is told. Membership is fixed (section 6 is not implemented).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// Number of servers; their ids are `0..servers`. 1 to [`MAX_SERVERS`].
    pub servers: u8,
    /// Most entries in one AppendEntries; at least 1.
    pub max_entries_per_message: u32,
}

impl Config {
    /// A cluster of that many servers, with at most 1,024 entries in a message.
    #[must_use]
    pub fn new(servers: u8) -> Config {
        Config { servers, max_entries_per_message: 1024 }
    }

    /// How many servers are more than half.
    #[must_use]
    pub fn majority(&self) -> usize {
        usize::from(self.servers) / 2 + 1
    }

    /// All servers but one.
    pub fn peers_of(&self, id: ServerId) -> impl Iterator<Item = ServerId> + use<> {
        (0..self.servers).map(ServerId).filter(move |peer| *peer != id)
    }
}

/// Why a server cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// No servers, or more than [`MAX_SERVERS`].
    BadClusterSize(u8),
    /// The id is not in the cluster.
    NotAMember(ServerId),
    /// `max_entries_per_message` is 0: nothing could ever be replicated.
    NoEntriesPerMessage,
    /// The recovered state cannot have been written by a server: terms in the log go back or exceed current_term, the
    /// snapshot has no index or no term, or a term or index is beyond [`MAX_TERM`] or [`MAX_INDEX`].
    DamagedState,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::BadClusterSize(n) => {
                write!(f, "a cluster of {n} servers: 1 to {MAX_SERVERS} are possible")
            }
            StartError::NotAMember(id) => write!(f, "{id} is not in the cluster: ids count from 0"),
            StartError::NoEntriesPerMessage => write!(f, "max_entries_per_message must be at least 1"),
            StartError::DamagedState => write!(
                f,
                "the recovered terms and indexes contradict each other: do not start this server again on this state; \
                 restore the disk, or remove the server and add it under a new id"
            ),
        }
    }
}

impl core::error::Error for StartError {}

/// What a server is at the moment, with the state that only this role has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Responds to candidates and leaders.
    Follower,
    /// Runs for leader.
    Candidate {
        /// Servers whose vote arrived; the own one once it is durable.
        votes: ServerSet,
    },
    /// Leads the current term. (Figure 2, "Volatile state on leaders".)
    Leader {
        /// For each server, index of the next log entry to send to it: a guess, or, once `pipelining`, a promise of
        /// what was sent. The leader's own place is unused.
        next_index: Vec<Index>,
        /// For each server, index of the highest log entry known to be replicated on it; for the leader itself, of
        /// the highest durable one. Measured, and never goes back.
        match_index: Vec<Index>,
        /// Followers whose log is known to match: their next_index moves with what is sent, without waiting for the
        /// reply (thesis, section 10.2.2). The others are probed with one message at a time.
        pipelining: ServerSet,
    },
}

/// One server of the cluster. [`step`](Self::step) is the only way to change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server<C, S> {
    pub(crate) id: ServerId,
    pub(crate) config: Config,
    pub(crate) persistent: Persistent<C, S>,
    pub(crate) commit_index: Index,
    pub(crate) last_applied: Index,
    pub(crate) role: Role,
    pub(crate) offered: Option<Snapshot<S>>,
}

impl<C: Clone, S: Clone> Server<C, S> {
    /// Starts a server from its persistent state (the default one for its first start), under the rules of Figure 2.
    ///
    /// # Errors
    /// When the configuration, the id or the recovered state makes no sense.
    pub fn new(id: ServerId, config: Config, persistent: Persistent<C, S>) -> Result<Self, StartError> {
        if config.servers == 0 || config.servers > MAX_SERVERS {
            return Err(StartError::BadClusterSize(config.servers));
        }
        if id.0 >= config.servers {
            return Err(StartError::NotAMember(id));
        }
        if config.max_entries_per_message == 0 {
            return Err(StartError::NoEntriesPerMessage);
        }
        if !is_sound(&persistent) {
            return Err(StartError::DamagedState);
        }
        Ok(Figure2.restart(id, config, persistent))
    }

    /// One step, by the rules of Figure 2.
    pub fn step(&mut self, input: Input<C, S>) -> Effects<C, S> {
        Figure2.step(self, input)
    }

    /// What the service should get next, at most `limit` entries of it (rule A1); none when it has all.
    pub fn next_apply(&self, limit: usize) -> Option<Apply<C, S>> {
        Figure2.next_apply(self, limit)
    }
}

/// Whether a server can have written this state.
fn is_sound<C, S>(persistent: &Persistent<C, S>) -> bool {
    let log = &persistent.log;
    let snapshot_is_sound = log
        .snapshot()
        .is_none_or(|s| s.last_included_index > Index::ZERO && s.last_included_term > Term::ZERO);
    let mut term = log.base_term();
    let terms_grow = log.entries().iter().all(|entry| {
        let grows = entry.term >= term && entry.term > Term::ZERO;
        term = entry.term;
        grows
    });
    let numbers_are_possible = persistent.current_term <= MAX_TERM && log.last_index() <= MAX_INDEX;
    snapshot_is_sound && terms_grow && term <= persistent.current_term && numbers_are_possible
}

impl<C, S> Server<C, S> {
    /// A server in the given state, as a follower: what is volatile is as after a restart. For rules that restart a
    /// server; drivers use [`Server::new`].
    pub fn from_parts(id: ServerId, config: Config, persistent: Persistent<C, S>) -> Self {
        let base = persistent.log.base_index();
        Server {
            id,
            config,
            persistent,
            commit_index: base,
            last_applied: base,
            role: Role::Follower,
            offered: None,
        }
    }

    /// This server's id.
    pub fn id(&self) -> ServerId {
        self.id
    }

    /// The cluster.
    pub fn config(&self) -> Config {
        self.config
    }

    /// Everything that must survive a crash, as it is in memory.
    pub fn persistent(&self) -> &Persistent<C, S> {
        &self.persistent
    }

    /// Latest term this server has seen.
    pub fn current_term(&self) -> Term {
        self.persistent.current_term
    }

    /// Candidate that got this server's vote in the current term.
    pub fn voted_for(&self) -> Option<ServerId> {
        self.persistent.voted_for
    }

    /// The log.
    pub fn log(&self) -> &Log<C, S> {
        &self.persistent.log
    }

    /// Index of the highest log entry known to be committed.
    pub fn commit_index(&self) -> Index {
        self.commit_index
    }

    /// Index of the highest log entry the service has.
    pub fn last_applied(&self) -> Index {
        self.last_applied
    }

    /// Follower, candidate or leader.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// Whether this server believes it is the leader of its current term.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    /// The snapshot from the leader that the service has yet to answer.
    pub fn offered(&self) -> Option<&Snapshot<S>> {
        self.offered.as_ref()
    }
}
