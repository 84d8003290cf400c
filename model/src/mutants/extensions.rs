//! Bugs in what goes beyond Figure 2: PreVote, CheckQuorum and leadership transfer.

use super::Mutant;
use super::bug::{Fx, Said, Saved, Server, broken, mutants};
use super::spaces::{
    CHECK_QUORUM, CHECK_QUORUM_4, HANDING_OVER, LATE_ANSWER, Needs, PRE_VOTE, PRE_VOTE_4, PRE_VOTE_ENTRY,
    PRE_VOTE_TWICE, TRANSFER, TRANSFER_ALL,
};
use figure2_core::{
    InstallSnapshotReply, Message, PreVote, PreVoteReply, RequestVote, Role, ServerId, ServerSet, TimeoutNow,
};

pub fn mutants() -> Vec<Mutant> {
    [pre_votes(), quorums(), transfers()].into_iter().flatten().collect()
}

fn pre_votes() -> Vec<Mutant> {
    mutants![
        {
            "PV1-unasked" breaks PV1: "a server stands without having asked anyone";
            PreVoted in PRE_VOTE;
            PreVoting {
                fn ask_for_pre_votes(&self, s: &mut Server, fx: &mut Fx) {
                    self.start_election(s, fx, false);
                }
            }
        }
        {
            "PV1-raise" breaks PV1: "a server raises its term, and then asks";
            PreVoted in PRE_VOTE;
            PreVoting {
                fn ask_for_pre_votes(&self, s: &mut Server, fx: &mut Fx) {
                    let current_term = s.current_term().next();
                    self.save(s, fx, Saved::TermAndVote { current_term, voted_for: None });
                    Extended.ask_for_pre_votes(s, fx);
                }
            }
        }
        {
            "PV1R-stands" breaks PV1R: "a pre-candidate stands when its heartbeat interval elapses";
            PreVoted in PRE_VOTE;
            PreVoting {
                fn retry_pre_votes(&self, s: &mut Server, fx: &mut Fx) {
                    if matches!(s.role(), Role::PreCandidate { .. }) {
                        self.start_election(s, fx, false);
                    }
                }
            }
        }
        {
            "PV1R-vote" breaks PV1R: "a pre-candidate that asks again asks for the votes themselves";
            OneVote in PRE_VOTE;
            PreVoting {
                fn retry_pre_votes(&self, s: &mut Server, fx: &mut Fx) {
                    if matches!(s.role(), Role::PreCandidate { .. }) {
                        let mut twin = s.clone();
                        Extended.start_election(&mut twin, &mut Fx::default(), false);
                        Extended.request_votes(&mut twin, fx);
                    }
                }
            }
        }
        {
            "PV2-timer" breaks PV2: "a server that is asked for a pre-vote starts its election timer anew";
            PreVotesBindNobody in PRE_VOTE;
            PreVoting {
                fn pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &PreVote) {
                    Extended.pre_vote(s, fx, from, m);
                    // All that is kept of this is that the timer starts anew.
                    Extended.recognise_leader(&mut s.clone(), fx, from);
                }
            }
        }
        {
            "PV2-vote" breaks PV2: "a pre-vote is noted as the vote";
            PreVotesBindNobody in PRE_VOTE;
            PreVoting {
                fn pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &PreVote) {
                    Extended.pre_vote(s, fx, from, m);
                    let current_term = s.current_term();
                    self.save(s, fx, Saved::TermAndVote { current_term, voted_for: Some(from) });
                }
            }
        }
        {
            "PV2-term" breaks PV2: "a server that is asked for a pre-vote takes over the term that it is asked for";
            PreVotesBindNobody in PRE_VOTE;
            PreVoting {
                fn pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &PreVote) {
                    self.observe_term(s, fx, m.term);
                    Extended.pre_vote(s, fx, from, m);
                }
            }
        }
        {
            "PV2C-none" breaks PV2C: "a server in contact with a leader grants pre-votes";
            ContactProtects in PRE_VOTE_TWICE;
            PreVoting {
                fn contact_forbids(&self, _: &Server) -> bool {
                    false
                }
            }
        }
        {
            "PV2C-leader" breaks PV2C: "a leader grants pre-votes";
            ContactProtects in PRE_VOTE_TWICE;
            PreVoting {
                fn contact_forbids(&self, s: &Server) -> bool {
                    !s.is_leader() && Extended.contact_forbids(s)
                }
            }
        }
        {
            "PV2U-log" breaks PV2U: "a pre-vote is granted to a server whose log is behind";
            PreVotesDeserved in PRE_VOTE_ENTRY;
            PreVoting {
                fn would_vote(&self, s: &Server, m: &PreVote) -> bool {
                    m.term > s.current_term()
                }
            }
        }
        {
            "PV2U-old" breaks PV2U: "a pre-vote is granted for a term in which the server is already";
            PreVotesDeserved in PRE_VOTE;
            PreVoting {
                fn would_vote(&self, s: &Server, m: &PreVote) -> bool {
                    let PreVote { term, last_log_index, last_log_term } = *m;
                    let request = RequestVote { term, last_log_index, last_log_term, transfer: false };
                    self.candidate_is_up_to_date(s, &request)
                }
            }
        }
        {
            "PV3-half" breaks PV3: "half of the pre-votes are enough";
            PreVoted in PRE_VOTE_4;
            PreVoting {
                fn add_pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId) {
                    Extended.add_pre_vote(s, fx, from);
                    match s.role() {
                        Role::PreCandidate { votes } if votes.len() * 2 >= s.config().voters.len() => {
                            self.start_election(s, fx, false);
                        }
                        _ => {}
                    }
                }
            }
        }
        {
            "PV3-refused" breaks PV3: "a refused pre-vote is counted";
            PreVoted in PRE_VOTE_TWICE;
            PreVoting {
                fn count_pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, _: &PreVoteReply) {
                    self.add_pre_vote(s, fx, from);
                }
            }
        }
        {
            "PV3-late" breaks PV3: "a pre-vote for an older term is counted";
            PreVoted in Needs { in_flight: 3, ..PRE_VOTE_TWICE };
            PreVoting {
                fn count_pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &PreVoteReply) {
                    if m.vote_granted {
                        self.add_pre_vote(s, fx, from);
                    }
                }
            }
        }
        {
            "PV3-term" breaks PV3: "the first pre-vote raises the term of the server that asked";
            PreVotesBindNobody in PRE_VOTE;
            PreVoting {
                fn count_pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId, m: &PreVoteReply) {
                    self.observe_term(s, fx, m.term);
                    Extended.count_pre_vote(s, fx, from, m);
                }
            }
        }
        {
            "PV3-vote" breaks PV3: "pre-votes are counted as votes";
            PreVotesBindNobody in Needs { in_flight: 4, ..PRE_VOTE };
            PreVoting {
                fn add_pre_vote(&self, s: &mut Server, fx: &mut Fx, from: ServerId) {
                    Extended.add_pre_vote(s, fx, from);
                    self.add_vote(s, fx, from);
                }
            }
        }
    ]
}

