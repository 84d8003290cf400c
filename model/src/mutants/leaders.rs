//! Figure 2, Rules for Servers: leaders.

use super::Mutant;
use super::bug::{Fx, Saved, Server, broken, mutants};
use super::spaces::{ELECTION, FIGURE_8, FOUR, LATE_ACKNOWLEDGEMENT, Needs, entries, one_term};
use super::tools::{all_committed, append_as, edited, progress, with_log};
use crate::cluster::prefix::Command;
use figure2_core::{AppendEntriesReply, Entry, Index, Progress, ServerId, Term};

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "L1-match" breaks L1: "match_index starts where next_index starts";
            CommittedOnMajority in one_term(1);
            Leaders {
                fn become_leader(&self, s: &mut Server, fx: &mut Fx) {
                    Figure2.become_leader(s, fx);
                    let reported = s.log().last_index().next();
                    for peer in s.config().peers_of(s.id()) {
                        Figure2.append_accepted(s, &mut Fx::default(), peer, reported);
                    }
                }
            }
        }
        {
            "L1-tail" breaks L1: "a new leader deletes what it does not know to be committed";
            LeaderCompleteness in entries(1);
            Leaders {
                fn become_leader(&self, s: &mut Server, fx: &mut Fx) {
                    let from = s.commit_index().next();
                    self.save(s, fx, Saved::Truncate { from });
                    Figure2.become_leader(s, fx);
                }
            }
        }
        {
            "L1R-candidate" breaks L1R: "a candidate sends heartbeats, too";
            NoRejection in Needs { in_flight: 4, ..ELECTION };
            Leaders {
                fn heartbeat(&self, s: &mut Server, fx: &mut Fx) {
                    let mut twin = s.clone();
                    if !s.is_leader() {
                        Figure2.become_leader(&mut twin, &mut Fx::default());
                    }
                    Figure2.heartbeat(&mut twin, fx);
                }
            }
        }
        {
            "L1R-commit" breaks L1R: "heartbeats carry the log's end for leader_commit";
            CommittedOnMajority in FOUR;
            Leaders {
                fn heartbeat(&self, s: &mut Server, fx: &mut Fx) {
                    Figure2.heartbeat(&mut all_committed(s), fx);
                    Figure2.heartbeat(s, &mut Fx::default());
                }
            }
        }
        {
            "L2-term" breaks L2: "a command gets the term of the entry before it";
            LogMatching in entries(3);
            Leaders {
                fn propose(&self, s: &mut Server, fx: &mut Fx, command: Command) {
                    let term = if s.log().last_term() > Term::ZERO { s.log().last_term() } else { s.current_term() };
                    let first_index = s.log().last_index().next();
                    self.save(s, fx, Saved::Append { first_index, entries: vec![Entry { term, command }] });
                }
            }
        }
        {
            "L2-overwrite" breaks L2: "a command is put after what is committed, over what is not";
            LeaderAppendOnly in one_term(2);
            Leaders {
                fn propose(&self, s: &mut Server, fx: &mut Fx, command: Command) {
                    let from = s.commit_index().next();
                    if s.log().last_index() >= from {
                        self.save(s, fx, Saved::Truncate { from });
                    }
                    Figure2.propose(s, fx, command);
                }
            }
        }
        {
            "L3-prev" breaks L3: "prev_log_term is the term of the log's last entry";
            NoRejection in entries(2);
            Replication {
                fn append_to(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    let mut twin = s.clone();
                    if let Some((next_index, _)) = progress(s, peer) {
                        let (prev, term) = (next_index.prev(), s.log().last_term());
                        twin = with_log(s, edited(s, |index, entry| {
                            Some(if index == prev { Entry { term, ..entry } } else { entry })
                        }));
                    }
                    append_as(&mut twin, s, fx, peer);
                }
            }
        }
        {
            "L3-skip" breaks L3: "the entry at next_index is left out";
            LogMatching in one_term(2);
            Replication {
                fn append_to(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    let mut twin = s.clone();
                    if let Some((next_index, _)) = progress(s, peer) {
                        twin = with_log(s, edited(s, |index, entry| (index != next_index).then_some(entry)));
                    }
                    append_as(&mut twin, s, fx, peer);
                }
            }
        }
        {
            "L3-commit" breaks L3: "leader_commit is the end of the leader's log";
            CommittedOnMajority in FOUR;
            Replication {
                fn append_to(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    append_as(&mut all_committed(s), s, fx, peer);
                }
            }
        }
        {
            "L3-term" breaks L3: "entries are sent as of the leader's term, whatever term they are of";
            CommittedAgree in entries(2);
            Replication {
                fn append_to(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    let term = s.current_term();
                    let Some((next_index, _)) = progress(s, peer) else { return };
                    let mut twin = with_log(s, edited(s, |index, entry| {
                        Some(if index >= next_index { Entry { term, ..entry } } else { entry })
                    }));
                    append_as(&mut twin, s, fx, peer);
                }
            }
        }
        {
            "L3S-sent" breaks L3S: "match_index moves when entries are sent, not when they are acknowledged";
            CommittedOnMajority in one_term(1);
            Replication {
                fn append_to(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    Figure2.append_to(s, fx, peer);
                    let sent = s.log().last_index();
                    if progress(s, peer).is_some_and(|(_, matched)| matched < sent) {
                        Figure2.append_accepted(s, &mut Fx::default(), peer, sent);
                    }
                }
            }
        }
        {
            "L3S-end" breaks L3S: "match_index is the end of the leader's log when the reply arrives";
            CommittedOnMajority in one_term(1);
            Leaders {
                fn append_accepted(&self, s: &mut Server, fx: &mut Fx, from: ServerId, _: Index) {
                    let reported = s.log().last_index();
                    Figure2.append_accepted(s, fx, from, reported);
                }
            }
        }
        {
            "L3S-next" breaks L3S: "match_index is one more than what was acknowledged";
            CommittedOnMajority in one_term(1);
            Leaders {
                fn append_accepted(&self, s: &mut Server, fx: &mut Fx, from: ServerId, reported: Index) {
                    Figure2.append_accepted(s, fx, from, reported.next());
                }
            }
        }
        {
            "R2" breaks L3S: "match_index goes back on a late reply";
            NothingGoesBack in one_term(1);
            Replication {
                fn new_match_index(&self, _: Index, reported: Index) -> Index {
                    reported
                }
            }
        }
        {
            "C4" breaks L3F: "a refusal advances match_index and the commit";
            LeaderCompleteness in entries(2);
            Replication {
                fn append_refused(&self, s: &mut Server, fx: &mut Fx, from: ServerId, refusal: &Refusal) {
                    self.append_accepted(s, fx, from, refusal.prev_log_index);
                }
            }
        }
        {
            "L3F-own" breaks L3F: "a refused leader deletes its own entries from where the follower's log ends";
            LeaderAppendOnly in Needs { terms: 2, ..entries(1) };
            Replication {
                fn append_refused(&self, s: &mut Server, fx: &mut Fx, from: ServerId, refusal: &Refusal) {
                    Figure2.append_refused(s, fx, from, refusal);
                    if s.is_leader() && refusal.conflict_index <= s.log().last_index() {
                        self.save(s, fx, Saved::Truncate { from: refusal.conflict_index });
                    }
                }
            }
        }
        {
            "L3F-match" breaks L3F: "a refusal, however late, takes match_index back";
            NothingGoesBack in entries(2);
            Replication {
                fn append_refused(&self, s: &mut Server, fx: &mut Fx, from: ServerId, refusal: &Refusal) {
                    let backwards = broken!(
                        Replication {
                            fn new_match_index(&self, _: Index, reported: Index) -> Index {
                                reported
                            }
                        }
                    );
                    backwards.append_accepted(s, &mut Fx::default(), from, refusal.conflict_index.prev());
                    Figure2.append_refused(s, fx, from, refusal);
                }
            }
        }
        {
            "C1" breaks L4: "an entry of an earlier term is committed by counting (Figure 8)";
            LeaderCompleteness in FIGURE_8;
            Leaders {
                fn may_commit(&self, s: &Server, index: Index) -> bool {
                    s.log().term_at(index).is_some()
                }
            }
        }
        {
            "L4-last" breaks L4: "an entry may be committed by counting if it is of the last entry's term";
            LeaderCompleteness in FIGURE_8;
            Leaders {
                fn may_commit(&self, s: &Server, index: Index) -> bool {
                    s.log().term_at(index) == Some(s.log().last_term())
                }
            }
        }
        {
            "L4-one" breaks L4: "what any one server holds counts as held by a majority";
            LeaderCompleteness in entries(1);
            Leaders {
                fn majority_match_index(&self, _: &Server, progress: &[Progress]) -> Index {
                    progress.iter().map(|of| of.match_index).max().unwrap_or(Index::ZERO)
                }
            }
        }
        {
            "C5" breaks L4: "the quorum is read off a match_index sorted the wrong way round";
            CommittedOnMajority in FOUR;
            Leaders {
                fn majority_match_index(&self, s: &Server, progress: &[Progress]) -> Index {
                    let mut sorted: Vec<Index> = progress.iter().map(|of| of.match_index).collect();
                    sorted.sort_unstable();
                    sorted.get(s.config().majority() - 1).copied().unwrap_or(Index::ZERO)
                }
            }
        }
        {
            "L4-next" breaks L4: "one entry more is committed than a majority holds";
            CommittedOnMajority in one_term(2);
            Leaders {
                fn majority_match_index(&self, s: &Server, progress: &[Progress]) -> Index {
                    Figure2.majority_match_index(s, progress).next()
                }
            }
        }
        {
            "R4" breaks R1: "an AppendEntries reply of an older term is handled as current";
            CommittedOnMajority in LATE_ACKNOWLEDGEMENT;
            Leaders {
                fn append_reply(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &AppendEntriesReply) {
                    let term = s.current_term();
                    let m = AppendEntriesReply { term, result: m.result.clone() };
                    Figure2.append_reply(s, fx, from, &m);
                }
            }
        }
    ]
}
