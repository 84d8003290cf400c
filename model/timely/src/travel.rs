//! How states travel to the processes that own them: as numbers of parts, with what the other process needs to know of these.

use crate::level::Edge;
use crate::table::{Place, Table};
use crate::waiting::Entry;
use figure2_model::{Birth, Foreign, Known, PackedState, Space};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;

/// A parcel is sent when it has so many states.
const MANY: usize = 1024;

/// States for a worker of another process.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The worker.
    pub to: u64,
    /// The process that sends them.
    from: usize,
    parcel: Encoded,
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
pub(crate) struct Outbox {
    parcels: BTreeMap<u64, Parcel>,
    /// The states of this level that it sent, by the first bits of their keys, each with the smallest key before it that it told.
    told: BTreeMap<u8, Table<u64>>,
}

impl Outbox {
    /// A state was found that falls to a worker: it is sent, but if it was before on this level. Then the key before it is sent
    /// alone, if it is smaller now. (Each worker remembers only what it sent itself: this is sure to arrive after the state.)
    pub(crate) fn put(&mut self, to: u64, (key, before): Edge, state: impl FnOnce() -> PackedState) {
        let [first, ..] = key.to_be_bytes();
        let told = self.told.entry(first).or_default();
        match told.find(key) {
            Place::Free(at) => {
                told.put(key, at, before);
                self.parcels.entry(to).or_default().states.push((state(), before));
            }
            Place::Taken(at) => {
                if let Some(known) = told.value(at).filter(|known| before < **known) {
                    *known = before;
                    self.parcels.entry(to).or_default().again.push((key, before));
                }
            }
        }
    }

    /// What is found from now on is of the next level.
    pub(crate) fn begin_level(&mut self) {
        self.told.clear();
    }

    /// Sends what is full; at the end of a turn, all that there is.
    pub(crate) fn send(
        &mut self,
        space: &Space,
        from: usize,
        is_end: bool,
        mut send: impl FnMut(Sent),
    ) -> Result<(), String> {
        for (to, parcel) in &mut self.parcels {
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
            send(Sent { to: *to, from, parcel: Encoded(encoded) });
        }
        Ok(())
    }
}

/// What a worker knows of the parts that other processes tell of.
#[derive(Default)]
pub(crate) struct Inbox(BTreeMap<usize, (Known, u64)>);

/// A parcel that was opened.
pub(crate) struct Opened<'a> {
    from: usize,
    known: &'a Known,
    parcel: Parcel,
}

fn foreign(from: usize) -> impl Fn(Foreign) -> String {
    move |foreign| format!("process {from}: {foreign}")
}

impl Inbox {
    /// Opens a parcel, and learns of the parts that it tells of.
    pub(crate) fn open(&mut self, space: &Space, sent: Sent) -> Result<Opened<'_>, String> {
        let Sent { from, parcel: Encoded(encoded), .. } = sent;
        let decoded = bincode::serde::decode_from_slice(&encoded, bincode::config::standard());
        let (parcel, _): (Parcel, usize) = decoded.map_err(|error| error.to_string())?;
        let (known, learned) = self.0.entry(from).or_insert_with(|| (space.known(), 0));
        // Another worker of that process may have told the first of them.
        let skipped = usize::try_from(learned.saturating_sub(parcel.told)).unwrap_or(usize::MAX);
        for birth in parcel.births.iter().skip(skipped) {
            space.learn(known, birth).map_err(foreign(from))?;
        }
        *learned = (*learned).max(parcel.told + parcel.births.len() as u64);
        Ok(Opened { from, known, parcel })
    }
}

impl Opened<'_> {
    /// The keys of its states, each with the key before it; and of states that were sent before.
    pub(crate) fn edges(&self) -> impl Iterator<Item = Edge> {
        let states = self.parcel.states.iter().map(|(packed, before)| (packed.key(), *before));
        states.chain(self.parcel.again.iter().copied())
    }

    /// Unpacks those states that are new.
    pub(crate) fn states(
        &self,
        space: &Space,
        is_new: impl Fn(usize) -> bool,
        mut give: impl FnMut(Entry),
    ) -> Result<(), String> {
        for (_, (packed, _)) in self.parcel.states.iter().enumerate().filter(|(place, _)| is_new(*place)) {
            let (state, changed) = space.unpacked(self.known, packed).map_err(foreign(self.from))?;
            give(Entry { state, changed });
        }
        Ok(())
    }
}
