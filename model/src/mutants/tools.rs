//! What several bugs need: ways for a rule to do half of what it should, composed of whole rules.

use super::bug::{Fx, Saved, Server, broken};
use crate::cluster::prefix::{Command, Prefix};
use figure2_core::rules::{Candidates, Leaders, Persistence, Replication};
use figure2_core::{
    Apply, Entry, Figure2, Index, Log, Persisted, Persistent, Progress, ServerId, Snapshot, Term,
};

/// Changes the server's memory, and leaves the change out of the record.
pub fn change_memory(s: &mut Server, change: Saved) {
    Figure2.save(s, &mut Fx::default(), change);
}

/// Becomes candidate, and counts the vote for itself before it is durable.
pub fn stand_and_count(s: &mut Server, fx: &mut Fx, transfer: bool) {
    Figure2.start_election(s, fx, transfer);
    Figure2.add_vote(s, fx, s.id());
}

/// Takes a command, and counts the entry for the server's own before it is durable.
pub fn propose_and_count(s: &mut Server, fx: &mut Fx, command: Command) {
    Figure2.propose(s, fx, command);
    let (current_term, last_log_index) = (s.current_term(), s.log().last_index());
    Figure2.persisted(s, fx, Persisted { current_term, last_log_index });
}

/// What became durable in some term, taken as if it were this one.
pub fn persisted_now(s: &mut Server, fx: &mut Fx, persisted: Persisted) {
    Figure2.persisted(s, fx, Persisted { current_term: s.current_term(), ..persisted });
}

/// The entries after last_applied, committed or not.
pub fn uncommitted(s: &Server, limit: usize) -> Option<Apply<Command, Prefix>> {
    let first_index = s.last_applied().next();
    let entries = s.log().entries_from(first_index, limit).to_vec();
    (!entries.is_empty()).then_some(Apply::Entries { first_index, entries })
}

/// The server as it would be with another log, in the same role.
pub fn with_log(s: &Server, log: Log<Command, Prefix>) -> Server {
    let mut twin = s.clone();
    let Some(first) = first_difference(s.log(), &log) else { return twin };
    change_memory(&mut twin, Saved::Truncate { from: first });
    let entries = log.entries_from(first, usize::MAX).to_vec();
    change_memory(&mut twin, Saved::Append { first_index: first, entries });
    twin
}

fn first_difference(one: &Log<Command, Prefix>, other: &Log<Command, Prefix>) -> Option<Index> {
    let last = one.last_index().max(other.last_index());
    let mut index = one.base_index();
    while index < last {
        index = index.next();
        if one.entry(index) != other.entry(index) {
            return Some(index);
        }
    }
    None
}

/// A leader as it would be had it committed its whole log.
pub fn all_committed(s: &Server) -> Server {
    let mut twin = s.clone();
    let eager = broken!(
        Leaders {
            fn majority_match_index(&self, s: &Server, _: &[Progress]) -> Index {
                s.log().last_index()
            }
            fn may_commit(&self, _: &Server, _: Index) -> bool {
                true
            }
        }
    );
    eager.advance_commit_index(&mut twin, &mut Fx::default());
    twin
}

/// The server's twin with another persistent state, as a candidate of the same term.
pub fn as_candidate(s: &Server, log: Log<Command, Prefix>) -> Server {
    let earlier = Term(s.current_term().0.saturating_sub(1));
    let persistent = Persistent { current_term: earlier, voted_for: None, log };
    let mut twin = Server::from_parts(s.id(), s.config(), persistent);
    Figure2.start_election(&mut twin, &mut Fx::default(), false);
    twin
}

/// One AppendEntries as the twin would send it, while the server itself remembers that it sent its own.
pub fn append_as(twin: &mut Server, s: &mut Server, fx: &mut Fx, peer: ServerId) {
    Figure2.append_to(twin, fx, peer);
    Figure2.append_to(s, &mut Fx::default(), peer);
}

/// A leader's next_index and match_index for a follower, in this order.
pub fn progress(s: &Server, peer: ServerId) -> Option<(Index, Index)> {
    s.progress_of(peer).map(|known| (known.next_index, known.match_index))
}

/// All entries after match_index once more, whatever has been sent of them; a heartbeat where there are none.
pub fn resend(s: &Server, fx: &mut Fx, peer: ServerId) {
    let Some((_, match_index)) = progress(s, peer) else { return };
    let first = match_index.max(s.log().base_index());
    let entries = s.log().entries_from(first.next(), usize::MAX).to_vec();
    Figure2.push_append(s, fx, peer, first, entries);
}

/// Sends a snapshot that was changed on its way out.
pub fn send_as(
    s: &mut Server,
    fx: &mut Fx,
    peer: ServerId,
    change: impl FnOnce(Snapshot<Prefix>) -> Snapshot<Prefix>,
) {
    let mut twin = s.clone();
    if let Some(snapshot) = s.log().snapshot().cloned() {
        change_memory(&mut twin, Saved::Snapshot { snapshot: change(snapshot), keep_suffix: true });
    }
    Figure2.send_snapshot(&mut twin, fx, peer);
    Figure2.send_snapshot(s, &mut Fx::default(), peer);
}

/// The server's log with each entry changed or left out.
pub fn edited(
    s: &Server,
    mut edit: impl FnMut(Index, Entry<Command>) -> Option<Entry<Command>>,
) -> Log<Command, Prefix> {
    let mut index = s.log().base_index();
    let entries = s.log().entries().iter().filter_map(|entry| {
        index = index.next();
        edit(index, entry.clone())
    });
    Log::from_parts(s.log().snapshot().cloned(), entries.collect())
}
