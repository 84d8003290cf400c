//! Figure 2, Rules for Servers: followers and candidates, and what replies to old requests may do.

use super::Mutant;
use super::bug::{Fx, Saved, Server, broken, mutants};
use super::spaces::{ELECTION, NEEDS, Needs, TWO_CANDIDATES, entries, one_term};
use super::tools::as_candidate;
use figure2_core::{Change, Entry, Log, RequestVoteReply, Role, ServerId, Term};

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "F2-leader" breaks F2: "a follower whose timer elapses leads the next term without asking anyone";
            ElectionSafety in Needs { in_flight: 4, ..ELECTION };
            Candidates {
                fn election_timeout(&self, s: &mut Server, fx: &mut Fx) {
                    Figure2.election_timeout(s, fx);
                    self.become_leader(s, fx);
                }
            }
        }
        {
            "C1-term" breaks C1: "a candidate stands in the term that it is in, without a new one";
            OneVote in Needs { terms: 2, ..NEEDS };
            Candidates {
                fn start_election(&self, s: &mut Server, fx: &mut Fx, transfer: bool) {
                    if s.current_term() == Term::ZERO {
                        return Figure2.start_election(s, fx, transfer);
                    }
                    let current_term = Term(s.current_term().0 - 1);
                    self.save(s, fx, Change::TermAndVote { current_term, voted_for: None });
                    Figure2.start_election(s, fx, transfer);
                }
            }
        }
        {
            "C1-vote" breaks C1: "a candidate does not vote for itself, and counts itself all the same";
            ElectionSafety in Needs { in_flight: 3, ..ELECTION };
            Candidates {
                fn start_election(&self, s: &mut Server, fx: &mut Fx, transfer: bool) {
                    Figure2.start_election(s, fx, transfer);
                    let current_term = s.current_term();
                    self.save(s, fx, Saved::TermAndVote { current_term, voted_for: None });
                }
            }
        }
        {
            "C1R-log" breaks C1R: "a repeated RequestVote names a longer log than the candidate's";
            LeaderCompleteness in entries(1);
            Candidates {
                fn retry_votes(&self, s: &mut Server, fx: &mut Fx) {
                    if matches!(s.role(), Role::Candidate { .. }) {
                        let mut entries = s.log().entries().to_vec();
                        entries.push(Entry { term: Term(1), command: crate::Command(0) });
                        let log = Log::from_parts(s.log().snapshot().cloned(), entries);
                        Figure2.request_votes(&mut as_candidate(s, log), fx);
                    }
                }
            }
        }
        {
            "C1R-leader" breaks C1R: "a server goes on asking for votes after it won";
            NoRejection in Needs { in_flight: 4, ..one_term(1) };
            Candidates {
                fn retry_votes(&self, s: &mut Server, fx: &mut Fx) {
                    Figure2.request_votes(&mut as_candidate(s, s.log().clone()), fx);
                }
            }
        }
        {
            "V2" breaks C2: "a duplicated vote reply is counted twice";
            ElectionSafety in Needs { servers: 4, in_flight: 3, ..ELECTION };
            Candidates {
                fn add_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId) {
                    match s.role() {
                        Role::Candidate { votes, .. }
                            if votes.contains(from) && votes.len() + 1 >= s.config().majority() =>
                        {
                            self.become_leader(s, fx);
                        }
                        _ => Figure2.add_vote(s, fx, from),
                    }
                }
            }
        }
        {
            "C2-half" breaks C2: "half of the votes are enough";
            ElectionSafety in Needs { servers: 4, in_flight: 3, ..ELECTION };
            Candidates {
                fn add_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId) {
                    Figure2.add_vote(s, fx, from);
                    match s.role() {
                        Role::Candidate { votes, .. } if votes.len() * 2 >= s.config().voters.len() => {
                            self.become_leader(s, fx);
                        }
                        _ => {}
                    }
                }
            }
        }
        {
            "C2-refused" breaks C2: "a refused vote is counted";
            ElectionSafety in ELECTION;
            Candidates {
                fn count_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &RequestVoteReply) {
                    Figure2.count_vote(s, fx, from, &RequestVoteReply { vote_granted: true, ..*m });
                }
            }
        }
        {
            "V10" breaks C3: "a candidate does not step down on AppendEntries of its own term";
            FollowersAccept in ELECTION;
            AllServers {
                fn recognise_leader(&self, _: &mut Server, _: &mut Fx, _: ServerId) {}
            }
        }
        {
            "C3-term" breaks C3: "a candidate that hears the leader of its term becomes follower with a free vote";
            OneVote in ELECTION;
            AllServers {
                fn recognise_leader(&self, s: &mut Server, fx: &mut Fx, leader: ServerId) {
                    if matches!(s.role(), Role::Candidate { .. }) {
                        let current_term = s.current_term();
                        self.save(s, fx, Saved::TermAndVote { current_term, voted_for: None });
                    }
                    Figure2.recognise_leader(s, fx, leader);
                }
            }
        }
        {
            "C4-votes" breaks C4: "a candidate that stands again keeps the votes of the last election";
            ElectionSafety in Needs { script: TWO_CANDIDATES, servers: 4, in_flight: 3, ..NEEDS };
            Candidates {
                fn election_timeout(&self, s: &mut Server, fx: &mut Fx) {
                    let earlier = s.role().clone();
                    Figure2.election_timeout(s, fx);
                    if let Role::Candidate { votes, .. } = earlier {
                        votes.iter().for_each(|voter| self.add_vote(s, fx, voter));
                    }
                }
            }
        }
        {
            "V1" breaks R1: "a vote reply of an older term is counted";
            ElectionSafety in Needs { in_flight: 3, ..NEEDS };
            Candidates {
                fn count_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &RequestVoteReply) {
                    if m.vote_granted {
                        self.add_vote(s, fx, from);
                    }
                }
            }
        }
    ]
}
