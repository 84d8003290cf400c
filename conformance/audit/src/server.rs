//! One server, as its trace shows it.

use super::candidacy::Candidacy;
use super::event::{Change, Persistent, Role, State};
use super::term_runs::TermRuns;

/// A term and the vote in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ballot {
    pub(super) term: u64,
    pub(super) vote: Option<u8>,
}

impl Ballot {
    /// Whether a server with this ballot can come to have the other.
    pub(super) fn allows(self, next: Ballot) -> bool {
        next.term > self.term || (next.term == self.term && (self.vote.is_none() || next.vote == self.vote))
    }

    fn apply(&mut self, change: &Change) {
        if let Change::TermAndVote { current_term, voted_for } = change {
            *self = Ballot { term: *current_term, vote: *voted_for };
        }
    }
}

/// What must survive a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) ballot: Ballot,
    pub(super) term_runs: TermRuns,
}

impl Kept {
    pub(super) fn of(persistent: &Persistent) -> Kept {
        let base = persistent.log.snapshot.as_ref();
        let mut term_runs = base.map_or_else(TermRuns::default, |s| {
            TermRuns::based_on(s.last_included_index, s.last_included_term)
        });
        persistent.log.entries.iter().for_each(|entry| term_runs.push(entry.term));
        Kept { ballot: Ballot { term: persistent.current_term, vote: persistent.voted_for }, term_runs }
    }

    pub(super) fn apply(&mut self, change: &Change) {
        self.ballot.apply(change);
        self.term_runs.apply(change);
    }
}

/// One life of a server: the place of its file among all, and its run in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) source: usize,
    pub(super) run: u32,
}

pub(super) struct Server {
    pub(super) life: Life,
    pub(super) memory: Kept,
    pub(super) disk: Kept,
    /// Changes since the last write.
    pub(super) unwritten: Vec<Change>,
    /// The write under way.
    pub(super) writing: Vec<Change>,
    pub(super) state: State,
    /// Index of the last entry the service got.
    pub(super) delivered: u64,
    /// The last vote that was told to anybody.
    pub(super) promised: Ballot,
    pub(super) candidacy: Candidacy,
}

impl Server {
    /// A server that starts.
    pub(super) fn start(life: Life, kept: Kept, promised: Ballot, candidacy: Candidacy) -> Server {
        let base = kept.term_runs.base();
        let state = State {
            current_term: kept.ballot.term,
            voted_for: kept.ballot.vote,
            role: Role::Follower,
            leader: None,
            commit_index: base,
            last_applied: base,
            last_log_index: kept.term_runs.last(),
            last_log_term: kept.term_runs.last_term(),
        };
        Server {
            life,
            memory: kept.clone(),
            disk: kept,
            unwritten: Vec::new(),
            writing: Vec::new(),
            state,
            delivered: base,
            promised,
            candidacy,
        }
    }

    /// What a restart may find: what is durable, or that and the write under way.
    pub(super) fn may_find(&self, found: &Kept) -> bool {
        if self.disk == *found {
            return true;
        }
        let mut written = self.disk.clone();
        self.writing.iter().for_each(|change| written.apply(change));
        written == *found
    }
}

pub(super) fn show(ballot: Ballot) -> String {
    match ballot.vote {
        Some(vote) => format!("term {} and a vote for server {vote}", ballot.term),
        None => format!("term {} and no vote", ballot.term),
    }
}
