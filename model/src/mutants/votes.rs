//! Figure 2, RequestVote RPC: the receiver.

use super::Mutant;
use super::bug::{Fx, Saved, Server, broken, mutants};
use super::spaces::{CONFLICTING_SUFFIX, ELECTION, NEEDS, Needs, entries};
use super::tools::change_memory;
use figure2_core::{Message, RequestVote, RequestVoteReply, ServerId};

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "RV1-old" breaks RV1: "a candidate of an older term gets the vote, in its term";
            ElectionSafety in NEEDS;
            RequestVoteReceiver {
                fn request_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &RequestVote) {
                    if m.term >= s.current_term() {
                        return Figure2.request_vote(s, fx, from, m);
                    }
                    let reply = RequestVoteReply { term: m.term, vote_granted: true };
                    self.reply(s, fx, from, Message::RequestVoteReply(reply));
                }
            }
        }
        {
            "RV2-unnoted" breaks RV2: "a vote is granted, and not noted";
            ElectionSafety in ELECTION;
            RequestVoteReceiver {
                fn grant_vote(&self, _: &mut Server, _: &mut Fx, _: ServerId) {}
            }
        }
        {
            "RV2-memory" breaks RV2: "a vote is noted in memory only";
            OneVote in Needs { crashes: 1, ..ELECTION };
            RequestVoteReceiver {
                fn grant_vote(&self, s: &mut Server, _: &mut Fx, candidate: ServerId) {
                    let current_term = s.current_term();
                    change_memory(s, Saved::TermAndVote { current_term, voted_for: Some(candidate) });
                }
            }
        }
        {
            "RV2-self" breaks RV2: "the voter notes itself as the one it voted for";
            OneVote in ELECTION;
            RequestVoteReceiver {
                fn grant_vote(&self, s: &mut Server, fx: &mut Fx, _: ServerId) {
                    let voter = s.id();
                    Figure2.grant_vote(s, fx, voter);
                }
            }
        }
        {
            "RV2F-zero" breaks RV2F: "a vote for S0 counts as none: the id 0 and no vote are not told apart";
            ElectionSafety in ELECTION;
            RequestVoteReceiver {
                fn vote_is_free(&self, s: &Server, candidate: ServerId) -> bool {
                    s.voted_for() == Some(ServerId(0)) || Figure2.vote_is_free(s, candidate)
                }
            }
        }
        {
            "RV2F-any" breaks RV2F: "a vote is given although it went to another";
            ElectionSafety in ELECTION;
            RequestVoteReceiver {
                fn vote_is_free(&self, _: &Server, _: ServerId) -> bool {
                    true
                }
            }
        }
        {
            "RV2F-own" breaks RV2F: "a candidate gives the vote away that it gave to itself";
            ElectionSafety in Needs { in_flight: 3, ..ELECTION };
            RequestVoteReceiver {
                fn vote_is_free(&self, s: &Server, candidate: ServerId) -> bool {
                    s.voted_for() == Some(s.id()) || Figure2.vote_is_free(s, candidate)
                }
            }
        }
        {
            "V3" breaks RV2F: "the vote is cleared within a term, when a leader is heard";
            OneVote in ELECTION;
            AllServers {
                fn recognise_leader(&self, s: &mut Server, fx: &mut Fx, leader: ServerId) {
                    let current_term = s.current_term();
                    self.save(s, fx, Saved::TermAndVote { current_term, voted_for: None });
                    Figure2.recognise_leader(s, fx, leader);
                }
            }
        }
        {
            "RV2-leader" breaks RV2: "the candidate that got the vote is named the leader";
            KnownLeader in ELECTION;
            RequestVoteReceiver {
                fn request_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &RequestVote) {
                    Figure2.request_vote(s, fx, from, m);
                    if s.voted_for() == Some(from) {
                        self.recognise_leader(s, fx, from);
                    }
                }
            }
        }
        {
            "V9" breaks RV2U: "a vote is granted without the up-to-date check";
            LeaderCompleteness in entries(1);
            RequestVoteReceiver {
                fn candidate_is_up_to_date(&self, _: &Server, _: &RequestVote) -> bool {
                    true
                }
            }
        }
        {
            "V9-length" breaks RV2U: "logs are compared by length before term";
            LeaderCompleteness in Needs { script: CONFLICTING_SUFFIX, terms: 3, ..entries(3) };
            RequestVoteReceiver {
                fn candidate_is_up_to_date(&self, s: &Server, m: &RequestVote) -> bool {
                    (m.last_log_index, m.last_log_term) >= (s.log().last_index(), s.log().last_term())
                }
            }
        }
        {
            "V9-term" breaks RV2U: "logs are compared by term alone";
            LeaderCompleteness in entries(2);
            RequestVoteReceiver {
                fn candidate_is_up_to_date(&self, s: &Server, m: &RequestVote) -> bool {
                    m.last_log_term >= s.log().last_term()
                }
            }
        }
        {
            "V9-commit" breaks RV2U: "the candidate's log is compared with what is committed, not with the whole log";
            LeaderCompleteness in entries(1);
            RequestVoteReceiver {
                fn candidate_is_up_to_date(&self, s: &Server, m: &RequestVote) -> bool {
                    let committed = s.commit_index();
                    Some(m.last_log_term) >= s.log().term_at(committed) && m.last_log_index >= committed
                }
            }
        }
    ]
}
