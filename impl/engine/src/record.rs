//! The events that a recorded node emits.
//!
//! A recorded node emits a `tracing` event for everything that it does, with the target [`TARGET`] at level TRACE.
//! Its fields are `node` (a number unique in the process: a restarted server is another node), `server` (its id) and
//! `event` (an encoded [`Event`], which [`decode`] reads). When the node is not recorded, or no subscriber wants the
//! target, nothing is encoded or allocated.
//!
//! A [`Step`] is emitted under the node's lock, so these events have the order of the lock. A message that waited for
//! a write is reported after that write, and before it leaves.

use crate::{ApplyMsg, Command, RoleName, SnapshotData};
use crate::{Envelope, Input, Server};
use bincode::config;
use figure2_core::{AppendResult, Change, Config, Effects, Index, Input as CoreInput, Message, Outcome};
use figure2_core::{Persistent, ServerId, Term};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// The target of the events.
pub const TARGET: &str = "figure2::record";

/// Something a node did. `C` and `S` are the command and the snapshot's data, as in the core: who decodes an event
/// chooses what they become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event<C, S> {
    /// The node starts.
    Start {
        /// The cluster.
        config: Config,
        /// What the storage held.
        persistent: Persistent<C, S>,
    },
    /// A step of the server.
    Step(Step<C, S>),
    /// The syncer takes what all steps so far left: their changes are one write.
    Write,
    /// That write is durable.
    Durable,
    /// A message is handed to the transport.
    Sent(Sent),
    /// An entry is handed to the service.
    Deliver {
        /// Its place in the log.
        index: Index,
        /// The term in which a leader received it.
        term: Term,
        /// The command.
        command: C,
    },
    /// A snapshot is handed to the service.
    DeliverSnapshot {
        /// Index of the last entry the snapshot covers.
        index: Index,
        /// Term of that entry.
        term: Term,
        /// The service's state.
        data: S,
    },
    /// The node stops; nothing follows but what its tasks had under way.
    Stop {
        /// Why it stopped by itself; none when it was told to.
        failure: Option<String>,
    },
}

/// A step of the server: what it was told, what it answered, what must become durable, and what it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step<C, S> {
    /// What the server was told.
    pub input: CoreInput<C, S>,
    /// What it answered.
    pub outcome: Outcome,
    /// The changes of its persistent state.
    pub changes: Vec<Change<C, S>>,
    /// The server after the step.
    pub state: State,
}

/// The server after a step, in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Latest term it has seen.
    pub current_term: Term,
    /// Who got its vote in that term.
    pub voted_for: Option<ServerId>,
    /// Follower, pre-candidate, candidate or leader.
    pub role: RoleName,
    /// The leader of the current term, if the server has heard from it, or is it.
    pub leader: Option<ServerId>,
    /// Index of the highest entry known to be committed.
    pub commit_index: Index,
    /// Index of the highest entry the service has.
    pub last_applied: Index,
    /// Index of the last log entry.
    pub last_log_index: Index,
    /// Term of that entry.
    pub last_log_term: Term,
}

impl State {
    /// That of a server.
    pub fn of<C: Clone, S: Clone>(server: &figure2_core::Server<C, S>) -> State {
        State {
            current_term: server.current_term(),
            voted_for: server.voted_for(),
            role: server.role().into(),
            leader: server.leader(),
            commit_index: server.commit_index(),
            last_applied: server.last_applied(),
            last_log_index: server.log().last_index(),
            last_log_term: server.log().last_term(),
        }
    }
}

/// A message that leaves, without its commands: the step that made it has those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The addressee.
    pub to: ServerId,
    /// Which message.
    pub message: MessageName,
    /// Its term.
    pub term: Term,
    /// The index it is about: last_log_index of RequestVote and PreVote, prev_log_index of AppendEntries, match_index of its
    /// reply (or prev_log_index, when refused), last_included_index of InstallSnapshot and its reply; 0 if it has none.
    pub index: Index,
    /// How many entries it carries.
    pub entries: u64,
    /// For replies: the vote or pre-vote is granted, the entries match, the snapshot is taken in. False for requests.
    pub success: bool,
}

