//! Messages of several entries: batches that overlap what the follower has, that begin below the base of its log, or that
//! are only a part of what it lacks.

use super::Mutant;
use super::bug::{Fx, Server, broken, mutants};
use super::spaces::{CONFLICTING_SUFFIX, NEEDS, Needs, entries};
use super::tools::progress;
use crate::cluster::prefix::Command;
use crate::cluster::script::ScriptStep::{self, Exchange, LoseAll, Request, Timeout};
use figure2_core::{AppendEntries, AppendResult, Entry, Index, Progress, ServerId};

/// S0 leads term 1, and S1 is known to match.
const LED: &[ScriptStep] = &[Timeout(0), Exchange(0, 1)];

/// A leader and a follower, two commands, and messages of two entries: after a loss both are sent again.
const PAIR: Needs =
    Needs { servers: 2, terms: 1, client_requests: 2, entries_per_message: 2, script: LED, ..NEEDS };

/// The same, and a service that takes a snapshot.
const PAIR_AND_SNAPSHOT: Needs = Needs { snapshots: 1, ..PAIR };

/// S1 leads term 2 over S2; S0 has two entries of term 1 where theirs is.
const CONFLICT: Needs = Needs { entries_per_message: 2, script: CONFLICTING_SUFFIX, ..entries(4) };

/// S1 and S2 match, and two commands that S0 took in were lost on their way.
const BOTH_LOST: Needs =
    Needs { script: &[Timeout(0), Exchange(0, 1), Request(0), Request(0), LoseAll], ..PAIR };

/// The request.
type Batch = AppendEntries<Command>;

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "AE2-below" breaks AE2: "a prev_log_index below the log's base is a mismatch";
            NoRejection in PAIR_AND_SNAPSHOT;
            AppendEntriesReceiver {
                fn find_mismatch(&self, s: &Server, m: &Batch) -> Option<AppendResult> {
                    let (prev_log_index, base) = (m.prev_log_index, s.log().base_index());
                    let conflict_index = base.next();
                    let below = AppendResult::Conflict {
                        prev_log_index, conflict_index, conflict_term: None, installing: None,
                    };
                    if prev_log_index < base { Some(below) } else { Figure2.find_mismatch(s, m) }
                }
            }
        }
        {
            "AE3-last" breaks AE3: "only the last entry of a message is looked at for a conflict";
            LogMatching in CONFLICT;
            AppendEntriesReceiver {
                fn first_conflict(&self, s: &Server, m: &Batch) -> Option<Index> {
                    Figure2.first_conflict(s, m)?;
                    let last = m.prev_log_index.plus(m.entries.len());
                    let term = m.entries.last().map(|entry| entry.term);
                    s.log().term_at(last).filter(|there| Some(*there) != term).map(|_| last)
                }
            }
        }
        {
            "AE4-one" breaks AE4: "of a message only the first entry is looked up in the log: the others count as new";
            LogMatching in Needs { client_requests: 3, ..BOTH_LOST };
            AppendEntriesReceiver {
                fn new_entries(&self, s: &Server, m: Batch) -> Vec<Entry<Command>> {
                    let known = s.log().last_index().since(m.prev_log_index);
                    m.entries.into_iter().skip(known.min(1)).collect()
                }
            }
        }
        {
            "AE4-known" breaks AE4: "a message of which the log has anything counts as known altogether";
            CommittedOnMajority in PAIR;
            AppendEntriesReceiver {
                fn new_entries(&self, s: &Server, m: Batch) -> Vec<Entry<Command>> {
                    let knows_any = s.log().last_index() > m.prev_log_index;
                    if knows_any { Vec::new() } else { m.entries }
                }
            }
        }
        {
            "AE4-base" breaks AE4: "what the log has of a message is counted from the log's base";
            LogMatching in PAIR_AND_SNAPSHOT;
            AppendEntriesReceiver {
                fn new_entries(&self, s: &Server, m: Batch) -> Vec<Entry<Command>> {
                    let after = m.prev_log_index.max(s.log().base_index());
                    let known = s.log().last_index().since(after);
                    m.entries.into_iter().skip(known).collect()
                }
            }
        }
        {
            "AE4-part" breaks AE4: "of a message that begins below the log's base nothing is appended";
            CommittedOnMajority in PAIR_AND_SNAPSHOT;
            AppendEntriesReceiver {
                fn new_entries(&self, s: &Server, m: Batch) -> Vec<Entry<Command>> {
                    if m.prev_log_index < s.log().base_index() { Vec::new() } else { Figure2.new_entries(s, m) }
                }
            }
        }
        {
            "AE4-half" breaks AE4: "of several new entries the last is left out";
            CommittedOnMajority in PAIR;
            AppendEntriesReceiver {
                fn new_entries(&self, s: &Server, m: Batch) -> Vec<Entry<Command>> {
                    let mut new = Figure2.new_entries(s, m);
                    new.truncate(new.len().max(2) - 1);
                    new
                }
            }
        }
        {
            "L3S-batch" breaks L3S: "when any of what was sent is acknowledged, all of it counts";
            CommittedOnMajority in PAIR;
            Leaders {
                fn append_accepted(&self, s: &mut Server, fx: &mut Fx, from: ServerId, reported: Index) {
                    let known = progress(s, from).filter(|(_, matched)| reported > *matched);
                    let sent = known.map_or(reported, |(next_index, _)| next_index.prev());
                    Figure2.append_accepted(s, fx, from, reported.max(sent));
                }
            }
        }
        {
            "L3B-skip" breaks L3B: "when several entries are due the first is left out";
            LogMatching in BOTH_LOST;
            Replication {
                fn next_batch<'a>(&self, s: &'a Server, known: &Progress) -> &'a [Entry<Command>] {
                    match Figure2.next_batch(s, known) {
                        [_, later @ ..] if !later.is_empty() => later,
                        batch => batch,
                    }
                }
            }
        }
        {
            "L3B-count" breaks L3B: "a message carries all that is due, however many entries that are";
            WithinLimits in Needs { entries_per_message: 1, ..BOTH_LOST };
            Replication {
                fn next_batch<'a>(&self, s: &'a Server, known: &Progress) -> &'a [Entry<Command>] {
                    s.log().entries_from(known.next_index, usize::MAX)
                }
            }
        }
    ]
}
