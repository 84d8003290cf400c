//! How a leader brings a follower's log up to date: Figure 2, Leaders 3; section 7; and the limits of what is sent.
//!
//! A follower is probed with empty messages until its log is known to match, then entries are sent without waiting for
//! replies, or a snapshot once: see [`ProgressState`].

use super::AllServers;
use crate::command::Command;
use crate::effects::Effects;
use crate::log::Entry;
use crate::message::{AppendEntries, Envelope, InstallSnapshot, InstallSnapshotReply, Message};
use crate::progress::{Progress, ProgressState};
use crate::rule::Rule;
use crate::server::{Role, Server};
use crate::types::{Index, ServerId, Term};
use alloc::vec::Vec;

/// A follower's refusal of an AppendEntries, as [`AppendResult::Conflict`](crate::AppendResult::Conflict) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The request's prev_log_index.
    pub prev_log_index: Index,
    /// Where the follower says to go on.
    pub conflict_index: Index,
    /// The term of the follower's conflicting entry, if its log is long enough.
    pub conflict_term: Option<Term>,
    /// The snapshot that the follower is installing.
    pub installing: Option<Index>,
}

/// How a leader sends what followers lack.
pub trait Replication<C: Command, S: Clone>: AllServers<C, S> {
    /// **L3.** "If last log index >= nextIndex for a follower: send AppendEntries RPC with log entries starting at
    /// nextIndex." To followers known to match; the others are being probed.
    fn replicate(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        for peer in s.config.peers_of(s.id) {
            self.append_if_behind(s, fx, peer);
        }
    }

    /// **L4C.** Followers learn at once what is committed: with entries where some are due, and else with an empty
    /// message. Figure 2 leaves it to the next AppendEntries.
    fn send_commit(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        for peer in s.config.peers_of(s.id) {
            if self.is_behind(s, peer) {
                self.append_if_behind(s, fx, peer);
            } else if s.progress_of(peer).is_some_and(|known| known.is_replicating()) {
                fx.fired(Rule::L4C);
                self.heartbeat_to(s, fx, peer);
            }
        }
    }

    /// Whether some follower is due entries, and there is room for them.
    fn has_entries_to_send(&self, s: &Server<C, S>) -> bool {
        s.config.peers_of(s.id).any(|peer| self.is_behind(s, peer))
    }

    /// Whether this follower is due entries, and there is room for them.
    fn is_behind(&self, s: &Server<C, S>, peer: ServerId) -> bool {
        s.progress_of(peer).is_some_and(|known| {
            known.is_replicating() && s.log().last_index() >= known.next_index && self.has_room(s, known)
        })
    }

    /// **L3** for one follower: one AppendEntries with the entries from next_index on, or the snapshot if those entries
    /// are discarded.
    fn append_if_behind(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, peer: ServerId) {
        let Some(known) = s.progress_of(peer).copied() else { return };
        if !known.is_replicating() || s.log().last_index() < known.next_index {
            return;
        }
        if !self.has_room(s, &known) {
            return fx.fired(Rule::L3W);
        }
        fx.fired(Rule::L3);
        if known.next_index > s.log().base_index() {
            self.append_to(s, fx, peer);
        } else {
            self.send_snapshot(s, fx, peer);
        }
    }

    /// **L3W.** Whether the next entry may be in flight with those that are: a follower that does not answer is sent no
    /// more than max_in_flight_bytes. One entry always may, or a large one would never be sent. Where the next entry is
    /// discarded, the snapshot follows once the follower has answered: the next heartbeat asks.
    fn has_room(&self, s: &Server<C, S>, known: &Progress) -> bool {
        let ProgressState::Replicate { in_flight } = known.state else { return false };
        let next = s.log().entry(known.next_index).map(Entry::size);
        in_flight == 0
            || next.is_some_and(|next| in_flight.saturating_add(next) <= s.config.max_in_flight_bytes)
    }

