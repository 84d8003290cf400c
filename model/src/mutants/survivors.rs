//! Changes of rules that break no property: some are equivalent, others break only liveness. Each has an argument,
//! and the argument is checked: its space is searched completely, for every property.

use super::Survivor;
use super::bug::{Fx, Saved, Server, broken, survivors};
use super::spaces::{
    CONFLICTING_SUFFIX, ELECTION, NEEDS, Needs, ONE_COMMITTED, entries, snapshot, snapshot_in_one_term,
};
use super::tools::{persisted_now, resend, stand_and_count};
use crate::cluster::node::Envelope;
use crate::cluster::prefix::{Command, Prefix};
use figure2_core::{
    AppendEntries, AppendResult, Apply, Index, InstallSnapshotReply, Persisted, Progress, Rejection,
    RequestVote, Role, Rule, ServerId, Snapshot, Term,
};

pub fn survivors() -> Vec<Survivor> {
    survivors![
        {
            "P3-term" changes P3: "a write that was done in an older term counts";
            Harmless: "A write says that the log is durable up to where it then ended. Writes are done in order, and \
                requests for votes wait for theirs; with a majority of others no server leads before all its older \
                writes were told, and a candidate's vote for itself decides nothing without theirs. A server that \
                is alone is caught (P3-older).";
            in Needs { servers: 2, unwritten: 2, ..entries(1) };
            Candidates {
                fn persisted(&self, s: &mut Server, fx: &mut Fx, persisted: Persisted) {
                    persisted_now(s, fx, persisted);
                }
            }
        }
        {
            "P3-vote" changes P3: "a candidate counts its own vote before it is durable";
            Equivalent: "The requests for votes wait for the same write, so no other vote can come before it; with \
                three servers the own vote is not a majority. A server that is alone is caught (P3-alone).";
            in Needs { unwritten: 2, crashes: 1, ..ELECTION };
            Candidates {
                fn start_election(&self, s: &mut Server, fx: &mut Fx, transfer: bool) {
                    stand_and_count(s, fx, transfer);
                }
            }
        }
        {
            "A1-entries" changes A1: "entries are applied before the snapshot that is offered";
            Harmless: "An entry that is applied is committed, whichever came first; once the snapshot covers no more \
                than that, the service is told not to take it.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            AllServers {
                fn next_apply(&self, s: &Server, limit: usize) -> Option<Apply<Command, Prefix>> {
                    let first_index = s.last_applied().next();
                    let committed = s.commit_index().since(s.last_applied());
                    let entries = s.log().entries_from(first_index, committed.min(limit)).to_vec();
                    if entries.is_empty() {
                        return s.offered().cloned().map(Apply::Snapshot);
                    }
                    Some(Apply::Entries { first_index, entries })
                }
            }
        }
        {
            "A2-vote" changes A2: "the vote of the old term is kept in the new one";
            Harmless: "The server stands by a vote that it gave nobody in the new term: it refuses others without need, and whom it named \
                it may still grant the vote to, once. When it stands itself the vote is its own.";
            in Needs { terms: 3, ..NEEDS };
            AllServers {
                fn observe_term(&self, s: &mut Server, fx: &mut Fx, term: Term) {
                    if term > s.current_term() {
                        let voted_for = s.voted_for().filter(|voted_for| *voted_for != s.id());
                        self.save(s, fx, Saved::TermAndVote { current_term: term, voted_for });
                        self.become_follower(s, fx);
                    }
                }
            }
        }
        {
            "V7" changes RV2U: "term and index of the candidate's last entry are compared one by one";
            Harmless: "Fewer logs count as up-to-date, so fewer votes are granted. Of two logs each may refuse the other, but a third \
                server elects one of them.";
            in Needs { script: CONFLICTING_SUFFIX, terms: 3, ..entries(3) };
            RequestVoteReceiver {
                fn candidate_is_up_to_date(&self, s: &Server, m: &RequestVote) -> bool {
                    m.last_log_term >= s.log().last_term() && m.last_log_index >= s.log().last_index()
                }
            }
        }
        {
            "RV1-now" changes RV1: "a candidate of an older term gets the vote, in the term of now";
            Harmless: "The vote is noted in the term of now before it is told. The candidate adopts that term, and the \
                vote is then one that it would get if it asked again: logs of candidates never become less \
                up-to-date.";
            in Needs { terms: 3, ..NEEDS };
            RequestVoteReceiver {
                fn request_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &RequestVote) {
                    let term = s.current_term();
                    Figure2.request_vote(s, fx, from, &RequestVote { term, ..*m });
                }
            }
        }
        {
            "C4-same" changes C4: "a candidate whose timer elapses stands in the same term again";
            Liveness: "Its vote in the term is its own already. If the votes are split they stay split.";
            in Needs { terms: 3, ..NEEDS };
            Candidates {
                fn election_timeout(&self, s: &mut Server, fx: &mut Fx) {
                    match s.role() {
                        Role::Candidate { .. } => self.retry_votes(s, fx),
                        _ => Figure2.election_timeout(s, fx),
                    }
                }
            }
        }
        {
            "C1R-never" changes C1R: "RequestVote is sent once, and never again";
            Harmless: "A lost request is as good as a slow one: the timer elapses, and the next election asks again.";
            in Needs { terms: 3, ..NEEDS };
            Candidates {
                fn retry_votes(&self, _: &mut Server, _: &mut Fx) {}
            }
        }
        {
            "R1-all" changes R1: "a reply of the current term is dropped, too";
            Liveness: "Nobody is elected by votes that are not counted.";
            in Needs { terms: 3, ..NEEDS };
            AllServers {
                fn reply_is_stale(&self, s: &Server, reply_term: Term) -> bool {
                    reply_term <= s.current_term()
                }
            }
        }
        {
            "L1-lower" changes L1: "next_index starts at the log's end, not past it";
            Harmless: "next_index is a guess. A lower one makes the leader send an entry that the follower may have, \
                and what it has already is not appended again.";
            in entries(1);
            Leaders {
                fn become_leader(&self, s: &mut Server, fx: &mut Fx) {
                    fx.fired(Rule::L1);
                    Figure2.become_leader(s, &mut Fx::default());
                    let last = s.log().last_index();
                    if last == Index::ZERO {
                        return Figure2.become_leader(s, fx);
                    }
                    for peer in s.config().peers_of(s.id()) {
                        let refusal = Refusal {
                            prev_log_index: last, conflict_index: last, conflict_term: None, installing: None,
                        };
                        Figure2.append_refused(s, fx, peer, &refusal);
                    }
                }
            }
        }
        {
            "L1-silent" changes L1: "a new leader sends no heartbeats until its interval elapses";
            Harmless: "Others learn of it later, with the first heartbeat, and may stand for election before.";
            in entries(1);
            Leaders {
                fn become_leader(&self, s: &mut Server, fx: &mut Fx) {
                    fx.fired(Rule::L1);
                    Figure2.become_leader(s, &mut Fx::default());
                }
            }
        }
        {
            "L1R-entries" changes L1R: "heartbeats carry the entries that the follower lacks";
            Harmless: "What the follower has already is not appended again. Lost entries would be repeated with each \
                heartbeat, whether they were lost or are on their way.";
            in entries(1);
            Leaders {
                fn heartbeat(&self, s: &mut Server, fx: &mut Fx) {
                    Figure2.heartbeat(s, &mut Fx::default());
                    for peer in s.config().peers_of(s.id()) {
                        resend(s, fx, peer);
                    }
                }
            }
        }
        {
            "L3F-late" changes L3F: "a late refusal moves next_index, too";
            Harmless: "next_index is a guess, and no refusal takes it below what is known to match. Entries are sent that \
                the follower has.";
            in entries(1);
            Replication {
                fn refusal_is_current(&self, s: &Server, _: ServerId, _: Index) -> bool {
                    s.is_leader()
                }
            }
        }
        {
            "AE2-base" changes AE2: "the entry at the snapshot's index is asked for its term";
            Equivalent: "The snapshot knows the term of its last entry, which is committed: a leader's is the same.";
            in Needs { script: ONE_COMMITTED, ..snapshot(1) };
            AppendEntriesReceiver {
                fn find_mismatch(&self, s: &Server, m: &AppendEntries<Command>) -> Option<AppendResult> {
                    let log = s.log();
                    if m.prev_log_index == log.base_index() && m.prev_log_term != log.base_term() {
                        let (prev_log_index, conflict_index) = (m.prev_log_index, m.prev_log_index);
                        return Some(AppendResult::Conflict {
                            prev_log_index, conflict_index, conflict_term: None, installing: None,
                        });
                    }
                    Figure2.find_mismatch(s, m)
                }
            }
        }
        {
            "L4-ascending" changes L4: "match_index is sorted the wrong way round, among an odd number of servers";
            Equivalent: "The middle of an odd number of values is the same from both sides. Among four servers it is caught \
                (C5).";
            in entries(1);
            Leaders {
                fn majority_match_index(&self, s: &Server, progress: &[Progress]) -> Index {
                    let mut sorted: Vec<Index> = progress.iter().map(|of| of.match_index).collect();
                    sorted.sort_unstable();
                    sorted.get(s.config().majority() - 1).copied().unwrap_or(Index::ZERO)
                }
            }
        }
        {
            "S3-match" changes S3: "a follower that takes a snapshot in counts as matching up to it";
            Harmless: "What a snapshot covers is committed already, so nothing is committed by it. If the service refuses the \
                snapshot, it has what the snapshot covers.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Replication {
                fn snapshot_reply(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &InstallSnapshotReply) {
                    Figure2.snapshot_reply(s, fx, from, m);
                    if let Some(index) = m.last_included_index.filter(|_| m.term == s.current_term()) {
                        Figure2.append_accepted(s, fx, from, index);
                    }
                }
            }
        }
        {
            "IS5-covered" changes IS5: "a snapshot is offered although it is covered already";
            Harmless: "The service asks before it switches, and is told not to (IS8R).";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Snapshots {
                fn offer_snapshot(&self, s: &mut Server, fx: &mut Fx, snapshot: Snapshot<Prefix>) {
                    let anything = broken!(
                        Snapshots {
                            fn snapshot_is_old(&self, _: &Server, _: &Snapshot<Prefix>) -> bool {
                                false
                            }
                        }
                    );
                    anything.offer_snapshot(s, fx, snapshot);
                }
            }
        }
        {
            "V1-none" changes V1: "no message is rejected";
            Equivalent: "All peers of the model are correct, and no message of theirs is one to reject.";
            in entries(1);
            Validation {
                fn validate(&self, _: &Server, _: &Envelope) -> Result<(), Rejection> {
                    Ok(())
                }
            }
        }
    ]
}
