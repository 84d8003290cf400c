//! Figure 2, Rules for Servers: "Followers" and "Candidates".

use super::Leaders;
use crate::command::Command;
use crate::effects::Effects;
use crate::input::Persisted;
use crate::message::{Envelope, Message, RequestVote, RequestVoteReply};
use crate::persistent::Change;
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::{ServerId, ServerSet};

/// How a leader is elected.
pub trait Candidates<C: Command, S: Clone>: Leaders<C, S> {
    /// **F2, C4.** "If election timeout elapses without receiving AppendEntries RPC from current leader or granting
    /// vote to candidate: convert to candidate"; "If election timeout elapses: start new election." What a leader's timer
    /// is for, [`leader_timeout`](Self::leader_timeout) says.
    fn election_timeout(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        match s.role {
            Role::Follower { .. } => fx.fired(Rule::F2),
            Role::PreCandidate { .. } => {}
            Role::Candidate { .. } => fx.fired(Rule::C4),
            Role::Leader { .. } => return self.leader_timeout(s, fx),
        }
        self.stand_for_election(s, fx);
    }

    /// What a server does that wants to lead: by Figure 2 it starts an election.
    fn stand_for_election(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        self.start_election(s, fx, false);
    }

    /// A leader's election timer elapses: it looks whether its own write has stalled.
    fn leader_timeout(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        self.step_down_if_stalled(s, fx);
    }

    /// **C1.** "On conversion to candidate, start election: increment currentTerm, vote for self, reset election
    /// timer, send RequestVote RPCs to all other servers." `transfer` says whether the leader asked for it (rule LT3).
    fn start_election(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, transfer: bool) {
        fx.fired(Rule::C1);
        let current_term = s.current_term().next();
        self.save(s, fx, Change::TermAndVote { current_term, voted_for: Some(s.id) });
        s.role = Role::Candidate { votes: ServerSet::EMPTY, transfer };
        fx.restart_election_timer();
        self.request_votes(s, fx);
    }

    /// **C1R.** A candidate retries RequestVote toward those that have not answered: "the RPCs are retried
    /// indefinitely" (section 5.5).
    fn retry_votes(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        if matches!(s.role, Role::Candidate { .. }) {
            fx.fired(Rule::C1R);
            self.request_votes(s, fx);
        }
    }

    /// RequestVote to every server whose vote has not arrived.
    fn request_votes(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        let Role::Candidate { votes, transfer } = s.role else { return };
        let term = s.current_term();
        let (last_log_index, last_log_term) = (s.log().last_index(), s.log().last_term());
        for to in s.config.peers_of(s.id).filter(|peer| !votes.contains(*peer)) {
            let message = Message::RequestVote(RequestVote { term, last_log_index, last_log_term, transfer });
            fx.push_message(Envelope { from: s.id, to, message });
        }
    }

    /// The handler of RequestVote replies.
    fn count_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId, m: &RequestVoteReply) {
        if self.drops_stale_reply(s, fx, m.term) {
            return;
        }
        if m.vote_granted {
            self.add_vote(s, fx, from);
        }
    }

    /// **C2.** "If votes received from majority of servers: become leader." Votes are a set: a reply that arrives
    /// twice counts once.
    fn add_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId) {
        let Role::Candidate { votes, .. } = &mut s.role else { return };
        votes.insert(from);
        if votes.len() >= s.config.majority() {
            fx.fired(Rule::C2);
            self.become_leader(s, fx);
        }
    }

    /// **P3.** The disk caught up. What was durable in an older term says nothing about this term's vote or entries.
    fn persisted(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, persisted: Persisted) {
        if persisted.current_term != s.current_term() {
            return;
        }
        let (id, place) = (s.id, s.config.voters.place_of(s.id));
        match &mut s.role {
            Role::Follower { .. } | Role::PreCandidate { .. } => {}
            Role::Candidate { .. } => {
                fx.fired(Rule::P3);
                self.add_vote(s, fx, id);
            }
            Role::Leader { progress, stalled_at, .. } => {
                fx.fired(Rule::P3);
                *stalled_at = None;
                if let Some(own) = place.and_then(|place| progress.get_mut(place)) {
                    own.match_index = self.new_match_index(own.match_index, persisted.last_log_index);
                }
                self.advance_commit_index(s, fx);
            }
        }
    }
}
