//! Which node led which term, and what was committed: contradictions here cannot be explained by missing lines.

use super::line::{Conf, Event, Role};
use super::notes::Notes;
use crate::Property;
use std::collections::{BTreeMap, BTreeSet};

/// Who leads a term, as far as lines show it.
struct Leader {
    node: u64,
    /// The longest log and the highest commit index since; none before a line
    /// of its own.
    own: Option<Own>,
}

struct Own {
    log: u64,
    commit: u64,
}

/// The last index that a leader committed, and which voters have shown since that they do not have it.
struct Committed {
    leader: u64,
    index: u64,
    conf: Conf,
    without: BTreeSet<u64>,
    /// How many of each half of the configuration those are.
    missing: [usize; 2],
}

#[derive(Default)]
pub(super) struct Elections {
    leaders: BTreeMap<u64, Leader>,
    /// For terms, the length of their leaders' logs when they are first shown: only where no leader of a later term had
    /// as short a log.
    logs: BTreeMap<u64, (u64, u64)>,
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
            leader.own = Some(Own { log, commit });
            self.begins_with(term, *node, log);
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
        if let Some((led, (node, log))) = self.logs.range(term.saturating_add(1)..).next() {
            notes.expect(Property::LeaderCompleteness, *log >= index, || {
                without(*node, *led, *log, index, term)
            });
        }
    }

    /// A leader's log, when it is first shown.
    fn begins_with(&mut self, term: u64, node: u64, log: u64) {
        if self.logs.range(term..).next().is_some_and(|(_, (_, shorter))| *shorter <= log) {
            return;
        }
        while let Some((earlier, _)) =
            self.logs.range(..term).next_back().filter(|(_, (_, longer))| *longer >= log)
        {
            let earlier = *earlier;
            self.logs.remove(&earlier);
        }
        self.logs.insert(term, (node, log));
    }

    /// A leader commits an index.
    pub(super) fn leader_commits(&mut self, event: &Event) {
        let (leader, index, conf) = (event.node, event.state.commit, event.conf.clone());
        if self.last.as_ref().is_none_or(|last| last.index < index) {
            self.last = Some(Committed { leader, index, conf, without: BTreeSet::new(), missing: [0, 0] });
        }
    }

    /// A line that comes later than the last commit shows how long a node's log is.
    pub(super) fn has_log(&mut self, node: u64, log: u64, notes: &mut Notes) {
        let Some(Committed { leader, index, conf, without, missing }) = &mut self.last else { return };
        if !conf.has(node) {
            return;
        }
        let is_new = log < *index && without.insert(node);
        let halves = [&conf.0.0, &conf.1.0];
        for (half, missing) in halves.into_iter().zip(&mut *missing) {
            *missing += usize::from(is_new && half.binary_search(&node).is_ok());
        }
        let kept = |(half, missing): (&Vec<u64>, &usize)| (half.len() - missing, half.len());
        let lost = halves.into_iter().zip(&*missing).map(kept).find(|(kept, of)| *of > 0 && *kept <= of / 2);
        notes.expect(Property::CommittedOnMajority, lost.is_none(), || {
            let (kept, of) = lost.unwrap_or_default();
            format!("node {leader} committed index {index}; of {of} voters only {kept} can have had it then, by their later lines")
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
