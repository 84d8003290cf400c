//! Figure 2, Rules for Servers: "Leaders". How followers are brought up to date is in `replication.rs`.

use super::{Refusal, Transfer};
use crate::command::Command;
use crate::effects::Effects;
use crate::input::Outcome;
use crate::log::Entry;
use crate::message::{AppendEntriesReply, AppendResult};
use crate::persistent::Change;
use crate::progress::Progress;
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::{Index, ServerId, ServerSet};
use alloc::vec;

/// What a leader does.
pub trait Leaders<C: Command, S: Clone>: Transfer<C, S> {
    /// **L1.** "Upon election: send initial empty AppendEntries RPCs (heartbeat) to each server." "nextIndex\[\]
    /// (initialized to leader last log index + 1), matchIndex\[\] (initialized to 0)"; the leader's own log was
    /// durable before it asked for votes.
    fn become_leader(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        fx.fired(Rule::L1);
        let last_log_index = s.log().last_index();
        let progress = vec![Progress::probing(last_log_index.next()); s.config.voters.len()];
        let uncommitted = s.log().size_between(s.commit_index, last_log_index);
        s.role = Role::Leader {
            progress,
            uncommitted,
            stalled_at: None,
            heard: ServerSet::EMPTY,
            transfer_to: None,
        };
        if let Some(own) = s.progress_mut(s.id) {
            own.match_index = last_log_index;
        }
        fx.restart_election_timer();
        self.heartbeat_to_all(s, fx);
    }

    /// **L1R.** "Repeat during idle periods to prevent election timeouts (section 5.2)." A heartbeat is empty: it goes
    /// where the last AppendEntries ended, so its refusal shows what was lost.
    fn heartbeat(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        if s.is_leader() {
            fx.fired(Rule::L1R);
            self.await_snapshots(s, fx);
            self.heartbeat_to_all(s, fx);
        }
    }

    /// An empty AppendEntries to every follower.
    fn heartbeat_to_all(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        for peer in s.config.peers_of(s.id) {
            self.heartbeat_to(s, fx, peer);
        }
    }

    /// **L1D.** A leader whose own write makes no progress for an election timeout steps down: its entries leave before
    /// they are durable here (thesis, section 10.2.1), so it could lead for ever with a disk that hangs, and each of its
    /// followers would be one failure away from the loss of the service.
    fn step_down_if_stalled(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        let own = s.progress_of(s.id).map(|own| own.match_index);
        let is_writing = own.is_some_and(|own| own < s.log().last_index());
        let Role::Leader { stalled_at, .. } = &mut s.role else { return };
        if is_writing && *stalled_at == own {
            fx.fired(Rule::L1D);
            return self.become_follower(s, fx);
        }
        *stalled_at = own.filter(|_| is_writing);
        fx.restart_election_timer();
    }

    /// **L2.** "If command received from client: append entry to local log." The command is answered when it is
    /// applied, not here.
    fn propose(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, command: C) {
        let term = s.current_term();
        if !s.is_leader() {
            return fx.set_outcome(Outcome::NotLeader { term });
        }
        if let Some(to) = self.refuse_while_transferring(s, fx) {
            return fx.set_outcome(Outcome::Transferring { to });
        }
        let entry = Entry { term, command };
        if let Some(refusal) = self.refuse_command(s, fx, &entry) {
            return fx.set_outcome(refusal);
        }
        fx.fired(Rule::L2);
        if let Role::Leader { uncommitted, .. } = &mut s.role {
            *uncommitted = uncommitted.saturating_add(entry.size());
        }
        let first_index = s.log().last_index().next();
        self.save(s, fx, Change::Append { first_index, entries: vec![entry] });
        fx.set_outcome(Outcome::Proposed { index: first_index, term });
    }

    /// **L2L, L2B.** Why a leader does not take a command: it is larger than any may be, or too much waits to be
    /// committed already. What was taken is always replicated. The first command of its term a leader always takes: what
    /// it inherited is committed only together with an entry of its own (section 5.4.2).
    fn refuse_command(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, entry: &Entry<C>) -> Option<Outcome> {
        let Role::Leader { uncommitted, .. } = s.role else { return None };
        let (size, limit) = (entry.command.size(), s.config.max_command_bytes);
        if size > limit {
            fx.fired(Rule::L2L);
            return Some(Outcome::TooLarge { size, limit });
        }
        let limit = s.config.max_uncommitted_bytes;
        let is_first = s.log().last_term() < s.current_term() || uncommitted == 0;
        if !is_first && uncommitted.saturating_add(entry.size()) > limit {
            fx.fired(Rule::L2B);
            return Some(Outcome::Busy { uncommitted, limit });
        }
        None
    }

    /// **L4.** "If there exists an N such that N > commitIndex, a majority of matchIndex\[i\] >= N, and
    /// log\[N\].term == currentTerm: set commitIndex = N (sections 5.3, 5.4)."
    fn advance_commit_index(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        let Role::Leader { progress, .. } = &s.role else { return };
        let held_by_majority = self.majority_match_index(s, progress);
        if held_by_majority > s.commit_index && self.may_commit(s, held_by_majority) {
            fx.fired(Rule::L4);
            s.commit_through(held_by_majority);
        }
    }

    /// The highest N that a majority of match_index reaches.
    fn majority_match_index(&self, s: &Server<C, S>, progress: &[Progress]) -> Index {
        let majority = s.config.majority();
        let reached_by = |n: Index| progress.iter().filter(|of| of.match_index >= n).count();
        let held = progress.iter().map(|of| of.match_index);
        held.filter(|n| reached_by(*n) >= majority).max().unwrap_or(Index::ZERO)
    }

    /// **L4**, the term. Only an entry of the leader's current term is committed by counting; the earlier ones are
    /// committed with it (section 5.4.2, Figure 8).
    fn may_commit(&self, s: &Server<C, S>, index: Index) -> bool {
        s.log().term_at(index) == Some(s.current_term())
    }

    /// The handler of AppendEntries replies. A refusal because of the term leaves next_index alone: either it made
    /// us step down (A2), or it answers an older term's request.
    fn append_reply(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        m: &AppendEntriesReply,
    ) {
        if self.drops_stale_reply(s, fx, m.term) {
            return;
        }
        match m.result {
            AppendResult::Success { match_index } => self.append_accepted(s, fx, from, match_index),
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
                let refusal = Refusal { prev_log_index, conflict_index, conflict_term, installing };
                self.append_refused(s, fx, from, &refusal);
            }
            AppendResult::StaleTerm => {}
        }
    }

    /// **L3S.** "If successful: update nextIndex and matchIndex for follower (section 5.3)." Then the commit rule, and
    /// what the follower still lacks, if anything.
    fn append_accepted(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId, reported: Index) {
        if !s.is_leader() {
            return;
        }
        fx.fired(Rule::L3S);
        self.follower_matches(s, from, reported);
        self.advance_commit_index(s, fx);
        self.append_if_behind(s, fx, from);
        self.hand_over_if_caught_up(s, fx, from);
    }
}
