//! What a candidate and a leader have received from others.

use super::line::{Conf, Event, Message};
use super::node::Held;
use super::notes::Notes;
use crate::Property;
use crate::unexplained::Cause;
use std::collections::{BTreeMap, BTreeSet};

/// A candidate's search for votes.
#[derive(Clone, Debug, Default)]
pub(super) struct Campaign {
    /// Whom it may ask.
    voters: BTreeSet<u64>,
    /// It told itself of its own vote.
    told_itself: bool,
    /// What it asks with: last index and its term.
    with: Option<(u64, u64)>,
    /// Who voted for it.
    votes: BTreeSet<u64>,
    /// Who refused before voting for it.
    refused: BTreeSet<u64>,
}

impl Campaign {
    pub(super) fn new(conf: &Conf) -> Campaign {
        let voters = conf.halves().flatten().copied().collect();
        Campaign { voters, ..Campaign::default() }
    }

    /// The candidate asks; whether it may ask that voter, and asks it as it does the others. It may ask again.
    pub(super) fn asks(&mut self, message: &Message) -> bool {
        let with = (message.index, message.log_term);
        self.voters.contains(&message.to) && *self.with.get_or_insert(with) == with
    }

    /// Its log is another one: it asks with another last index from now on.
    pub(super) fn asks_anew(&mut self) {
        self.with = None;
    }

    /// The candidate tells itself of its own vote, once.
    pub(super) fn tells_itself(&mut self, message: &Message) -> bool {
        let is_first = !std::mem::replace(&mut self.told_itself, true);
        is_first && !message.reject && self.voters.contains(&message.to)
    }

    /// The candidate hears an answer. A refusal takes no vote back, and one that comes first does not exclude a vote: it
    /// may be the answer to an older request, which names the voter's term and not the request's.
    pub(super) fn heard(&mut self, voter: u64, granted: bool) {
        if granted {
            self.votes.insert(voter);
        } else if !self.votes.contains(&voter) {
            self.refused.insert(voter);
        }
    }

    /// The voter's vote was heard.
    pub(super) fn has_vote_of(&self, voter: u64) -> bool {
        self.votes.contains(&voter)
    }

    /// The voter's vote was heard, and also who counts a voter's first answer only, as etcd's raft does, counts it.
    pub(super) fn must_count_vote_of(&self, voter: u64) -> bool {
        self.votes.contains(&voter) && !self.refused.contains(&voter)
    }
}

/// What a leader knows of the others' logs.
#[derive(Clone, Debug, Default)]
pub(super) struct Leading {
    term: u64,
    /// The last index when it became leader: what is behind is of its term. None if no line made it leader.
    since: Option<u64>,
    /// The highest index that each has acknowledged.
    matched: BTreeMap<u64, u64>,
    /// Entries that are proposed, and not yet in its log.
    proposed: u64,
    /// The configuration changed: some may have been forgotten, and begun anew.
    reconfigured: bool,
    /// For each term of an entry, the indexes that it is known to have in this leader's log.
    terms: BTreeMap<u64, (u64, u64)>,
}

impl Leading {
    pub(super) fn new(id: u64, term: u64, last: u64) -> Leading {
        Leading { term, since: Some(last), matched: BTreeMap::from([(id, last)]), ..Leading::default() }
    }

    /// The node is in this term: what it knew as leader of another one is void, also where the lines between are missing.
    pub(super) fn is_in(&mut self, term: u64) {
        if self.term != term {
            *self = Leading { term, ..Leading::default() };
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.since.is_some()
    }

    fn matched(&self, node: u64) -> u64 {
        self.matched.get(&node).copied().unwrap_or_default()
    }

    /// What a node is known to have acknowledged to this leader; none if that cannot be known.
    pub(super) fn has_heard_of(&self, node: u64) -> Option<u64> {
        (self.is_known() && !self.reconfigured).then(|| self.matched(node))
    }

    /// An entry is proposed.
    pub(super) fn proposed(&mut self) {
        self.proposed += 1;
    }

    /// The configuration is another one.
    pub(super) fn reconfigured(&mut self) {
        self.reconfigured = self.is_known();
    }

    /// An acknowledgement is heard; whether it is of more than those before.
    pub(super) fn heard(&mut self, from: u64, index: u64) -> bool {
        let matched = self.matched.entry(from).or_default();
        let rises = index > *matched;
        *matched = index.max(*matched);
        rises
    }

    /// The highest index that a majority of each half of the configuration has acknowledged.
    fn agreed(&self, conf: &Conf) -> u64 {
        let of_half = |voters: &[u64]| {
            let mut matched: Vec<u64> = voters.iter().map(|voter| self.matched(*voter)).collect();
            matched.sort_unstable_by(|one, other| other.cmp(one));
            matched.get(matched.len() / 2).copied().unwrap_or_default()
        };
        conf.halves().map(of_half).min().unwrap_or_default()
    }

    /// The leader has looked at its commit index.
    pub(super) fn commits(&self, event: &Event, before: &Held, expected: &mut Held, notes: &mut Notes) {
        let conf = &event.conf;
        let (agreed, commit) = (self.agreed(conf), event.state.commit);
        let rises = commit > before.state.commit;
        let is_own = self.since.is_none_or(|last| agreed > last);
        let due = if agreed > before.state.commit && is_own { agreed } else { before.state.commit };
        expected.state.commit = commit.max(before.state.commit);
        let (_, count, of) = conf.majority(|voter| self.matched(voter) >= commit);
        notes.explained(Cause::Commit, !rises || commit <= due, || {
            format!(
                "node {} commits index {commit} in term {}; it has heard of {count} of {of} voters that they have that of its term",
                event.node, event.state.term
            )
        });
        notes.explained(Cause::Commit, commit >= due || self.reconfigured || !self.is_known(), || {
            format!(
                "node {} leaves its commit index at {commit}; a majority has acknowledged {due}",
                event.node
            )
        });
    }

    /// The leader appends what was proposed, and will tell itself when it is durable.
    pub(super) fn appends(
        &mut self,
        event: &Event,
        message: &Message,
        expected: &mut Held,
        notes: &mut Notes,
    ) {
        let grown = event.log.saturating_sub(expected.log);
        // It leaves a joint configuration by itself, with an entry that no line tells.
        let is_joint = !event.conf.1.0.is_empty();
        let fits = grown > 0 && (grown == self.proposed || (is_joint && grown == self.proposed + 1));
        expected.log = event.log.max(expected.log);
        self.proposed = 0;
        notes.explained(Cause::Step, fits && message.index == event.log, || {
            format!(
                "node {} appends {grown} entries up to {} and acknowledges {} to itself; other entries were proposed",
                event.node, event.log, message.index
            )
        });
    }

    /// The leader says of an index of its log that its entry has this term: as it said before, and as it can be.
    pub(super) fn says(&mut self, node: u64, term: u64, (index, entry_term): (u64, u64), notes: &mut Notes) {
        if index == 0 {
            return;
        }
        let fits =
            self.since.is_none_or(|last| if index > last { entry_term == term } else { entry_term < term });
        let before = self.terms.range(..entry_term).next_back().is_none_or(|(_, (_, last))| *last < index);
        let after = self.terms.range(entry_term + 1..).next().is_none_or(|(_, (first, _))| *first > index);
        notes.expect(Property::LogMatching, fits && before && after, || {
            format!("node {node}, leader of term {term}, has an entry of term {entry_term} at index {index}, which its other lines exclude")
        });
        let range = self.terms.entry(entry_term).or_insert((index, index));
        *range = (range.0.min(index), range.1.max(index));
    }
}
