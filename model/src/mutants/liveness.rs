//! Changes that break no property but may stop a cluster for ever. Recovery kills them.

use super::Survivor;
use super::bug::{Fx, Saved, Server, broken, survivors};
use super::spaces::{
    ALONE, CONFLICTING_SUFFIX, ELECTION, NEEDS, Needs, ONE_COMMITTED, entries, one_term, snapshot_in_one_term,
};
use crate::cluster::bounds::{Limits, Sending};
use crate::cluster::prefix::{Command, Prefix};
use figure2_core::{
    AppendEntries, Apply, Entry, Index, Outcome, Persisted, Progress, ProgressState, RequestVote, Role,
    ServerId, Snapshot, Term,
};

pub fn survivors() -> Vec<Survivor> {
    [elections(), followers(), leaders(), snapshots()].into_iter().flatten().collect()
}

fn elections() -> Vec<Survivor> {
    survivors![
        {
            "C4-once" changes C4: "a candidate whose timer elapses waits on, and does not stand again";
            Liveness: "Split votes stay split (camunda and others had candidates that kept their term).";
            in NEEDS;
            Candidates {
                fn election_timeout(&self, s: &mut Server, fx: &mut Fx) {
                    if matches!(s.role(), Role::Follower { .. }) {
                        Figure2.election_timeout(s, fx);
                    }
                }
            }
        }
        {
            "C1-unasked" changes C1: "a candidate asks for votes only when its heartbeat interval elapses, and then not those that \
                have voted for another before";
            Liveness: "Whoever voted once is asked no more.";
            in ELECTION;
            Candidates {
                fn request_votes(&self, _: &mut Server, _: &mut Fx) {}
            }
        }
        {
            "C2-last" changes C2: "all votes are needed, and one that is not the last is not kept";
            Liveness: "Nobody ever has them all.";
            in ELECTION;
            Candidates {
                fn add_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId) {
                    let Role::Candidate { votes, .. } = s.role() else { return };
                    let mut all = *votes;
                    all.insert(from);
                    let servers = s.config().voters.len();
                    let majority = s.config().majority();
                    if all.len() < majority || all.len() == servers {
                        Figure2.add_vote(s, fx, from);
                    }
                }
            }
        }
        {
            "P3-unvoted" changes P3: "a candidate's own vote never counts";
            Liveness: "A server that is alone never leads.";
            in Needs { client_requests: 1, ..ALONE };
            Candidates {
                fn persisted(&self, s: &mut Server, fx: &mut Fx, persisted: Persisted) {
                    if !matches!(s.role(), Role::Candidate { .. }) {
                        Figure2.persisted(s, fx, persisted);
                    }
                }
            }
        }
        {
            "RV2F-ever" changes RV2F: "a server votes once in its life";
            Liveness: "When all have voted, nobody is elected any more.";
            in NEEDS;
            AllServers {
                fn observe_term(&self, s: &mut Server, fx: &mut Fx, term: Term) {
                    let vote = s.voted_for();
                    Figure2.observe_term(s, fx, term);
                    if s.voted_for() != vote {
                        let change = Saved::TermAndVote { current_term: s.current_term(), voted_for: vote };
                        self.save(s, fx, change);
                    }
                }
            }
        }
        {
            "RV2U-more" changes RV2U: "a candidate whose log is only as up-to-date gets no vote";
            Liveness: "Of servers with equal logs none is elected.";
            in ELECTION;
            RequestVoteReceiver {
                fn candidate_is_up_to_date(&self, s: &Server, m: &RequestVote) -> bool {
                    (m.last_log_term, m.last_log_index) > (s.log().last_term(), s.log().last_index())
                }
            }
        }
        {
            "RV2-timer" changes RV2: "each vote request starts the election timer anew, granted or not";
            Liveness: "A candidate that nobody can vote for keeps all others from standing (the students' guide: reset the timer \
                when you grant a vote).";
            in entries(1);
            RequestVoteReceiver {
                fn request_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &RequestVote) {
                    Figure2.request_vote(s, fx, from, m);
                    // All that is kept of this is that the timer starts anew.
                    Figure2.recognise_leader(&mut s.clone(), fx, from);
                }
            }
        }
        {
            "RV1-newer" changes RV1: "a candidate of a newer term gets no vote in that step, and the vote counts as given";
            Liveness: "Each candidacy begins a newer term, so none ever wins.";
            in ELECTION;
            RequestVoteReceiver {
                fn vote_is_free(&self, s: &Server, candidate: ServerId) -> bool {
                    s.voted_for() == Some(candidate)
                }
            }
        }
        {
            "A2-deaf" changes A2: "a server that has voted hears no newer term";
            Liveness: "It refuses the leaders of all later terms.";
            in NEEDS;
            Rules {
                fn receive(&self, s: &mut Server, fx: &mut Fx, envelope: figure2_core::Envelope<Command, Prefix>) {
                    if envelope.message.term() <= s.current_term() || s.voted_for().is_none() {
                        Figure2.receive(s, fx, envelope);
                    }
                }
            }
        }
    ]
}

