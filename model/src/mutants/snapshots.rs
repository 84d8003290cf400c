//! Section 7 and Figure 13: snapshots.

use super::Mutant;
use super::bug::{Fx, Saved, Server, broken, mutants};
use super::spaces::{
    CONFLICTING_SUFFIX, Needs, ONE_COMMITTED, TWO_ON_THEIR_WAY, snapshot, snapshot_in_one_term,
};
use super::tools::{change_memory, send_as};
use crate::cluster::prefix::Prefix;
use figure2_core::{Change, Index, InstallSnapshot, InstallSnapshotReply, ServerId, Snapshot};

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "S2" breaks S1: "a snapshot records the current term as its last included term";
            SnapshotIsPrefix in Needs { script: ONE_COMMITTED, ..snapshot(1) };
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    let change = match change {
                        Change::Snapshot { snapshot, keep_suffix } => Change::Snapshot {
                            snapshot: Snapshot { last_included_term: s.current_term(), ..snapshot },
                            keep_suffix,
                        },
                        other => other,
                    };
                    Figure2.save(s, fx, change);
                }
            }
        }
        {
            "S1-all" breaks S1: "the whole log goes when the service took a snapshot";
            CommittedOnMajority in snapshot_in_one_term(2);
            Snapshots {
                fn snapshot_taken(&self, s: &mut Server, fx: &mut Fx, index: Index, data: Prefix) {
                    let taken = broken!(
                        Persistence {
                            fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                                let change = match change {
                                    Change::Snapshot { snapshot, .. } => {
                                        Change::Snapshot { snapshot, keep_suffix: false }
                                    }
                                    other => other,
                                };
                                Figure2.save(s, fx, change);
                            }
                        }
                    );
                    taken.snapshot_taken(s, fx, index, data);
                }
            }
        }
        {
            "S1-next" breaks S1: "a snapshot stands for one entry more than the service applied";
            SnapshotIsPrefix in Needs { servers: 1, in_flight: 0, ..snapshot_in_one_term(2) };
            Snapshots {
                fn snapshot_taken(&self, s: &mut Server, fx: &mut Fx, index: Index, data: Prefix) {
                    let index = index.next().min(s.commit_index());
                    Figure2.snapshot_taken(s, fx, index, data);
                }
            }
        }
        {
            "S2-index" breaks S2: "the leader sends its snapshot as if it covered the whole log";
            SnapshotIsPrefix in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Replication {
                fn send_snapshot(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    let (last_included_index, last_included_term) = (s.log().last_index(), s.log().last_term());
                    send_as(s, fx, peer, |snapshot| Snapshot { last_included_index, last_included_term, ..snapshot });
                }
            }
        }
        {
            "S2-term" breaks S2: "the leader sends its snapshot with its own term for the last included term";
            SnapshotIsPrefix in Needs { script: ONE_COMMITTED, ..snapshot(1) };
            Replication {
                fn send_snapshot(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    let last_included_term = s.current_term();
                    send_as(s, fx, peer, |snapshot| Snapshot { last_included_term, ..snapshot });
                }
            }
        }
        {
            "S3-end" breaks S3: "a follower that takes a snapshot in counts as having the leader's whole log";
            CommittedOnMajority in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Replication {
                fn snapshot_reply(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &InstallSnapshotReply) {
                    let reported = s.log().last_index();
                    Figure2.snapshot_reply(s, fx, from, m);
                    Figure2.append_accepted(s, fx, from, reported);
                }
            }
        }
        {
            "IS1-old" breaks IS1: "a snapshot of an older term's leader is taken in";
            FollowersAccept in Needs { in_flight: 3, script: ONE_COMMITTED, ..snapshot(1) };
            Snapshots {
                fn install_snapshot(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: InstallSnapshot<Prefix>) {
                    let term = s.current_term();
                    Figure2.install_snapshot(s, fx, from, InstallSnapshot { term, ..m });
                }
            }
        }
        {
            "IS5-arrival" breaks IS5: "the log switches to a snapshot when it arrives, not when the service does";
            AppliedInOrder in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Snapshots {
                fn offer_snapshot(&self, s: &mut Server, fx: &mut Fx, snapshot: Snapshot<Prefix>) {
                    if !self.snapshot_is_old(s, &snapshot) {
                        self.cond_install_snapshot(s, fx, snapshot);
                    }
                }
            }
        }
        {
            "S4" breaks IS6: "installing a snapshot throws an acknowledged suffix away";
            CommittedOnMajority in TWO_ON_THEIR_WAY;
            Snapshots {
                fn keeps_suffix(&self, _: &Server, _: &Snapshot<Prefix>) -> bool {
                    false
                }
            }
        }
        {
            "S5" breaks IS7: "installing a snapshot keeps a suffix that conflicts";
            Recoverable in Needs { script: CONFLICTING_SUFFIX, ..snapshot(3) };
            Snapshots {
                fn keeps_suffix(&self, _: &Server, _: &Snapshot<Prefix>) -> bool {
                    true
                }
            }
        }
        {
            "IS8-memory" breaks IS8: "the log switches to the snapshot in memory, and not on the disk";
            CommittedOnMajority in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Snapshots {
                fn cond_install_snapshot(&self, s: &mut Server, fx: &mut Fx, snapshot: Snapshot<Prefix>) {
                    let forgetful = broken!(
                        Persistence {
                            fn save(&self, s: &mut Server, _: &mut Fx, change: Saved) {
                                change_memory(s, change);
                            }
                        }
                    );
                    forgetful.cond_install_snapshot(s, fx, snapshot);
                }
            }
        }
        {
            "IS8-refused" breaks IS8: "the log switches to the snapshot, and the service is told that it must not";
            AppliedInOrder in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Snapshots {
                fn cond_install_snapshot(&self, s: &mut Server, fx: &mut Fx, snapshot: Snapshot<Prefix>) {
                    Figure2.cond_install_snapshot(s, fx, snapshot.clone());
                    // By now the snapshot is old, and that is what the service is told.
                    Figure2.cond_install_snapshot(s, fx, snapshot);
                }
            }
        }
        {
            "S1" breaks IS8R: "an old snapshot is installed over a newer state";
            NothingGoesBack in snapshot(2);
            Snapshots {
                fn snapshot_is_old(&self, _: &Server, _: &Snapshot<Prefix>) -> bool {
                    false
                }
            }
        }
        {
            "IS8R-equal" breaks IS8R: "a snapshot of exactly what is committed here is installed";
            NothingGoesBack in TWO_ON_THEIR_WAY;
            Snapshots {
                fn snapshot_is_old(&self, s: &Server, snapshot: &Snapshot<Prefix>) -> bool {
                    snapshot.last_included_index < s.commit_index()
                }
            }
        }
        {
            "IS8R-applied" breaks IS8R: "a snapshot is compared with last_applied, not with commit_index";
            NothingGoesBack in TWO_ON_THEIR_WAY;
            Snapshots {
                fn snapshot_is_old(&self, s: &Server, snapshot: &Snapshot<Prefix>) -> bool {
                    snapshot.last_included_index <= s.last_applied()
                }
            }
        }
    ]
}
