//! Properties of a state, judged part by part: a node alone, a history alone, a node with a history, two nodes
//! together. A state keeps a property when all its parts do, so the verdict on a part can be cached.

use crate::cluster::clients::Clients;
use crate::cluster::history::History;
use crate::cluster::node::{Node, Recovery};
use crate::cluster::prefix::{Command, Prefix};
use crate::properties::{Safety, SafetySet};
use figure2_core::{
    Command as _, Entry, Index, Log, Progress, ProgressState, Role, Server, ServerId, Snapshot,
};

type ModelLog = Log<Command, Prefix>;

/// What a node breaks by itself: promises that its last steps broke, votes, and an election that its disk does not
/// know of.
pub fn of_node(node: &Node) -> SafetySet {
    let mut broken = node.violations;
    if !ballot_stands(node) {
        broken.insert(Safety::OneVote);
    }
    if !election_is_durable(node) {
        broken.insert(Safety::ElectionDurable);
    }
    if !shows::leader(node).is_none_or(is_within_limits) {
        broken.insert(Safety::WithinLimits);
    }
    broken
}

/// What a history breaks by itself.
pub fn of_history(history: &History) -> SafetySet {
    let mut broken = history.violations;
    if !one_leader_per_term(history) {
        broken.insert(Safety::ElectionSafety);
    }
    if !leaders_are_complete(history) {
        broken.insert(Safety::LeaderCompleteness);
    }
    if !history.clients.as_ref().is_none_or(Clients::is_linearizable) {
        broken.insert(Safety::Linearizable);
    }
    broken
}

/// A node against what was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitCheck {
    /// What it breaks.
    pub broken: SafetySet,
    /// Which of the committed entries its disk holds: bit i for index i + 1.
    pub holds: u8,
}

impl CommitCheck {
    /// Both in one number.
    pub fn packed(self) -> u32 {
        self.broken.packed() << 8 | u32::from(self.holds)
    }

    /// Out of the number again.
    pub fn unpacked(number: u32) -> CommitCheck {
        CommitCheck { broken: SafetySet::unpacked(number >> 8), holds: number.to_le_bytes()[0] }
    }
}

/// Judges a node against what was committed.
pub fn of_node_in(node: &Node, history: &History) -> CommitCheck {
    let mut broken = SafetySet::EMPTY;
    if !agrees_with_committed(history, &node.service) {
        broken.insert(Safety::StateMachineSafety);
    }
    if !committed_agrees(history, node) {
        broken.insert(Safety::CommittedAgree);
    }
    if !snapshot_is_prefix(history, node) {
        broken.insert(Safety::SnapshotIsPrefix);
    }
    if !known_leader_was_elected(history, node) {
        broken.insert(Safety::KnownLeader);
    }
    CommitCheck { broken, holds: committed_on_disk(history, &node.disk.log) }
}

/// Two nodes against each other.
pub fn of_pair(one: &Node, other: &Node) -> SafetySet {
    let mut broken = SafetySet::EMPTY;
    if !logs_match(one.log(), other.log()) {
        broken.insert(Safety::LogMatching);
    }
    broken
}

/// Whether each committed entry is on the disks of a majority, given what each disk holds.
pub fn on_majority(committed: usize, disks: impl Iterator<Item = u8> + Clone) -> bool {
    let servers = disks.clone().count();
    (0..committed.min(8)).all(|bit| disks.clone().filter(|held| held & (1 << bit) != 0).count() > servers / 2)
}

/// What a node shows.
pub mod shows {
    use super::*;

    /// The server, if it leads.
    pub fn leader(node: &Node) -> Option<&Server<Command, Prefix>> {
        node.server.as_ref().filter(|server| matches!(server.role(), Role::Leader { .. }))
    }

    /// A leader that holds an entry of its own term to be committed.
    pub fn commit(node: &Node) -> bool {
        leader(node)
            .is_some_and(|leader| leader.log().term_at(leader.commit_index()) == Some(leader.current_term()))
    }

    /// A server that crashed, restarted with something to remember, and took part again.
    pub fn recovered_crash(node: &Node) -> bool {
        node.recovery == Recovery::Rejoined
    }

    /// Whether a leader waits for this follower to install a snapshot: the follower said that it has it.
    pub fn waits_for(node: &Node, follower: ServerId) -> bool {
        let known = leader(node).and_then(|leader| leader.progress_of(follower));
        known.is_some_and(|known| matches!(known.state, ProgressState::Snapshot { acknowledged: true, .. }))
    }

    /// The snapshot that a server was offered, and its service has not answered yet.
    pub fn installs(node: &Node) -> Option<&Snapshot<Prefix>> {
        node.server.as_ref().and_then(Server::offered)
    }

    /// A leader's first entry beyond its commit_index, when it is of an older term: which disks hold it?
    pub fn older_uncommitted(node: &Node) -> Option<(Index, &Entry<Command>)> {
        let leader = leader(node)?;
        let index = leader.commit_index().next();
        let entry = leader.log().entry(index).filter(|entry| entry.term < leader.current_term())?;
        Some((index, entry))
    }
}

fn one_leader_per_term(history: &History) -> bool {
    history.elections.windows(2).all(|pair| match pair {
        [one, next] => one.term != next.term || one.leader == next.leader,
        _ => true,
    })
}

