//! Who led which term, and what was committed: what no lines that may be missing could make right.

use super::line::{Conf, Event, Role};
use super::notes::Notes;
use crate::audit::Property;
use std::collections::{BTreeMap, BTreeSet};

/// Who leads a term, as far as lines show it.
struct Leader {
    node: u64,
    /// Its log on the first line that shows it, the longest log and the highest commit index since; none before a line
    /// of its own.
    own: Option<Own>,
}

struct Own {
    first: u64,
    log: u64,
    commit: u64,
}

/// The last index that a leader committed, and which voters have shown since that they do not have it.
struct Committed {
    leader: u64,
    index: u64,
    conf: Conf,
    without: BTreeSet<u64>,
}

#[derive(Default)]
pub(super) struct Elections {
    leaders: BTreeMap<u64, Leader>,
    /// For each term, the highest index known to be committed in it or before; only where that rises.
    commits: BTreeMap<u64, u64>,
    last: Option<Committed>,
}

impl Elections {
    /// How many terms had a leader.
    pub(super) fn count(&self) -> usize {
        self.leaders.len()
    }

    /// The highest index known to be committed.
    pub(super) fn committed(&self) -> u64 {
        self.commits.values().next_back().copied().unwrap_or_default()
    }

    /// Something shows that a node leads a term; whether that is new.
    pub(super) fn leads(&mut self, node: u64, term: u64, notes: &mut Notes) -> bool {
        let mut is_new = false;
        let leader = self.leaders.entry(term).or_insert_with(|| {
            is_new = true;
            Leader { node, own: None }
        });
        let first = leader.node;
        notes.expect(Property::ElectionSafety, first == node, || {
            format!("nodes {first} and {node} both lead term {term}")
        });
        is_new
    }

    /// A line of a node that leads.
    pub(super) fn leader_line(&mut self, event: &Event, notes: &mut Notes) {
        let Event { node, state, log, .. } = event;
        let (term, commit, log) = (state.term, state.commit, *log);
        if let Some((in_term, index)) = self.commits.range(..term).next_back() {
            notes.expect(Property::LeaderCompleteness, log >= *index, || {
                without(*node, term, log, *index, *in_term)
            });
        }
        let Some(leader) = self.leaders.get_mut(&term).filter(|leader| leader.node == *node) else { return };
        let Some(own) = &mut leader.own else {
            leader.own = Some(Own { first: log, log, commit });
            return;
        };
        notes.expect(Property::LeaderAppendOnly, log >= own.log, || {
            format!("node {node}, leader of term {term}: its log shrinks from {} to {log}", own.log)
        });
        notes.expect(Property::NothingGoesBack, commit >= own.commit, || {
            format!(
                "node {node}, leader of term {term}, goes back from commit index {} to {commit}",
                own.commit
            )
        });
        (own.log, own.commit) = (own.log.max(log), own.commit.max(commit));
    }

    /// A node of this term holds this index committed.
    pub(super) fn commits(&mut self, term: u64, index: u64, notes: &mut Notes) {
        if self.commits.range(..=term).next_back().is_some_and(|(_, known)| *known >= index) {
            return;
        }
        let mut later = self.commits.split_off(&term);
        later.retain(|_, known| *known > index);
        self.commits.insert(term, index);
        self.commits.append(&mut later);
        for (led, Leader { node, own }) in self.leaders.range(term.saturating_add(1)..) {
            let Some(own) = own else { continue };
            notes.expect(Property::LeaderCompleteness, own.first >= index, || {
                without(*node, *led, own.first, index, term)
            });
        }
    }

    /// A leader commits an index.
    pub(super) fn leader_commits(&mut self, event: &Event) {
        let (leader, index, conf) = (event.node, event.state.commit, event.conf.clone());
        if self.last.as_ref().is_none_or(|last| last.index < index) {
            self.last = Some(Committed { leader, index, conf, without: BTreeSet::new() });
        }
    }

    /// A line that comes later than the last commit shows how long a node's log is.
    pub(super) fn has_log(&mut self, node: u64, log: u64, notes: &mut Notes) {
        let Some(Committed { leader, index, conf, without }) = &mut self.last else { return };
        if !conf.has(node) {
            return;
        }
        if log < *index {
            without.insert(node);
        }
        let (stays, count, of) = conf.majority(|voter| !without.contains(&voter));
        notes.expect(Property::CommittedOnMajority, stays, || {
            format!("node {leader} committed index {index}; of {of} voters only {count} can have had it then, by their later lines")
        });
    }
}

fn without(node: u64, term: u64, log: u64, index: u64, in_term: u64) -> String {
    format!(
        "node {node} leads term {term} with a log up to {log}; {index} was committed in term {in_term} or before"
    )
}

/// Who led a term, for a node that shows it.
pub(super) fn shows_leader(event: &Event) -> Option<(u64, u64)> {
    match &event.msg {
        _ if event.role == Role::Leader => Some((event.node, event.state.term)),
        Some(message) if message.kind.is_from_leader() => Some((message.from, message.term)),
        _ => None,
    }
}
