//! A server's state, as the boxes of Figure 2 list it.

use crate::command::Command;
use crate::effects::Effects;
use crate::input::{Apply, Input};
use crate::log::{Log, Snapshot};
use crate::persistent::Persistent;
use crate::progress::Progress;
use crate::rules::{AllServers, Extended, Figure2, Persistence, Replication, Rules};
use crate::types::{Index, ServerId, ServerSet, Term};
use crate::{MAX_INDEX, MAX_SERVERS, MAX_TERM};
use alloc::vec::Vec;
use core::fmt;

/// The cluster, as each of its servers is told. Membership is fixed (section 6 is not implemented).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// The servers that vote: from 1 to [`MAX_SERVERS`](crate::MAX_SERVERS).
    pub voters: ServerSet,
    /// Most entries in one AppendEntries; at least 1.
    pub max_entries_per_message: u32,
    /// Most bytes of entries in one AppendEntries, [`Entry::size`](crate::Entry::size) each. One entry always fits, or
    /// nothing after it would ever be replicated.
    pub max_message_bytes: u64,
    /// Most bytes of entries sent to one follower and not acknowledged. One message always fits.
    pub max_in_flight_bytes: u64,
    /// Most bytes of a command; a larger one is refused.
    pub max_command_bytes: u64,
    /// Most bytes of entries in a leader's log that are not committed; a command that would exceed it is refused, but
    /// the first of a leader's term always fits, and so does one when nothing waits.
    pub max_uncommitted_bytes: u64,
    /// After how many heartbeats a leader whose snapshot was not acknowledged asks the follower again where it stands;
    /// at least 1.
    pub snapshot_patience: u8,
    /// Up to how many bytes of entries a leader keeps, rather than discard them for its service's snapshot, while a
    /// follower still lacks one of them. 0: it keeps none.
    pub max_retained_bytes: u64,
    /// What this server does beyond Figure 2.
    pub extensions: Extensions,
}

/// The thesis' extensions that change the protocol, each an option of its own: servers of one cluster may differ in them.
/// They are the rules of [`Extended`](crate::Extended).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Extensions {
    /// Before it stands for election, the server asks whether it would win (section 9.6).
    pub pre_vote: bool,
    /// As a leader, the server steps down when it has not heard from a majority for an election timeout (section 6.2); in
    /// contact with a leader, it disregards candidates (section 4.2.3).
    pub check_quorum: bool,
}

impl Extensions {
    /// Figure 2 alone.
    pub const NONE: Extensions = Extensions { pre_vote: false, check_quorum: false };
    /// All of them.
    pub const ALL: Extensions = Extensions { pre_vote: true, check_quorum: true };
}

impl Config {
    /// A cluster of the servers `0..servers`, with limits for a common network: 1,024 entries or 1 MiB in a message, 8 MiB in
    /// flight to a follower, commands of 8 MiB, 64 MiB uncommitted, 10 heartbeats of patience, no entries retained, and no
    /// extensions.
    #[must_use]
    pub fn new(servers: u8) -> Config {
        Config {
            voters: ServerSet::first(servers),
            max_entries_per_message: 1024,
            max_message_bytes: 1 << 20,
            max_in_flight_bytes: 8 << 20,
            max_command_bytes: 8 << 20,
            max_uncommitted_bytes: 64 << 20,
            snapshot_patience: 10,
            max_retained_bytes: 0,
            extensions: Extensions::NONE,
        }
    }

    /// How many servers there are.
    #[must_use]
    #[inline]
    pub fn servers(&self) -> u8 {
        // A set holds no more than MAX_SERVERS.
        u8::try_from(self.voters.len()).unwrap_or(MAX_SERVERS)
    }

    /// How many servers are more than half.
    #[must_use]
    #[inline]
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// All servers but one.
    #[inline]
    pub fn peers_of(&self, id: ServerId) -> impl Iterator<Item = ServerId> + use<> {
        self.voters.iter().filter(move |peer| *peer != id)
    }
}

