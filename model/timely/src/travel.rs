//! How states travel to their owners: as they are within a process, and to other processes as numbers of parts, with what the
//! other process needs to know of these.

use crate::level::{Edge, Level};
use crate::table::Table;
use crate::waiting::Entry;
use figure2_model::{Birth, Foreign, Known, PackedState, Space};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;

/// A parcel is sent when it has so many states.
const MANY: usize = 1024;

/// A state on its way to its owner.
pub(crate) struct Found {
    pub entry: Entry,
    /// The key of the state from which it was found.
    pub before: u64,
}

/// What leaves a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum Sent {
    /// States for a worker of another process.
    Parcel {
        /// The worker.
        to: u64,
        /// The process that sends it.
        from: usize,
        parcel: Encoded,
    },
    /// A state, for a worker of this process: it travels as it is. (What serde skips comes last, or it counts the others from
    /// another number when it reads.)
    #[serde(skip)]
    State(Found),
}

impl Sent {
    /// To whom it goes: the worker's number, or one that leaves the same rest when divided by how many there are.
    pub(crate) fn address(&self) -> u64 {
        match self {
            Sent::State(found) => found.entry.state.key(),
            Sent::Parcel { to, .. } => *to,
        }
    }
}

/// A parcel's bytes. Told to serde as bytes, which costs less than numbers.
pub(crate) struct Encoded(Vec<u8>);

impl Serialize for Encoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Encoded, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Encoded;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Encoded, E> {
                Ok(Encoded(bytes))
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Encoded, E> {
                Ok(Encoded(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// States, and how their parts came to be, as far as that was not told before by this worker to the same one.
#[derive(Default, Serialize, Deserialize)]
struct Parcel {
    /// How many births were told before.
    told: u64,
    births: Vec<Birth>,
    states: Vec<(PackedState, u64)>,
    /// States that were sent before, and found again from a state with a smaller key.
    again: Vec<Edge>,
}

/// What a worker has for the workers of other processes.
#[derive(Default)]
pub(crate) struct Outbox(BTreeMap<u64, Parcel>);

impl Outbox {
    /// A state for a worker.
    pub(crate) fn put(&mut self, to: u64, state: PackedState, before: u64) {
        self.0.entry(to).or_default().states.push((state, before));
    }

    /// A state that was sent before has another one before it.
    pub(crate) fn put_again(&mut self, to: u64, edge: Edge) {
        self.0.entry(to).or_default().again.push(edge);
    }

    /// Sends what is full; at the end of a turn, all that there is.
    pub(crate) fn send(
        &mut self,
        space: &Space,
        from: usize,
        is_end: bool,
        mut send: impl FnMut(Sent),
    ) -> Result<(), String> {
        for (to, parcel) in &mut self.0 {
            let len = parcel.states.len() + parcel.again.len();
            if len == 0 || !is_end && len < MANY {
                continue;
            }
            let told = usize::try_from(parcel.told).unwrap_or(usize::MAX);
            parcel.births.extend(space.births(told));
            let encoded = bincode::serde::encode_to_vec(&*parcel, bincode::config::standard());
            let encoded = encoded.map_err(|error| error.to_string())?;
            parcel.told += parcel.births.len() as u64;
            parcel.births.clear();
            parcel.states.clear();
            parcel.again.clear();
            send(Sent::Parcel { to: *to, from, parcel: Encoded(encoded) });
        }
        Ok(())
    }
}

/// What a worker knows of the parts that other processes tell of.
#[derive(Default)]
pub(crate) struct Inbox(BTreeMap<usize, (Known, u64)>);

impl Inbox {
    /// Opens a parcel: what is in it is put on its level, if it is new.
    pub(crate) fn open(
        &mut self,
        space: &Space,
        (from, Encoded(encoded)): (usize, Encoded),
        level: &mut Level,
        seen: &mut Table<()>,
    ) -> Result<(), String> {
        let decoded = bincode::serde::decode_from_slice(&encoded, bincode::config::standard());
        let (parcel, _): (Parcel, usize) = decoded.map_err(|error| error.to_string())?;
        let foreign = |foreign: Foreign| format!("process {from}: {foreign}");
        let (known, learned) = self.0.entry(from).or_insert_with(|| (space.known(), 0));
        // Another worker of that process may have told the first of them.
        let skipped = usize::try_from(learned.saturating_sub(parcel.told)).unwrap_or(usize::MAX);
        for birth in parcel.births.iter().skip(skipped) {
            space.learn(known, birth).map_err(foreign)?;
        }
        *learned = (*learned).max(parcel.told + parcel.births.len() as u64);
        let touched = parcel.states.iter().map(|(packed, _)| touch(level, seen, packed.key()));
        black_box(touched.fold(0, u64::wrapping_add));
        for (packed, before) in &parcel.states {
            if level.find(packed.key(), *before, seen) {
                let (state, changed) = space.unpacked(known, packed).map_err(foreign)?;
                level.push(Entry { state, changed });
            }
        }
        for (key, before) in &parcel.again {
            level.find(*key, *before, seen);
        }
        Ok(())
    }
}

/// Reads what [`Level::find`] will look at.
pub(crate) fn touch(level: &Level, seen: &Table<()>, key: u64) -> u64 {
    level.touch(key).wrapping_add(seen.touch(key))
}
