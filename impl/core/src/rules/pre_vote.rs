//! PreVote (thesis, section 9.6): a server asks whether it would win before it raises its term, so that one that is cut off
//! does not depose a leader when it comes back.

use super::{Candidates, RequestVoteReceiver};
use crate::command::Command;
use crate::effects::Effects;
use crate::message::{Envelope, Message, PreVote, PreVoteReply, RequestVote};
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::{ServerId, ServerSet};

/// How a server finds out whether an election is worth its while. Every server answers; those ask that have the option
/// [`pre_vote`](crate::Extensions::pre_vote).
pub trait PreVoting<C: Command, S: Clone>: Candidates<C, S> + RequestVoteReceiver<C, S> {
    /// **PV1.** "A candidate only increments its term if it first learns from a majority of the cluster that they would be
    /// willing to grant the candidate their votes." Nothing becomes durable: neither a term nor a vote.
    fn ask_for_pre_votes(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        fx.fired(Rule::PV1);
        s.role = Role::PreCandidate { votes: ServerSet::EMPTY };
        fx.restart_election_timer();
        self.send_pre_votes(s, fx);
        let id = s.id;
        self.add_pre_vote(s, fx, id);
    }

    /// **PV1R.** Whoever has not granted a pre-vote is asked again, as a candidate does (section 5.5).
    fn retry_pre_votes(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        if matches!(s.role, Role::PreCandidate { .. }) {
            fx.fired(Rule::PV1R);
            self.send_pre_votes(s, fx);
        }
    }

    /// PreVote to every server that has not granted one: for the term after this server's own.
    fn send_pre_votes(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        let Role::PreCandidate { votes } = s.role else { return };
        let term = s.current_term().next();
        let (last_log_index, last_log_term) = (s.log().last_index(), s.log().last_term());
        for to in s.config.peers_of(s.id).filter(|peer| !votes.contains(*peer)) {
            let message = Message::PreVote(PreVote { term, last_log_index, last_log_term });
            fx.push_message(Envelope { from: s.id, to, message });
        }
    }

    /// **PV2**, and the handler of PreVote. Neither term, vote nor timer of the server changes: it only says what it would
    /// do.
    fn pre_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId, m: &PreVote) {
        if self.contact_forbids(s) {
            fx.fired(Rule::PV2C);
            self.pre_vote_result(s, fx, from, None);
        } else if !self.would_vote(s, m) {
            fx.fired(Rule::PV2U);
            self.pre_vote_result(s, fx, from, None);
        } else {
            fx.fired(Rule::PV2);
            self.pre_vote_result(s, fx, from, Some(m));
        }
    }

    /// **PV2C.** Whether this server has "received heartbeats from a valid leader" within an election timeout (thesis,
    /// section 9.6), or leads: then no election is called for.
    fn contact_forbids(&self, s: &Server<C, S>) -> bool {
        s.is_in_contact()
    }

    /// **PV2U.** Whether this server would grant the vote itself: in a term that it has not reached, its vote is free, and
    /// what counts is the log (section 5.4.1).
    fn would_vote(&self, s: &Server<C, S>, m: &PreVote) -> bool {
        let PreVote { term, last_log_index, last_log_term } = *m;
        let request = RequestVote { term, last_log_index, last_log_term, transfer: false };
        term > s.current_term() && self.candidate_is_up_to_date(s, &request)
    }

    /// Answers a PreVote: with the term it asked for if it is granted, else with the own.
    fn pre_vote_result(
        &self,
        s: &Server<C, S>,
        fx: &mut Effects<C, S>,
        to: ServerId,
        granted: Option<&PreVote>,
    ) {
        let term = granted.map_or(s.current_term(), |m| m.term);
        let vote_granted = granted.is_some();
        self.reply(s, fx, to, Message::PreVoteReply(PreVoteReply { term, vote_granted }));
    }

    /// The handler of PreVote replies. A refusal of a newer term has made this server a follower (All Servers 2); any other
    /// is of no interest. A granted reply counts if it is for the very term in which this server would stand.
    fn count_pre_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId, m: &PreVoteReply) {
        if self.drops_stale_reply(s, fx, m.term) {
            return;
        }
        if m.vote_granted && m.term == s.current_term().next() {
            self.add_pre_vote(s, fx, from);
        }
    }

    /// **PV3.** A majority, this server among them, would vote for it: it stands for election.
    fn add_pre_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId) {
        let Role::PreCandidate { votes } = &mut s.role else { return };
        votes.insert(from);
        if votes.len() >= s.config.majority() {
            fx.fired(Rule::PV3);
            self.start_election(s, fx, false);
        }
    }
}
