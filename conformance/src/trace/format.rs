//! The lines of a trace.

use super::Payload;
use figure2::record::Event;
use figure2_core::Envelope;
use serde::{Deserialize, Serialize};

/// What the header calls the format.
pub const FORMAT: &str = "figure2-node-trace";

/// The version that this program writes and reads.
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
    /// Messages that were on their way when the recording began, in any order: nobody is seen to send them. Mostly there
    /// are none, and then the field is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_their_way: Vec<Envelope<Payload, Payload>>,
}

/// Every line between the first and the last. `E` is what a reader wants to know of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<E = Event<Payload, Payload>> {
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
