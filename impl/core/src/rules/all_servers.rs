//! Figure 2, Rules for Servers: "All Servers".

use super::Persistence;
use crate::command::Command;
use crate::effects::Effects;
use crate::input::Apply;
use crate::message::{Envelope, Message};
use crate::persistent::Change;
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::{Index, ServerId, Term};

/// What holds for followers, candidates and leaders alike.
pub trait AllServers<C: Command, S: Clone>: Persistence<C, S> {
    /// **A1**, what to apply. "If commitIndex > lastApplied: increment lastApplied, apply log\[lastApplied\] to state
    /// machine (section 5.3)." A snapshot from the leader goes first: the entries that follow depend on whether the
    /// service takes it.
    fn next_apply(&self, s: &Server<C, S>, limit: usize) -> Option<Apply<C, S>> {
        if let Some(snapshot) = &s.offered {
            return Some(Apply::Snapshot(snapshot.clone()));
        }
        let first_index = s.last_applied.next();
        let committed = s.commit_index.since(s.last_applied);
        let entries = s.log().entries_from(first_index, committed.min(limit));
        (!entries.is_empty()).then(|| Apply::Entries { first_index, entries: entries.to_vec() })
    }

    /// **A1**, the service has it. last_applied moves after the delivery, never before, and never back: a snapshot
    /// may have been installed meanwhile.
    fn applied(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, index: Index) {
        let index = index.min(s.commit_index);
        if index > s.last_applied {
            fx.fired(Rule::A1);
            s.last_applied = index;
        }
    }

    /// **A2.** "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower
    /// (section 5.1)." The vote belongs to the old term, and goes with it.
    fn observe_term(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, term: Term) {
        if term > s.current_term() {
            fx.fired(Rule::A2);
            self.save(s, fx, Change::TermAndVote { current_term: term, voted_for: None });
            self.become_follower(s, fx);
        }
    }

    /// Converts to follower. A leader's election timer measures its own writes, so one that steps down starts it anew;
    /// for all others the timer runs on (it restarts only where Figure 2 says so).
    fn become_follower(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        if s.is_leader() {
            fx.restart_election_timer();
        }
        s.role = Role::Follower { leader: None };
    }

    /// **C3**, and the followers' timer. "If AppendEntries RPC received from new leader: convert to follower": a
    /// candidate of the *same* term has lost, and a pre-candidate need not stand. The message is from the current leader, so the election timer restarts.
    fn recognise_leader(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, leader: ServerId) {
        if matches!(s.role, Role::PreCandidate { .. } | Role::Candidate { .. }) {
            fx.fired(Rule::C3);
            self.become_follower(s, fx);
        }
        if let Role::Follower { leader: known } = &mut s.role {
            *known = Some(leader);
        }
        fx.restart_election_timer();
    }

    /// **R1.** A reply of an older term than ours is dropped: what it answers is no longer of interest. (A reply of a
    /// newer term has made us adopt that term already, and then it finds no candidate or leader.)
    fn drops_stale_reply(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, reply_term: Term) -> bool {
        let is_stale = self.reply_is_stale(s, reply_term);
        if is_stale {
            fx.fired(Rule::R1);
        }
        is_stale
    }

    /// **R1**, the term. Whether a reply was sent in an older term than ours.
    fn reply_is_stale(&self, s: &Server<C, S>, reply_term: Term) -> bool {
        reply_term < s.current_term()
    }

    /// Answers a request: after the record of this step, like all that is not sent early.
    fn reply(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, to: ServerId, message: Message<C, S>) {
        fx.push_message(Envelope { from: s.id, to, message });
    }
}
