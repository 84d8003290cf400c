//! Figure 2, AppendEntries RPC: "Receiver implementation". A heartbeat is an AppendEntries like any other.

use super::AllServers;
use crate::command::Command;
use crate::effects::Effects;
use crate::log::Entry;
use crate::message::{AppendEntries, AppendEntriesReply, AppendResult, Message};
use crate::persistent::Change;
use crate::rule::Rule;
use crate::server::Server;
use crate::types::{Index, ServerId};
use alloc::vec::Vec;

/// How a server answers a leader.
pub trait AppendEntriesReceiver<C: Command, S: Clone>: AllServers<C, S> {
    /// The AppendEntries handler. The request's term is at most ours by now (A2 came first).
    fn append_entries(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        m: AppendEntries<C>,
    ) {
        if m.term < s.current_term() {
            return self.refuse_old_leader(s, fx, from);
        }
        self.recognise_leader(s, fx, from);
        if let Some(mismatch) = self.find_mismatch(s, &m) {
            fx.fired(Rule::AE2);
            return self.append_result(s, fx, from, mismatch);
        }
        let last_new = m.prev_log_index.plus(m.entries.len());
        let leader_commit = m.leader_commit;
        if let Some(from_index) = self.first_conflict(s, &m) {
            fx.fired(Rule::AE3);
            self.save(s, fx, Change::Truncate { from: from_index });
        }
        let entries = self.new_entries(s, m);
        if !entries.is_empty() {
            fx.fired(Rule::AE4);
            let first_index = s.log().last_index().next();
            self.save(s, fx, Change::Append { first_index, entries });
        }
        let commit_index = self.follower_commit_index(s, leader_commit, last_new);
        if commit_index > s.commit_index {
            fx.fired(Rule::AE5);
            s.commit_index = commit_index;
        }
        self.append_result(s, fx, from, AppendResult::Success { match_index: last_new });
    }

    /// **AE1.** "Reply false if term < currentTerm (section 5.1)." The reply's term makes the old leader step down.
    fn refuse_old_leader(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, from: ServerId) {
        fx.fired(Rule::AE1);
        self.append_result(s, fx, from, AppendResult::StaleTerm);
    }

    /// **AE2.** "Reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm
    /// (section 5.3)": also without entries, and also when prev_log_index lies past the end. What the snapshot covers
    /// is committed, and so matches. A refusal tells where to go on: too short a log, its end; else the conflicting
    /// term and the first index held of it.
    fn find_mismatch(&self, s: &Server<C, S>, m: &AppendEntries<C>) -> Option<AppendResult> {
        let log = s.log();
        let prev_log_index = m.prev_log_index;
        if prev_log_index <= log.base_index() {
            return None;
        }
        let conflict_term = log.term_at(prev_log_index);
        let conflict_index = match conflict_term {
            Some(term) if term == m.prev_log_term => return None,
            Some(term) => log.first_index_from_term(term),
            None => log.last_index().next(),
        };
        let installing = self.installing(s);
        Some(AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing })
    }

    /// **IS5**, what the leader is told of it: which snapshot the service has and has yet to answer.
    fn installing(&self, s: &Server<C, S>) -> Option<Index> {
        s.offered.as_ref().map(|offer| offer.last_included_index)
    }

    /// **AE3.** "If an existing entry conflicts with a new one (same index but different terms), delete the existing
    /// entry and all that follow it (section 5.3)." Without such an entry nothing is deleted: the request may be old,
    /// and the entries beyond it acknowledged.
    fn first_conflict(&self, s: &Server<C, S>, m: &AppendEntries<C>) -> Option<Index> {
        let log = s.log();
        let mut index = m.prev_log_index;
        m.entries.iter().find_map(|entry| {
            index = index.next();
            (index > log.base_index() && log.term_at(index).is_some_and(|term| term != entry.term))
                .then_some(index)
        })
    }

    /// **AE4.** "Append any new entries not already in the log": those past its end, once AE3 is done.
    fn new_entries(&self, s: &Server<C, S>, m: AppendEntries<C>) -> Vec<Entry<C>> {
        let known = s.log().last_index().since(m.prev_log_index);
        let mut entries = m.entries;
        entries.drain(..known.min(entries.len()));
        entries
    }

    /// **AE5.** "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)": beyond
    /// the last new entry the log may still differ from the leader's.
    fn follower_commit_index(&self, s: &Server<C, S>, leader_commit: Index, last_new: Index) -> Index {
        s.commit_index.max(leader_commit.min(last_new))
    }

    /// Replies to the leader.
    fn append_result(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, to: ServerId, result: AppendResult) {
        let term = s.current_term();
        self.reply(s, fx, to, Message::AppendEntriesReply(AppendEntriesReply { term, result }));
    }
}
