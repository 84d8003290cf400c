//! # figure2-trace
//!
//! The trace of recorded servers: one JSON object a line. docs/trace-format.md describes the format.
//!
//! - [`v1`] has the structs of version 1, which is the version that is written. The crate re-exports them.
//! - [`Payload`] is the form in which a trace has commands and snapshots.
//! - [`Reader`] reads a trace line by line. It refuses a trace of another version, one that is cut off, and one whose
//!   lines are not all there. [`Sequence`] finds a line that is missing, repeated or out of order.
//!
//! This crate must not depend on any other crate of figure2. A recording outlives the program that made it: if these
//! structs were the core's types, a change of the core would change the format without anybody seeing it. So they are
//! plain structs with plain numbers. `figure2-validate` converts between them and the core's types. `figure2-audit`
//! reads a trace with this crate alone, which is what makes its judgement independent of the core.
//!
//! Nothing here decides whether what a trace says can be true.
//!
//! ```
//! use figure2_trace::{Event, Line, Reader};
//!
//! let text = r#"{"format":"figure2-node-trace","version":1,"servers":3,"began":0}
//! {"server":0,"run":1,"seq":1,"at":0,"event":"write"}
//! {"end":1}
//! "#;
//! let mut reader = Reader::of_text("example", text)?;
//! while let Some(raw) = reader.next_line()? {
//!     let line: Line = raw.parse().map_err(|problem| reader.error(problem))?;
//!     assert_eq!(line.event, Event::Write);
//! }
//! # Ok::<(), figure2_trace::TraceError>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod payload;
mod reader;
mod sequence;
pub mod v1;

pub use payload::{Payload, Shown};
pub use reader::{CAPTURE, Place, Problem, Raw, Reader, TraceError, is_trace};
pub use sequence::Sequence;
pub use v1::{
    AppendEntries, AppendEntriesReply, AppendResult, Change, Config, End, Entry, Envelope, Event, FORMAT,
    Header, Input, InstallSnapshot, InstallSnapshotReply, Line, Log, Message, MessageName, Outcome,
    Persisted, Persistent, Rejection, RequestVote, RequestVoteReply, Role, Sent, Snapshot, SnapshotIgnored,
    State, Step, VERSION,
};
