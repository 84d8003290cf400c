//! Why a test failed.

use bytes::Bytes;
use figure2::{Index, MakeError, Term};
use figure2_testing::server_disk::Broken;
use std::time::Duration;

/// Why a test failed. The first failure ends the test.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// Two servers believe they lead the same term.
    #[error("term {term} has more than one leader: servers {servers:?}")]
    TwoLeaders {
        /// The term.
        term: Term,
        /// The servers that claim it.
        servers: Vec<usize>,
    },
    /// No connected server became leader in the time the helper allows.
    #[error("expected one leader, got none")]
    NoLeader,
    /// A server without a majority believes it is the leader.
    #[error("expected no leader, but server {server} claims to lead term {term}")]
    UnexpectedLeader {
        /// The server.
        server: usize,
        /// Its term.
        term: Term,
    },
    /// Connected servers are in different terms.
    #[error(
        "servers disagree on the term: server {first} is in term {first_term}, server {second} in {second_term}"
    )]
    TermsDiffer {
        /// A server.
        first: usize,
        /// Its term.
        first_term: Term,
        /// Another server.
        second: usize,
        /// The other's term.
        second_term: Term,
    },
    /// Two servers applied different commands at one index.
    #[error(
        "index {index}: server {server} applied {value}, but server {other} applied {other_value}",
        value = show(.value), other_value = show(.other_value)
    )]
    ApplyMismatch {
        /// The index.
        index: Index,
        /// The server that applied last.
        server: usize,
        /// What it applied.
        value: Bytes,
        /// A server that had applied something else.
        other: usize,
        /// What that was.
        other_value: Bytes,
    },
    /// An entry was applied whose predecessor was not.
    #[error("server {server} applied out of order: index {index}, when {expected} was due")]
    ApplyOutOfOrder {
        /// The server.
        server: usize,
        /// What it applied.
        index: Index,
        /// What it should have applied.
        expected: Index,
    },
    /// A snapshot reached the service that it cannot switch to.
    #[error("server {server}, snapshot at index {index}: {reason}")]
    BadSnapshot {
        /// The server.
        server: usize,
        /// The last index the snapshot covers.
        index: Index,
        /// What is wrong with it.
        reason: String,
    },
    /// A command was not agreed on in time.
    #[error("no agreement on {command} by {expected} servers {limit}", command = show(.command), limit = patience(.retry))]
    NoAgreement {
        /// The command.
        command: Bytes,
        /// How many servers should have applied it.
        expected: usize,
        /// Whether it could be submitted again.
        retry: bool,
    },
    /// Too few servers applied an entry.
    #[error("only {applied} servers applied index {index}; wanted {wanted}")]
    TooFewApplied {
        /// The index.
        index: Index,
        /// How many did.
        applied: usize,
        /// How many should have.
        wanted: usize,
    },
    /// An entry was applied that must not have been.
    #[error("{applied} servers applied index {index}, {when}")]
    PrematureCommit {
        /// The index.
        index: Index,
        /// How many servers did.
        applied: usize,
        /// Why they must not have.
        when: &'static str,
    },
    /// A command went to another index than it must.
    #[error("{command} went to index {index}, but {expected} was due", command = show(.command))]
    WrongIndex {
        /// The command.
        command: Bytes,
        /// Its index.
        index: Index,
        /// Where it belongs, in words or as a number.
        expected: String,
    },
    /// A figure is outside its limits.
    #[error("{what}: {measured}, allowed are {allowed}")]
    Limit {
        /// What was measured.
        what: &'static str,
        /// The figure.
        measured: u64,
        /// The limits.
        allowed: String,
    },
    /// The leader refused a command.
    #[error("server {server}, the leader, refused a command")]
    LeaderRefused {
        /// The server.
        server: usize,
    },
    /// A value that a client saw committed, or that was submitted to a stable leader, is not in the log.
    #[error("value {value} is missing {place}", value = show(.value))]
    ValueMissing {
        /// The value.
        value: Bytes,
        /// From where.
        place: String,
    },
    /// The leader did not stay leader long enough in any try.
    #[error("the term changed too often: no try of {tries} ran under one leader")]
    TermChangedTooOften {
        /// How many tries.
        tries: usize,
    },
    /// A server could not be made.
    #[error("server {server} could not be started: {cause}")]
    Make {
        /// The server.
        server: usize,
        /// Why not.
        cause: MakeError,
    },
    /// A server's log does not have what it acknowledged.
    #[error("server {server}, its log: {cause}")]
    Disk {
        /// The server.
        server: usize,
        /// What is wrong.
        cause: Broken,
    },
    /// A scenario touched a server that is down.
    #[error("server {server} is down, and the scenario needs it")]
    ServerDown {
        /// The server.
        server: usize,
    },
    /// A server stopped although nobody killed it.
    #[error("server {server} stopped by itself: {cause}")]
    ServerStopped {
        /// The server.
        server: usize,
        /// What it says.
        cause: String,
    },
    /// The test ran too long.
    #[error("the test took {took:.1?}, allowed are {limit:.0?}")]
    TimeLimit {
        /// How long it took, or had taken when it was stopped.
        took: Duration,
        /// The limit.
        limit: Duration,
    },
    /// The servers exchange messages without end while no time passes.
    #[error("a storm: more than {events} events at one instant")]
    Storm {
        /// How many.
        events: u64,
    },
    /// The test, or a task of a node, panicked.
    #[error("panic: {message}")]
    Panic {
        /// The panic's message and place.
        message: String,
    },
    /// By their own recording, the nodes did what cannot be or must not be.
    #[error("the recorded run: {reason}")]
    Recording {
        /// What, and where in the recording.
        reason: String,
    },
    /// The test did what only the simulated network can.
    #[error("over TCP there is no simulated network, and the test needs {what}")]
    NotOverTcp {
        /// What it did.
        what: &'static str,
    },
    /// The runtime could not be built.
    #[error("the test could not be run: {reason}")]
    Runtime {
        /// Why not.
        reason: String,
    },
}

fn patience(retry: &bool) -> &'static str {
    if *retry { "within 10 s" } else { "within 2 s of the leader's promise" }
}

/// A command as text, short.
pub(crate) fn show(command: &Bytes) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(command);
    if text.chars().count() <= MOST {
        text.into_owned()
    } else {
        let head: String = text.chars().take(MOST).collect();
        format!("{head}... ({} bytes)", command.len())
    }
}
