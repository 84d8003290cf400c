//! The scenarios. Each takes the number of threads beyond the fewest that it needs, so that loom explores it small
//! and shuttle draws from it large.

mod applying;
mod proposing;
mod snapshots;
mod stopping;

/// A scenario.
pub struct Scenario {
    /// Its name on the command line and in the tables.
    pub name: &'static str,
    /// What happens at once in it.
    pub about: &'static str,
    /// Threads beyond the least it needs, when loom explores it at bound 2 (loom can explore five in all).
    pub extra: usize,
    /// Runs one interleaving of it.
    pub run: fn(usize),
}

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "propose",
        about: "two proposers, the writer (S1 answers as it sends) and the applier",
        extra: 0,
        run: proposing::propose,
    },
    Scenario {
        name: "overlap",
        about: "two proposers, the sender, and the syncer in a write that ends only when both commands were sent",
        extra: 0,
        run: proposing::overlap,
    },
    Scenario {
        name: "overlap-in-one",
        about: "the same, with sender and syncer in one task",
        extra: 0,
        run: proposing::overlap_in_one,
    },
    Scenario {
        name: "busy",
        about: "two clients with room for one command, the writer (S1 answers as it sends) and the applier",
        extra: 0,
        run: proposing::busy,
    },
    Scenario {
        name: "outcome",
        about: "a client that waits for the outcome of its command, the writer (S1 answers as it sends) and the applier",
        extra: 0,
        run: proposing::outcome,
    },
    Scenario {
        name: "submit",
        about: "clients that submit commands, sender and syncer in one task, the applier",
        extra: 0,
        run: proposing::submit,
    },
    Scenario {
        name: "submit-alone",
        about: "the same, and each client goes on with its command itself, if it can",
        extra: 0,
        run: proposing::submit_alone,
    },
    Scenario {
        name: "submit-apart",
        about: "a client that submits two commands, the sender, the syncer, the applier",
        extra: 0,
        run: proposing::submit_apart,
    },
    Scenario {
        name: "shorter-timeout",
        about: "a heartbeat that shortens the timeout on which the timer sleeps, the sender, the syncer",
        extra: 0,
        run: applying::shorter_timeout,
    },
    Scenario {
        name: "late-follower",
        about: "a proposer, a reply that shows a follower to lag, the writer, the applier",
        extra: 1,
        run: proposing::late_follower,
    },
    Scenario {
        name: "four-way",
        about: "clients that propose under the service's own lock, the writer, the applier",
        extra: 0,
        run: proposing::four_way,
    },
    Scenario {
        name: "leadership",
        about: "a reader of the state, a handler that ends the leadership, the writer",
        extra: 1,
        run: proposing::leadership,
    },
    Scenario {
        name: "append",
        about: "two handlers of AppendEntries, the writer, the applier",
        extra: 0,
        run: applying::append,
    },
    Scenario {
        name: "help",
        about: "two handlers of AppendEntries that help the tasks: sender and syncer in one, the applier",
        extra: 0,
        run: applying::help,
    },
    Scenario {
        name: "slow-service",
        about: "a full apply channel, its reader, the applier, the writer",
        extra: 1,
        run: applying::slow_service,
    },
    Scenario {
        name: "snapshot",
        about: "the service takes a snapshot while a handler commits, the writer, the applier",
        extra: 0,
        run: snapshots::snapshot,
    },
    Scenario {
        name: "snapshot-inline",
        about: "the service takes a snapshot within the delivery, the writer, the applier",
        extra: 1,
        run: snapshots::snapshot_inline,
    },
    Scenario {
        name: "install-entries",
        about: "an offered snapshot against the entries it covers, the writer, the applier",
        extra: 0,
        run: snapshots::install_entries,
    },
    Scenario {
        name: "offer-in-channel",
        about: "a commit, and a service behind a channel that has to answer an offer, the writer, the applier",
        extra: 1,
        run: snapshots::offer_in_channel,
    },
    Scenario {
        name: "install-newer",
        about: "an offered snapshot against a newer one, the writer, the applier",
        extra: 0,
        run: snapshots::install_newer,
    },
    Scenario {
        name: "install-automatic",
        about: "a snapshot that Raft installs by itself against entries, the writer, the applier",
        extra: 0,
        run: snapshots::install_automatic,
    },
    Scenario {
        name: "stop-propose",
        about: "stop against a proposer, the writer, the applier",
        extra: 1,
        run: stopping::stop_propose,
    },
    Scenario {
        name: "stop-outcome",
        about: "stop against a client that waits for the outcome of its command, the writer, the applier",
        extra: 0,
        run: stopping::stop_outcome,
    },
    Scenario {
        name: "stop-submit",
        about: "stop against a client that submits a command, sender and syncer in one task, the applier",
        extra: 0,
        run: stopping::stop_submit,
    },
    Scenario {
        name: "stop-help",
        about: "stop against a handler of AppendEntries that helps the tasks",
        extra: 0,
        run: stopping::stop_help,
    },
    Scenario {
        name: "stop-append",
        about: "stop against a handler of AppendEntries, the writer, the applier",
        extra: 0,
        run: stopping::stop_append,
    },
    Scenario {
        name: "stop-snapshot",
        about: "stop against a snapshot taken within the delivery, the writer, the applier",
        extra: 1,
        run: stopping::stop_snapshot,
    },
    Scenario {
        name: "stop-install",
        about: "stop against a service that waits for the answer to its CondInstallSnapshot, the writer, the applier",
        extra: 1,
        run: stopping::stop_install,
    },
    Scenario {
        name: "stop-slow-service",
        about: "stop against an applier before a full channel that nobody reads, the writer",
        extra: 1,
        run: stopping::stop_slow_service,
    },
    Scenario {
        name: "stop-timer",
        about: "stop against an election by the timer, the writer",
        extra: 1,
        run: stopping::stop_timer,
    },
    Scenario {
        name: "restart",
        about: "stop, and a restart from a copy of the disk, against the old handler and the old writer",
        extra: 1,
        run: stopping::restart,
    },
    Scenario {
        name: "restart-install",
        about: "stop, and a copy of the disk, against a service that waits for the answer to its CondInstallSnapshot",
        extra: 0,
        run: stopping::restart_install,
    },
    Scenario {
        name: "storage-fails",
        about: "a write that fails, against two handlers and the applier",
        extra: 1,
        run: stopping::storage_fails,
    },
    Scenario {
        name: "service-gone",
        about: "a service that goes away, against a handler, the writer and the applier",
        extra: 0,
        run: stopping::service_gone,
    },
];

/// The scenario of that name.
pub fn find(name: &str) -> Result<&'static Scenario, String> {
    ALL.iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| format!("no scenario {name}: --list shows them"))
}
