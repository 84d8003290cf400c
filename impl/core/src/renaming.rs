//! The same cluster under other names. The rules treat all ids alike, so whatever a server can do, the renamed one can
//! do too, renamed: that is what a model checker's symmetry rests on. `names[i]` is the new id of server `i`; a server
//! without a name keeps its own.

use crate::effects::{Batch, Released};
use crate::message::Envelope;
use crate::persistent::{Change, Persistent};
use crate::progress::Progress;
use crate::server::{Config, Role, Server};
use crate::types::{ServerId, ServerSet};
use alloc::vec::Vec;

fn name(names: &[ServerId], id: ServerId) -> ServerId {
    names.get(usize::from(id.0)).copied().unwrap_or(id)
}

fn rename_set(names: &[ServerId], set: ServerSet) -> ServerSet {
    let mut renamed = ServerSet::EMPTY;
    set.iter().for_each(|id| renamed.insert(name(names, id)));
    renamed
}

/// What is known of each voter, in the order of their new ids.
fn rename_places(names: &[ServerId], voters: ServerSet, old: &[Progress]) -> Vec<Progress> {
    let renamed_voters = rename_set(names, voters);
    let mut renamed = old.to_vec();
    for (id, progress) in voters.iter().zip(old) {
        let place = renamed_voters.place_of(name(names, id));
        if let Some(place) = place.and_then(|place| renamed.get_mut(place)) {
            *place = *progress;
        }
    }
    renamed
}

impl<C: Clone, S: Clone> Server<C, S> {
    /// The same server under other names.
    #[must_use]
    pub fn renamed(&self, names: &[ServerId]) -> Self {
        let role = match &self.role {
            Role::Follower { leader } => Role::Follower { leader: leader.map(|id| name(names, id)) },
            Role::PreCandidate { votes } => Role::PreCandidate { votes: rename_set(names, *votes) },
            Role::Candidate { votes, transfer } => {
                Role::Candidate { votes: rename_set(names, *votes), transfer: *transfer }
            }
            Role::Leader { progress, uncommitted, stalled_at, heard, transfer_to } => Role::Leader {
                progress: rename_places(names, self.config.voters, progress),
                uncommitted: *uncommitted,
                stalled_at: *stalled_at,
                heard: rename_set(names, *heard),
                transfer_to: transfer_to.map(|id| name(names, id)),
            },
        };
        let (id, persistent) = (name(names, self.id), self.persistent.renamed(names));
        let config = Config { voters: rename_set(names, self.config.voters), ..self.config };
        Server { id, config, role, persistent, offered: self.offered.clone(), ..*self }
    }
}

impl<C: Clone, S: Clone> Persistent<C, S> {
    /// The same persistent state under other names.
    #[must_use]
    pub fn renamed(&self, names: &[ServerId]) -> Self {
        Persistent { voted_for: self.voted_for.map(|id| name(names, id)), ..self.clone() }
    }
}

impl<C: Clone, S: Clone> Envelope<C, S> {
    /// The same message under other names: no server is named in what it says.
    #[must_use]
    pub fn renamed(&self, names: &[ServerId]) -> Self {
        let (from, to) = (name(names, self.from), name(names, self.to));
        Envelope { from, to, message: self.message.clone() }
    }
}

impl<C: Clone, S: Clone, T: Clone> Batch<C, S, T> {
    /// The same batch under other names. Messages of a step go to the servers in the order of their ids, under these
    /// names too.
    #[must_use]
    pub fn renamed(&self, names: &[ServerId]) -> Self {
        let mut renamed = self.clone();
        for change in renamed.record.changes.as_mut_slice() {
            if let Change::TermAndVote { voted_for, .. } = change {
                *voted_for = voted_for.map(|id| name(names, id));
            }
        }
        for Released { messages, .. } in &mut renamed.waiting {
            let messages = messages.as_mut_slice();
            for envelope in messages.iter_mut() {
                (envelope.from, envelope.to) = (name(names, envelope.from), name(names, envelope.to));
            }
            messages.sort_by_key(|envelope| envelope.to);
        }
        renamed
    }
}
