//! Messages: what a line says of a message must fit the node that wrote the line, and a message that is received must
//! have been sent.
//!
//! A network may lose, delay, reorder and repeat messages, so this is a set of the messages sent, without counts. A
//! message leaves when its sender's next `Ready` hands it over. A message that no `Ready` followed before a crash
//! never left.

use super::line::{Event, Message, Role, Type};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

#[derive(Default)]
pub(super) struct Network {
    left: HashSet<u64>,
    /// By sender, what its next Ready hands over.
    queued: BTreeMap<u64, HashSet<u64>>,
    /// Nodes that have lines.
    told: BTreeSet<u64>,
    /// Messages received from nodes that have had no line yet: by sender, how many.
    unchecked: BTreeMap<u64, u64>,
    /// The lines of several files are not in the order of time, so all that is ever sent counts.
    pub(super) in_order: bool,
}

/// Where a message that is received comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its sender told of it, and of the Ready that handed it over.
    Sent,
    /// Its sender told of it, but of no Ready since.
    Queued,
    /// Its sender has lines, and none of them tells of it.
    Nobody,
    /// Its sender has no lines.
    Unknown,
}

impl Network {
    pub(super) fn new(in_order: bool) -> Network {
        Network { in_order, ..Network::default() }
    }

    /// A node has a line.
    pub(super) fn tells(&mut self, node: u64) {
        self.told.insert(node);
    }

    pub(super) fn send(&mut self, message: &Message) {
        let digest = digest(message);
        if self.in_order {
            self.queued.entry(message.from).or_default().insert(digest);
        } else {
            self.left.insert(digest);
        }
    }

    /// A node's `Ready` hands over what it queued.
    pub(super) fn ready(&mut self, node: u64) {
        if let Some(queued) = self.queued.get_mut(&node) {
            self.left.extend(queued.drain());
        }
    }

    /// A node restarts: what it had queued is lost.
    pub(super) fn restart(&mut self, node: u64) {
        self.queued.remove(&node);
    }

    pub(super) fn receive(&mut self, message: &Message) -> Origin {
        let digest = digest(message);
        if self.left.contains(&digest) {
            Origin::Sent
        } else if self.queued.get(&message.from).is_some_and(|queued| queued.contains(&digest)) {
            Origin::Queued
        } else if self.told.contains(&message.from) {
            Origin::Nobody
        } else {
            *self.unchecked.entry(message.from).or_default() += 1;
            Origin::Unknown
        }
    }

    /// How many messages came from nodes without lines, and from whom.
    pub(super) fn unchecked(&self) -> (u64, Vec<u64>) {
        let unknown = || self.unchecked.iter().filter(|(sender, _)| !self.told.contains(sender));
        (unknown().map(|(_, count)| count).sum(), unknown().map(|(sender, _)| *sender).collect())
    }

    /// A node whose first line comes after messages of it were received: how many.
    pub(super) fn late(&self, node: u64) -> u64 {
        self.unchecked.get(&node).copied().unwrap_or_default()
    }
}

fn digest(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    hasher.finish()
}

/// What is wrong with a line's message, from the line alone. `matched` is what the addressee of a heartbeat has
/// acknowledged to its leader, if that is known.
pub(super) fn contradiction(event: &Event, message: &Message, matched: Option<u64>) -> Option<String> {
    let Event { name, node, state, role, log, .. } = event;
    let Message { kind, term, from, to, entries, log_term, index, commit, vote, reject, reject_hint } =
        *message;
    let sends = name.sends();
    let is_response = matches!(kind, Type::AppResp | Type::HeartbeatResp | Type::VoteResp);
    let unused = |number: u64| number == 0;
    let rules: &[(bool, &str)] = &[
        (name.is_about(kind), "is about another type of message"),
        (if sends { from == *node } else { to == *node }, "is told by neither its sender nor its addressee"),
        (from != 0 && to != 0 && (is_response || from != to), "goes from a node to itself"),
        (!sends || term == state.term, "is not of its sender's term"),
        (!sends || !kind.is_from_leader() || *role == Role::Leader, "is sent by a node that does not lead"),
        (!sends || kind != Type::Vote || *role == Role::Candidate, "is sent by a node that is no candidate"),
        (unused(vote), "has a vote, which only messages to the own disk have"),
        (matches!(kind, Type::AppResp | Type::VoteResp) || !reject, "rejects, and is no answer"),
        ((kind == Type::AppResp && reject) || unused(reject_hint), "has a hint, and rejects nothing"),
        (reject_hint <= index, "hints at more than it rejects"),
        (matches!(kind, Type::App | Type::Snap) || unused(entries), "has entries, which its type has not"),
        (
            matches!(kind, Type::App | Type::Vote) || (kind == Type::AppResp && reject) || unused(log_term),
            "has a log term, which its type has not",
        ),
        (
            matches!(kind, Type::App | Type::AppResp | Type::Vote) || unused(index),
            "has an index, which its type has not",
        ),
        (
            matches!(kind, Type::App | Type::Heartbeat) || unused(commit),
            "has a commit index, which its type has not",
        ),
        (log_term <= term && (index != 0 || log_term == 0), "has a log term that no such entry can have"),
        (kind != Type::Vote || (log_term == 0) == (index == 0), "asks with an index and no term"),
        (
            !(sends && kind == Type::App) || (message.last() <= *log && commit == state.commit),
            "has not what its leader has",
        ),
        (
            !(sends && kind == Type::Heartbeat)
                || matched.is_none_or(|matched| commit == matched.min(state.commit)),
            "commits another index than what its addressee has and its leader committed",
        ),
        (
            !(sends && kind == Type::Snap) || (entries > 0 && entries <= *log),
            "is a snapshot of what its leader has not",
        ),
        (
            !(sends && kind == Type::Vote) || index == *log,
            "asks with another last index than the candidate's",
        ),
        (
            !(sends && kind == Type::AppResp && reject) || reject_hint <= *log,
            "hints at more than its sender has",
        ),
    ];
    let (_, wrong) = rules.iter().find(|(holds, _)| !holds)?;
    Some(format!("node {node}: a {} of {from} to {to} {wrong}", kind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_leaves_with_the_next_ready_and_is_lost_in_a_crash() {
        let message = Message {
            kind: Type::VoteResp,
            term: 1,
            from: 1,
            to: 2,
            entries: 0,
            log_term: 0,
            index: 0,
            commit: 0,
            vote: 0,
            reject: false,
            reject_hint: 0,
        };
        let mut network = Network { in_order: true, ..Network::default() };
        assert_eq!(network.receive(&message), Origin::Unknown);
        network.tells(1);
        assert_eq!(network.receive(&message), Origin::Nobody);
        network.send(&message);
        assert_eq!(network.receive(&message), Origin::Queued);
        network.restart(1);
        network.ready(1);
        assert_eq!(network.receive(&message), Origin::Nobody);
        network.send(&message);
        network.ready(1);
        assert_eq!(network.receive(&message), Origin::Sent);
        assert_eq!(network.receive(&message), Origin::Sent, "a network may repeat");
        assert_eq!(network.unchecked().0, 0);
    }
}
