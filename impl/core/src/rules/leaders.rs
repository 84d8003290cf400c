//! Figure 2, Rules for Servers: "Leaders".

use super::AllServers;
use crate::effects::Effects;
use crate::input::Outcome;
use crate::log::Entry;
use crate::message::{
    AppendEntries, AppendEntriesReply, AppendResult, Envelope, InstallSnapshot, InstallSnapshotReply, Message,
};
use crate::persistent::Change;
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::{Index, ServerId, ServerSet, Term};
use alloc::{vec, vec::Vec};

/// What a leader does.
pub trait Leaders<C: Clone, S: Clone>: AllServers<C, S> {
    /// **L1.** "Upon election: send initial empty AppendEntries RPCs (heartbeat) to each server." "nextIndex\[\]
    /// (initialized to leader last log index + 1), matchIndex\[\] (initialized to 0)"; the leader's own log was
    /// durable before it asked for votes.
    fn become_leader(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        fx.fired(Rule::L1);
        let servers = usize::from(s.config.servers);
        let last_log_index = s.log().last_index();
        let mut match_index = vec![Index::ZERO; servers];
        if let Some(own) = match_index.get_mut(usize::from(s.id.0)) {
            *own = last_log_index;
        }
        s.role = Role::Leader {
            next_index: vec![last_log_index.next(); servers],
            match_index,
            pipelining: ServerSet::EMPTY,
        };
        fx.heard_leader(s.id);
        self.append_to_all(s, fx);
    }

    /// **L1R.** "Repeat during idle periods to prevent election timeouts (section 5.2)." Lost requests are retried
    /// the same way (section 5.5).
    fn heartbeat(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        if s.is_leader() {
            fx.fired(Rule::L1R);
            self.append_to_all(s, fx);
        }
    }

    /// AppendEntries to every follower, whether or not there are entries to send.
    fn append_to_all(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        for peer in s.config.peers_of(s.id) {
            self.append_to(s, fx, peer);
        }
    }

    /// **L2.** "If command received from client: append entry to local log." The command is answered when it is
    /// applied, not here.
    fn propose(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, command: C) {
        let term = s.current_term();
        if !s.is_leader() {
            return fx.set_outcome(Outcome::NotLeader { term });
        }
        fx.fired(Rule::L2);
        self.save(s, fx, Change::Append { entries: vec![Entry { term, command }] });
        fx.set_outcome(Outcome::Proposed { index: s.log().last_index(), term });
    }

    /// **L3.** "If last log index >= nextIndex for a follower: send AppendEntries RPC with log entries starting at
    /// nextIndex." To followers known to match; the others are being probed already, one message at a time.
    fn replicate(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        for peer in s.config.peers_of(s.id) {
            let Role::Leader { pipelining, .. } = &s.role else { return };
            if pipelining.contains(peer) {
                self.append_if_behind(s, fx, peer);
            }
        }
    }

    /// **L3** for one follower.
    fn append_if_behind(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, peer: ServerId) {
        let last_log_index = s.log().last_index();
        let Role::Leader { next_index, .. } = &s.role else { return };
        if last_log_index >= at(next_index, peer) {
            fx.fired(Rule::L3);
            self.append_to(s, fx, peer);
        }
    }