    /// **L3B.** The entries of one message: as many as the limits of a message and of what is in flight allow, and
    /// always one.
    fn next_batch<'a>(&self, s: &'a Server<C, S>, known: &Progress) -> &'a [Entry<C>] {
        let ProgressState::Replicate { in_flight } = known.state else { return &[] };
        let room = s.config.max_in_flight_bytes.saturating_sub(in_flight);
        let limit = usize::try_from(s.config.max_entries_per_message).unwrap_or(usize::MAX);
        s.log().batch_from(known.next_index, limit, s.config.max_message_bytes.min(room))
    }

    /// One AppendEntries with the entries that come next. They count as sent: next_index moves past them.
    fn append_to(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, peer: ServerId) {
        let Some(known) = s.progress_of(peer).copied() else { return };
        let entries = self.next_batch(s, &known).to_vec();
        let next_index = known.next_index.plus(entries.len());
        if next_index <= s.log().last_index() {
            fx.fired(Rule::L3B);
        }
        let size: u64 = entries.iter().map(Entry::size).sum();
        self.push_append(s, fx, peer, known.next_index.prev(), entries);
        if let Some(progress) = s.progress_mut(peer) {
            progress.next_index = next_index;
            if let ProgressState::Replicate { in_flight } = &mut progress.state {
                *in_flight = in_flight.saturating_add(size);
            }
        }
    }

    /// An empty AppendEntries: a heartbeat, and a question whether the logs match there. It goes where the last message
    /// ended, or where the leader's log begins if that is later.
    fn heartbeat_to(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, peer: ServerId) {
        if let Some(prev_log_index) = self.probed_at(s, peer) {
            self.push_append(s, fx, peer, prev_log_index, Vec::new());
        }
    }

    /// prev_log_index of an empty message to this follower.
    fn probed_at(&self, s: &Server<C, S>, peer: ServerId) -> Option<Index> {
        s.progress_of(peer).map(|known| known.next_index.prev().max(s.log().base_index()))
    }

    /// The message itself: it may leave before the leader's own write is durable.
    fn push_append(
        &self,
        s: &Server<C, S>,
        fx: &mut Effects<C, S>,
        to: ServerId,
        prev_log_index: Index,
        entries: Vec<Entry<C>>,
    ) {
        let (term, leader_commit) = (s.current_term(), s.commit_index);
        let Some(prev_log_term) = s.log().term_at(prev_log_index) else { return };
        let message = AppendEntries { term, prev_log_index, prev_log_term, entries, leader_commit };
        fx.push_early(Envelope { from: s.id, to, message: Message::AppendEntries(message) });
    }

    /// match_index is what the follower measured: the request's prev_log_index + number of entries. It never goes
    /// back: replies may be late.
    fn new_match_index(&self, known: Index, reported: Index) -> Index {
        known.max(reported)
    }

    /// **L3S**, next_index and match_index: the follower says that its log matches up to `reported`. What it acknowledges
    /// is no longer in flight. If it was probed and this answers the probe, entries may be sent from there on; an earlier
    /// message's late success would make the leader send again what is on its way.
    fn follower_matches(&self, s: &mut Server<C, S>, from: ServerId, reported: Index) {
        let Some(known) = s.progress_of(from) else { return };
        let match_index = self.new_match_index(known.match_index, reported);
        let answers_probe = self.probed_at(s, from).is_some_and(|probed_at| reported >= probed_at);
        let place = s.config.voters.place_of(from);
        let Role::Leader { progress, .. } = &mut s.role else { return };
        let Some(known) = place.and_then(|place| progress.get_mut(place)) else { return };
        let log = &s.persistent.log;
        match &mut known.state {
            ProgressState::Replicate { in_flight } => {
                known.next_index = known.next_index.max(match_index.next());
                if known.match_index >= log.base_index() {
                    let acknowledged = match_index.min(known.next_index.prev());
                    *in_flight = in_flight.saturating_sub(log.size_between(known.match_index, acknowledged));
                } else if match_index >= log.base_index() {
                    // The sizes of what the leader has discarded since it sent it are not known any more: they counted
                    // until all of it is acknowledged.
                    *in_flight = log.size_between(match_index, known.next_index.prev());
                }
            }
            // A late answer, from before it was sent the snapshot: that is still to come.
            ProgressState::Snapshot { .. } if match_index.next() < known.next_index => {}
            ProgressState::Probe | ProgressState::Snapshot { .. } if answers_probe => {
                known.state = ProgressState::Replicate { in_flight: 0 };
                known.next_index = match_index.next();
            }
            ProgressState::Probe | ProgressState::Snapshot { .. } => {}
        }
        known.match_index = match_index;
    }

    /// **L3F.** "If AppendEntries fails because of log inconsistency: decrement nextIndex and retry (section 5.3)." The
    /// retry is empty; the entries follow once it succeeds.
    fn append_refused(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        refusal: &Refusal,
    ) {
        if !self.refusal_is_current(s, from, refusal.prev_log_index) {
            return;
        }
        let Some(known) = s.progress_of(from).copied() else { return };
        if let ProgressState::Snapshot { acknowledged, .. } = known.state {
            return self.snapshot_not_installed(s, fx, from, acknowledged, refusal);
        }
        fx.fired(Rule::L3F);
        let back_to = self.backtrack(s, refusal);
        // Never at or below what is known to match, and always back.
        let next_index = back_to.min(refusal.prev_log_index).max(known.match_index.next());
        if let Some(progress) = s.progress_mut(from) {
            progress.next_index = next_index;
            progress.state = ProgressState::Probe;
        }
        if next_index > s.log().base_index() {
            self.heartbeat_to(s, fx, from);
        } else if refusal.installing >= Some(s.log().base_index()) {
            // Another leader's snapshot, or one that was given up: it will do.
            self.snapshot_is_out(s, from, true);
        } else {
            self.send_snapshot(s, fx, from);
        }
    }

    /// Whether a refusal still says something: not about a prefix that has been acknowledged since, and, but for a
    /// follower that is sent entries all the time, only about the last message.
    fn refusal_is_current(&self, s: &Server<C, S>, from: ServerId, prev_log_index: Index) -> bool {
        s.progress_of(from).is_some_and(|known| {
            prev_log_index > known.match_index
                && (known.is_replicating() || self.probed_at(s, from) == Some(prev_log_index))
        })
    }

    /// **L3F**, how far back (the optimization of section 5.3, which the paper leaves open). If the leader has the
    /// conflicting term: one past its last entry of that term; else where the follower's entries of it begin.
    fn backtrack(&self, s: &Server<C, S>, refusal: &Refusal) -> Index {
        let log = s.log();
        let Some(term) = refusal.conflict_term else { return refusal.conflict_index };
        // Terms never go back along a log, so the entries of one term form a run.
        let run_end = log.first_index_from_term(term.next()).prev();
        if log.term_at(run_end) == Some(term) { run_end.next() } else { refusal.conflict_index }
    }

    /// **S2.** "The leader uses a new RPC called InstallSnapshot to send snapshots to followers that are too far
    /// behind" (section 7). Once: what becomes of it, the follower's replies tell.
    fn send_snapshot(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, peer: ServerId) {
        let (id, term) = (s.id, s.current_term());
        let Some(snapshot) = s.log().snapshot().cloned() else { return };
        fx.fired(Rule::S2);
        self.snapshot_is_out(s, peer, false);
        let message = Message::InstallSnapshot(InstallSnapshot { term, snapshot });
        fx.push_early(Envelope { from: id, to: peer, message });
    }

    /// The follower was sent the leader's snapshot, or has one that is as good.
    fn snapshot_is_out(&self, s: &mut Server<C, S>, peer: ServerId, acknowledged: bool) {
        let next_index = s.log().base_index().next();
        if let Some(progress) = s.progress_mut(peer) {
            progress.next_index = next_index;
            progress.state = ProgressState::Snapshot { acknowledged, unanswered: 0 };
        }
    }

    /// **S3.** The follower took the snapshot in (Figure 13, results), and installs it. It is not counted in
    /// match_index: the follower's service may still refuse it, and then its log is asked, as always.
    fn snapshot_reply(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        m: &InstallSnapshotReply,
    ) {
        if self.drops_stale_reply(s, fx, m.term) {
            return;
        }
        let Some(index) = m.last_included_index else { return };
        self.snapshot_acknowledged(s, fx, from, index);
    }

    /// **S3.** A reply says that the follower has the snapshot: it is waited for, however long it takes.
    fn snapshot_acknowledged(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        index: Index,
    ) {
        let Some(progress) = s.progress_mut(from) else { return };
        if let ProgressState::Snapshot { .. } = progress.state
            && index.next() >= progress.next_index
        {
            fx.fired(Rule::S3);
            progress.state = ProgressState::Snapshot { acknowledged: true, unanswered: 0 };
        }
    }

    /// **S3F.** A heartbeat is refused by a follower that was sent a snapshot. Either it is still installing it, and gets
    /// nothing; or it had it and has it no more, so it gets the newest at once. If it never said that it has it, the
    /// snapshot may still be on its way.
    fn snapshot_not_installed(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        acknowledged: bool,
        refusal: &Refusal,
    ) {
        match refusal.installing {
            Some(index) => self.snapshot_acknowledged(s, fx, from, index),
            None if acknowledged => {
                fx.fired(Rule::S3F);
                self.send_snapshot(s, fx, from);
            }
            None => {}
        }
    }

    /// **S2W.** A snapshot that is not acknowledged after some heartbeats may be lost: the follower is asked again where
    /// it stands, and if it refuses that, it gets the snapshot again.
    fn await_snapshots(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        let patience = s.config.snapshot_patience;
        for peer in s.config.peers_of(s.id) {
            let Some(progress) = s.progress_mut(peer) else { return };
            if let ProgressState::Snapshot { acknowledged: false, unanswered } = &mut progress.state {
                *unanswered = unanswered.saturating_add(1);
                if *unanswered >= patience {
                    fx.fired(Rule::S2W);
                    progress.state = ProgressState::Probe;
                }
            }
        }
    }
}
