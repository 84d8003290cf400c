//! The verdict on a run: it holds, it failed for a reason, or it came to no verdict.

use figure2_linearizability::{Limits, Operation, Verdict as Decided, check, draw};
use std::time::Duration;

/// Why a run failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The nodes' recording cannot be, or breaks a property.
    #[error("the recorded run: {what}")]
    Recording {
        /// What, and where.
        what: String,
    },
    /// What the clients saw has no order that explains it.
    #[error("not linearizable, key {key}:\n{window}")]
    NotLinearizable {
        /// The key.
        key: String,
        /// The operations that show it, drawn.
        window: String,
    },
    /// After all faults had ended, no client was served in time.
    #[error("all faults had ended, and for {waited:.0?} no request was answered")]
    NoLeader {
        /// How long.
        waited: Duration,
    },
    /// While faults lasted, they left a majority that makes progress, and nothing was committed in time.
    #[error(
        "servers {majority:?} are a majority, run, and reach each other, and for {waited:.0?} nothing was committed"
    )]
    NoProgress {
        /// The majority.
        majority: Vec<usize>,
        /// How long.
        waited: Duration,
    },
    /// After all faults had ended, the services did not become equal in time.
    #[error("all faults had ended, and after {waited:.0?} the services differ: {what}")]
    Diverged {
        /// How long.
        waited: Duration,
        /// How far each has come.
        what: String,
    },
    /// A service was given what cannot be, or could not start.
    #[error("server {server}: {what}")]
    Service {
        /// Its server.
        server: u8,
        /// What.
        what: String,
    },
    /// The log of a server broke a promise.
    #[error("server {server}, its log: {what}")]
    Log {
        /// The server.
        server: u8,
        /// What is wrong.
        what: String,
    },
    /// The disk of the leader hung, and no other server served in time.
    #[error("server {server} led, its disk hung, and for {waited:.0?} no request was answered")]
    NoSuccessor {
        /// The leader.
        server: u8,
        /// How long.
        waited: Duration,
    },
    /// A server sent or took more than its limits allow, or sent something again that it need not.
    #[error("server {server} does not keep its limits: {what}")]
    Limit {
        /// The server.
        server: u8,
        /// What.
        what: String,
    },
    /// A server stopped, and no fault was the cause.
    #[error("server {server} stopped by itself: {what}")]
    Stopped {
        /// The server.
        server: u8,
        /// What it says.
        what: String,
    },
    /// More messages than any sound run has.
    #[error("a storm: more than {0} messages")]
    Storm(u64),
    /// A node or the harness panicked.
    #[error("panic: {what}")]
    Panic {
        /// The message and its place.
        what: String,
    },
    /// The simulation itself is wrong.
    #[error("a defect of the simulation: {what}")]
    Harness {
        /// What.
        what: String,
    },
}

impl Failure {
    /// Whether the other is a failure of the same sort: what a reduced run must still show.
    #[must_use]
    pub fn is_like(&self, other: &Failure) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A verdict on a run.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// All that is checked holds.
    Holds,
    /// Something does not.
    Failed(Failure),
    /// Neither was shown, for this reason.
    Unfinished(String),
}

/// Judges what the clients saw.
#[must_use]
pub fn judge_history(operations: &[Operation]) -> Verdict {
    let limits = Limits { configurations: 200_000, time: Duration::from_secs(20) };
    for key in check(operations, None, limits).keys {
        match key.verdict {
            Decided::Holds => {}
            Decided::Violated(window) => {
                let window = draw(&window, "event");
                return Verdict::Failed(Failure::NotLinearizable { key: key.key, window });
            }
            Decided::Unfinished(reason) => {
                return Verdict::Unfinished(format!("linearizability of key {}: {reason}", key.key));
            }
        }
    }
    Verdict::Holds
}