    /// One AppendEntries with the entries from next_index on (none, if the follower has all: a heartbeat), or the
    /// snapshot if those entries are discarded.
    fn append_to(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, peer: ServerId) {
        let (id, term, leader_commit) = (s.id, s.current_term(), s.commit_index);
        let limit = usize::try_from(s.config.max_entries_per_message).unwrap_or(usize::MAX);
        let log = &s.persistent.log;
        let Role::Leader { next_index, pipelining, .. } = &mut s.role else { return };
        let first = at(next_index, peer);
        let prev_log_index = first.prev();
        let Some(prev_log_term) = log.term_at(prev_log_index).filter(|_| first > log.base_index()) else {
            return self.send_snapshot(s, fx, peer);
        };
        let entries = log.entries_from(first, limit).to_vec();
        if pipelining.contains(peer) {
            set(next_index, peer, first.plus(entries.len()));
        }
        let message = AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit };
        fx.push_early(Envelope { from: id, to: peer, message: Message::AppendEntries(message) });
    }

    /// **S2.** "The leader uses a new RPC called InstallSnapshot to send snapshots to followers that are too far
    /// behind" (section 7). Until the follower shows that it matches again, it is probed.
    fn send_snapshot(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, peer: ServerId) {
        let (id, term) = (s.id, s.current_term());
        let Some(snapshot) = s.log().snapshot().cloned() else { return };
        let Role::Leader { pipelining, .. } = &mut s.role else { return };
        fx.fired(Rule::S2);
        pipelining.remove(peer);
        let message = Message::InstallSnapshot(InstallSnapshot { term, snapshot });
        fx.push_early(Envelope { from: id, to: peer, message });
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
        if self.reply_is_stale(s, m.term) {
            return fx.fired(Rule::R1);
        }
        match m.result {
            AppendResult::Success { match_index } => self.append_accepted(s, fx, from, match_index),
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term } => {
                self.append_refused(s, fx, from, prev_log_index, conflict_index, conflict_term);
            }
            AppendResult::StaleTerm => {}
        }
    }

    /// **L3S.** "If successful: update nextIndex and matchIndex for follower (section 5.3)." Then what the follower
    /// still lacks, if anything, and the commit rule.
    fn append_accepted(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId, reported: Index) {
        let Role::Leader { next_index, match_index, pipelining } = &mut s.role else { return };
        fx.fired(Rule::L3S);
        let matched = self.new_match_index(at(match_index, from), reported);
        set(match_index, from, matched);
        let next = at(next_index, from).max(matched.next());
        set(next_index, from, next);
        pipelining.insert(from);
        self.advance_commit_index(s, fx);
        self.append_if_behind(s, fx, from);
    }

    /// match_index is what the follower measured: the request's prev_log_index + number of entries. It never goes
    /// back: replies may be late.
    fn new_match_index(&self, known: Index, reported: Index) -> Index {
        known.max(reported)
    }

    /// **L3F.** "If AppendEntries fails because of log inconsistency: decrement nextIndex and retry (section 5.3)."
    fn append_refused(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        prev_log_index: Index,
        conflict_index: Index,
        conflict_term: Option<Term>,
    ) {
        if !self.refusal_is_current(s, from, prev_log_index) {
            return;
        }
        let back_to = self.backtrack(s, conflict_index, conflict_term);
        let Role::Leader { next_index, match_index, pipelining } = &mut s.role else { return };
        fx.fired(Rule::L3F);
        // Never at or below what is known to match, and always back.
        let next = back_to.min(prev_log_index).max(at(match_index, from).next());
        set(next_index, from, next);
        pipelining.remove(from);
        self.append_to(s, fx, from);
    }

    /// Whether a refusal still says something: not about a prefix that has been acknowledged since, and, while
    /// probing, not about an earlier probe.
    fn refusal_is_current(&self, s: &Server<C, S>, from: ServerId, prev_log_index: Index) -> bool {
        let Role::Leader { next_index, match_index, pipelining } = &s.role else { return false };
        prev_log_index > at(match_index, from)
            && (pipelining.contains(from) || prev_log_index == at(next_index, from).prev())
    }

    /// **L3F**, how far back (the optimization of section 5.3, which the paper leaves open). If the leader has the
    /// conflicting term: one past its last entry of that term; else where the follower's entries of it begin.
    fn backtrack(&self, s: &Server<C, S>, conflict_index: Index, conflict_term: Option<Term>) -> Index {
        let log = s.log();
        let Some(term) = conflict_term else { return conflict_index };
        // Terms never go back along a log, so the entries of one term form a run.
        let after = log.entries().partition_point(|entry| entry.term <= term);
        let run_end = log.base_index().plus(after);
        if log.term_at(run_end) == Some(term) { run_end.next() } else { conflict_index }
    }

    /// **L4.** "If there exists an N such that N > commitIndex, a majority of matchIndex\[i\] >= N, and
    /// log\[N\].term == currentTerm: set commitIndex = N (sections 5.3, 5.4)."
    fn advance_commit_index(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        let Role::Leader { match_index, .. } = &s.role else { return };
        let held_by_majority = self.majority_match_index(s, match_index);
        if held_by_majority > s.commit_index && self.may_commit(s, held_by_majority) {
            fx.fired(Rule::L4);
            s.commit_index = held_by_majority;
        }
    }

    /// The highest N that a majority of match_index reaches.
    fn majority_match_index(&self, s: &Server<C, S>, match_index: &[Index]) -> Index {
        let mut sorted: Vec<Index> = match_index.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        sorted.get(s.config.majority() - 1).copied().unwrap_or(Index::ZERO)
    }

    /// **L4**, the term. Only an entry of the leader's current term is committed by counting; the earlier ones are
    /// committed with it (section 5.4.2, Figure 8).
    fn may_commit(&self, s: &Server<C, S>, index: Index) -> bool {
        s.log().term_at(index) == Some(s.current_term())
    }

    /// **S3.** The follower took the snapshot in (Figure 13, results): go on after it. It is not counted in
    /// match_index: the follower's service may still refuse it, and then its log is asked, as always.
    fn snapshot_reply(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        m: &InstallSnapshotReply,
    ) {
        if self.reply_is_stale(s, m.term) {
            return fx.fired(Rule::R1);
        }
        let (Some(index), Role::Leader { next_index, .. }) = (m.last_included_index, &mut s.role) else {
            return;
        };
        fx.fired(Rule::S3);
        let next = at(next_index, from).max(index.next());
        set(next_index, from, next);
    }
}

/// A server's place in an array of the leader. Every server of the cluster has one.
fn at(indexes: &[Index], server: ServerId) -> Index {
    indexes.get(usize::from(server.0)).copied().unwrap_or(Index::ZERO)
}

/// Sets a server's place in an array of the leader.
fn set(indexes: &mut [Index], server: ServerId, index: Index) {
    if let Some(place) = indexes.get_mut(usize::from(server.0)) {
        *place = index;
    }
}
