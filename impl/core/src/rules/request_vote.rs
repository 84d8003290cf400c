//! Figure 2, RequestVote RPC: "Receiver implementation".

use super::AllServers;
use crate::command::Command;
use crate::effects::Effects;
use crate::message::{Message, RequestVote, RequestVoteReply};
use crate::persistent::Change;
use crate::rule::Rule;
use crate::server::Server;
use crate::types::ServerId;

/// How a server answers a candidate.
pub trait RequestVoteReceiver<C: Command, S: Clone>: AllServers<C, S> {
    /// The RequestVote handler. The request's term is at most ours by now (A2 came first).
    fn request_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId, m: &RequestVote) {
        if m.term < s.current_term() {
            return self.refuse_old_candidate(s, fx, from);
        }
        let vote_granted = if !self.vote_is_free(s, from) {
            fx.fired(Rule::RV2F);
            false
        } else if !self.candidate_is_up_to_date(s, m) {
            fx.fired(Rule::RV2U);
            false
        } else {
            self.grant_vote(s, fx, from);
            true
        };
        self.vote_result(s, fx, from, vote_granted);
    }

    /// **RV1.** "Reply false if term < currentTerm (section 5.1)." The reply's term ends the old candidacy.
    fn refuse_old_candidate(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, from: ServerId) {
        fx.fired(Rule::RV1);
        self.vote_result(s, fx, from, false);
    }

    /// **RV2**, first half. "votedFor is null or candidateId": a repeated request gets the same answer.
    fn vote_is_free(&self, s: &Server<C, S>, candidate: ServerId) -> bool {
        s.voted_for().is_none_or(|voted_for| voted_for == candidate)
    }

    /// **RV2**, second half. "candidate's log is at least as up-to-date as receiver's log": the later last term wins,
    /// and with equal last terms the longer log (section 5.4.1).
    fn candidate_is_up_to_date(&self, s: &Server<C, S>, m: &RequestVote) -> bool {
        (m.last_log_term, m.last_log_index) >= (s.log().last_term(), s.log().last_index())
    }

    /// **RV2**, "grant vote". The vote is in the record that precedes the reply, and granting it restarts the
    /// election timer.
    fn grant_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, candidate: ServerId) {
        fx.fired(Rule::RV2);
        if s.voted_for().is_none() {
            let current_term = s.current_term();
            self.save(s, fx, Change::TermAndVote { current_term, voted_for: Some(candidate) });
        }
        fx.restart_election_timer();
    }

    /// Replies to the candidate.
    fn vote_result(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, to: ServerId, vote_granted: bool) {
        let term = s.current_term();
        self.reply(s, fx, to, Message::RequestVoteReply(RequestVoteReply { term, vote_granted }));
    }
}
