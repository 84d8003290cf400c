//! What must always hold, and what must happen somewhere lest the check says nothing.

use crate::prefix::{Command, Prefix};
use crate::state::{Host, State};
use figure2_core::{Entry, Index, Log, Server};

type ModelLog = Log<Command, Prefix>;

/// A property of every reachable state. The first five are the paper's Figure 3; the others are what makes those
/// hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Safety {
    /// "At most one leader can be elected in a given term." Section 5.2.
    ElectionSafety,
    /// "A leader never overwrites or deletes entries in its log; it only appends new entries." Section 5.3.
    LeaderAppendOnly,
    /// "If two logs contain an entry with the same index and term, then the logs are identical in all entries up
    /// through the given index." Section 5.3.
    LogMatching,
    /// "If a log entry is committed in a given term, then that entry will be present in the logs of the leaders for
    /// all higher-numbered terms." Section 5.4.
    LeaderCompleteness,
    /// "If a server has applied a log entry at a given index to its state machine, no other server will ever apply a
    /// different log entry for the same index." Section 5.4.3. Checked against the entry first committed there.
    StateMachineSafety,
    /// A server never goes back to an older term, and in a term never takes its vote back or gives another, across
    /// crashes.
    OneVote,
    /// What a server holds committed is what was first committed at that index.
    CommittedAgree,
    /// A committed entry is on the disks of a majority, and stays there: no minority of crashes can lose it.
    CommittedOnMajority,
    /// commit_index and last_applied never go back while a server is up, nor the service's state, nor match_index
    /// while it leads.
    NothingGoesBack,
    /// The service gets entry after entry, without a gap and without a repeat.
    AppliedInOrder,
    /// A snapshot holds exactly the committed prefix that it stands for, with that prefix's last term.
    SnapshotIsPrefix,
    /// A server can always start from what its disk holds.
    Recoverable,
    /// A server that takes a leader's AppendEntries or InstallSnapshot is a follower from then on.
    FollowersAccept,
    /// No server rejects a message, for all peers are correct.
    NoRejection,
}

impl Safety {
    /// All of them.
    pub const ALL: [Safety; 14] = [
        Safety::ElectionSafety,
        Safety::LeaderAppendOnly,
        Safety::LogMatching,
        Safety::LeaderCompleteness,
        Safety::StateMachineSafety,
        Safety::OneVote,
        Safety::CommittedAgree,
        Safety::CommittedOnMajority,
        Safety::NothingGoesBack,
        Safety::AppliedInOrder,
        Safety::SnapshotIsPrefix,
        Safety::Recoverable,
        Safety::FollowersAccept,
        Safety::NoRejection,
    ];

    /// The property's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Safety::ElectionSafety => "election safety",
            Safety::LeaderAppendOnly => "leader append-only",
            Safety::LogMatching => "log matching",
            Safety::LeaderCompleteness => "leader completeness",
            Safety::StateMachineSafety => "state machine safety",
            Safety::OneVote => "one vote per term",
            Safety::CommittedAgree => "committed entries agree",
            Safety::CommittedOnMajority => "committed on a majority",
            Safety::NothingGoesBack => "nothing goes back",
            Safety::AppliedInOrder => "applied in order",
            Safety::SnapshotIsPrefix => "snapshot is the prefix",
            Safety::Recoverable => "disk is recoverable",
            Safety::FollowersAccept => "only followers accept",
            Safety::NoRejection => "no correct message rejected",
        }
    }

    /// Whether the property holds in a state.
    pub fn holds(self, state: &State) -> bool {
        match self {
            Safety::ElectionSafety => one_leader_per_term(state),
            Safety::LogMatching => logs_match(state),
            Safety::LeaderCompleteness => leaders_are_complete(state),
            Safety::StateMachineSafety => {
                state.hosts.iter().all(|host| agrees_with_committed(state, &host.service))
            }
            Safety::OneVote => state.hosts.iter().all(|host| ballot_stands(host)),
            Safety::CommittedAgree => state.hosts.iter().all(|host| committed_agrees(state, host)),
            Safety::CommittedOnMajority => committed_on_majority(state),
            Safety::SnapshotIsPrefix => state.hosts.iter().all(|host| snapshot_is_prefix(state, host)),
            Safety::LeaderAppendOnly
            | Safety::NothingGoesBack
            | Safety::AppliedInOrder
            | Safety::Recoverable
            | Safety::FollowersAccept
            | Safety::NoRejection => state.hosts.iter().all(|host| !host.breaches.contains(self)),
        }
    }
}

