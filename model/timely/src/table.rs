//! A set of keys, or a map from them, in about as many bytes as they take.
//!
//! Keys are hashes, so their order is a good order of places: a key's place is where it would be if all were evenly spread,
//! and where that is taken, it and those behind it move on. So the keys are always in order; a search ends at the first
//! larger one, and a larger table is made by copying from the front to the back. A table grows by a quarter, so no more than
//! three tenths of it are empty.

/// Slots of an empty table.
const SMALLEST: usize = 8;

/// Of so many slots, the last may be empty: then a table grows.
const FULL: (usize, usize) = (7, 8);

/// A key, and what is known of it; 0 stands for no key.
pub(crate) type Slot<V> = (u64, V);

/// Keys whose first eight bits are the same, with values, in order.
pub(crate) struct Table<V> {
    slots: Vec<Slot<V>>,
    /// Over so many slots the keys are spread. There are a few more, for those that move beyond the last.
    spread: usize,
    len: usize,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table { slots: Vec::new(), spread: 0, len: 0 }
    }
}

/// Where a key is, or would be.
pub(crate) enum Place {
    /// It is there.
    Taken(usize),
    /// It is not, and would be put there.
    Free(usize),
}

/// No key is 0: that one is taken for 1, which costs as much as any other two keys that are the same by chance.
fn nonzero(key: u64) -> u64 {
    key.max(1)
}

impl<V: Copy + Default> Table<V> {
    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What it takes, in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<V>>()
    }

    /// A table without keys, with room for so many.
    pub(crate) fn with_room(keys: usize) -> Table<V> {
        let mut table = Table::default();
        if keys > 0 {
            table.reserve(keys);
        }
        table
    }

    /// Makes room for so many keys, if there is none yet. Who adds many keys in their order must: where the first of them lie
    /// there would be no room otherwise, and each would move all that are behind it.
    pub(crate) fn reserve(&mut self, keys: usize) {
        let spread = keys / FULL.0 * FULL.1 + keys / 8 + SMALLEST;
        if self.spread < spread {
            self.spread_over(spread);
        }
    }

    /// Reads the key's place, so that it is at hand soon. What is read is of no use, but it depends on nothing: the processor
    /// reads several such places at once.
    pub(crate) fn touch(&self, key: u64) -> u64 {
        self.slots.get(self.home(key)).map_or(0, |(other, _)| *other)
    }

    /// Where a key is, or would be. The place holds until something is put in.
    pub(crate) fn find(&self, key: u64) -> Place {
        let key = nonzero(key);
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

    /// Whether a key is there.
    pub(crate) fn has(&self, key: u64) -> bool {
        matches!(self.find(key), Place::Taken(_))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: u64) -> Option<V> {
        let Place::Taken(at) = self.find(key) else { return None };
        self.slots.get(at).map(|(_, value)| *value)
    }

    /// The value at a place.
    pub(crate) fn value(&mut self, at: usize) -> Option<&mut V> {
        self.slots.get_mut(at).map(|(_, value)| value)
    }

    /// Puts a key at the free place that was found for it.
    pub(crate) fn put(&mut self, key: u64, at: usize, value: V) {
        let (key, mut at) = (nonzero(key), at);
        if self.len * FULL.1 >= self.spread * FULL.0 {
            self.grow();
            if let Place::Free(found) = self.find(key) {
                at = found;
            }
        }
        self.len += 1;
        let behind = self.slots.get(at..).unwrap_or_default();
        match behind.iter().position(|(other, _)| *other == 0) {
            Some(empty) => {
                self.slots.get_mut(at..=at + empty).into_iter().for_each(|run| run.rotate_right(1));
                if let Some(here) = self.slots.get_mut(at) {
                    *here = (key, value);
                }
            }
            None => self.slots.insert(at.min(self.slots.len()), (key, value)),
        }
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

    /// All keys with their values, in order.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Slot<V>> {
        self.slots.into_iter().filter(|(key, _)| *key != 0)
    }

    /// The slot at which a key is when no other is in its way.
    fn home(&self, key: u64) -> usize {
        // The first bits are those of all keys.
        let place = (u128::from(key << 8) * self.spread as u128) >> 64;
        usize::try_from(place).unwrap_or_default()
    }

    fn grow(&mut self) {
        self.spread_over((self.spread + self.spread / 4).max(SMALLEST));
    }

    fn spread_over(&mut self, slots: usize) {
        self.spread = slots;
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

    /// Keys that begin with the same eight bits.
    fn keys(n: u64) -> impl Iterator<Item = u64> {
        (1..=n).map(|n| 7 << 56 | (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (n << 40)) >> 8)
    }

    #[test]
    fn a_table_is_a_map_in_order_of_keys() {
        // Some lie close together, at both ends, too.
        let close = (0..300).map(|n| 7 << 56 | n).chain((0..300).map(|n| (8 << 56) - 1 - n));
        let mut table = Table::default();
        let mut expected = BTreeMap::new();
        for (value, key) in (0..).zip(close.chain(keys(50_000)).chain(keys(100))) {
            let is_new = !expected.contains_key(&key);
            assert_eq!(table.add(key, value), is_new, "{key}");
            expected.entry(key).or_insert(value);
        }
        assert_eq!(table.len(), expected.len());
        for (key, value) in &expected {
            let Place::Taken(at) = table.find(*key) else { panic!("{key}") };
            assert_eq!(table.value(at), Some(&mut value.clone()));
            assert_eq!(table.get(*key), Some(*value));
            table.touch(*key);
        }
        assert!(matches!(table.find(0x0734_5678_9abc_def0), Place::Free(_)));
        assert_eq!(table.into_all().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn keys_that_are_added_in_their_order_stay_near_their_places_where_there_is_room() {
        let mut sorted: Vec<u64> = keys(50_000).collect();
        sorted.sort_unstable();
        let furthest = |room: usize| {
            let (mut table, mut furthest) = (Table::default(), 0);
            table.reserve(room);
            for key in &sorted {
                table.add(*key, ());
                let Place::Taken(at) = table.find(*key) else { panic!("{key}") };
                furthest = furthest.max(at - table.home(*key));
            }
            furthest
        };
        assert!(furthest(sorted.len()) < 100 && furthest(0) > 1_000);
    }

    #[test]
    fn a_table_with_room_does_not_grow() {
        let mut table = Table::with_room(50_000);
        let bytes = table.bytes();
        keys(50_000).for_each(|key| assert!(table.add(key, 0_u64)));
        assert!(table.bytes() == bytes && bytes > 50_000 * 16, "{bytes}");
        assert_eq!(Table::<u64>::with_room(0).bytes(), 0);
    }

    #[test]
    fn the_smallest_keys() {
        let mut table = Table::default();
        let added: Vec<bool> = [2, 0, 1, 3, 0].into_iter().map(|key| table.add(key, ())).collect();
        assert_eq!(added, [true, true, false, true, false]);
        assert_eq!(table.into_all().map(|(key, ())| key).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn a_key_takes_at_most_twelve_bytes() {
        let mut table = Table::default();
        for (n, key) in keys(400_000).enumerate() {
            table.add(key, ());
            if n > 1_000 && n % 1_000 == 0 {
                assert!(table.bytes() <= 12 * n, "{} bytes for {n} keys", table.bytes());
            }
        }
    }
}
