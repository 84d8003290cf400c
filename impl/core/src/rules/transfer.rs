//! Leadership transfer (thesis, section 3.10): the leader brings a follower up to date and tells it to stand for election.

use super::{Candidates, Replication};
use crate::command::Command;
use crate::effects::Effects;
use crate::input::Outcome;
use crate::message::{Envelope, Message, TimeoutNow};
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::ServerId;

/// The leader's side.
pub trait Transfer<C: Command, S: Clone>: Replication<C, S> {
    /// **LT1.** "The prior leader stops accepting new client requests" and brings the target up to date, as it does with
    /// every follower. Its election timer starts anew: so long it waits for a new term. Asked again for the same target,
    /// it goes on waiting.
    fn transfer_leadership(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, to: ServerId) {
        let term = s.current_term();
        let is_possible = to != s.id && s.config.voters.contains(to);
        let Role::Leader { transfer_to, .. } = &mut s.role else {
            return fx.set_outcome(Outcome::NotLeader { term });
        };
        if !is_possible {
            return fx.set_outcome(Outcome::NoTransfer { to });
        }
        if *transfer_to != Some(to) {
            *transfer_to = Some(to);
            fx.fired(Rule::LT1);
            fx.restart_election_timer();
            self.hand_over_if_caught_up(s, fx, to);
        }
        fx.set_outcome(Outcome::Transferring { to });
    }

    /// **LT2.** "The prior leader sends a TimeoutNow request to the target server": once the target's log matches the
    /// leader's to its end. Said again with each later answer of the target, for a message may be lost.
    fn hand_over_if_caught_up(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, follower: ServerId) {
        if s.transfer_to() == Some(follower) && self.has_caught_up(s, follower) {
            fx.fired(Rule::LT2);
            let message = Message::TimeoutNow(TimeoutNow { term: s.current_term() });
            fx.push_message(Envelope { from: s.id, to: follower, message });
        }
    }

    /// **LT2**, when. Whether the follower's log is known to match the leader's to its end.
    fn has_caught_up(&self, s: &Server<C, S>, follower: ServerId) -> bool {
        s.progress_of(follower).is_some_and(|known| known.match_index == s.log().last_index())
    }

    /// **LT4.** While it hands over, the leader takes no commands: else the target would never catch up. Says whom it
    /// hands over to.
    fn refuse_while_transferring(&self, s: &Server<C, S>, fx: &mut Effects<C, S>) -> Option<ServerId> {
        let to = s.transfer_to();
        if to.is_some() {
            fx.fired(Rule::LT4);
        }
        to
    }

    /// **LT5.** "If leadership transfer does not complete after about an election timeout, the prior leader aborts the
    /// transfer and resumes accepting client requests."
    fn give_up_transfer(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        let Role::Leader { transfer_to, .. } = &mut s.role else { return };
        if transfer_to.take().is_some() {
            fx.fired(Rule::LT5);
        }
    }
}

/// The target's side.
pub trait TransferTarget<C: Command, S: Clone>: Candidates<C, S> {
    /// **LT3**, and the handler of TimeoutNow. "This request has the same effect as the target server's election timer
    /// firing: the target server starts a new election", at once, without asking for pre-votes, and its requests say so.
    /// One of an older term is dropped: that leader leads no more.
    fn timeout_now(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, m: &TimeoutNow) {
        if m.term < s.current_term() || s.is_leader() {
            return;
        }
        fx.fired(Rule::LT3);
        self.start_election(s, fx, true);
    }
}