fn followers() -> Vec<Survivor> {
    survivors![
        {
            "C3-untimed" changes C3: "the election timer does not start anew when the leader is heard";
            Liveness: "A follower deposes a working leader again and again.";
            in ELECTION;
            AllServers {
                fn recognise_leader(&self, s: &mut Server, fx: &mut Fx, _: ServerId) {
                    if matches!(s.role(), Role::Candidate { .. }) {
                        self.become_follower(s, fx);
                    }
                }
            }
        }
        {
            "AE2-hint" changes AE2: "a refusal says that the log should go on where it was asked";
            Liveness: "The leader asks at the same place again, for ever.";
            in Needs { script: CONFLICTING_SUFFIX, ..entries(3) };
            Replication {
                fn backtrack(&self, _: &Server, refusal: &Refusal) -> Index {
                    refusal.prev_log_index.next()
                }
                fn append_refused(&self, s: &mut Server, fx: &mut Fx, from: ServerId, refusal: &Refusal) {
                    // The bound that saves a leader from a follower's bad advice is gone, too.
                    if self.refusal_is_current(s, from, refusal.prev_log_index) {
                        self.heartbeat_to(s, fx, from);
                    }
                }
            }
        }
        {
            "AE4-batch" changes AE4: "a message of more than one entry is dropped";
            Liveness: "A batch of the largest size is sent again for ever.";
            in Needs { entries_per_message: 2, ..one_term(2) };
            AppendEntriesReceiver {
                fn append_entries(
                    &self, s: &mut Server, fx: &mut Fx, from: ServerId, m: AppendEntries<Command>,
                ) {
                    if m.entries.len() < 2 {
                        Figure2.append_entries(s, fx, from, m);
                    }
                }
            }
        }
        {
            "AE5-idle" changes AE5: "heartbeats do not carry commit_index";
            Liveness: "In idle times nobody learns what is committed.";
            in one_term(1);
            AppendEntriesReceiver {
                fn append_entries(
                    &self, s: &mut Server, fx: &mut Fx, from: ServerId, mut m: AppendEntries<Command>,
                ) {
                    if m.entries.is_empty() {
                        m.leader_commit = Index::ZERO;
                    }
                    Figure2.append_entries(s, fx, from, m);
                }
            }
        }
        {
            "A1-restart" changes A1: "after a restart the service waits for the entry after the log's end";
            Liveness: "last_applied runs behind for ever (shaj13/raft 27).";
            in Needs { crashes: 1, ..one_term(1) };
            AllServers {
                fn next_apply(&self, s: &Server, limit: usize) -> Option<Apply<Command, Prefix>> {
                    let is_ahead = s.last_applied() == Index::ZERO && s.commit_index() > Index(1);
                    if is_ahead { None } else { Figure2.next_apply(s, limit) }
                }
            }
        }
    ]
}