/// Properties of steps that a step broke. Such a property relates the state before to the state after, so the model
/// judges it in the step and leaves the verdict in the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Breaches(u16);

impl Breaches {
    /// Notes a broken property.
    pub fn insert(&mut self, safety: Safety) {
        self.0 |= 1 << (safety as u8);
    }

    /// Whether the property was broken.
    pub fn contains(self, safety: Safety) -> bool {
        self.0 & (1 << (safety as u8)) != 0
    }
}

/// Something that some reachable state must show: without it the search did not reach what it is meant to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Witness {
    /// A server leads.
    Leader,
    /// Two servers lead at the same time, in different terms: an old leader that does not know yet.
    TwoLeaders,
    /// A leader holds its entry to be committed.
    Commit,
    /// A service switched to a snapshot from the leader.
    InstalledSnapshot,
    /// A server crashed, restarted with a vote or entries on its disk, and took part again.
    RecoveredCrash,
    /// An entry of an older term is on a majority of the disks and not committed (Figure 8, c).
    Figure8,
    /// An entry of an older term is committed, together with one of the leader's own term (Figure 8, e).
    OlderCommitted,
}

impl Witness {
    /// All of them.
    pub const ALL: [Witness; 7] = [
        Witness::Leader,
        Witness::TwoLeaders,
        Witness::Commit,
        Witness::InstalledSnapshot,
        Witness::RecoveredCrash,
        Witness::Figure8,
        Witness::OlderCommitted,
    ];

    /// The witness' name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Witness::Leader => "a leader",
            Witness::TwoLeaders => "two leaders, in different terms",
            Witness::Commit => "a commit",
            Witness::InstalledSnapshot => "an installed snapshot",
            Witness::RecoveredCrash => "a recovered crash",
            Witness::Figure8 => "an older entry on a majority, uncommitted",
            Witness::OlderCommitted => "an older entry committed with a newer",
        }
    }

    /// Whether a state shows it.
    pub fn holds(self, state: &State) -> bool {
        match self {
            Witness::Leader => leaders(state).next().is_some(),
            Witness::TwoLeaders => leaders(state).nth(1).is_some(),
            Witness::Commit => leaders(state).any(|leader| {
                let commit_index = leader.commit_index();
                leader.log().term_at(commit_index) == Some(leader.current_term())
            }),
            Witness::InstalledSnapshot => state.hosts.iter().any(|host| host.installed),
            Witness::RecoveredCrash => {
                state.hosts.iter().any(|host| host.recovery == crate::state::Recovery::Rejoined)
            }
            Witness::Figure8 => leaders(state).any(|leader| older_on_majority(state, leader)),
            Witness::OlderCommitted => {
                state.history.committed.iter().any(|entry| entry.term < entry.committed_in)
            }
        }
    }
}

fn leaders(state: &State) -> impl Iterator<Item = &Server<Command, Prefix>> {
    state.hosts.iter().filter_map(|host| host.server.as_ref()).filter(|server| server.is_leader())
}

/// The log as the server has it, or as its disk has it while it is down.
fn log_of(host: &Host) -> &ModelLog {
    host.server.as_ref().map_or(&host.disk.log, Server::log)
}

fn one_leader_per_term(state: &State) -> bool {
    let elections = &state.history.elections;
    elections.windows(2).all(|pair| match pair {
        [one, next] => one.term != next.term || one.leader == next.leader,
        _ => true,
    })
}

