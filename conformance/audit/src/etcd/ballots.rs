//! Terms and votes, and which of them must survive a crash.
//!
//! A node writes a line about a vote when it queues the reply. Its next `Ready` hands term and vote to the disk, and
//! the reply leaves after that. So a crash may lose a vote that nobody received and that no `Ready` followed. A vote
//! that somebody received must have been durable. Whether the write of the last `Ready` ended, the trace does not
//! show.

use super::line::{Message, State, Type};
use super::notes::Notes;
use crate::property::Property;
use crate::unexplained::Cause;
use std::collections::HashMap;

/// A term, and the vote in it; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ballot {
    pub(super) term: u64,
    pub(super) vote: u64,
}

impl Ballot {
    pub(super) fn of(state: State) -> Ballot {
        Ballot { term: state.term, vote: state.vote }
    }

    /// Whether a node with this ballot can come to have the other.
    fn allows(self, next: Ballot) -> bool {
        next.term > self.term || (next.term == self.term && (self.vote == 0 || next.vote == self.vote))
    }

    /// Whether both vote in one term, for different candidates.
    pub(super) fn contradicts(self, other: Ballot) -> bool {
        self.term == other.term && self.vote != 0 && other.vote != 0 && self.vote != other.vote
    }
}

impl std::fmt::Display for Ballot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.vote {
            0 => write!(f, "term {} and no vote", self.term),
            vote => write!(f, "term {} and a vote for {vote}", self.term),
        }
    }
}

/// What is known of one node's ballots.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// Somebody received a message that only leaves when this is durable.
    proven: Ballot,
    /// The last `Ready` handed this over.
    handed: Ballot,
    /// On its last line.
    shown: Ballot,
}

impl Kept {
    /// A line of a node that runs shows this ballot.
    pub(super) fn shows(&mut self, node: u64, ballot: Ballot, notes: &mut Notes) {
        let Kept { proven, handed, shown } = *self;
        let takes_back = !proven.allows(ballot) || (handed.contradicts(ballot) && shown.contradicts(ballot));
        notes.expect(Property::OneVote, !takes_back, || {
            let before = if proven.allows(ballot) { handed } else { proven };
            format!("node {node} goes from {before}, which others know of or a Ready told, to {ballot}")
        });
        notes.explained(Cause::Change, takes_back || shown.allows(ballot), || {
            format!("node {node} goes from {shown} to {ballot}, and no line tells of a restart")
        });
        self.shown = ballot;
    }

    /// A restarted node has loaded this ballot from its disk.
    pub(super) fn loads(&mut self, node: u64, ballot: Ballot, notes: &mut Notes) {
        let Kept { proven, handed, .. } = *self;
        let stands = proven.allows(ballot) && !handed.contradicts(ballot);
        notes.expect(Property::OneVote, stands, || {
            let before = if proven.allows(ballot) { handed } else { proven };
            format!("node {node} had {before} on its disk, and restarts with {ballot}")
        });
        notes.explained(Cause::Restart, !stands || handed.allows(ballot), || {
            format!(
                "node {node} restarts with {ballot}; a Ready had handed over {handed}: either the crash came before that write ended, or the disk lost it"
            )
        });
        self.shown = ballot;
        self.handed = ballot;
    }

    /// A `Ready` hands this over.
    pub(super) fn hands_over(&mut self, ballot: Ballot) {
        self.handed = ballot;
    }

    /// A message shows that this is durable.
    fn prove(&mut self, ballot: Ballot) {
        if ballot.term > self.proven.term || (ballot.term == self.proven.term && ballot.vote != 0) {
            self.proven = ballot;
        }
    }
}

/// Votes that somebody received, by voter and term.
#[derive(Default)]
pub(super) struct Votes(HashMap<(u64, u64), u64>);

impl Votes {
    /// A line of a running node shows a vote.
    pub(super) fn agree(&self, node: u64, ballot: Ballot, notes: &mut Notes) {
        let known = self.0.get(&(node, ballot.term)).copied().unwrap_or_default();
        notes.expect(Property::OneVote, known == 0 || ballot.vote == 0 || known == ballot.vote, || {
            format!("node {node} has {ballot}, and its vote for {known} in that term was received")
        });
    }

    /// A node received a message: its sender's ballot was durable. `kept` is what is known of the sender.
    pub(super) fn received(&mut self, message: &Message, kept: Option<&mut Kept>, notes: &mut Notes) {
        let Message { kind, term, from, to, reject, .. } = *message;
        let mut ballot = Ballot { term, vote: 0 };
        match kind {
            Type::VoteResp if !reject => {
                ballot.vote = to;
                let known = *self.0.entry((from, term)).or_insert(to);
                notes.expect(Property::OneVote, known == to, || {
                    format!("node {from} voted for {known} and for {to} in term {term}")
                });
            }
            Type::VoteResp | Type::AppResp => {}
            _ => return,
        }
        if let Some(kept) = kept {
            let shown = kept.shown;
            notes.explained(Cause::Change, !shown.contradicts(ballot), || {
                format!("node {from} has {shown}, and its vote for {to} in that term is received")
            });
            kept.prove(ballot);
        }
    }

    /// How many of these voters are known to have voted for another.
    pub(super) fn against(&self, candidate: u64, term: u64, voters: &[u64]) -> usize {
        let other = |voter: &&u64| self.0.get(&(**voter, term)).is_some_and(|vote| *vote != candidate);
        voters.iter().filter(other).count()
    }
}
