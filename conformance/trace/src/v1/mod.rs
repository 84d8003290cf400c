//! Version 1 of the trace. The names of fields and variants are the format's: to rename one is to make another version.
//!
//! Terms and indexes are `u64`, servers are `u8`. `C` and `S` are what a reader wants of a command and of a snapshot's
//! data; [`Payload`] is the form in which they stand in the file.
//!
//! **How version 1 may grow.** A reader ignores fields of an event that it does not know. So an event, an input, a change
//! or a state may get another field, if it is optional and its absence means what it meant before:
//! `#[serde(default, skip_serializing_if = "Option::is_none")]`. An input, a message, an outcome or a role may become one of
//! a new kind, for what a server did not do before: a reader that does not know it refuses the line. The first line, the last line, and what stands around
//! an event (`server`, `run`, `seq`, `at`) get no new fields: there, an unknown field is refused.

mod event;
mod input;
mod message;
mod persistent;

pub use event::{Event, MessageName, Role, Sent, State, Step};
pub use input::{Input, Outcome, Persisted, Rejection, SnapshotIgnored};
pub use message::{
    AppendEntries, AppendEntriesReply, AppendResult, Envelope, InstallSnapshot, InstallSnapshotReply,
    Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply, TimeoutNow,
};
pub use persistent::{Change, Config, Entry, Extensions, Log, Persistent, Snapshot};

use crate::Payload;
use serde::{Deserialize, Serialize};

/// The format's name in the header.
pub const FORMAT: &str = "figure2-node-trace";

/// The version of these structs.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// How many servers the cluster has.
    pub servers: u8,
    /// When the recording began: microseconds since 1970, or 0 if its clock is not the world's. The lines of several
    /// files are put in order by this and their own `at`.
    pub began: u64,
    /// Messages that had been sent, and had not arrived, when the recording began, in any order. No line shows who sent
    /// them. Mostly there are none, and then the field is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_their_way: Vec<Envelope>,
}

/// Every line between the first and the last. `E` is what a reader wants to know of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<E = Event> {
    /// The server.
    pub server: u8,
    /// How often it had been started in this recording, from 1.
    pub run: u32,
    /// The line's number among those of this run, from 1: a line that is missing leaves a gap.
    pub seq: u64,
    /// Microseconds since the recording began.
    pub at: u64,
    /// What happened.
    pub event: E,
}

/// The last line: without it, the trace is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many lines stand between the first and this one.
    pub end: u64,
}