/// Why a server cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The configuration names no voters.
    NoVoters,
    /// The id is not in the cluster.
    NotAMember(ServerId),
    /// A limit of the configuration that must be at least 1 is 0: its name.
    ZeroLimit(&'static str),
    /// The recovered state cannot have been written by a server: terms in the log go back or exceed current_term, the
    /// snapshot has no index or no term, or a term or index is beyond [`MAX_TERM`] or [`MAX_INDEX`].
    DamagedState,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NoVoters => {
                write!(f, "the configuration names no voters: from 1 to {MAX_SERVERS} are possible")
            }
            StartError::NotAMember(id) => {
                write!(f, "{id} is not among the voters: give the server one of their ids")
            }
            StartError::ZeroLimit(limit) => write!(f, "{limit} must be at least 1"),
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
    Follower {
        /// The leader of the current term, once this server has heard from it: where a service sends its clients
        /// (section 8).
        leader: Option<ServerId>,
    },
    /// Asks whether it would win an election (thesis, section 9.6). Its term is still the one in which it followed.
    PreCandidate {
        /// Servers that would vote for it, itself among them.
        votes: ServerSet,
    },
    /// Runs for leader.
    Candidate {
        /// Servers whose vote arrived; the own one once it is durable.
        votes: ServerSet,
        /// Whether the leader asked for this election (thesis, section 3.10).
        transfer: bool,
    },
    /// Leads the current term. (Figure 2, "Volatile state on leaders".)
    Leader {
        /// What is known of each voter, in the order of their ids: next_index and match_index, and what may be sent.
        progress: Vec<Progress>,
        /// Bytes of the log's entries that are not committed.
        uncommitted: u64,
        /// The leader's own match_index when its election timer last elapsed, if a write of its own was under way then
        /// and none has ended since.
        stalled_at: Option<Index>,
        /// Followers that answered in this term since the leader's election timer last elapsed; kept only where the leader
        /// checks its quorum.
        heard: ServerSet,
        /// Whom it hands over to (thesis, section 3.10).
        transfer_to: Option<ServerId>,
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

impl<C: Command, S: Clone> Server<C, S> {
    /// Starts a server from its persistent state (the default one for its first start), under the rules of Figure 2.
    ///
    /// # Errors
    /// When the configuration, the id or the recovered state makes no sense.
    pub fn new(id: ServerId, config: Config, persistent: Persistent<C, S>) -> Result<Self, StartError> {
        if config.voters.is_empty() {
            return Err(StartError::NoVoters);
        }
        if !config.voters.contains(id) {
            return Err(StartError::NotAMember(id));
        }
        if config.max_entries_per_message == 0 {
            return Err(StartError::ZeroLimit("max_entries_per_message"));
        }
        if config.snapshot_patience == 0 {
            return Err(StartError::ZeroLimit("snapshot_patience"));
        }
        if !is_sound(&persistent) {
            return Err(StartError::DamagedState);
        }
        Ok(Figure2.restart(id, config, persistent))
    }

    /// One step, by the rules of Figure 2 and the extensions of the configuration.
    pub fn step(&mut self, input: Input<C, S>) -> Effects<C, S> {
        Extended.step(self, input)
    }

    /// Whether [`Input::Replicate`] would send something now: a driver gives it again until this is false.
    pub fn has_entries_to_send(&self) -> bool {
        Figure2.has_entries_to_send(self)
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
            role: Role::Follower { leader: None },
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

    /// Follower, pre-candidate, candidate or leader.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The leader of the current term, if this server has heard from it, or is it.
    pub fn leader(&self) -> Option<ServerId> {
        match self.role {
            Role::Follower { leader } => leader,
            Role::PreCandidate { .. } | Role::Candidate { .. } => None,
            Role::Leader { .. } => Some(self.id),
        }
    }

    /// Whether this server believes it is the leader of its current term.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    /// Whether this server leads, or has heard from a leader of its term since its election timer last elapsed: a follower
    /// whose timer elapses is one no longer.
    pub fn is_in_contact(&self) -> bool {
        self.leader().is_some()
    }

    /// Whom this server, as the leader, hands over to.
    pub fn transfer_to(&self) -> Option<ServerId> {
        let Role::Leader { transfer_to, .. } = self.role else { return None };
        transfer_to
    }

    /// What this server, as the leader, knows of a server; none when it does not lead.
    pub fn progress_of(&self, server: ServerId) -> Option<&Progress> {
        let Role::Leader { progress, .. } = &self.role else { return None };
        progress.get(self.config.voters.place_of(server)?)
    }

    /// commit_index moves up to `index`, while the log still holds the entries until there: for a leader they wait no
    /// longer to be committed.
    pub(crate) fn commit_through(&mut self, index: Index)
    where
        C: Command,
    {
        let committed = self.persistent.log.size_between(self.commit_index, index);
        if let Role::Leader { uncommitted, .. } = &mut self.role {
            *uncommitted = uncommitted.saturating_sub(committed);
        }
        self.commit_index = index;
    }

    /// What a leader's log holds beyond commit_index waits to be committed, and nothing else.
    pub(crate) fn count_uncommitted(&mut self)
    where
        C: Command,
    {
        let log = &self.persistent.log;
        let waits = log.size_between(self.commit_index, log.last_index());
        if let Role::Leader { uncommitted, .. } = &mut self.role {
            *uncommitted = waits;
        }
    }

    pub(crate) fn progress_mut(&mut self, server: ServerId) -> Option<&mut Progress> {
        let place = self.config.voters.place_of(server)?;
        let Role::Leader { progress, .. } = &mut self.role else { return None };
        progress.get_mut(place)
    }

    /// The snapshot from the leader that the service has yet to answer.
    pub fn offered(&self) -> Option<&Snapshot<S>> {
        self.offered.as_ref()
    }
}
