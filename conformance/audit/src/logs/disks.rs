//! On whose disks each entry is.

use super::{Logs, bit};
use crate::event::Change;
use crate::property::{Findings, Property};
use crate::term_runs::TermRuns;

impl Logs {
    /// A change reaches a disk, where the terms of the log so far are `term_runs`.
    pub(in super::super) fn durable(
        &mut self,
        server: u8,
        term_runs: &TermRuns,
        change: &Change,
        findings: &mut Findings,
    ) {
        let bit = bit(server);
        match change {
            Change::TermAndVote { .. } => {}
            Change::Append { entries } => {
                for (index, entry) in (term_runs.last() + 1..).zip(entries) {
                    let slot = self.window.slot(index);
                    if let Some(variant) = slot.and_then(|slot| slot.variant(entry.term)) {
                        variant.holders |= bit;
                    }
                }
            }
            Change::Truncate { from } => self.lose(server, (*from, term_runs.last()), findings),
            Change::Snapshot { snapshot, keep_suffix } => {
                let index = snapshot.last_included_index;
                for covered in term_runs.base().max(self.window.floor()) + 1..=index.min(self.window.top()) {
                    let Some(slot) = self.window.slot(covered) else { continue };
                    let committed = slot.committed;
                    if let Some(variant) = slot.variant(committed) {
                        variant.holders |= bit;
                    }
                }
                if !keep_suffix {
                    self.lose(server, (index + 1, term_runs.last()), findings);
                }
            }
        }
    }

    /// The servers that started with a snapshot in the place of this entry, a bit each. Their disks have it, whatever a line
    /// showed of it.
    pub(super) fn based_beyond(&self, index: u64) -> u64 {
        let based = self.based.iter().filter(|(_, base)| **base >= index);
        based.fold(0, |bits, (server, _)| bits | bit(*server))
    }

    /// The entries of a range are no longer on a server's disk.
    fn lose(&mut self, server: u8, (from, to): (u64, u64), findings: &mut Findings) {
        let bit = bit(server);
        let absent =
            u32::from(self.servers).saturating_sub(u32::try_from(self.seen.len()).unwrap_or(u32::MAX));
        for index in from.max(self.window.floor() + 1)..=to.min(self.window.top()) {
            let based = self.based_beyond(index);
            let Some(slot) = self.window.slot(index) else { continue };
            slot.variants.iter_mut().for_each(|variant| variant.holders &= !bit);
            let committed = slot.committed;
            if let Some(variant) = slot.variant(committed) {
                let holders = variant.holders | based;
                on_majority(holders, absent, self.servers, findings, |holders| {
                    format!(
                        "server {server} deletes the committed entry of index {index}: {holders} disks have it"
                    )
                });
            }
        }
    }

    /// After the last line: with lines out of order, what is committed must be on a majority by now.
    pub(in super::super) fn finish(&mut self, findings: &mut Findings) {
        let absent =
            u32::from(self.servers).saturating_sub(u32::try_from(self.seen.len()).unwrap_or(u32::MAX));
        for index in std::mem::take(&mut self.unproven) {
            let based = self.based_beyond(index);
            let Some(slot) = self.window.slot(index) else { continue };
            let committed = slot.committed;
            let holders = slot.variant(committed).map_or(0, |variant| variant.holders);
            on_majority(holders | based, absent, self.servers, findings, |holders| {
                format!("index {index} is committed, and at the end on the disks of {holders} servers")
            });
        }
    }
}

/// A committed entry is on these servers' disks, a bit each; so many more servers have no recording. Others may have it
/// since their tails began.
fn on_majority(
    holders: u64,
    absent: u32,
    servers: u8,
    findings: &mut Findings,
    what: impl FnOnce(u32) -> String,
) {
    let is_majority = |disks: u64| disks.count_ones() + absent > u32::from(servers) / 2;
    let hidden = findings.tails.open() & !holders;
    if !is_majority(holders) && is_majority(holders | hidden) {
        return findings.excuse_open(Property::CommittedOnMajority, hidden);
    }
    findings.expect(Property::CommittedOnMajority, is_majority(holders), || what(holders.count_ones()));
}
