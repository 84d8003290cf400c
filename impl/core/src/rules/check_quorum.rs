//! CheckQuorum (thesis, sections 6.2 and 4.2.3): a leader that no majority answers steps down, and who is in contact with a
//! leader lets no candidate disturb it.

use super::Leaders;
use crate::command::Command;
use crate::effects::Effects;
use crate::message::Message;
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::{ServerId, ServerSet};

/// What a leader makes of its followers' silence, and a follower of a candidate while it has a leader. For servers that have
/// the option [`check_quorum`](crate::Extensions::check_quorum).
pub trait CheckQuorum<C: Command, S: Clone>: Leaders<C, S> {
    /// A follower answered in the leader's term.
    fn note_answer(&self, s: &mut Server<C, S>, from: ServerId, message: &Message<C, S>) {
        let is_answer = matches!(message, Message::AppendEntriesReply(_) | Message::InstallSnapshotReply(_));
        if is_answer
            && message.term() == s.current_term()
            && let Role::Leader { heard, .. } = &mut s.role
        {
            heard.insert(from);
        }
    }

    /// **CQ1.** "A leader in Raft steps down if an election timeout elapses without a successful round of heartbeats to a
    /// majority of its cluster; this allows clients to retry their requests with another server." Says whether it did.
    fn step_down_without_quorum(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) -> bool {
        let Role::Leader { heard, .. } = &mut s.role else { return false };
        let answered = core::mem::replace(heard, ServerSet::EMPTY);
        let is_alone = !self.is_quorum(s, answered);
        if is_alone {
            fx.fired(Rule::CQ1);
            self.become_follower(s, fx);
        }
        is_alone
    }

    /// **CQ1**, the count. Whether these followers and the leader are a majority.
    fn is_quorum(&self, s: &Server<C, S>, answered: ServerSet) -> bool {
        answered.len() + 1 >= s.config.majority()
    }

    /// **CQ2.** "If a server receives a RequestVote request within the minimum election timeout of hearing from a current
    /// leader, it does not update its term or grant its vote" (section 4.2.3). Unless the leader itself asked for the
    /// election (section 3.10). Says whether the message is to be dropped.
    fn disregards_candidate(
        &self,
        s: &Server<C, S>,
        fx: &mut Effects<C, S>,
        message: &Message<C, S>,
    ) -> bool {
        let Message::RequestVote(m) = message else { return false };
        let disregards = m.term > s.current_term() && !m.transfer && s.is_in_contact();
        if disregards {
            fx.fired(Rule::CQ2);
        }
        disregards
    }
}
