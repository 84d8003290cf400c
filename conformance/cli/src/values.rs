//! Enums of other crates as values of options. Those crates do not know the command line, so each of their enums has
//! a counterpart here that names its values and explains them in the help.

use clap::ValueEnum;
use clap::builder::{EnumValueParser, TypedValueParser};

/// Declares the twin of an enum. A variant that it lacks does not compile.
macro_rules! twin {
    ($twin:ident of $of:path { $($(#[doc = $doc:tt])+ $variant:ident,)+ }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        enum $twin {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl From<$twin> for $of {
            fn from(value: $twin) -> Self {
                match value {
                    $($twin::$variant => Self::$variant,)+
                }
            }
        }

        // Never called: it is there because it does not compile when the twin lacks a variant.
        const _: fn($of) = |value| {
            type Of = $of;
            match value {
                $(Of::$variant => (),)+
            }
        };
    };
}

twin!(SimulateDefect of figure2_simulate::Defect {
    /// The disk says that a write is durable when only the next one makes it so.
    LyingDisk,
    /// A server answers reads from what it has, without the log.
    StaleReads,
    /// The service forgets what it was asked before, and does a repeated request twice.
    DoneTwice,
    /// The service's snapshot lacks the last entry that it says it covers.
    SnapshotLacksEntry,
    /// The service does not switch to the snapshot that was installed.
    SnapshotNotLoaded,
    /// Servers wait longer for a leader than clients do.
    NoElections,
    /// A leader never steps down: while a server runs, its transport repeats its heartbeats, even when it leads no more.
    NeverStepsDown,
    /// The nodes have other limits than the plan says.
    LimitsIgnored,
    /// A leader sends its snapshot again with each heartbeat.
    SnapshotRepeated,
    /// A leader never hears that a follower's log differs from its own from the very first entry on.
    FirstEntryKept,
    /// A leader hears that a follower has what it sent only while it reaches all followers, and they it.
    AllMustAnswer,
    /// The log says that a write is durable, and does not sync it.
    LogNotSynced,
    /// The recovery of a log takes for durable what the system's cache shows.
    LogNotWrittenAnew,
    /// A log reads what an earlier use of a segment's file left in it.
    LogEpochIgnored,
    /// The log names a snapshot whose file it did not sync.
    SnapshotNotSynced,
    /// The transport takes a connection on which nothing arrives for a good one.
    HalfOpenUnnoticed,
});

twin!(ConformDefect of figure2_conform::Defect {
    /// A save returns before its record is durable, so that what waited for it leaves too early.
    SentBeforeSync,
    /// Every third record is not written.
    RecordForgotten,
    /// A snapshot is written, and the log under it not trimmed.
    SnapshotWithoutTrim,
    /// The first entry handed over after a restart is handed over again.
    ApplyRepeated,
    /// The last request before a crash leaves again after the restart.
    StaleOutbox,
    /// A write that failed is reported as durable. Only a profile whose writes fail can show it.
    FailureIgnored,
    /// The log says that a write is durable, and does not sync it. Only with --disk.
    LogNotSynced,
});

twin!(HistoryFormat of figure2_linearizability::Format {
    /// EDN: `{:process 0, :type :invoke, :f :read, :value nil}`, line by line or in one vector or list
    Edn,
    /// JSON: `{"process": 0, "type": "invoke", "f": "read", "value": null}`, line by line or in one array
    Json,
    /// Jepsen's history.txt: `0 :invoke :read nil`
    Text,
    /// The log of a Jepsen run, with the lines of its logger jepsen.util
    Log,
});

twin!(HistoryModel of figure2_linearizability::Model {
    /// A register for each key: read, write, append, cas (also get and put)
    Register,
    /// A register with the count of its writes, [version value], as in Jepsen's test of etcd: read, write, cas
    Versioned,
    /// A lock that one at a time holds: acquire, release (also lock, unlock)
    Mutex,
    /// A set that grows: add, read
    Set,
    /// A counter: add, increment, decrement, read
    Counter,
    /// Several registers in a step: txn of [[:read x nil] [:write y 1]], as Knossos' multi-register
    Transactions,
});

/// The defects of `figure2 simulate`.
pub(crate) fn simulate_defect() -> impl TypedValueParser<Value = figure2_simulate::Defect> {
    EnumValueParser::<SimulateDefect>::new().map(Into::into)
}

/// The defects of `figure2 conform`.
pub(crate) fn conform_defect() -> impl TypedValueParser<Value = figure2_conform::Defect> {
    EnumValueParser::<ConformDefect>::new().map(Into::into)
}

/// What a history is written in.
pub(crate) fn history_format() -> impl TypedValueParser<Value = figure2_linearizability::Format> {
    EnumValueParser::<HistoryFormat>::new().map(Into::into)
}

/// What a history's operations are about.
pub(crate) fn history_model() -> impl TypedValueParser<Value = figure2_linearizability::Model> {
    EnumValueParser::<HistoryModel>::new().map(Into::into)
}