impl Sent {
    /// What is told of a message.
    pub fn of<C, S>(envelope: &figure2_core::Envelope<C, S>) -> Sent {
        let message = &envelope.message;
        let (name, index, entries, success) = match message {
            Message::RequestVote(m) => (MessageName::RequestVote, m.last_log_index, 0, false),
            Message::RequestVoteReply(m) => (MessageName::RequestVoteReply, Index::ZERO, 0, m.vote_granted),
            Message::AppendEntries(m) => {
                (MessageName::AppendEntries, m.prev_log_index, m.entries.len() as u64, false)
            }
            Message::AppendEntriesReply(m) => {
                let (index, success) = match m.result {
                    AppendResult::Success { match_index } => (match_index, true),
                    AppendResult::StaleTerm => (Index::ZERO, false),
                    AppendResult::Conflict { prev_log_index, .. } => (prev_log_index, false),
                };
                (MessageName::AppendEntriesReply, index, 0, success)
            }
            Message::InstallSnapshot(m) => {
                (MessageName::InstallSnapshot, m.snapshot.last_included_index, 0, false)
            }
            Message::InstallSnapshotReply(m) => {
                let index = m.last_included_index;
                (MessageName::InstallSnapshotReply, index.unwrap_or(Index::ZERO), 0, index.is_some())
            }
            Message::PreVote(m) => (MessageName::PreVote, m.last_log_index, 0, false),
            Message::PreVoteReply(m) => (MessageName::PreVoteReply, Index::ZERO, 0, m.vote_granted),
            Message::TimeoutNow(_) => (MessageName::TimeoutNow, Index::ZERO, 0, false),
        };
        Sent { to: envelope.to, message: name, term: message.term(), index, entries, success }
    }
}

/// The names of the messages in the paper and the thesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // their names say all
pub enum MessageName {
    RequestVote,
    RequestVoteReply,
    AppendEntries,
    AppendEntriesReply,
    InstallSnapshot,
    InstallSnapshotReply,
    PreVote,
    PreVoteReply,
    TimeoutNow,
}

/// Decodes an event.
///
/// # Errors
/// When the bytes are not exactly one event, with what is wrong.
pub fn decode<'a, C: Deserialize<'a>, S: Deserialize<'a>>(bytes: &'a [u8]) -> Result<Event<C, S>, String> {
    let (event, used) = bincode::serde::borrow_decode_from_slice(bytes, config::standard())
        .map_err(|error| format!("not an event of this version: {error}"))?;
    if used == bytes.len() { Ok(event) } else { Err(format!("{} bytes too many", bytes.len() - used)) }
}

/// An [`Event`] that borrows: the variants stand in the same order, so that it is encoded to the same bytes.
#[derive(Serialize)]
enum Told<'a> {
    Start {
        config: Config,
        persistent: &'a Persistent<Command, SnapshotData>,
    },
    /// Only the beginning of it: the outcome, the changes and the state follow once the step is done.
    Step(&'a Input),
    Write,
    Durable,
    Sent(Sent),
    Deliver {
        index: Index,
        term: Term,
        command: &'a Command,
    },
    DeliverSnapshot {
        index: Index,
        term: Term,
        data: &'a SnapshotData,
    },
    Stop {
        failure: Option<String>,
    },
}

/// Numbers the nodes. No memory is ordered by it, and no explorer of interleavings need see it.
static NODES: AtomicU64 = AtomicU64::new(0);

/// A node that is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded {
    node: u64,
    server: ServerId,
}

impl Recorded {
    /// A new node of that server.
    pub(crate) fn new(server: ServerId) -> Recorded {
        Recorded { node: NODES.fetch_add(1, Ordering::Relaxed), server }
    }

    pub(crate) fn start(self, server: &Server) {
        self.tell(&Told::Start { config: server.config(), persistent: server.persistent() });
    }

    pub(crate) fn write(self) {
        self.tell(&Told::Write);
    }

    pub(crate) fn durable(self) {
        self.tell(&Told::Durable);
    }

    pub(crate) fn sent(self, envelope: &Envelope) {
        self.tell(&Told::Sent(Sent::of(envelope)));
    }

    pub(crate) fn deliver(self, message: &ApplyMsg) {
        self.tell(&match message {
            ApplyMsg::Command { index, term, command } => {
                Told::Deliver { index: *index, term: *term, command }
            }
            ApplyMsg::Snapshot { index, term, data } => {
                Told::DeliverSnapshot { index: *index, term: *term, data }
            }
        });
    }

