//! Bugs that show when the base of a log moves, and moves again, and in what follows a snapshot.

use super::Mutant;
use super::bug::{Fx, Saved, Server, broken, mutants};
use super::spaces::{ALONE, CONFLICTING_SUFFIX, Needs, ONE_COMMITTED, snapshot, snapshot_in_one_term};
use crate::cluster::prefix::{Command, Prefix};
use figure2_core::{Apply, Change, Config, Index, Log, Persistent, ProgressState, ServerId, Snapshot};

/// A server that is alone, three commands, and a base that moves twice.
const TWICE: Needs = Needs { client_requests: 3, snapshots: 2, ..ALONE };

/// A server that is alone, two commands, and a snapshot.
const ONCE: Needs = Needs { client_requests: 2, snapshots: 1, ..ALONE };

/// A change of a snapshot that takes the place of another one.
fn second(
    s: &Server,
    change: Saved,
    alter: impl FnOnce(&Snapshot<Prefix>, Snapshot<Prefix>, bool) -> Saved,
) -> Saved {
    match (s.log().snapshot(), change) {
        (Some(earlier), Change::Snapshot { snapshot, keep_suffix }) => alter(earlier, snapshot, keep_suffix),
        (_, other) => other,
    }
}

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "S1-second" breaks S1: "a second snapshot throws the entries after it away";
            CommittedOnMajority in TWICE;
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    let change = second(s, change, |_, snapshot, _| Change::Snapshot { snapshot, keep_suffix: false });
                    Figure2.save(s, fx, change);
                }
            }
        }
        {
            "S1-data" breaks S1: "a second snapshot has the content of the first";
            SnapshotIsPrefix in TWICE;
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    let change = second(s, change, |earlier, snapshot, keep_suffix| Change::Snapshot {
                        snapshot: Snapshot { data: earlier.data, ..snapshot }, keep_suffix,
                    });
                    Figure2.save(s, fx, change);
                }
            }
        }
        {
            "S1-term" breaks S1: "a second snapshot has the last included term of the first";
            SnapshotIsPrefix in Needs { terms: 2, crashes: 1, ..TWICE };
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    let change = second(s, change, |earlier, snapshot, keep_suffix| Change::Snapshot {
                        snapshot: Snapshot { last_included_term: earlier.last_included_term, ..snapshot }, keep_suffix,
                    });
                    Figure2.save(s, fx, change);
                }
            }
        }
        {
            "S1-short" breaks S1: "a second snapshot stands for as many entries as lie behind the first";
            SnapshotIsPrefix in TWICE;
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    let change = second(s, change, |earlier, snapshot, keep_suffix| {
                        let covered = snapshot.last_included_index.since(earlier.last_included_index);
                        let last_included_index = Index::ZERO.plus(covered);
                        Change::Snapshot { snapshot: Snapshot { last_included_index, ..snapshot }, keep_suffix }
                    });
                    Figure2.save(s, fx, change);
                }
            }
        }
        {
            "P1-suffix" breaks P1: "after a restart from a snapshot the entries behind it are forgotten";
            LeaderCompleteness in Needs { terms: 2, crashes: 1, ..ONCE };
            Persistence {
                fn restart(&self, id: ServerId, config: Config, persistent: Persistent<Command, Prefix>) -> Server {
                    let log = match persistent.log.snapshot() {
                        Some(snapshot) => Log::from_parts(Some(snapshot.clone()), Vec::new()),
                        None => persistent.log.clone(),
                    };
                    Figure2.restart(id, config, Persistent { log, ..persistent })
                }
            }
        }
        {
            "A1-behind" breaks A1: "after a restart from a snapshot the first entry behind it is not applied";
            AppliedInOrder in Needs { terms: 2, crashes: 1, client_requests: 3, ..ONCE };
            AllServers {
                fn next_apply(&self, s: &Server, limit: usize) -> Option<Apply<Command, Prefix>> {
                    let next = Figure2.next_apply(s, limit)?;
                    match next {
                        Apply::Entries { first_index, .. }
                            if s.log().snapshot().is_some() && first_index == s.log().base_index().next() =>
                        {
                            let first_index = first_index.next();
                            let entries = s.log().entries_from(first_index, limit).to_vec();
                            let is_committed = !entries.is_empty() && first_index <= s.commit_index();
                            is_committed.then_some(Apply::Entries { first_index, entries })
                        }
                        other => Some(other),
                    }
                }
            }
        }
        {
            "IS7-any" breaks IS7: "the suffix is kept if there is an entry at the snapshot's index, whatever its term";
            Recoverable in Needs { script: CONFLICTING_SUFFIX, ..snapshot(3) };
            Snapshots {
                fn keeps_suffix(&self, s: &Server, snapshot: &Snapshot<Prefix>) -> bool {
                    s.log().term_at(snapshot.last_included_index).is_some()
                }
            }
        }
        {
            "S2W-end" breaks S2W: "a follower whose snapshot is waited for in vain counts as having the leader's whole log";
            CommittedOnMajority in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Replication {
                fn await_snapshots(&self, s: &mut Server, fx: &mut Fx) {
                    let waits = |s: &Server, peer| {
                        s.progress_of(peer).is_some_and(|known| matches!(known.state, ProgressState::Snapshot { .. }))
                    };
                    let waited: Vec<ServerId> = s.config().peers_of(s.id()).filter(|peer| waits(s, *peer)).collect();
                    Figure2.await_snapshots(s, fx);
                    let end = s.log().last_index();
                    for peer in waited.into_iter().filter(|peer| !waits(s, *peer)).collect::<Vec<_>>() {
                        self.append_accepted(s, fx, peer, end);
                    }
                }
            }
        }
        {
            "S3F-end" breaks S3F: "a follower that refuses while it installs a snapshot counts as having the whole log";
            CommittedOnMajority in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Replication {
                fn snapshot_not_installed(
                    &self, s: &mut Server, fx: &mut Fx, from: ServerId, _: bool, _: &Refusal,
                ) {
                    let end = s.log().last_index();
                    self.append_accepted(s, fx, from, end);
                }
            }
        }
    ]
}
