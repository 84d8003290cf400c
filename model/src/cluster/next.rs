//! What an action makes of a state, as little as is needed to tell its key: most states that are found are known already,
//! so they are only built when they are not.

use crate::cluster::Cluster;
use crate::cluster::action::{Action, Used};
use crate::cluster::state::{HistoryId, State};
use crate::properties::{Safety, contact};
use crate::search::symmetry::Hashes;
use crate::search::tables::{Step, StepId};
use figure2_core::{RuleSet, ServerId};
use smallvec::SmallVec;

/// A state that follows on another one, not built yet.
pub struct Next<'a> {
    cluster: &'a Cluster,
    before: &'a State,
    used: Used,
    history: HistoryId,
    /// The place of the message that leaves the network.
    taken: Option<u8>,
    /// What which node does; nothing when a message is lost.
    step: Option<(ServerId, &'a Step)>,
}

/// What of a state differs from the state before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// One node, messages on their way and counters.
    Node(ServerId),
    /// Messages on their way and counters.
    Network,
    /// The history too; or nothing is known of the state before.
    All,
}

impl Cluster {
    /// What an action makes of a state, with room for so many messages on their way. None when the action is not possible.
    pub(crate) fn next<'a>(&'a self, state: &'a State, action: Action, room: usize) -> Option<Next<'a>> {
        let step = match action {
            Action::Drop(_) => None,
            _ => {
                let (id, event) = self.node_event(state, action)?;
                Some((id, self.step_of(*state.nodes.get(usize::from(id.0))?, event)?))
            }
        };
        self.next_by(state, action, step, room)
    }

    /// The same, with the step of the node that the action concerns; none when a message is lost.
    pub(crate) fn next_by<'a>(
        &'a self,
        state: &'a State,
        action: Action,
        step: Option<(ServerId, StepId)>,
        room: usize,
    ) -> Option<Next<'a>> {
        let mut next = Next {
            cluster: self,
            before: state,
            used: state.used,
            history: state.history,
            taken: None,
            step: None,
        };
        match action {
            Action::Drop(position) => {
                next.used.losses = self.bounds.losses.count(next.used.losses);
                next.taken = Some(position);
            }
            Action::Deliver(position) => next.taken = Some(position),
            Action::Duplicate(_) => {
                next.used.duplications = self.bounds.duplications.count(next.used.duplications);
            }
            Action::Node(_, event) => next.used.count(&event),
        }
        let Some((id, step_id)) = step else { return Some(next) };
        let step = self.tables().step(step_id);
        // Many actions find no room: nothing more is done for them.
        if state.network.with(&step.sent, next.taken) > room {
            return None;
        }
        next.step = Some((id, step));
        next.history = self.tables().history_after(state.history, step_id);
        if let Some(told) = step.told_to_stand {
            let (leader, told) = (self.tables().node(step.node), state.nodes.get(usize::from(told.0)));
            let has_all = |told| contact::has_whole_log(&leader.content, &self.tables().node(told).content);
            if !told.is_some_and(|told| has_all(*told)) {
                next.history = self.tables().history_with(next.history, Safety::HandsOver);
            }
        }
        Some(next)
    }
}

impl Next<'_> {
    /// The rules that fired.
    pub(crate) fn rules(&self) -> RuleSet {
        self.step.map_or(RuleSet::EMPTY, |(_, step)| step.rules)
    }

    /// What differs from the state before.
    pub fn changed(&self) -> Changed {
        match self.step {
            _ if self.history != self.before.history => Changed::All,
            Some((id, _)) => Changed::Node(id),
            None => Changed::Network,
        }
    }

    /// The key of the state, by the sums over the parts of the state before.
    pub(crate) fn key(&self, before: &Hashes) -> u64 {
        let tables = self.cluster.tables();
        let mut sums = before.clone();
        if let Some((_, step)) = self.step {
            sums.add(&step.change);
            for known in self.before.network.known_of(&step.sent, self.taken) {
                sums.take_out(tables.envelope(known).hashes());
            }
        }
        if let Some(taken) = self.taken.and_then(|position| self.before.network.envelope(position)) {
            sums.take_out(tables.envelope(taken).hashes());
        }
        if self.history != self.before.history {
            sums.take_out(tables.history(self.before.history).hashes());
            sums.add(tables.history(self.history).hashes());
        }
        tables.key_of_sums(&sums, self.used, self.cluster.symmetry)
    }

    /// The state, with this key.
    pub fn state(&self, key: u64) -> State {
        let mut network = self.before.network.clone();
        if let Some(position) = self.taken {
            network.remove(position);
        }
        let mut nodes = SmallVec::from_slice(&self.before.nodes);
        if let Some((id, step)) = self.step {
            for envelope in &step.sent {
                network.insert(*envelope, |envelope| self.cluster.tables().envelope(envelope).digest());
            }
            if let Some(node) = nodes.get_mut(usize::from(id.0)) {
                *node = step.node;
            }
        }
        State { nodes, network, history: self.history, used: self.used, key }
    }
}
