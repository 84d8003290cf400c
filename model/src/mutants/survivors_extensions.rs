//! Changes of what goes beyond Figure 2 that break no property. Some of them stop a cluster for ever.

use super::Survivor;
use super::bug::{Fx, Said, Server, broken, survivors};
use super::spaces::{CHECK_QUORUM, EQUAL_LOGS, Needs, PRE_VOTE, PRE_VOTE_TWICE, TRANSFER};
use figure2_core::{Index, Message, PreVote, ServerId, ServerSet, TimeoutNow};

pub fn survivors() -> Vec<Survivor> {
    [harmless(), stuck()].into_iter().flatten().collect()
}

fn harmless() -> Vec<Survivor> {
    survivors![
        {
            "PV1R-never" changes PV1R: "a pre-candidate asks once";
            Harmless: "When its election timer elapses it asks all again.";
            in PRE_VOTE;
            PreVoting {
                fn retry_pre_votes(&self, _: &mut Server, _: &mut Fx) {}
            }
        }
        {
            "CQ2-ever" changes CQ2: "candidates of newer terms are disregarded out of contact, too";
            Harmless: "A candidate of an older term is refused with the newer one (RV1), and from then on votes in that.";
            in CHECK_QUORUM;
            CheckQuorum {
                fn disregards_candidate(&self, s: &Server, _: &mut Fx, message: &Said) -> bool {
                    matches!(message, Message::RequestVote(m) if m.term > s.current_term() && !m.transfer)
                }
            }
        }
        {
            "LT2-never" changes LT2: "the successor is never told to stand";
            Harmless: "The transfer is given up, as where the successor is down.";
            in Needs { client_requests: 0, ..TRANSFER };
            Transfer {
                fn has_caught_up(&self, _: &Server, _: ServerId) -> bool {
                    false
                }
            }
        }
        {
            "LT3-quiet" changes LT3: "a server that is told to stand does not say that the leader asked for it";
            Harmless: "With CheckQuorum those in contact disregard it; then its newer term ends that of the leader, and the next \
                election is as any other.";
            in Needs { client_requests: 0, ..TRANSFER };
            TransferTarget {
                fn timeout_now(&self, s: &mut Server, fx: &mut Fx, m: &TimeoutNow) {
                    if m.term >= s.current_term() && !s.is_leader() {
                        self.start_election(s, fx, false);
                    }
                }
            }
        }
    ]
}

fn stuck() -> Vec<Survivor> {
    survivors![
        {
            "PV2C-voted" changes PV2C: "a server that has voted in its term grants no pre-vote";
            Liveness: "When all have voted and nobody leads, nobody stands any more.";
            in PRE_VOTE_TWICE;
            PreVoting {
                fn contact_forbids(&self, s: &Server) -> bool {
                    s.voted_for().is_some() || Extended.contact_forbids(s)
                }
            }
        }
        {
            "PV2U-more" changes PV2U: "a server whose log is only as up-to-date gets no pre-vote, but for an empty one";
            Liveness: "Of servers with equal logs none stands.";
            in EQUAL_LOGS;
            PreVoting {
                fn would_vote(&self, s: &Server, m: &PreVote) -> bool {
                    let (own, asks) = ((s.log().last_term(), s.log().last_index()), (m.last_log_term, m.last_log_index));
                    Extended.would_vote(s, m) && (asks > own || s.log().last_index() == Index::ZERO)
                }
            }
        }
        {
            "CQ1-always" changes CQ1: "a leader steps down whenever its election timer elapses, although a majority answered";
            Liveness: "No leader stays.";
            in CHECK_QUORUM;
            CheckQuorum {
                fn is_quorum(&self, _: &Server, _: ServerSet) -> bool {
                    false
                }
            }
        }
        {
            "CQ2-all" changes CQ2: "in contact with a leader all messages of newer terms are dropped, not only vote requests";
            Liveness: "A follower in a newer term refuses the leader, which does not hear why: it never takes part again.";
            in CHECK_QUORUM;
            CheckQuorum {
                fn disregards_candidate(&self, s: &Server, _: &mut Fx, message: &Said) -> bool {
                    let is_asked_for = matches!(message, Message::RequestVote(m) if m.transfer);
                    message.current_term() > Some(s.current_term()) && s.is_in_contact() && !is_asked_for
                }
            }
        }
    ]
}
