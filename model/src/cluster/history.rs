//! The elections that were won and the entries that were committed. Figure 3 speaks about the past, so the state must
//! contain it.

use crate::cluster::clients::Clients;
use crate::cluster::prefix::{Command, Prefix};
use crate::properties::SafetySet;
use figure2_core::{Index, Server, ServerId, Term};
use smallvec::SmallVec;

/// What happened and must not be contradicted later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// All elections won, by term and winner.
    pub elections: SmallVec<[Election; 4]>,
    /// The entry first committed at each index, from index 1 on.
    pub committed: SmallVec<[Committed; 4]>,
    /// What clients saw, where that is recorded.
    pub clients: Option<Clients>,
    /// Promises about several nodes that a step broke.
    pub violations: SafetySet,
}

/// An election that was won.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Election {
    /// In which term.
    pub term: Term,
    /// By whom.
    pub leader: ServerId,
    /// The commands in the winner's log at that moment.
    pub log: Prefix,
}

/// A committed entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Committed {
    /// The entry's command.
    pub command: Command,
    /// The entry's term.
    pub term: Term,
    /// The current_term of the server that was the first to know that the entry is committed.
    pub committed_in: Term,
}

impl History {
    /// The entry committed at `index`, if any is.
    pub fn committed_at(&self, index: Index) -> Option<&Committed> {
        let position = usize::try_from(index.0).ok()?.checked_sub(1)?;
        self.committed.get(position)
    }

    /// Index of the last entry known to be committed.
    pub fn committed_through(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// A server won an election.
    pub fn record_election(&mut self, server: &Server<Command, Prefix>) {
        let election =
            Election { term: server.current_term(), leader: server.id(), log: Prefix::of_log(server.log()) };
        if !self.elections.contains(&election) {
            self.elections.push(election);
            self.sort_elections();
        }
    }

    /// A server learned how far the log is committed.
    pub fn record_commits(&mut self, server: &Server<Command, Prefix>) {
        let contents = Prefix::of_log(server.log());
        let mut index = self.committed_through();
        while index < server.commit_index() {
            index = index.next();
            // Under the paper's rules the entry is there. Broken rules can commit what they do not hold; command
            // and term 0 belong to no entry, so every server that holds one at this index contradicts them.
            self.committed.push(Committed {
                command: contents.get(index).unwrap_or_default(),
                term: server.log().term_at(index).unwrap_or(Term::ZERO),
                committed_in: server.current_term(),
            });
        }
    }

    /// The same history under other names.
    #[must_use]
    pub fn renamed(&self, names: &[ServerId]) -> History {
        let mut renamed = self.clone();
        for election in &mut renamed.elections {
            election.leader = names.get(usize::from(election.leader.0)).copied().unwrap_or(election.leader);
        }
        renamed.sort_elections();
        renamed.clients = self.clients.as_ref().map(|clients| clients.renamed(names));
        renamed
    }

    fn sort_elections(&mut self) {
        self.elections.sort_by_key(|election| (election.term, election.leader, election.log));
    }
}
