//! How states travel to the processes that own them: as numbers of parts, with what the other process needs to know of these.

use crate::level::Edge;
use crate::seen::{PARTS, part};
use crate::table::{Place, Table};
use crate::waiting::Entry;
use crate::window::Window;
use figure2_model::{Birth, Foreign, Known, PackedState, Space};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::mem;

/// A parcel is sent when it has so many states.
const MANY: usize = 1024;

/// On so many levels a state is not sent twice. Of what is sent otherwise on `replication` and `sending-lag`, a quarter was sent one
/// level before, about a tenth two levels before, and a twentieth three levels before.
const REMEMBERED: usize = 3;

/// A parcel tells of no more births.
const BIRTHS: usize = 256;

/// What a worker sends to one of another process.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sent {
    /// To whom.
    pub to: u64,
    /// Who sends it.
    pub from: u64,
    pub what: What,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum What {
    /// States.
    Parcel(Encoded),
    /// So many bytes of parcels were taken in.
    Taken(u64),
}

/// A parcel's bytes. Told to serde as bytes, which costs less than numbers.
pub(crate) struct Encoded(Vec<u8>);

impl Encoded {
    /// How many bytes they are.
    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }
}

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
    /// States, each with the key of its predecessor.
    states: Vec<(PackedState, u64)>,
    /// States that were sent before, and found again from a predecessor with a smaller key.
    again: Vec<Edge>,
}

impl Parcel {
    fn len(&self) -> usize {
        self.states.len() + self.again.len()
    }

    fn encoded(&self) -> Result<Encoded, String> {
        let encoded = bincode::serde::encode_to_vec(self, bincode::config::standard());
        encoded.map(Encoded).map_err(|error| error.to_string())
    }
}

/// What a worker has for the workers of other processes.
pub(crate) struct Outbox {
    /// Whose it is.
    from: u64,
    window: Window,
    parcels: BTreeMap<u64, Parcel>,
    /// The states that it sent on this level and on those before, as far back as it remembers, each with the smallest key of a
    /// predecessor that it sent on that level; in parts, by their keys.
    told: [Vec<Table<u64>>; REMEMBERED],
}

impl Outbox {
    /// The outbox of a worker, which has no more than about so many bytes on their way to each other one.
    pub(crate) fn new(from: u64, window: u64) -> Outbox {
        Outbox {
            from,
            window: Window::new(window),
            parcels: BTreeMap::new(),
            told: std::array::from_fn(|_| (0..PARTS).map(|_| Table::default()).collect()),
        }
    }

    /// Whether nothing may be sent to some worker before it says that it has taken in more. Then nothing is to be put in.
    pub(crate) fn is_full(&self) -> bool {
        !self.window.is_open_to_all()
    }