/// Two logs match when, below the last index at which their terms are equal, nothing differs.
fn logs_match(one: &ModelLog, other: &ModelLog) -> bool {
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
fn leaders_are_complete(history: &History) -> bool {
    history.elections.iter().all(|election| {
        let mut index = Index::ZERO;
        history.committed.iter().all(|entry| {
            index = index.next();
            entry.committed_in >= election.term || election.log.get(index) == Some(entry.command)
        })
    })
}

fn agrees_with_committed(history: &History, service: &Prefix) -> bool {
    let mut index = Index::ZERO;
    while index < service.last_index() {
        index = index.next();
        if history.committed_at(index).map(|entry| entry.command) != service.get(index) {
            return false;
        }
    }
    true
}

/// A server stands by the term and the vote that it told, also when all it knows is what its disk knows.
fn ballot_stands(node: &Node) -> bool {
    let (term, vote) = match &node.server {
        Some(server) => (server.current_term(), server.voted_for()),
        None => (node.disk.current_term, node.disk.voted_for),
    };
    let told = node.term_vote;
    term > told.term || (term == told.term && (told.vote.is_none() || vote == told.vote))
}

/// Whoever leads a term has that term and its vote for itself on its disk.
fn election_is_durable(node: &Node) -> bool {
    shows::leader(node).is_none_or(|leader| {
        (node.disk.current_term, node.disk.voted_for) == (leader.current_term(), Some(leader.id()))
    })
}

/// Whether a leader counts right what is in flight and what waits to be committed, and keeps to its limits.
fn is_within_limits(leader: &Server<Command, Prefix>) -> bool {
    let Role::Leader { progress, uncommitted, .. } = leader.role() else { return true };
    let (log, config) = (leader.log(), leader.config());
    let waits = log.size_between(leader.commit_index(), log.last_index());
    let own_term = |index: &Index| log.term_at(*index) == Some(leader.current_term());
    // What it found in its log when it was elected, it did not take in; and one entry always fits.
    let mut taken = (0..).map(|n| log.last_index().0.saturating_sub(n)).map(Index);
    let taken = taken.by_ref().take_while(|index| *index > leader.commit_index() && own_term(index)).count();
    let is_too_much = taken > 1 && waits > config.max_uncommitted_bytes;
    let all = Prefix::of_log(log);
    let sent_rightly = |place: usize, of: &Progress| {
        let ProgressState::Replicate { in_flight } = of.state else { return true };
        let sent = (of.match_index.0 + 1..of.next_index.0).filter_map(|index| all.get(Index(index)));
        let sent: u64 = sent.map(|command| command.size() + Entry::<Command>::OVERHEAD).sum();
        // Of what is discarded a part may be acknowledged, and count until all of it is.
        let counts = if of.match_index >= log.base_index() { in_flight == sent } else { in_flight >= sent };
        let is_one = of.next_index.prev() <= of.match_index.next();
        place == usize::from(leader.id().0) || (counts && (sent <= config.max_in_flight_bytes || is_one))
    };
    let own = log.entries().iter().filter(|entry| entry.term == leader.current_term());
    let is_too_large = own.map(|entry| entry.command.size()).any(|size| size > config.max_command_bytes);
    *uncommitted == waits
        && !is_too_much
        && !is_too_large
        && progress.iter().enumerate().all(|(place, of)| sent_rightly(place, of))
}

fn committed_agrees(history: &History, node: &Node) -> bool {
    let Some(server) = &node.server else { return true };
    let log = server.log();
    let mut index = log.base_index();
    while index < server.commit_index() {
        index = index.next();
        let (Some(entry), Some(committed)) = (log.entry(index), history.committed_at(index)) else {
            return false;
        };
        if (entry.term, entry.command) != (committed.term, committed.command) {
            return false;
        }
    }
    true
}

fn known_leader_was_elected(history: &History, node: &Node) -> bool {
    let Some(server) = &node.server else { return true };
    server.leader().is_none_or(|leader| {
        let term = server.current_term();
        history.elections.iter().any(|election| (election.term, election.leader) == (term, leader))
    })
}

fn committed_on_disk(history: &History, disk: &ModelLog) -> u8 {
    let mut index = Index::ZERO;
    let mut holds = 0;
    for (bit, committed) in history.committed.iter().enumerate().take(8) {
        index = index.next();
        let is_it =
            |entry: &Entry<Command>| (entry.term, entry.command) == (committed.term, committed.command);
        if index <= disk.base_index() || disk.entry(index).is_some_and(is_it) {
            holds |= 1 << bit;
        }
    }
    holds
}

fn snapshot_is_prefix(history: &History, node: &Node) -> bool {
    let held = node.log().snapshot();
    let on_disk = node.disk.log.snapshot();
    let offered = node.server.as_ref().and_then(Server::offered);
    [held, on_disk, offered, node.answering.as_ref()].into_iter().flatten().all(|snapshot| {
        let index = snapshot.last_included_index;
        snapshot.data.last_index() == index
            && history.committed_at(index).is_some_and(|entry| entry.term == snapshot.last_included_term)
            && agrees_with_committed(history, &snapshot.data)
    })
}