fn quorums() -> Vec<Mutant> {
    mutants![
        {
            "CQ1-never" breaks CQ1: "a leader that nobody answers leads on";
            LeadsWithQuorum in CHECK_QUORUM;
            CheckQuorum {
                fn step_down_without_quorum(&self, _: &mut Server, _: &mut Fx) -> bool {
                    false
                }
            }
        }
        {
            "CQ1-twice" breaks CQ1: "a leader counts itself among those that answered, and once more";
            LeadsWithQuorum in CHECK_QUORUM;
            CheckQuorum {
                fn is_quorum(&self, s: &Server, answered: ServerSet) -> bool {
                    answered.len() + 2 >= s.config().majority()
                }
            }
        }
        {
            "CQ1-half" breaks CQ1: "half of the servers are a quorum";
            LeadsWithQuorum in CHECK_QUORUM_4;
            CheckQuorum {
                fn is_quorum(&self, s: &Server, answered: ServerSet) -> bool {
                    (answered.len() + 1) * 2 >= s.config().voters.len()
                }
            }
        }
        {
            "CQ1-kept" breaks CQ1: "whoever answered once counts for ever";
            LeadsWithQuorum in CHECK_QUORUM;
            CheckQuorum {
                fn step_down_without_quorum(&self, s: &mut Server, fx: &mut Fx) -> bool {
                    let is_alone = Extended.step_down_without_quorum(&mut s.clone(), fx);
                    if is_alone {
                        self.become_follower(s, fx);
                    }
                    is_alone
                }
            }
        }
        {
            "CQ1-old" breaks CQ1: "an answer to an older term counts";
            LeadsWithQuorum in LATE_ANSWER;
            CheckQuorum {
                fn note_answer(&self, s: &mut Server, from: ServerId, message: &Said) {
                    if matches!(message, Message::AppendEntriesReply(_)) {
                        let reply = InstallSnapshotReply { term: s.current_term(), last_included_index: None };
                        Extended.note_answer(s, from, &Message::InstallSnapshotReply(reply));
                    }
                }
            }
        }
        {
            "CQ2-none" breaks CQ2: "a server in contact with a leader listens to candidates";
            ContactProtects in CHECK_QUORUM;
            CheckQuorum {
                fn disregards_candidate(&self, _: &Server, _: &mut Fx, _: &Said) -> bool {
                    false
                }
            }
        }
        {
            "CQ2-transfer" breaks CQ2: "a candidate that the leader asked to stand is disregarded, too";
            ContactProtects in TRANSFER;
            CheckQuorum {
                fn disregards_candidate(&self, s: &Server, fx: &mut Fx, message: &Said) -> bool {
                    match message {
                        Message::RequestVote(m) => {
                            let own_will = RequestVote { transfer: false, ..m.clone() };
                            Extended.disregards_candidate(s, fx, &Message::RequestVote(own_will))
                        }
                        _ => false,
                    }
                }
            }
        }
    ]
}