fn logs_match(state: &State) -> bool {
    state.hosts.iter().enumerate().all(|(i, host)| {
        state.hosts.iter().skip(i + 1).all(|other| pair_matches(log_of(host), log_of(other)))
    })
}

/// Two logs match when, below the last index at which their terms are equal, nothing differs.
fn pair_matches(one: &ModelLog, other: &ModelLog) -> bool {
    let mut index = one.last_index().min(other.last_index());
    let both_known = one.base_index().max(other.base_index());
    let mut equal_above = false;
    while index > both_known {
        let (Some(a), Some(b)) = (one.entry(index), other.entry(index)) else { return false };
        equal_above |= a.term == b.term;
        if equal_above && a != b {
            return false;
        }
        index = index.prev();
    }
    true
}

/// Every leader's log, at its election, held what was committed in earlier terms. An election is history: it also
/// counts when the commit is noticed later.
fn leaders_are_complete(state: &State) -> bool {
    let history = &state.history;
    history.elections.iter().all(|election| {
        let mut index = Index::ZERO;
        history.committed.iter().all(|entry| {
            index = index.next();
            entry.committed_in >= election.term || election.log.get(index) == Some(entry.command)
        })
    })
}

fn agrees_with_committed(state: &State, service: &Prefix) -> bool {
    let mut index = Index::ZERO;
    while index < service.last_index() {
        index = index.next();
        if state.history.committed_at(index).map(|entry| entry.command) != service.get(index) {
            return false;
        }
    }
    true
}

fn ballot_stands(host: &Host) -> bool {
    let (term, vote) = match &host.server {
        Some(server) => (server.current_term(), server.voted_for()),
        None => (host.disk.current_term, host.disk.voted_for),
    };
    term == host.ballot.term && vote == host.ballot.vote
}

fn committed_agrees(state: &State, host: &Host) -> bool {
    let Some(server) = &host.server else { return true };
    let log = server.log();
    let mut index = log.base_index();
    while index < server.commit_index() {
        index = index.next();
        let (Some(entry), Some(committed)) = (log.entry(index), state.history.committed_at(index)) else {
            return false;
        };
        if (entry.term, entry.command) != (committed.term, committed.command) {
            return false;
        }
    }
    true
}

fn committed_on_majority(state: &State) -> bool {
    let mut index = Index::ZERO;
    state.history.committed.iter().all(|committed| {
        index = index.next();
        let holders = state.hosts.iter().filter(|host| {
            let log = &host.disk.log;
            let holds =
                |entry: &Entry<Command>| (entry.term, entry.command) == (committed.term, committed.command);
            index <= log.base_index() || log.entry(index).is_some_and(holds)
        });
        holders.count() > state.hosts.len() / 2
    })
}

fn snapshot_is_prefix(state: &State, host: &Host) -> bool {
    let held = log_of(host).snapshot();
    let on_disk = host.disk.log.snapshot();
    let offered = host.server.as_ref().and_then(Server::offered);
    [held, on_disk, offered, host.answering.as_ref()].into_iter().flatten().all(|snapshot| {
        let index = snapshot.last_included_index;
        snapshot.data.last_index() == index
            && state
                .history
                .committed_at(index)
                .is_some_and(|entry| entry.term == snapshot.last_included_term)
            && agrees_with_committed(state, &snapshot.data)
    })
}

/// Whether an entry of an older term, beyond the leader's commit_index, is on a majority of the disks.
fn older_on_majority(state: &State, leader: &Server<Command, Prefix>) -> bool {
    let index = leader.commit_index().next();
    let Some(entry) = leader.log().entry(index).filter(|entry| entry.term < leader.current_term()) else {
        return false;
    };
    let holders = state.hosts.iter().filter(|host| host.disk.log.entry(index) == Some(entry)).count();
    holders >= leader.config().majority()
}
