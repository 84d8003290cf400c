//! A state outside the memory of the process that explores: the numbers of its parts.

use crate::cluster::Cluster;
use crate::cluster::action::Used;
use crate::cluster::next::Changed;
use crate::cluster::state::{Network, State};
use crate::search::births::Foreign;
use figure2_core::ServerId;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::fmt;

/// A state, by the numbers that parts have in the process that tells it.
///
/// As bytes it is its numbers, each in as many bytes as it has: searches write and read very many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedState {
    pub(super) key: u64,
    pub(super) used: [u8; 7],
    pub(super) history: u32,
    pub(super) nodes: SmallVec<[u32; 5]>,
    pub(super) network: SmallVec<[u32; 6]>,
    /// The server that differs from the state from which it was found; or that none does, or that more does.
    changed: u8,
}

/// That only messages differ.
const NO_NODE: u8 = 254;
/// That more differs than one node.
const ALL: u8 = 255;

impl PackedState {
    /// The key of the state.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The state, in the process that told it, and what differs from the state from which it was found.
    ///
    /// # Errors
    /// When this process has no such parts, or the state another key.
    pub(crate) fn own(&self, cluster: &Cluster) -> Result<(State, Changed), Foreign> {
        let tables = cluster.tables();
        let [nodes, envelopes, histories] = tables.parts();
        let is_here = self.nodes.iter().all(|number| *number < nodes)
            && self.network.iter().all(|number| *number < envelopes)
            && self.history < histories;
        if !is_here {
            return Err(Foreign);
        }
        let state = State {
            nodes: self.nodes.iter().map(|number| tables.node_id(*number)).collect(),
            network: Network::of(self.network.iter().map(|number| tables.envelope_id(*number)).collect()),
            history: tables.history_id(self.history),
            used: Used::unpacked(self.used),
            key: self.key,
        };
        (cluster.key(&state) == self.key).then(|| (state, self.changed())).ok_or(Foreign)
    }

    pub(super) fn changed(&self) -> Changed {
        match self.changed {
            ALL => Changed::All,
            NO_NODE => Changed::Network,
            id => Changed::Node(ServerId(id)),
        }
    }

    /// A state as this process tells it.
    pub fn new(state: &State, changed: Changed) -> PackedState {
        PackedState {
            key: state.key,
            used: state.used.counters(),
            history: state.history.number(),
            nodes: state.nodes.iter().map(|node| node.number()).collect(),
            network: state.network.envelopes().iter().map(|envelope| envelope.number()).collect(),
            changed: match changed {
                Changed::All => ALL,
                Changed::Network => NO_NODE,
                Changed::Node(id) => id.0,
            },
        }
    }

    fn bytes(&self) -> SmallVec<[u8; 96]> {
        let mut bytes = SmallVec::new();
        bytes.extend_from_slice(&self.key.to_le_bytes());
        bytes.extend_from_slice(&self.used);
        bytes.push(self.changed);
        bytes.extend_from_slice(&self.history.to_le_bytes());
        // A cluster has fewer servers than ids, which are bytes.
        bytes.push(u8::try_from(self.nodes.len()).unwrap_or(u8::MAX));
        self.nodes
            .iter()
            .chain(&self.network)
            .for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes
    }

    fn of_bytes(bytes: &[u8]) -> Option<PackedState> {
        let (key, bytes) = bytes.split_first_chunk()?;
        let (used, bytes) = bytes.split_first_chunk()?;
        let ([changed], bytes) = bytes.split_first_chunk()?;
        let (history, bytes) = bytes.split_first_chunk()?;
        let ([nodes], bytes) = bytes.split_first_chunk()?;
        let (nodes, network) = bytes.split_at_checked(usize::from(*nodes) * size_of::<u32>())?;
        let (nodes, []) = nodes.as_chunks() else { return None };
        let (network, []) = network.as_chunks() else { return None };
        Some(PackedState {
            key: u64::from_le_bytes(*key),
            used: *used,
            history: u32::from_le_bytes(*history),
            nodes: nodes.iter().map(|number| u32::from_le_bytes(*number)).collect(),
            network: network.iter().map(|number| u32::from_le_bytes(*number)).collect(),
            changed: *changed,
        })
    }
}

impl Serialize for PackedState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.bytes())
    }
}

impl<'de> Deserialize<'de> for PackedState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PackedState, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = PackedState;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a state's bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<PackedState, E> {
                PackedState::of_bytes(bytes).ok_or_else(|| E::custom("these are no state's bytes"))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn decoded(encoded: &[u8]) -> Option<PackedState> {
        let decoded = bincode::serde::decode_from_slice(encoded, bincode::config::standard());
        decoded.ok().filter(|(_, read)| *read == encoded.len()).map(|(packed, _)| packed)
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_bytes_that_are_none_are_refused() {
        for (nodes, network) in [(1, 0), (3, 4), (5, 6), (7, 40)] {
            let packed = PackedState {
                key: 0x0123_4567_89ab_cdef,
                used: [0, 1, 2, 3, 4, 5, 255],
                history: u32::MAX - 1,
                nodes: (0..nodes).map(|n| 1000 * n).collect(),
                network: (0..network).map(|n| u32::MAX - n).collect(),
                changed: NO_NODE,
            };
            let encoded = bincode::serde::encode_to_vec(&packed, bincode::config::standard()).unwrap();
            assert_eq!(decoded(&encoded), Some(packed.clone()));
            // By a reader, too, which has no bytes to lend.
            let read: PackedState =
                bincode::serde::decode_from_std_read(&mut &encoded[..], bincode::config::standard()).unwrap();
            assert_eq!(read, packed);
            let bytes = packed.bytes();
            let whole = (bytes.len() - network as usize * 4..=bytes.len()).step_by(4);
            for length in 0..bytes.len() {
                let read = PackedState::of_bytes(&bytes[..length]);
                assert_eq!(read.is_some(), whole.clone().any(|whole| whole == length), "{length}");
            }
        }
    }
}
