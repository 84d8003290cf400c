//! The logs of all servers together: what was appended, committed, applied, and on how many disks it is.

mod disks;
#[cfg(test)]
mod tests;

use super::event::{Change, Content, Log};
use super::index_window::{IndexWindow, Variant};
use super::property::{Findings, Property};
use super::term_runs::TermRuns;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// So many of the latest elections are held against commits that become known later.
const ELECTIONS: usize = 64;

/// Who changes its log, and when.
pub(super) struct Writer {
    pub(super) server: u8,
    pub(super) term: u64,
    pub(super) commit_before: u64,
}

struct Election {
    term: u64,
    server: u8,
    term_runs: TermRuns,
}

pub(super) struct Logs {
    servers: u8,
    in_order: bool,
    seen: BTreeSet<u8>,
    pub(super) window: IndexWindow,
    elections: VecDeque<Election>,
    /// The data of the snapshots that were taken of each index, or were there before the first line.
    snapshots: BTreeMap<u64, Vec<Content>>,
    /// Up to where each server had a snapshot in the place of entries when it started.
    based: BTreeMap<u8, u64>,
    /// With lines out of order: committed, and not yet seen on a majority.
    unproven: BTreeSet<u64>,
    pub(super) committed: u64,
}

impl Logs {
    pub(super) fn new(servers: u8, in_order: bool) -> Logs {
        Logs {
            servers,
            in_order,
            seen: BTreeSet::new(),
            window: IndexWindow::default(),
            elections: VecDeque::new(),
            snapshots: BTreeMap::new(),
            based: BTreeMap::new(),
            unproven: BTreeSet::new(),
            committed: 0,
        }
    }

    /// A snapshot was there before the line that shows it: the entry at its end is committed, and was by this term.
    pub(super) fn is_there(&mut self, (index, last_term): (u64, u64), data: Content, by_term: u64) {
        // The snapshot may yet be on its way to a service, so its own index is kept.
        self.window.begin_at(index.saturating_sub(1));
        let known = self.snapshots.entry(index).or_default();
        if !known.contains(&data) {
            known.push(data);
        }
        if index > self.window.floor()
            && let Some(slot) = self.window.slot(index).filter(|slot| slot.committed == 0)
        {
            (slot.committed, slot.committed_in) = (last_term, by_term);
        }
    }

    /// A server in this term starts with this log, which is on its disk.
    pub(super) fn start(
        &mut self,
        server: u8,
        term: u64,
        term_runs: &TermRuns,
        log: &Log,
        findings: &mut Findings,
    ) {
        self.seen.insert(server);
        self.based.insert(server, term_runs.base());
        match &log.snapshot {
            None => self.window.begin_at(term_runs.base()),
            Some(snapshot) => {
                let last = (snapshot.last_included_index, snapshot.last_included_term);
                self.is_there(last, snapshot.data, term);
            }
        }
        self.window.read(log.entries.len());
        let (mut index, mut prev_term) =
            (term_runs.base(), term_runs.term_at(term_runs.base()).unwrap_or_default());
        for entry in &log.entries {
            index += 1;
            self.append(index, entry.term, prev_term, entry.command, findings);
            prev_term = entry.term;
        }
        let bit = bit(server);
        for (index, slot) in self.window.iter_mut() {
            for variant in &mut slot.variants {
                let holds = if index <= term_runs.base() {
                    slot.committed == variant.term
                } else {
                    term_runs.term_at(index) == Some(variant.term)
                };
                variant.holders = if holds { variant.holders | bit } else { variant.holders & !bit };
            }
        }
    }

    /// A step changes a log in memory, whose terms so far are `term_runs`.
    pub(super) fn change(
        &mut self,
        writer: &Writer,
        term_runs: &TermRuns,
        change: &Change,
        findings: &mut Findings,
    ) {
        match change {
            Change::TermAndVote { .. } | Change::Truncate { .. } => {}
            Change::Append { entries } => {
                self.window.read(entries.len());
                let (mut index, mut prev_term) = (term_runs.last(), term_runs.last_term());
                for entry in entries {
                    index += 1;
                    self.append(index, entry.term, prev_term, entry.command, findings);
                    prev_term = entry.term;
                }
            }
            Change::Snapshot { snapshot, .. } => {
                let last = (snapshot.last_included_index, snapshot.last_included_term);
                if last.0 > writer.commit_before {
                    self.offered(last, snapshot.data, findings);
                } else {
                    self.taken(writer, last, findings);
                    self.snapshots.entry(last.0).or_default().push(snapshot.data);
                }
            }
        }
    }

    fn append(&mut self, index: u64, term: u64, prev_term: u64, command: Content, findings: &mut Findings) {
        let Some(slot) = self.window.slot(index) else { return };
        let Some(known) = slot.variant(term) else {
            return slot.variants.push(Variant { term, prev_term, command: command.0, holders: 0 });
        };
        let matches = (known.prev_term, known.command) == (prev_term, command.0);
        let other = known.prev_term;
        findings.expect(Property::LogMatching, matches, || {
            if other == prev_term {
                format!("index {index}, term {term}: two different commands")
            } else {
                format!("index {index}, term {term}: the entry before is of term {other} in one log, {prev_term} in another")
            }
        });
    }

    /// A service took a snapshot.
    fn taken(&mut self, writer: &Writer, (index, term): (u64, u64), findings: &mut Findings) {
        let committed = self.window.slot(index).map_or(0, |slot| slot.committed);
        findings.expect(Property::SnapshotIsPrefix, committed == 0 || committed == term, || {
            format!(
                "server {}, in term {}, snapshots index {index} as of term {term}; committed there is one of term {committed}",
                writer.server, writer.term
            )
        });
    }

