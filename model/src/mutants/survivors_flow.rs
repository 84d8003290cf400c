//! Changes that break no property, in how followers are brought up to date.

use super::Survivor;
use super::bug::{Fx, Server, broken, survivors};
use super::spaces::{CONFLICTING_SUFFIX, Needs, ONE_COMMITTED, entries, snapshot_in_one_term};
use crate::cluster::bounds::Limits;
use crate::cluster::prefix::Command;
use figure2_core::{AppendEntries, Index, ServerId};

pub fn survivors() -> Vec<Survivor> {
    survivors![
        {
            "AE3-first" changes AE3: "only the first entry of a message is looked at for a conflict";
            Equivalent: "What a leader sends a follower begins where their logs match: it is sent after a success there. So \
                the first entry is where they differ, if they do, and a message that is late finds its own entries.";
            in Needs { entries_per_message: 2, script: CONFLICTING_SUFFIX, ..entries(4) };
            AppendEntriesReceiver {
                fn first_conflict(&self, s: &Server, m: &AppendEntries<Command>) -> Option<Index> {
                    let first = m.prev_log_index.next();
                    Figure2.first_conflict(s, m).filter(|index| *index == first)
                }
            }
        }
        {
            "S2W-never" changes S2W: "a snapshot that is not acknowledged is waited for without end";
            Liveness: "If the snapshot was lost, the follower gets nothing more in this term.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Replication {
                fn await_snapshots(&self, _: &mut Server, _: &mut Fx) {}
            }
        }
        {
            "S3F-never" changes S3F: "a follower that had the snapshot and lost it is not sent it again";
            Liveness: "A follower that restarted while it installed the snapshot gets nothing more in this term.";
            in Needs { script: ONE_COMMITTED, crashes: 1, ..snapshot_in_one_term(1) };
            Replication {
                fn snapshot_not_installed(
                    &self, s: &mut Server, fx: &mut Fx, from: ServerId, acknowledged: bool, refusal: &Refusal,
                ) {
                    if refusal.installing.is_some() {
                        Figure2.snapshot_not_installed(s, fx, from, acknowledged, refusal);
                    }
                }
            }
        }
        {
            "S1K-never" changes S1K: "a leader keeps no entries for followers that lack them";
            Harmless: "A follower that lacks them gets the snapshot.";
            in Needs {
                script: ONE_COMMITTED, limits: Limits { retained: 17, ..Limits::NONE }, ..snapshot_in_one_term(1)
            };
            Snapshots {
                fn retains_for_followers(&self, _: &Server, _: Index) -> bool {
                    false
                }
            }
        }
    ]
}