    pub(crate) fn stop(self, failure: Option<String>) {
        self.tell(&Told::Stop { failure });
    }

    /// The beginning of a step, to be kept until its [end](Self::step_ends); none when nobody listens.
    pub(crate) fn step_begins(self, input: &Input) -> Option<Vec<u8>> {
        if !self.is_heard() {
            return None;
        }
        let mut bytes = Vec::with_capacity(256);
        append(&mut bytes, &Told::Step(input)).then_some(bytes)
    }

    pub(crate) fn step_ends(
        self,
        mut bytes: Vec<u8>,
        effects: &Effects<Command, SnapshotData>,
        server: &Server,
    ) {
        if append(&mut bytes, &(effects.outcome(), effects.record().changes(), State::of(server))) {
            self.emit(&bytes);
        }
    }

    fn tell(self, told: &Told<'_>) {
        if self.is_heard() {
            let mut bytes = Vec::with_capacity(64);
            if append(&mut bytes, told) {
                self.emit(&bytes);
            }
        }
    }

    fn is_heard(self) -> bool {
        tracing::enabled!(target: TARGET, tracing::Level::TRACE)
    }

    fn emit(self, event: &[u8]) {
        let (node, server) = (self.node, self.server.0);
        tracing::trace!(target: TARGET, node, server, event);
    }
}

/// Appends the encoding of a value; false, and an error in the log, when it has none.
fn append(bytes: &mut Vec<u8>, value: &impl Serialize) -> bool {
    match bincode::serde::encode_into_std_write(value, bytes, config::standard()) {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(target: "figure2", %error, "an event was not recorded");
            false
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use figure2_core::{Entry, Log, Snapshot};

    type Owned = Event<Command, SnapshotData>;

    fn encoded(told: &Told<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert!(append(&mut bytes, told));
        bytes
    }

    #[test]
    fn what_is_told_borrowed_is_decoded_owned() {
        let (command, data) = (Command::from_static(b"set x"), SnapshotData::from("x = 1"));
        let snapshot =
            Snapshot { last_included_index: Index(7), last_included_term: Term(2), data: data.clone() };
        let log = Log::from_parts(Some(snapshot), vec![Entry { term: Term(3), command: command.clone() }]);
        let persistent = Persistent { current_term: Term(3), voted_for: Some(ServerId(1)), log };
        let config = Config::new(3);
        let (index, term) = (Index(8), Term(3));
        let sent = Sent {
            to: ServerId(2),
            message: MessageName::InstallSnapshotReply,
            term,
            index,
            entries: 300,
            success: true,
        };
        let failure = Some("the disk is full".to_owned());
        let pairs = [
            (
                Told::Start { config, persistent: &persistent },
                Owned::Start { config, persistent: persistent.clone() },
            ),
            (Told::Write, Owned::Write),
            (Told::Durable, Owned::Durable),
            (Told::Sent(sent), Owned::Sent(sent)),
            (
                Told::Deliver { index, term, command: &command },
                Owned::Deliver { index, term, command: command.clone() },
            ),
            (
                Told::DeliverSnapshot { index, term, data: &data },
                Owned::DeliverSnapshot { index, term, data: data.clone() },
            ),
            (Told::Stop { failure: failure.clone() }, Owned::Stop { failure }),
        ];
        for (told, owned) in pairs {
            assert_eq!(decode(&encoded(&told)), Ok(owned));
        }
    }

    #[test]
    fn a_step_told_in_two_pieces_is_decoded_as_one() {
        let mut server = Server::new(ServerId(0), Config::new(1), Persistent::default()).unwrap();
        let input = Input::ElectionTimeout;
        let mut bytes = encoded(&Told::Step(&input));
        let effects = server.step(input.clone());
        assert!(append(&mut bytes, &(effects.outcome(), effects.record().changes(), State::of(&server))));
        let changes = effects.record().changes().to_vec();
        assert_eq!(changes.len(), 1, "the term and the vote");
        let step = Step { input, outcome: Outcome::Done, changes, state: State::of(&server) };
        assert_eq!(decode(&bytes), Ok(Owned::Step(step)));
        bytes.push(0);
        assert!(decode::<Command, SnapshotData>(&bytes).is_err(), "a byte too many");
    }
}