fn leaders() -> Vec<Survivor> {
    survivors![
        {
            "L1R-never" changes L1R: "a leader sends nothing in idle times";
            Liveness: "Followers stand for election again and again.";
            in ELECTION;
            Leaders {
                fn heartbeat(&self, _: &mut Server, _: &mut Fx) {}
            }
        }
        {
            "L1R-again" changes L1R: "a heartbeat carries the last entry once more, although the follower has it";
            Liveness: "An idle cluster sends entries for ever.";
            in one_term(1);
            Leaders {
                fn heartbeat_to_all(&self, s: &mut Server, fx: &mut Fx) {
                    let last = s.log().last_index();
                    let entries = s.log().entries_from(last, 1).to_vec();
                    for peer in s.config().peers_of(s.id()) {
                        match last.0.checked_sub(1).map(Index) {
                            Some(before) => self.push_append(s, fx, peer, before, entries.clone()),
                            None => self.heartbeat_to(s, fx, peer),
                        }
                    }
                }
            }
        }
        {
            "L1D-always" changes L1D: "a leader steps down whenever its election timer elapses";
            Liveness: "No leader stays.";
            in ELECTION;
            Leaders {
                fn step_down_if_stalled(&self, s: &mut Server, fx: &mut Fx) {
                    self.become_follower(s, fx);
                }
            }
        }
        {
            "L4-scan" changes L4: "the scan for what is committed stops at an entry of an older term";
            Liveness: "After a change of leader nothing is committed any more (raftos 30).";
            in entries(1);
            Leaders {
                fn may_commit(&self, s: &Server, index: Index) -> bool {
                    s.log().term_at(s.commit_index().next()) == Some(s.current_term())
                        && Figure2.may_commit(s, index)
                }
            }
        }
        {
            "L4-all" changes L4: "an entry is committed when all servers have it, not a majority";
            Harmless: "Where all servers are up all of them have it in the end.";
            in one_term(1);
            Leaders {
                fn majority_match_index(&self, _: &Server, progress: &[Progress]) -> Index {
                    progress.iter().map(|of| of.match_index).min().unwrap_or(Index::ZERO)
                }
            }
        }
        {
            "L2B-whole" changes L2B: "what is committed counts as uncommitted, too";
            Liveness: "When the limit is reached once, no command is taken any more.";
            in Needs { limits: Limits { uncommitted: 17, ..Limits::NONE }, ..one_term(2) };
            Leaders {
                fn refuse_command(&self, s: &Server, fx: &mut Fx, entry: &Entry<Command>) -> Option<Outcome> {
                    let Role::Leader { .. } = s.role() else { return None };
                    let (limit, log) = (s.config().max_uncommitted_bytes, s.log());
                    let uncommitted = log.size_between(log.base_index(), log.last_index());
                    if uncommitted > 0 && uncommitted.saturating_add(entry.size()) > limit {
                        return Some(Outcome::Busy { uncommitted, limit });
                    }
                    Figure2.refuse_command(s, fx, entry)
                }
            }
        }
        {
            "L3W-counted" changes L3W: "what was acknowledged stays in flight";
            Liveness: "When the limit is reached once, the follower is sent nothing any more.";
            in Needs { limits: Limits { in_flight: 17, ..Limits::NONE }, ..one_term(2) };
            Replication {
                fn has_room(&self, s: &Server, known: &Progress) -> bool {
                    let sent = s.log().size_between(s.log().base_index(), known.next_index.prev());
                    sent == 0 || sent <= s.config().max_in_flight_bytes && Figure2.has_room(s, known)
                }
            }
        }
        {
            "L3-once" changes L3: "a follower that was behind when it was found to match gets no entries for that";
            Liveness: "It gets entries only with the next command, and what it lacked before, when that is lost, never.";
            in Needs { sending: Sending::AtOnce, ..one_term(1) };
            Replication {
                fn append_if_behind(&self, s: &mut Server, fx: &mut Fx, peer: ServerId) {
                    let is_last = |known: &Progress| known.next_index == s.log().last_index();
                    let is_new = s.log().last_index() == s.commit_index().next();
                    if s.progress_of(peer).is_some_and(is_last) && is_new {
                        Figure2.append_if_behind(s, fx, peer);
                    }
                }
            }
        }
        {
            "L3S-probed" changes L3S: "a follower that answers a probe is not sent entries for that";
            Liveness: "A follower that was probed once is probed for ever.";
            in one_term(1);
            Replication {
                fn follower_matches(&self, s: &mut Server, from: ServerId, reported: Index) {
                    if s.progress_of(from).is_some_and(Progress::is_replicating) {
                        Figure2.follower_matches(s, from, reported);
                    }
                }
            }
        }
        {
            "R1-late" changes R1: "a success that says nothing new is dropped";
            Liveness: "A follower whose log matches the new leader's from the start answers a probe with what is known: it is \
                probed for ever.";
            in one_term(1);
            Leaders {
                fn append_accepted(&self, s: &mut Server, fx: &mut Fx, from: ServerId, reported: Index) {
                    if s.progress_of(from).is_some_and(|known| reported > known.match_index) {
                        Figure2.append_accepted(s, fx, from, reported);
                    }
                }
            }
        }
        {
            "L4C-silent" changes L4C: "followers are told of a commit only with entries";
            Harmless: "They learn of it with the next heartbeat.";
            in Needs { sending: Sending::Separately, ..one_term(1) };
            Replication {
                fn send_commit(&self, s: &mut Server, fx: &mut Fx) {
                    self.replicate(s, fx);
                }
            }
        }
    ]
}