fn transfers() -> Vec<Mutant> {
    mutants![
        {
            "LT1-now" breaks LT1: "the successor is told to stand when the transfer is asked for, whatever it lacks";
            HandsOver in TRANSFER;
            Transfer {
                fn transfer_leadership(&self, s: &mut Server, fx: &mut Fx, to: ServerId) {
                    Extended.transfer_leadership(s, fx, to);
                    if s.transfer_to() == Some(to) {
                        self.reply(s, fx, to, Message::TimeoutNow(TimeoutNow { term: s.current_term() }));
                    }
                }
            }
        }
        {
            "LT2-behind" breaks LT2: "the successor is told to stand at its first answer, whatever it lacks";
            HandsOver in TRANSFER;
            Transfer {
                fn has_caught_up(&self, _: &Server, _: ServerId) -> bool {
                    true
                }
            }
        }
        {
            "LT2-commit" breaks LT2: "the successor is told to stand when it has what is committed";
            HandsOver in TRANSFER;
            Transfer {
                fn has_caught_up(&self, s: &Server, follower: ServerId) -> bool {
                    s.progress_of(follower).is_some_and(|known| known.match_index >= s.commit_index())
                }
            }
        }
        {
            "LT2-other" breaks LT2: "any follower that has caught up is told to stand";
            HandsOver in HANDING_OVER;
            Transfer {
                fn hand_over_if_caught_up(&self, s: &mut Server, fx: &mut Fx, follower: ServerId) {
                    if s.transfer_to().is_some() && self.has_caught_up(s, follower) {
                        self.reply(s, fx, follower, Message::TimeoutNow(TimeoutNow { term: s.current_term() }));
                    }
                }
            }
        }
        {
            "LT3-old" breaks LT3: "a server stands because a leader of an older term told it to";
            HandsOver in Needs { in_flight: 3, ..TRANSFER };
            TransferTarget {
                fn timeout_now(&self, s: &mut Server, fx: &mut Fx, _: &TimeoutNow) {
                    if !s.is_leader() {
                        self.start_election(s, fx, true);
                    }
                }
            }
        }
        {
            "LT3-asks" breaks LT3: "a server that is told to stand asks for pre-votes first, and those in contact refuse";
            HandsOver in TRANSFER_ALL;
            TransferTarget {
                fn timeout_now(&self, s: &mut Server, fx: &mut Fx, m: &TimeoutNow) {
                    if m.term >= s.current_term() && !s.is_leader() {
                        self.stand_for_election(s, fx);
                    }
                }
            }
        }
        {
            "LT4-none" breaks LT4: "a leader takes commands while it hands over";
            HandsOver in TRANSFER;
            Transfer {
                fn refuse_while_transferring(&self, _: &Server, _: &mut Fx) -> Option<ServerId> {
                    None
                }
            }
        }
        {
            "LT5-never" breaks LT5: "a transfer is never given up";
            HandsOver in TRANSFER;
            Transfer {
                fn give_up_transfer(&self, _: &mut Server, _: &mut Fx) {}
            }
        }
    ]
}
