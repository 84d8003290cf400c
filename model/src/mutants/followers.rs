//! Figure 2, AppendEntries RPC: the receiver.

use super::Mutant;
use super::bug::{Fx, Server, broken, mutants};
use super::spaces::{FOUR, NEEDS, Needs, ONE_COMMITTED, entries, one_term, snapshot};
use crate::cluster::prefix::Command;
use figure2_core::{AppendEntries, AppendEntriesReply, AppendResult, Entry, Index, Message, ServerId};

/// The request.
type Request = AppendEntries<Command>;

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "AE1-old" breaks AE1: "entries of an older term's leader are taken";
            CommittedOnMajority in entries(2);
            AppendEntriesReceiver {
                fn append_entries(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: Request) {
                    let term = s.current_term();
                    Figure2.append_entries(s, fx, from, AppendEntries { term, ..m });
                }
            }
        }
        {
            "AE1-heartbeat" breaks AE1: "heartbeats of an older term's leader are taken";
            FollowersAccept in NEEDS;
            AppendEntriesReceiver {
                fn append_entries(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: Request) {
                    let term = if m.entries.is_empty() { s.current_term() } else { m.term };
                    Figure2.append_entries(s, fx, from, AppendEntries { term, ..m });
                }
            }
        }
        {
            "AE2-none" breaks AE2: "entries are taken without the consistency check";
            LogMatching in entries(2);
            AppendEntriesReceiver {
                fn find_mismatch(&self, _: &Server, _: &Request) -> Option<AppendResult> {
                    None
                }
            }
        }
        {
            "AE2-term" breaks AE2: "the consistency check looks whether there is an entry, not at its term";
            LogMatching in entries(3);
            AppendEntriesReceiver {
                fn find_mismatch(&self, s: &Server, m: &Request) -> Option<AppendResult> {
                    let too_short = m.prev_log_index > s.log().last_index();
                    Figure2.find_mismatch(s, m).filter(|_| too_short)
                }
            }
        }
        {
            "AE2-end" breaks AE2: "a prev_log_index past the end of the log is no mismatch";
            CommittedOnMajority in one_term(2);
            AppendEntriesReceiver {
                fn find_mismatch(&self, s: &Server, m: &Request) -> Option<AppendResult> {
                    let too_short = m.prev_log_index > s.log().last_index();
                    Figure2.find_mismatch(s, m).filter(|_| !too_short)
                }
            }
        }
        {
            "R3" breaks AE2: "heartbeats skip the consistency check";
            CommittedAgree in entries(2);
            AppendEntriesReceiver {
                fn find_mismatch(&self, s: &Server, m: &Request) -> Option<AppendResult> {
                    if m.entries.is_empty() { None } else { Figure2.find_mismatch(s, m) }
                }
            }
        }
        {
            "R5" breaks AE2: "the consistency check is off by one at the snapshot's edge";
            LogMatching in Needs { script: ONE_COMMITTED, ..snapshot(3) };
            AppendEntriesReceiver {
                fn find_mismatch(&self, s: &Server, m: &Request) -> Option<AppendResult> {
                    let log = s.log();
                    let is_edge = log.snapshot().is_some() && m.prev_log_index == log.base_index().next();
                    if is_edge { None } else { Figure2.find_mismatch(s, m) }
                }
            }
        }
        {
            "R1" breaks AE3: "AppendEntries truncates without a conflict";
            LeaderCompleteness in entries(1);
            AppendEntriesReceiver {
                fn first_conflict(&self, s: &Server, m: &Request) -> Option<Index> {
                    let first = m.prev_log_index.next();
                    (first > s.log().base_index() && first <= s.log().last_index()).then_some(first)
                }
            }
        }
        {
            "AE3-tail" breaks AE3: "what lies beyond the last new entry is deleted, although nothing conflicts";
            CommittedOnMajority in one_term(2);
            AppendEntriesReceiver {
                fn first_conflict(&self, s: &Server, m: &Request) -> Option<Index> {
                    let beyond = m.prev_log_index.plus(m.entries.len()).next();
                    Figure2.first_conflict(s, m).or((beyond <= s.log().last_index()).then_some(beyond))
                }
            }
        }
        {
            "R6" breaks AE3: "a conflicting entry is kept";
            CommittedAgree in entries(2);
            AppendEntriesReceiver {
                fn first_conflict(&self, _: &Server, _: &Request) -> Option<Index> {
                    None
                }
            }
        }
        {
            "AE3-after" breaks AE3: "a conflicting entry is kept, and only what follows it deleted";
            CommittedOnMajority in entries(2);
            AppendEntriesReceiver {
                fn first_conflict(&self, s: &Server, m: &Request) -> Option<Index> {
                    Figure2.first_conflict(s, m).map(Index::next)
                }
            }
        }
        {
            "AE4-again" breaks AE4: "entries that the log has already are appended again";
            LogMatching in one_term(2);
            AppendEntriesReceiver {
                fn new_entries(&self, _: &Server, m: Request) -> Vec<Entry<Command>> {
                    m.entries
                }
            }
        }
        {
            "AE4-skip" breaks AE4: "the first new entry is left out";
            CommittedOnMajority in one_term(1);
            AppendEntriesReceiver {
                fn new_entries(&self, s: &Server, m: Request) -> Vec<Entry<Command>> {
                    Figure2.new_entries(s, m).into_iter().skip(1).collect()
                }
            }
        }
        {
            "AE4-lost" breaks AE4: "entries are appended, and forgotten when the conflict before them is deleted";
            CommittedOnMajority in entries(2);
            AppendEntriesReceiver {
                fn new_entries(&self, s: &Server, m: Request) -> Vec<Entry<Command>> {
                    if s.log().last_index() > Index::ZERO { Vec::new() } else { Figure2.new_entries(s, m) }
                }
            }
        }
        {
            "C2" breaks AE5: "commit_index = leader_commit, not min with the last new entry";
            CommittedAgree in entries(2);
            AppendEntriesReceiver {
                fn follower_commit_index(&self, s: &Server, leader_commit: Index, _: Index) -> Index {
                    s.commit_index().max(leader_commit)
                }
            }
        }
        {
            "C2-end" breaks AE5: "commit_index = min with the log's end, not with the last new entry";
            CommittedAgree in entries(2);
            AppendEntriesReceiver {
                fn follower_commit_index(&self, s: &Server, leader_commit: Index, _: Index) -> Index {
                    s.commit_index().max(leader_commit.min(s.log().last_index()))
                }
            }
        }
        {
            "AE5-new" breaks AE5: "commit_index = index of the last new entry, whatever the leader committed";
            CommittedOnMajority in FOUR;
            AppendEntriesReceiver {
                fn follower_commit_index(&self, s: &Server, _: Index, last_new: Index) -> Index {
                    s.commit_index().max(last_new)
                }
            }
        }
        {
            "AE5-max" breaks AE5: "commit_index = max, not min, of leader_commit and the last new entry";
            CommittedAgree in one_term(2);
            AppendEntriesReceiver {
                fn follower_commit_index(&self, s: &Server, leader_commit: Index, last_new: Index) -> Index {
                    s.commit_index().max(leader_commit).max(last_new)
                }
            }
        }
        {
            "R2-length" breaks L3S: "match_index is set from the length of the follower's log";
            CommittedOnMajority in entries(2);
            AppendEntriesReceiver {
                fn append_result(&self, s: &Server, fx: &mut Fx, to: ServerId, result: AppendResult) {
                    let result = match result {
                        AppendResult::Success { .. } => {
                            AppendResult::Success { match_index: s.log().last_index() }
                        }
                        refusal => refusal,
                    };
                    let term = s.current_term();
                    self.reply(s, fx, to, Message::AppendEntriesReply(AppendEntriesReply { term, result }));
                }
            }
        }
    ]
}