    /// A snapshot comes from a leader: some service must have taken it.
    pub(super) fn offered(&mut self, (index, term): (u64, u64), data: Content, findings: &mut Findings) {
        let committed = self.window.slot(index).map_or(0, |slot| slot.committed);
        let is_whole = self.seen.len() == usize::from(self.servers) && self.in_order;
        let known = self.snapshots.get(&index).is_some_and(|known| known.contains(&data));
        let fits = (committed == term || (committed == 0 && !is_whole)) && (known || !is_whole);
        findings.expect(Property::SnapshotIsPrefix, fits, || {
            if known {
                format!("a snapshot of index {index}, term {term}; committed there is term {committed} (0: nothing)")
            } else {
                format!("a snapshot of index {index}, term {term}, that no service took")
            }
        });
    }

    /// A server wins an election with this log.
    pub(super) fn elected(&mut self, server: u8, term: u64, term_runs: &TermRuns, findings: &mut Findings) {
        let mut missing = None;
        let mut checked = false;
        for (index, slot) in self.window.iter_mut() {
            if slot.committed > 0 && slot.committed_in < term {
                checked = true;
                if !term_runs.has(index, slot.committed) {
                    missing = Some((index, slot.committed));
                    break;
                }
            }
        }
        if checked || missing.is_some() {
            findings.expect(Property::LeaderCompleteness, missing.is_none(), || {
                let (index, committed) = missing.unwrap_or_default();
                format!("server {server} leads term {term} without the committed entry of index {index}, term {committed}")
            });
        }
        if self.elections.len() == ELECTIONS {
            self.elections.pop_front();
        }
        self.elections.push_back(Election { term, server, term_runs: term_runs.clone() });
    }

    /// A server, in `term`, holds the indexes of the range (without its first) to be committed.
    pub(super) fn commit(
        &mut self,
        server: u8,
        term_runs: &TermRuns,
        term: u64,
        (from, to): (u64, u64),
        findings: &mut Findings,
    ) {
        findings.expect(Property::CommittedAgree, to <= term_runs.last(), || {
            format!("server {server} holds index {to} committed, and its log ends at {}", term_runs.last())
        });
        for index in from.max(term_runs.base()) + 1..=to.min(term_runs.last()) {
            let Some(held) = term_runs.term_at(index) else { continue };
            self.commit_one(server, index, held, term, findings);
        }
    }

    fn commit_one(&mut self, server: u8, index: u64, held: u64, term: u64, findings: &mut Findings) {
        let absent =
            u32::from(self.servers).saturating_sub(u32::try_from(self.seen.len()).unwrap_or(u32::MAX));
        let Some(slot) = self.window.slot(index) else { return };
        let (known, known_in) = (slot.committed, slot.committed_in);
        findings.expect(Property::CommittedAgree, known == 0 || known == held, || {
            format!("index {index}: server {server} holds an entry of term {held} committed, others one of term {known}")
        });
        if known != 0 && (known != held || known_in <= term) {
            return;
        }
        (slot.committed, slot.committed_in) = (held, term);
        let upper = if known == 0 { u64::MAX } else { known_in };
        let holders = slot.variant(held).map_or(0, |variant| variant.holders);
        let holders = (holders | self.based_beyond(index)).count_ones();
        for election in
            self.elections.iter().filter(|election| election.term > term && election.term <= upper)
        {
            findings.expect(Property::LeaderCompleteness, election.term_runs.has(index, held), || {
                format!(
                    "server {} led term {} without the entry of index {index}, term {held}, committed in term {term}",
                    election.server, election.term
                )
            });
        }
        if known == 0 {
            self.committed += 1;
            let on_majority = holders + absent > u32::from(self.servers) / 2;
            if on_majority || self.in_order {
                findings.expect(Property::CommittedOnMajority, on_majority, || {
                    format!(
                        "server {server} commits index {index}, which is on the disks of {holders} servers"
                    )
                });
            } else {
                self.unproven.insert(index);
            }
        }
    }

    /// Whether this entry is known to be committed.
    pub(super) fn is_committed(&mut self, index: u64, term: u64) -> bool {
        let is_kept = (self.window.floor() + 1..=self.window.top()).contains(&index);
        is_kept && self.window.slot(index).is_some_and(|slot| slot.committed == term)
    }

    /// A service gets an entry.
    pub(super) fn apply(&mut self, (index, term): (u64, u64), command: Content, findings: &mut Findings) {
        let Some(slot) = self.window.slot(index) else { return };
        if slot.applied.0 == 0 {
            slot.applied = (term, command.0);
        }
        let (applied, committed) = (slot.applied, slot.committed);
        findings.expect(Property::StateMachineSafety, applied == (term, command.0), || {
            format!(
                "index {index}: a service applies another entry (term {term}) than the first did (term {})",
                applied.0
            )
        });
        if let Some(variant) = slot.variant(committed).copied() {
            let same = (variant.term, variant.command) == (term, command.0);
            findings.expect(Property::StateMachineSafety, same, || {
                format!(
                    "index {index}: a service applies another entry than the committed one of term {}",
                    variant.term
                )
            });
        }
    }

    /// Forgets all before the index of the lowest snapshot: that one may still be on its way to a service.
    pub(super) fn prune(&mut self, lowest: u64) {
        let before = lowest.saturating_sub(1);
        if before > self.window.floor() {
            self.window.prune(before);
            self.snapshots = self.snapshots.split_off(&lowest);
            self.unproven = self.unproven.split_off(&(lowest + 1));
        }
    }
}

fn bit(server: u8) -> u64 {
    1u64.checked_shl(server.into()).unwrap_or(0)
}
