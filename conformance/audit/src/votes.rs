//! What servers tell of their votes, and whom they name as a leader. The receiver of a message keeps what its sender told,
//! even if the sender's own lines are lost. Each of these checks is the same in whatever order the lines come.

use super::property::{Findings, Here, Property};
use super::server::{Ballot, show};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Votes {
    /// The term in which each server was when it started first. Messages of that term and earlier ones may be older than
    /// the recording.
    first_terms: BTreeMap<u8, u64>,
    /// By server and term: whom its own lines show it to have voted for.
    shown: BTreeMap<(u8, u64), u8>,
    /// And what others received of that, as long as no line of its own shows it.
    heard: BTreeMap<(u8, u64), (u8, Here)>,
    /// By term: a server that was named as the leader, and that no line elects so far.
    unelected: BTreeMap<u64, (u8, Here)>,
}

impl Votes {
    /// A server starts.
    pub(super) fn starts(&mut self, id: u8, found: Ballot, findings: &mut Findings) {
        self.first_terms.entry(id).or_insert(found.term);
        self.shows(id, found, findings);
    }

    /// A line of the server shows this term and vote.
    pub(super) fn shows(&mut self, id: u8, ballot: Ballot, findings: &mut Findings) {
        let Ballot { term, vote: Some(vote) } = ballot else { return };
        self.shown.insert((id, term), vote);
        if let Some((heard, _)) = self.heard.remove(&(id, term)) {
            agree(id, term, (heard, vote), findings);
        }
    }

    /// A message shows that its sender had this term and vote.
    pub(super) fn hears(&mut self, id: u8, term: u64, vote: u8, findings: &mut Findings) {
        if let Some(shown) = self.shown.get(&(id, term)) {
            agree(id, term, (vote, *shown), findings);
        } else if let Some((heard, _)) = self.heard.get(&(id, term)) {
            agree(id, term, (vote, *heard), findings);
        } else {
            self.heard.insert((id, term), (vote, findings.here.clone()));
        }
    }

    /// A server is named as the leader of a term that no line elected so far.
    pub(super) fn names(&mut self, leader: u8, term: u64, findings: &Findings) {
        self.unelected.entry(term).or_insert_with(|| (leader, findings.here.clone()));
    }

    /// A leader is elected.
    pub(super) fn elects(&mut self, term: u64) {
        self.unelected.remove(&term);
    }

    /// After the last line: what no line of the server shows must be older than its first line, or in one of its tails.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        let is_shown = |id: u8, term: u64| self.first_terms.get(&id).is_some_and(|first| term > *first);
        for ((id, term), (vote, here)) in std::mem::take(&mut self.heard) {
            if is_shown(id, term) {
                let ballot = Ballot { term, vote: Some(vote) };
                explain(Property::OneVote, id, ballot, here, findings, || {
                    format!("server {id} told of {}, and none of its lines shows it", show(ballot))
                });
            }
        }
        for (term, (id, here)) in std::mem::take(&mut self.unelected) {
            if is_shown(id, term) {
                let own = Ballot { term, vote: Some(id) };
                explain(Property::KnownLeader, id, own, here, findings, || {
                    format!("server {id} is taken for the leader of term {term}, and no line elects it")
                });
            }
        }
    }
}

fn agree(id: u8, term: u64, (heard, other): (u8, u8), findings: &mut Findings) {
    findings.expect(Property::OneVote, heard == other, || {
        format!("server {id} votes for server {heard} and for server {other} in term {term}")
    });
}

/// A server had this term and vote, and no line of it shows that.
fn explain(
    property: Property,
    id: u8,
    ballot: Ballot,
    here: Here,
    findings: &mut Findings,
    what: impl FnOnce() -> String,
) {
    match findings.tails.hiding(id, ballot) {
        Some(tail) => findings.excuse(property, tail),
        None => {
            findings.here = here;
            findings.expect(property, false, what);
        }
    }
}
