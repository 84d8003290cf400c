//! What can happen in a state of the cluster.

use crate::cluster::Cluster;
use crate::cluster::bounds::{Apply, Sending};
use crate::cluster::event::{LocalEvent, NodeEvent};
use crate::cluster::node::Node;
use crate::cluster::prefix::{Command, Prefix};
use crate::cluster::state::State;
use figure2_core::{Index, Role, Server, ServerId, Term};

/// Something that can happen in the cluster. Messages are named by their position in the network of the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A message arrives.
    Deliver(u8),
    /// A message arrives, and a copy of it is still on its way.
    Duplicate(u8),
    /// A message is lost.
    Drop(u8),
    /// Something else happens to a node.
    Node(ServerId, LocalEvent),
}

/// How often what bounds limit has happened. What is unlimited is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Used {
    /// Client requests that a leader accepted.
    pub client_requests: u8,
    /// Crashes.
    pub crashes: u8,
    /// Writes that failed.
    pub failed_writes: u8,
    /// Losses.
    pub losses: u8,
    /// Duplications.
    pub duplications: u8,
    /// Snapshots taken.
    pub snapshots: u8,
    /// Transfers that somebody asked for.
    pub transfers: u8,
}

impl Used {
    /// Counts an event, if its kind is bounded.
    pub(crate) fn count<M>(&mut self, event: &NodeEvent<M>) {
        let counter = match event {
            NodeEvent::ClientRequest(_) => &mut self.client_requests,
            NodeEvent::Crash(_) | NodeEvent::TornCrash => &mut self.crashes,
            NodeEvent::FailWrite => &mut self.failed_writes,
            NodeEvent::TakeSnapshot => &mut self.snapshots,
            NodeEvent::TransferLeadership(_) => &mut self.transfers,
            _ => return,
        };
        *counter = counter.saturating_add(1);
    }

    /// All counters in one number.
    pub(crate) fn packed(self) -> u64 {
        let [client_requests, crashes, failed_writes, losses, duplications, snapshots, transfers] =
            self.counters();
        u64::from_le_bytes([
            client_requests,
            crashes,
            failed_writes,
            losses,
            duplications,
            snapshots,
            transfers,
            0,
        ])
    }

    /// All counters.
    pub(crate) fn counters(self) -> [u8; 7] {
        let Used { client_requests, crashes, failed_writes, losses, duplications, snapshots, transfers } =
            self;
        [client_requests, crashes, failed_writes, losses, duplications, snapshots, transfers]
    }

    /// The counters out of the list again.
    pub(crate) fn unpacked(counters: [u8; 7]) -> Used {
        let [client_requests, crashes, failed_writes, losses, duplications, snapshots, transfers] = counters;
        Used { client_requests, crashes, failed_writes, losses, duplications, snapshots, transfers }
    }
}

/// Whether a leader's election timer has anything to say: without a write of its own under way, a quorum to check or a
/// server that it hands over to, it says nothing.
fn waits_for_something(leader: &Server<Command, Prefix>) -> bool {
    let own = leader.progress_of(leader.id()).map(|own| own.match_index);
    let is_writing = own.is_some_and(|own| own < leader.log().last_index());
    is_writing || leader.config().extensions.check_quorum || leader.transfer_to().is_some()
}

impl Cluster {
    /// What can happen in a state, but for what [`act`](Self::act) refuses.
    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        self.network_actions(state, actions);
        for node in self.nodes(state) {
            match &node.server {
                Some(server) => self.node_actions(state.used, node, server, actions),
                None => {
                    actions.push(Action::Node(node.id, NodeEvent::Restart));
                    if self.bounds.lost_disks {
                        actions.push(Action::Node(node.id, NodeEvent::LoseDisk));
                    }
                }
            }
        }
    }

    /// What can happen to a node that is up, but for messages.
    fn node_actions(
        &self,
        used: Used,
        node: &Node,
        server: &Server<Command, Prefix>,
        actions: &mut Vec<Action>,
    ) {
        let bounds = &self.bounds;
        let last_term = Term(u64::from(bounds.terms));
        let mut add = |event| actions.push(Action::Node(node.id, event));
        if server.is_leader() {
            if used.client_requests < bounds.client_requests {
                add(NodeEvent::ClientRequest(Command(used.client_requests.saturating_add(1))));
            }
            add(NodeEvent::HeartbeatTimeout);
            if bounds.sending == Sending::Separately {
                if server.has_entries_to_send() {
                    add(NodeEvent::Replicate);
                }
                if server.commit_index() > Index::ZERO {
                    add(NodeEvent::SendCommit);
                }
            }
            if waits_for_something(server) {
                add(NodeEvent::ElectionTimeout);
            }
            // In the last term nobody can be elected in its place.
            if used.transfers < bounds.transfers && server.current_term() < last_term {
                server.config().peers_of(node.id).for_each(|to| add(NodeEvent::TransferLeadership(to)));
            }
        } else {
            if server.current_term() < last_term {
                add(NodeEvent::ElectionTimeout);
            }
            if matches!(server.role(), Role::PreCandidate { .. } | Role::Candidate { .. }) {
                add(NodeEvent::HeartbeatTimeout);
            }
        }
        let unwritten = u8::try_from(node.unwritten.len()).unwrap_or(u8::MAX);
        (1..=unwritten).for_each(|steps| add(NodeEvent::Write(steps)));
        if unwritten > 0 && used.failed_writes < bounds.failed_writes {
            add(NodeEvent::FailWrite);
        }
        if used.crashes < bounds.crashes {
            (0..=unwritten).for_each(|kept| add(NodeEvent::Crash(kept)));
            if unwritten > 0 {
                add(NodeEvent::TornCrash);
            }
        }
        if bounds.apply == Apply::Separately {
            if node.answering.is_some() {
                add(NodeEvent::AnswerSnapshot);
            } else {
                add(NodeEvent::Apply);
                if used.snapshots < bounds.snapshots {
                    add(NodeEvent::TakeSnapshot);
                }
            }
        }
    }

    fn network_actions(&self, state: &State, actions: &mut Vec<Action>) {
        let may_lose = self.bounds.losses.allows(state.used.losses);
        let may_duplicate = self.bounds.duplications.allows(state.used.duplications);
        for position in (0u8..).take(state.network.envelopes().len()) {
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
