//! The state of the cluster as the search keeps it: the numbers of its parts in the
//! [`Tables`](crate::search::tables::Tables).

use crate::cluster::action::Used;
use crate::cluster::history::History;
use crate::cluster::node::{Envelope, Node};
use crate::search::intern::Id;
use crate::search::symmetry::Interned;
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

/// The number of a node: whose it is, and all that is on it.
pub type NodeId = Id<Interned<Node>>;
/// The number of a message with its addresses.
pub type EnvelopeId = Id<Interned<Envelope>>;
/// The number of a history.
pub type HistoryId = Id<Interned<History>>;

/// The whole cluster at one moment.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// The nodes, by server id.
    pub(crate) nodes: SmallVec<[NodeId; 5]>,
    /// The messages on their way.
    pub(crate) network: Network,
    /// What happened and must not be contradicted later.
    pub(crate) history: HistoryId,
    /// How much of the bounds is used up.
    pub(crate) used: Used,
    /// The hash of all of it; the same for states that are taken for one.
    pub(crate) key: u64,
}

impl State {
    /// A number that states with the same nodes share: in its order, they are neighbours. It differs from run to run.
    pub fn order(&self) -> u128 {
        self.nodes.iter().fold(0, |order, node| order << 32 | u128::from(node.number()))
    }

    /// The hash of all of it; the same for states that are taken for one.
    pub fn key(&self) -> u64 {
        self.key
    }
}

// By hand, for the numbers are copied as a block, which a derived `Clone` does not do; it is a tenth of a search.
impl Clone for State {
    fn clone(&self) -> Self {
        State { nodes: SmallVec::from_slice(&self.nodes), network: self.network.clone(), ..*self }
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.key);
    }
}

/// The messages on their way: a set.
///
/// A set and not a multiset: two equal messages on their way differ from one only in that both can be delivered, and
/// one that is delivered with a copy left behind does the same. Any message may be delivered at any time, so order
/// is arbitrary already. They are kept in an order of their contents, so that a position means the same in every run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Network(SmallVec<[EnvelopeId; 6]>);

impl Clone for Network {
    fn clone(&self) -> Self {
        Network(SmallVec::from_slice(&self.0))
    }
}

impl Network {
    /// Messages that were on their way together, in their order.
    pub(crate) fn of(envelopes: SmallVec<[EnvelopeId; 6]>) -> Network {
        Network(envelopes)
    }

    /// The messages.
    pub fn envelopes(&self) -> &[EnvelopeId] {
        &self.0
    }

    /// The message at a position.
    pub fn envelope(&self, position: u8) -> Option<EnvelopeId> {
        self.0.get(usize::from(position)).copied()
    }

    /// Those of these messages, sent in this order, that change nothing once the message at a position is taken out: they are
    /// on their way already, or were sent before.
    pub fn known_of<'a>(
        &'a self,
        sent: &'a [EnvelopeId],
        taken: Option<u8>,
    ) -> impl Iterator<Item = EnvelopeId> + 'a {
        let is_known = move |(place, envelope): &(usize, &EnvelopeId)| {
            let mut there = (0u8..).zip(&self.0).filter(|(position, _)| Some(*position) != taken);
            there.any(|(_, other)| other == *envelope)
                || sent.iter().take(*place).any(|earlier| earlier == *envelope)
        };
        sent.iter().enumerate().filter(is_known).map(|(_, known)| *known)
    }

    /// How many messages are on their way once the message at a position is taken out, and these are sent.
    pub fn with(&self, sent: &[EnvelopeId], taken: Option<u8>) -> usize {
        self.0.len() - usize::from(taken.is_some()) + sent.len() - self.known_of(sent, taken).count()
    }

    /// Puts a message on its way, unless it is. `order` tells where among the others it belongs.
    pub fn insert<K: Ord>(&mut self, envelope: EnvelopeId, order: impl Fn(EnvelopeId) -> K) {
        if !self.0.contains(&envelope) {
            let rank = order(envelope);
            // Few are on their way: a search from the front is the shortest.
            let place = self.0.iter().position(|other| order(*other) > rank).unwrap_or(self.0.len());
            self.0.insert(place, envelope);
        }
    }

    /// Takes the message at a position out.
    pub fn remove(&mut self, position: u8) {
        let position = usize::from(position);
        if position < self.0.len() {
            self.0.remove(position);
        }
    }

    /// Takes all messages out.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