    /// Whether all was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.parcels.values().all(|parcel| parcel.len() == 0)
    }

    /// Reads ahead for keys that are put in next: a processor can wait for several reads at once.
    pub(crate) fn touch(&self, keys: impl Iterator<Item = u64>) {
        let touch = |key| self.told.iter().filter_map(move |told| Some(told.get(part(key))?.touch(key)));
        black_box(keys.flat_map(touch).fold(0, u64::wrapping_add));
    }

    /// A worker has taken in so many bytes.
    pub(crate) fn taken(&mut self, by: u64, bytes: u64) {
        self.window.taken(by, bytes);
    }

    /// A state was found that belongs to another worker. It is sent once; when it is found again on the same level from a
    /// predecessor with a smaller key, only the two keys are sent, and on a later level nothing, for it is no state of that one.
    /// (Each worker remembers what it sent itself and nothing else, for only that is sure to arrive before the keys.)
    pub(crate) fn put(&mut self, to: u64, (key, before): Edge, state: impl FnOnce() -> PackedState) {
        let ([told, earlier @ ..], part) = (&mut self.told, part(key));
        let Some(told) = told.get_mut(part) else { return };
        match told.find(key) {
            Place::Free(_) if earlier.iter().filter_map(|told| told.get(part)).any(|told| told.has(key)) => {}
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
        self.told.rotate_right(1);
        let [told, last, ..] = &mut self.told;
        // There are about as many as on the last one.
        *told = last.iter().map(|table| Table::with_room(table.len())).collect();
    }

    /// Sends what is full; at the end of a turn, all that there is. What may not be sent now stays.
    pub(crate) fn send(
        &mut self,
        space: &Space,
        is_end: bool,
        mut send: impl FnMut(Sent),
    ) -> Result<(), String> {
        let Outbox { from, window, parcels, .. } = self;
        for (to, parcel) in parcels {
            if parcel.len() == 0 || !is_end && parcel.len() < MANY {
                continue;
            }
            let told = usize::try_from(parcel.told).unwrap_or(usize::MAX);
            let mut births = space.births(told).peekable();
            let mut is_sent = false;
            while !is_sent && window.is_open(*to) {
                // After a resume there may be millions of births: then several parcels are sent, with the states in the last.
                let mut next = Parcel { told: parcel.told, ..Parcel::default() };
                next.births.extend(births.by_ref().take(BIRTHS));
                is_sent = births.peek().is_none();
                if is_sent {
                    next.states = mem::take(&mut parcel.states);
                    next.again = mem::take(&mut parcel.again);
                }
                parcel.told += next.births.len() as u64;
                let encoded = next.encoded()?;
                window.sent(*to, encoded.len());
                send(Sent { to: *to, from: *from, what: What::Parcel(encoded) });
            }
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
    /// Opens a parcel of a process, and learns of the parts that it tells of.
    pub(crate) fn open(
        &mut self,
        space: &Space,
        from: usize,
        encoded: Encoded,
    ) -> Result<Opened<'_>, String> {
        let Encoded(encoded) = encoded;
        let decoded = bincode::serde::decode_from_slice(&encoded, bincode::config::standard());
        let (parcel, _): (Parcel, usize) = decoded.map_err(|error| error.to_string())?;
        let (known, learned) = self.0.entry(from).or_insert_with(|| (space.known(), 0));
        if parcel.told > *learned {
            return Err(format!("process {from}: a parcel came before the one that it builds on"));
        }
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
    /// How many states it has.
    pub(crate) fn len(&self) -> usize {
        self.parcel.states.len()
    }

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use figure2_model::{Changed, CheckOptions, Expansion, State, System, profile};
    use std::collections::HashSet;

    /// A space, and some states of it. How their parts came to be was noted.
    fn explored(states: usize) -> (Space, Vec<State>) {
        let profile = profile("replication").unwrap();
        let space = Space::new(&System::default(), &profile, &CheckOptions::default()).unwrap();
        space.record();
        let (mut found, mut keys) = (space.start(), HashSet::new());
        let mut next = 0;
        while found.len() < states {
            let mut more = Vec::new();
            space.expand(&[&found[next]], &mut Expansion::default(), |_, key, next| {
                if keys.insert(key) {
                    more.push(next.state(key));
                }
            });
            found.extend(more);
            next += 1;
        }
        (space, found)
    }

    fn put(outbox: &mut Outbox, state: &State) {
        outbox.put(7, (state.key(), 1), || PackedState::new(state, Changed::All));
    }

    fn sent(outbox: &mut Outbox, space: &Space, is_end: bool) -> Vec<Encoded> {
        let mut sent = Vec::new();
        outbox.send(space, is_end, |more| sent.push(more)).unwrap();
        let parcel = |sent: Sent| match sent.what {
            What::Parcel(encoded) if (sent.from, sent.to) == (3, 7) => encoded,
            _ => panic!("only parcels of this worker are sent"),
        };
        sent.into_iter().map(parcel).collect()
    }

    #[test]
    fn a_state_is_sent_once_as_long_as_it_is_remembered() {
        let (space, states) = explored(10);
        let mut outbox = Outbox::new(3, u64::MAX);
        let sizes = |outbox: &mut Outbox, before: u64| {
            outbox.put(7, (states[9].key(), before), || PackedState::new(&states[9], Changed::All));
            let parcels = sent(outbox, &space, true);
            let opened = parcels.into_iter().map(|parcel| {
                let (parcel, _): (Parcel, usize) =
                    bincode::serde::decode_from_slice(&parcel.0, bincode::config::standard()).unwrap();
                (parcel.states.len(), parcel.again.len())
            });
            opened.collect::<Vec<_>>()
        };
        // On the level of which it is, a predecessor with a smaller key counts; on later ones none does.
        let on_a_level = [5, 6, 4].map(|before| sizes(&mut outbox, before));
        assert_eq!(on_a_level, [vec![(1, 0)], vec![], vec![(0, 1)]]);
        for level in 1..=REMEMBERED {
            outbox.begin_level();
            let expected = if level < REMEMBERED { vec![] } else { vec![(1, 0)] };
            assert_eq!(sizes(&mut outbox, 1), expected, "{level}");
        }
    }

    #[test]
    fn what_is_too_much_to_be_on_its_way_stays_until_some_of_it_was_taken_in() {
        let (space, states) = explored(10_000);
        assert!(space.births(0).count() > 2 * BIRTHS);
        let (mut outbox, mut inbox) = (Outbox::new(3, 1), Inbox::default());
        put(&mut outbox, &states[9_000]);
        assert!(sent(&mut outbox, &space, false).is_empty() && !outbox.is_empty() && !outbox.is_full());
        let other = explored(1).0;
        let (mut parcels, mut arrived) = (0, Vec::new());
        while !outbox.is_empty() {
            // A parcel is on its way, and with a window of one byte nothing else may be. What is found meanwhile stays.
            let mut on_the_way = sent(&mut outbox, &space, true);
            let parcel = on_the_way.pop().unwrap();
            if parcels == 0 {
                put(&mut outbox, &states[9_001]);
            }
            assert!(on_the_way.is_empty() && outbox.is_full() && sent(&mut outbox, &space, true).is_empty());
            parcels += 1;
            // The other process has explored next to nothing: each parcel tells some of how parts came to be.
            let bytes = parcel.len();
            assert!(bytes < 100 * BIRTHS as u64, "{bytes}");
            let opened = inbox.open(&other, 0, parcel).unwrap();
            opened.states(&other, |_| true, |entry| arrived.push(entry.state.key())).unwrap();
            outbox.taken(7, bytes);
            assert!(!outbox.is_full());
        }
        assert!(parcels > 2, "{parcels}");
        assert_eq!(arrived, [states[9_000].key(), states[9_001].key()]);
    }
}