fn snapshots() -> Vec<Survivor> {
    survivors![
        {
            "S2-none" changes S2: "a follower that lacks discarded entries is sent nothing";
            Liveness: "It is asked for ever, and never gets what it lacks.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(1) };
            Replication {
                fn send_snapshot(&self, _: &mut Server, _: &mut Fx, _: ServerId) {}
            }
        }
        {
            "S3-stays" changes S3: "a follower that installed the snapshot is still waited for";
            Liveness: "It gets nothing after the snapshot.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(1) };
            Replication {
                fn follower_matches(&self, s: &mut Server, from: ServerId, reported: Index) {
                    let waits = |known: &Progress| matches!(known.state, ProgressState::Snapshot { .. });
                    if !s.progress_of(from).is_some_and(waits) {
                        Figure2.follower_matches(s, from, reported);
                    }
                }
            }
        }
        {
            "IS5-first" changes IS5: "the service is offered a snapshot only while its log is empty";
            Liveness: "A follower with a log that is too short is sent the snapshot again and again, and never gets it.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Snapshots {
                fn offer_snapshot(&self, s: &mut Server, fx: &mut Fx, snapshot: Snapshot<Prefix>) {
                    if s.log().entries().is_empty() {
                        Figure2.offer_snapshot(s, fx, snapshot);
                    }
                }
            }
        }
        {
            "IS8R-kept" changes IS8R: "a snapshot that the service may not switch to stays offered";
            Liveness: "The service is asked again and again, and gets nothing else.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(2) };
            Snapshots {
                fn cond_install_snapshot(&self, s: &mut Server, fx: &mut Fx, snapshot: Snapshot<Prefix>) {
                    if !self.snapshot_is_old(s, &snapshot) {
                        Figure2.cond_install_snapshot(s, fx, snapshot);
                    }
                }
            }
        }
        {
            "IS1-silent" changes IS1: "a follower that has been offered the snapshot does not say that it has it";
            Harmless: "It is sent the snapshot again while it installs it, and installs it in the end.";
            in Needs { script: ONE_COMMITTED, ..snapshot_in_one_term(1) };
            AppendEntriesReceiver {
                fn installing(&self, _: &Server) -> Option<Index> {
                    None
                }
            }
        }
    ]
}
