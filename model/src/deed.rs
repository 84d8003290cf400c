//! Actions in words. An action names a message by its position in the network; a deed names it by what it says, so it
//! can be read, kept in a file, and found again by comparing it with what is possible.

use crate::actions::Action;
use crate::cluster::Cluster;
use crate::prefix::Command;
use crate::state::{LetterId, State};
use crate::view::describe_letter;
use figure2_core::ServerId;
use std::fmt;

/// What kind of thing can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message arrives.
    Arrives,
    /// A message arrives, and a copy of it is still on its way.
    ArrivesAndStays,
    /// A message is lost.
    Lost,
    /// An election timer elapses.
    ElectionTimeout,
    /// A heartbeat interval elapses.
    HeartbeatTimeout,
    /// A client gives a leader a command.
    ClientRequest,
    /// A leader sends the entries that followers lack.
    Replicates,
    /// A leader tells its commit_index.
    SendsCommit,
    /// A machine stops.
    Crashes,
    /// A machine stops in the middle of a write that leaves a part of the record.
    CrashesWriting,
    /// Records become durable.
    Writes,
    /// A write fails, and the server stops.
    FailsToWrite,
    /// A machine starts from its disk.
    Restarts,
    /// A service gets what is next.
    Applies,
    /// A service takes a snapshot.
    TakesSnapshot,
    /// A service answers a snapshot that it was given.
    AnswersSnapshot,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 16] = [
        Kind::Arrives,
        Kind::ArrivesAndStays,
        Kind::Lost,
        Kind::ElectionTimeout,
        Kind::HeartbeatTimeout,
        Kind::ClientRequest,
        Kind::Replicates,
        Kind::SendsCommit,
        Kind::Crashes,
        Kind::CrashesWriting,
        Kind::Writes,
        Kind::FailsToWrite,
        Kind::Restarts,
        Kind::Applies,
        Kind::TakesSnapshot,
        Kind::AnswersSnapshot,
    ];

    /// Whether it happens to a message, and not to a machine.
    pub fn is_about_message(self) -> bool {
        matches!(self, Kind::Arrives | Kind::ArrivesAndStays | Kind::Lost)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Arrives => "arrives",
            Kind::ArrivesAndStays => "arrives, a copy stays",
            Kind::Lost => "lost",
            Kind::ElectionTimeout => "election timeout",
            Kind::HeartbeatTimeout => "heartbeat timeout",
            Kind::ClientRequest => "client request",
            Kind::Replicates => "replicates",
            Kind::SendsCommit => "tells its commit_index",
            Kind::Crashes => "crashes",
            Kind::CrashesWriting => "crashes in the middle of a write",
            Kind::Writes => "write is durable",
            Kind::FailsToWrite => "write fails",
            Kind::Restarts => "restarts",
            Kind::Applies => "applies",
            Kind::TakesSnapshot => "service takes a snapshot",
            Kind::AnswersSnapshot => "service answers the snapshot",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Something that happened, in words. In one state, different actions are different deeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What kind of thing.
    pub kind: Kind,
    /// Where it happened; for a message, the addressee.
    pub server: ServerId,
    /// The message that arrived or was lost.
    pub message: Option<String>,
    /// The command that a client gave.
    pub command: Option<Command>,
    /// Of what was not durable: the records of how many steps became durable, or were kept in a crash.
    pub records: Option<u8>,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, self.command, self.records) {
            (Some(message), _, _) => write!(f, "{}: {message}", self.kind),
            (None, Some(command), _) => write!(f, "{} {} {command}", self.server, self.kind),
            (None, None, Some(records)) => write!(f, "{} {}, records: {records}", self.server, self.kind),
            (None, None, None) => write!(f, "{} {}", self.server, self.kind),
        }
    }
}

/// An action that is possible in the state, in words.
pub fn deed(cluster: &Cluster, state: &State, action: Action) -> Deed {
    let (kind, server) = match action {
        Action::Deliver(_) => (Kind::Arrives, None),
        Action::Duplicate(_) => (Kind::ArrivesAndStays, None),
        Action::Drop(_) => (Kind::Lost, None),
        Action::ElectionTimeout(id) => (Kind::ElectionTimeout, Some(id)),
        Action::HeartbeatTimeout(id) => (Kind::HeartbeatTimeout, Some(id)),
        Action::ClientRequest(id) => (Kind::ClientRequest, Some(id)),
        Action::Replicate(id) => (Kind::Replicates, Some(id)),
        Action::SendCommit(id) => (Kind::SendsCommit, Some(id)),
        Action::Crash(id, _) => (Kind::Crashes, Some(id)),
        Action::TornCrash(id) => (Kind::CrashesWriting, Some(id)),
        Action::Write(id, _) => (Kind::Writes, Some(id)),
        Action::FailWrite(id) => (Kind::FailsToWrite, Some(id)),
        Action::Restart(id) => (Kind::Restarts, Some(id)),
        Action::Apply(id) => (Kind::Applies, Some(id)),
        Action::TakeSnapshot(id) => (Kind::TakesSnapshot, Some(id)),
        Action::AnswerSnapshot(id) => (Kind::AnswersSnapshot, Some(id)),
    };
    let letter = letter_of(state, action).map(|id| cluster.letter(id));
    let addressee = letter.map_or(ServerId(0), |letter| letter.to);
    let request = state.used.client_requests.saturating_add(1);
    let command = (kind == Kind::ClientRequest).then_some(Command(request));
    let message = letter.map(describe_letter);
    let records = match action {
        Action::Write(_, steps) => Some(steps),
        Action::Crash(_, kept) => Some(kept).filter(|kept| *kept > 0),
        _ => None,
    };
    Deed { kind, server: server.unwrap_or(addressee), message, command, records }
}

/// The message that an action is about.
pub fn letter_of(state: &State, action: Action) -> Option<LetterId> {
    match action {
        Action::Deliver(position) | Action::Duplicate(position) | Action::Drop(position) => {
            state.network.letter(position)
        }
        _ => None,
    }
}

impl Cluster {
    /// What can happen in a state, within the bounds, in words.
    pub fn deeds(&self, state: &State) -> Vec<(Action, Deed)> {
        let mut possible = Vec::new();
        self.possible(state, &mut possible);
        possible.retain(|action| self.act(state, *action).is_some());
        possible.into_iter().map(|action| (action, deed(self, state, action))).collect()
    }
}
