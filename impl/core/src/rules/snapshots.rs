//! Section 7 and Figure 13: snapshots taken by the service, and snapshots from the leader.
//!
//! A snapshot from the leader is not installed when it arrives: it is offered to the service, through the same
//! channel as the entries, and the switch happens in one step of the service and the log (the lab's
//! CondInstallSnapshot). In between nothing is applied.

use super::AllServers;
use crate::command::Command;
use crate::effects::Effects;
use crate::input::{Outcome, SnapshotIgnored};
use crate::log::Snapshot;
use crate::message::{InstallSnapshot, InstallSnapshotReply, Message};
use crate::persistent::Change;
use crate::rule::Rule;
use crate::server::Server;
use crate::types::{Index, ServerId};

/// How logs are compacted.
pub trait Snapshots<C: Command, S: Clone>: AllServers<C, S> {
    /// **S1.** "Each server takes snapshots independently, covering just the committed entries in its log"
    /// (section 7). Log and snapshot switch in one change.
    fn snapshot_taken(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, index: Index, data: S) {
        if index <= s.log().base_index() {
            return fx.set_outcome(Outcome::SnapshotIgnored(SnapshotIgnored::AlreadyCovered));
        }
        let last_included_term = s.log().term_at(index).filter(|_| index <= s.commit_index);
        let Some(last_included_term) = last_included_term else {
            return fx.set_outcome(Outcome::SnapshotIgnored(SnapshotIgnored::NotCommitted));
        };
        if self.retains_for_followers(s, index) {
            fx.fired(Rule::S1K);
            return fx.set_outcome(Outcome::SnapshotIgnored(SnapshotIgnored::FollowersLag));
        }
        fx.fired(Rule::S1);
        let snapshot = Snapshot { last_included_index: index, last_included_term, data };
        self.save(s, fx, Change::Snapshot { snapshot, keep_suffix: true });
        // The service has applied what it took a snapshot of, even if the applier has yet to say so.
        s.last_applied = s.last_applied.max(index);
        fx.set_outcome(Outcome::SnapshotTaken);
    }

    /// **S1K.** Whether a leader keeps the entries up to `index` a while: a follower lacks one of them, and they are few
    /// enough. Else a service that compacts faster than a follower installs would send it one snapshot after the other.
    fn retains_for_followers(&self, s: &Server<C, S>, index: Index) -> bool {
        let lacks = |follower| s.progress_of(follower).is_some_and(|known| known.match_index < index);
        s.config.peers_of(s.id).any(lacks) && !s.log().exceeds(index, s.config.max_retained_bytes)
    }

    /// The InstallSnapshot handler. The request's term is at most ours by now (A2 came first).
    fn install_snapshot(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        m: InstallSnapshot<S>,
    ) {
        if m.term < s.current_term() {
            return self.refuse_old_snapshot_sender(s, fx, from);
        }
        // From the current leader, just as entries are: a candidate has lost, the election timer restarts.
        self.recognise_leader(s, fx, from);
        let index = m.snapshot.last_included_index;
        self.offer_snapshot(s, fx, m.snapshot);
        self.snapshot_result(s, fx, from, Some(index));
    }

    /// **IS1.** "Reply immediately if term < currentTerm." The reply's term makes the old leader step down.
    fn refuse_old_snapshot_sender(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, from: ServerId) {
        fx.fired(Rule::IS1);
        self.snapshot_result(s, fx, from, None);
    }

    /// Replies to the leader: which snapshot has arrived, or none for a leader of an older term.
    fn snapshot_result(
        &self,
        s: &Server<C, S>,
        fx: &mut Effects<C, S>,
        to: ServerId,
        arrived: Option<Index>,
    ) {
        let reply = InstallSnapshotReply { term: s.current_term(), last_included_index: arrived };
        self.reply(s, fx, to, Message::InstallSnapshotReply(reply));
    }

    /// **IS5.** "Save snapshot file, discard any existing or partial snapshot with a smaller index." It is offered
    /// to the service, unless the log has or will bring what it covers.
    fn offer_snapshot(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, snapshot: Snapshot<S>) {
        let newest_offer = s.offered.as_ref().map_or(Index::ZERO, |offer| offer.last_included_index);
        if !self.snapshot_is_old(s, &snapshot) && snapshot.last_included_index > newest_offer {
            fx.fired(Rule::IS5);
            s.offered = Some(snapshot);
        }
    }

    /// **IS8R.** Whether the snapshot covers nothing beyond commit_index: the service has its entries or will get
    /// them from the log, and switching to it could take the service back.
    fn snapshot_is_old(&self, s: &Server<C, S>, snapshot: &Snapshot<S>) -> bool {
        snapshot.last_included_index <= s.commit_index
    }

    /// **IS8.** "Reset state machine using snapshot contents": the service is about to do that, and asks whether it
    /// may (the lab's CondInstallSnapshot). If so the log, commit_index and last_applied switch in this very step.
    fn cond_install_snapshot(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, snapshot: Snapshot<S>) {
        let index = snapshot.last_included_index;
        if s.offered.as_ref().is_some_and(|offer| offer.last_included_index <= index) {
            s.offered = None;
        }
        if self.snapshot_is_old(s, &snapshot) || self.contradicts_leader(s, &snapshot) {
            fx.fired(Rule::IS8R);
            return fx.set_outcome(Outcome::InstallRefused);
        }
        let keep_suffix = self.keeps_suffix(s, &snapshot);
        fx.fired(if keep_suffix { Rule::IS6 } else { Rule::IS7 });
        fx.fired(Rule::IS8);
        self.save(s, fx, Change::Snapshot { snapshot, keep_suffix });
        s.commit_index = index;
        s.last_applied = index;
        // It may lead by now, as the offer came while it followed.
        s.count_uncommitted();
        fx.set_outcome(Outcome::Installed);
    }

    /// **IS8R**, for a server that was elected since it was offered the snapshot. A leader's log has every entry that is
    /// committed (Leader Completeness, section 5.4), so no correct peer sent a snapshot that its log contradicts; and a
    /// leader must not discard what it has replicated.
    fn contradicts_leader(&self, s: &Server<C, S>, snapshot: &Snapshot<S>) -> bool {
        s.is_leader() && s.log().term_at(snapshot.last_included_index) != Some(snapshot.last_included_term)
    }

    /// **IS6, IS7.** "If existing log entry has same index and term as snapshot's last included entry, retain log
    /// entries following it"; else "discard the entire log".
    fn keeps_suffix(&self, s: &Server<C, S>, snapshot: &Snapshot<S>) -> bool {
        s.log().term_at(snapshot.last_included_index) == Some(snapshot.last_included_term)
    }
}
