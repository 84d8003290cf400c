//! What can happen in a state of the cluster.

use crate::bounds::{Apply, Sending};
use crate::cluster::Cluster;
use crate::host::Host;
use crate::prefix::{Command, Prefix};
use crate::state::{State, Used};
use figure2_core::{Index, Role, Server, ServerId, Term};

/// Something that can happen. Messages are named by their position in the network of the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A message arrives.
    Deliver(u8),
    /// A message arrives, and a copy of it is still on its way.
    Duplicate(u8),
    /// A message is lost.
    Drop(u8),
    /// A server's election timer elapses.
    ElectionTimeout(ServerId),
    /// A leader's or candidate's heartbeat interval elapses.
    HeartbeatTimeout(ServerId),
    /// A client gives a leader a command (the lab's Start). The leader replicates it in the same step, unless the bounds
    /// make that a step of its own.
    ClientRequest(ServerId),
    /// A leader sends followers the entries that they lack, a message each.
    Replicate(ServerId),
    /// A leader tells followers its commit_index.
    SendCommit(ServerId),
    /// A machine loses its power. Of what is not durable, the disk keeps the records of so many steps, the oldest.
    Crash(ServerId, u8),
    /// A machine loses its power in the middle of a write, and the disk keeps a part of it: only where a broken
    /// driver's writes can be torn.
    TornCrash(ServerId),
    /// A machine starts from its disk.
    Restart(ServerId),
    /// The records of so many steps, the oldest, become durable in one write.
    Write(ServerId, u8),
    /// A write fails: the server stops.
    FailWrite(ServerId),
    /// The service gets the next committed entry, or a snapshot that it has yet to answer.
    Apply(ServerId),
    /// The service takes a snapshot of what it has applied.
    TakeSnapshot(ServerId),
    /// The service answers the snapshot (the lab's CondInstallSnapshot).
    AnswerSnapshot(ServerId),
}

/// Whether a leader's election timer has anything to say: without a write of its own under way, it says nothing.
fn is_writing(server: &Server<Command, Prefix>) -> bool {
    let own = server.progress_of(server.id()).map(|own| own.match_index);
    own.is_some_and(|own| own < server.log().last_index())
}

impl Cluster {
    /// What can happen in a state, but for what [`act`](Self::act) refuses.
    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        self.network_actions(state, actions);
        for host in self.hosts(state) {
            match &host.server {
                Some(server) => self.host_actions(state.used, host, server, actions),
                None => actions.push(Action::Restart(host.id)),
            }
        }
    }

    /// What can happen to a machine that is up.
    fn host_actions(
        &self,
        used: Used,
        host: &Host,
        server: &Server<Command, Prefix>,
        actions: &mut Vec<Action>,
    ) {
        let (id, bounds) = (host.id, &self.bounds);
        if server.is_leader() {
            if used.client_requests < bounds.client_requests {
                actions.push(Action::ClientRequest(id));
            }
            actions.push(Action::HeartbeatTimeout(id));
            if bounds.sending == Sending::Separately {
                if server.has_entries_to_send() {
                    actions.push(Action::Replicate(id));
                }
                if server.commit_index() > Index::ZERO {
                    actions.push(Action::SendCommit(id));
                }
            }
            if is_writing(server) {
                actions.push(Action::ElectionTimeout(id));
            }
        } else {
            if server.current_term() < Term(u64::from(bounds.terms)) {
                actions.push(Action::ElectionTimeout(id));
            }
            if matches!(server.role(), Role::Candidate { .. }) {
                actions.push(Action::HeartbeatTimeout(id));
            }
        }
        let unwritten = u8::try_from(host.unwritten.len()).unwrap_or(u8::MAX);
        actions.extend((1..=unwritten).map(|steps| Action::Write(id, steps)));
        if unwritten > 0 && used.failed_writes < bounds.failed_writes {
            actions.push(Action::FailWrite(id));
        }
        if used.crashes < bounds.crashes {
            actions.extend((0..=unwritten).map(|kept| Action::Crash(id, kept)));
            if unwritten > 0 {
                actions.push(Action::TornCrash(id));
            }
        }
        if bounds.apply == Apply::Separately {
            if host.answering.is_some() {
                actions.push(Action::AnswerSnapshot(id));
            } else {
                actions.push(Action::Apply(id));
                if used.snapshots < bounds.snapshots {
                    actions.push(Action::TakeSnapshot(id));
                }
            }
        }
    }

    fn network_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let may_lose = self.bounds.losses.allows(state.used.losses);
        let may_duplicate = self.bounds.duplications.allows(state.used.duplications);
        for position in (0u8..).take(state.network.letters().len()) {
            actions.push(Action::Deliver(position));
            if may_duplicate {
                actions.push(Action::Duplicate(position));
            }
            if may_lose {
                actions.push(Action::Drop(position));
            }
        }
    }
}
