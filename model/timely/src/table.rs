//! A set of keys, or a map from them, in about as many bytes as they take.
//!
//! Keys are hashes, so their order is a good order of places: a key's place is where it would be if all were evenly spread,
//! and where that is taken, it and those behind it move on. So the keys are always in order; a search ends at the first
//! larger one, and a larger table is made by copying from the front to the back. Each part grows by itself, by a quarter, so
//! neither is there ever a second copy of more than a part, nor is more than three tenths of the table empty.

/// Into so many parts the keys are divided, by their first bits.
const PARTS: usize = 256;

/// Slots of an empty part.
const SMALLEST: usize = 8;

/// Of so many slots, the last may be empty: then a part grows.
const FULL: (usize, usize) = (7, 8);

/// A key, and what is known of it; 0 stands for no key.
pub(crate) type Slot<V> = (u64, V);

/// Keys with values, in order.
pub(crate) struct Table<V> {
    parts: Vec<Part<V>>,
    len: u64,
}

struct Part<V> {
    slots: Vec<Slot<V>>,
    /// Over so many slots the keys are spread. There are a few more, for those that move beyond the last.
    spread: usize,
    len: usize,
}

/// Where a key is, or would be.
pub(crate) enum Place {
    /// It is there.
    Taken(usize),
    /// It is not, and would be put there.
    Free(usize),
}

impl<V: Copy + Default> Table<V> {
    pub(crate) fn new() -> Table<V> {
        let part = || Part { slots: Vec::new(), spread: 0, len: 0 };
        Table { parts: (0..PARTS).map(|_| part()).collect(), len: 0 }
    }

    /// No key is 0: that one is taken for 1, which costs as much as any other two keys that are the same by chance.
    fn nonzero(key: u64) -> u64 {
        key.max(1)
    }

    fn part(key: u64) -> usize {
        usize::from(key.to_be_bytes()[0])
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// What it takes, in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.slots.capacity() * size_of::<Slot<V>>()).sum()
    }

    /// Reads the key's place, so that it is at hand soon. What is read is of no use, but it depends on nothing: the processor
    /// reads several such places at once.
    pub(crate) fn touch(&self, key: u64) -> u64 {
        let part = self.parts.get(Self::part(key));
        part.and_then(|part| part.slots.get(part.home(key))).map_or(0, |(other, _)| *other)
    }

    /// Where a key is, or would be. The place holds until something is put in.
    pub(crate) fn find(&self, key: u64) -> Place {
        let key = Self::nonzero(key);
        self.parts.get(Self::part(key)).map_or(Place::Free(0), |part| part.find(key))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: u64) -> Option<V> {
        let Place::Taken(at) = self.find(key) else { return None };
        let part = self.parts.get(Self::part(Self::nonzero(key)))?;
        part.slots.get(at).map(|(_, value)| *value)
    }

    /// The value of a key at a place.
    pub(crate) fn value(&mut self, key: u64, at: usize) -> Option<&mut V> {
        let part = self.parts.get_mut(Self::part(Self::nonzero(key)))?;
        part.slots.get_mut(at).map(|(_, value)| value)
    }

    /// Puts a key at the free place that was found for it.
    pub(crate) fn put(&mut self, key: u64, at: usize, value: V) {
        let key = Self::nonzero(key);
        let Some(part) = self.parts.get_mut(Self::part(key)) else { return };
        self.len += 1;
        part.put((key, value), at);
    }

    /// Adds a key. Whether it is new.
    pub(crate) fn add(&mut self, key: u64, value: V) -> bool {
        match self.find(key) {
            Place::Taken(_) => false,
            Place::Free(at) => {
                self.put(key, at, value);
                true
            }
        }
    }

    /// All keys with their values, in order; the parts are given back as they are read.
    pub(crate) fn drain(self) -> impl Iterator<Item = Slot<V>> {
        self.parts.into_iter().flat_map(|part| part.slots).filter(|(key, _)| *key != 0)
    }
}

impl<V: Copy + Default> Part<V> {
    /// The slot at which a key is when no other is in its way.
    fn home(&self, key: u64) -> usize {
        // The first bits have chosen the part.
        let place = (u128::from(key << 8) * self.spread as u128) >> 64;
        usize::try_from(place).unwrap_or_default()
    }

    fn find(&self, key: u64) -> Place {
        let home = self.home(key);
        for (at, (other, _)) in (home..).zip(self.slots.get(home..).unwrap_or_default()) {
            if *other == key {
                return Place::Taken(at);
            }
            if *other == 0 || *other > key {
                return Place::Free(at);
            }
        }
        Place::Free(self.slots.len())
    }

    fn put(&mut self, slot: Slot<V>, at: usize) {
        let mut at = at;
        if self.len * FULL.1 >= self.spread * FULL.0 {
            self.grow();
            if let Place::Free(found) = self.find(slot.0) {
                at = found;
            }
        }
        self.len += 1;
        let behind = self.slots.get(at..).unwrap_or_default();
        match behind.iter().position(|(other, _)| *other == 0) {
            Some(empty) => {
                self.slots.get_mut(at..=at + empty).into_iter().for_each(|run| run.rotate_right(1));
                if let Some(here) = self.slots.get_mut(at) {
                    *here = slot;
                }
            }
            None => self.slots.insert(at.min(self.slots.len()), slot),
        }
    }

    fn grow(&mut self) {
        self.spread = (self.spread + self.spread / 4).max(SMALLEST);
        let old = std::mem::replace(&mut self.slots, Vec::with_capacity(self.spread + self.spread / 64 + 8));
        for slot in old.into_iter().filter(|(key, _)| *key != 0) {
            let home = self.home(slot.0);
            if self.slots.len() < home {
                self.slots.resize(home, Slot::default());
            }
            self.slots.push(slot);
        }
        self.slots.resize(self.slots.len().max(self.spread), Slot::default());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::BTreeMap;

    fn keys(n: u64) -> impl Iterator<Item = u64> {
        (1..=n).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (n << 40))
    }

    #[test]
    fn a_table_is_a_map_in_order_of_keys() {
        // Some lie close together, at both ends, too.
        let close = (0..300).chain((0..300).map(|n| u64::MAX - n)).chain((0..300).map(|n| (7 << 56) + n));
        let mut table = Table::new();
        let mut expected = BTreeMap::new();
        for (value, key) in (0..).zip(close.chain(keys(50_000)).chain(keys(100))) {
            let is_new = !expected.contains_key(&key.max(1));
            assert_eq!(table.add(key, value), is_new, "{key}");
            expected.entry(key.max(1)).or_insert(value);
        }
        assert_eq!(table.len(), expected.len() as u64);
        for (key, value) in &expected {
            let Place::Taken(at) = table.find(*key) else { panic!("{key}") };
            assert_eq!(table.value(*key, at), Some(&mut value.clone()));
            assert_eq!(table.get(*key), Some(*value));
            table.touch(*key);
        }
        assert!(matches!(table.find(0x1234_5678_9abc_def0), Place::Free(_)));
        assert_eq!(table.drain().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_key_takes_at_most_twelve_bytes() {
        let mut table = Table::new();
        for (n, key) in keys(400_000).enumerate() {
            table.add(key, ());
            if n > 100_000 && n % 10_000 == 0 {
                assert!(table.bytes() <= 12 * n, "{} bytes for {n} keys", table.bytes());
            }
        }
    }
}
