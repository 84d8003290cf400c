//! The states that a process has found, by their keys. Its workers share them: in parts, by the keys' first bits, each with a
//! lock. What a worker finds it looks up many at a time, part by part, so each lock is taken once for several keys, and what
//! they need of a part is read at once.

use crate::level::Edge;
use crate::shared::lock;
use crate::table::{Place, Table};
use std::hint::black_box;
use std::mem;
use std::ops::Range;
use std::sync::Mutex;

/// Into so many parts the keys are divided: each grows by itself, so there is never a second copy of more than a part.
pub(crate) const PARTS: usize = 256;

/// The states that a process has found.
pub(crate) struct Seen(Vec<Mutex<Part>>);

#[derive(Default)]
struct Part {
    /// The keys that this process owns, of all levels.
    all: Table<()>,
    /// Those of the level that is being found, each with the smallest key before it.
    level: Table<u64>,
}

/// What a worker needs to look up keys, used again each time.
#[derive(Default)]
pub(crate) struct LookUp {
    /// The places of the keys in what is looked up, those of a part together.
    places: Vec<u32>,
    new: Vec<bool>,
}

impl LookUp {
    /// Whether the key at a place was new.
    pub(crate) fn is_new(&self, place: usize) -> bool {
        self.new.get(place).copied().unwrap_or_default()
    }
}

/// The part to which a key belongs.
pub(crate) fn part(key: u64) -> usize {
    usize::from(key.to_be_bytes()[0])
}

impl Seen {
    pub(crate) fn new() -> Seen {
        Seen((0..PARTS).map(|_| Mutex::default()).collect())
    }

    /// Makes room for so many keys.
    pub(crate) fn reserve(&self, keys: u64) {
        let each = usize::try_from(keys).unwrap_or_default() / PARTS;
        self.0.iter().for_each(|part| lock(part).all.reserve(each + each / 64));
    }

    /// A key of a level before this search.
    pub(crate) fn know(&self, key: u64) {
        if let Some(part) = self.0.get(part(key)) {
            lock(part).all.add(key, ());
        }
    }

    /// Looks up keys of this process, each with a key before it, and notes them.
    pub(crate) fn look_up(&self, found: &[Edge], look_up: &mut LookUp) {
        let LookUp { places, new } = look_up;
        new.clear();
        new.resize(found.len(), false);
        // Where the places of each part begin, and then, where its next one goes.
        let mut next = [0_u32; PARTS + 1];
        let count = |next: &mut [u32; PARTS + 1], at: usize| {
            let counted = next.get_mut(at).map(|count| mem::replace(count, *count + 1));
            counted.unwrap_or_default() as usize
        };
        for (key, _) in found {
            count(&mut next, part(*key) + 1);
        }
        let mut sum = 0;
        for begin in &mut next {
            sum += *begin;
            *begin = sum;
        }
        let begins = next;
        places.clear();
        places.resize(found.len(), 0);
        for (place, (key, _)) in (0..).zip(found) {
            let at = count(&mut next, part(*key));
            places.get_mut(at).into_iter().for_each(|slot| *slot = place);
        }
        let [begins @ .., _] = &begins;
        for ((part, begin), end) in self.0.iter().zip(begins).zip(&next) {
            let places = places.get(*begin as usize..*end as usize).unwrap_or_default();
            if places.is_empty() {
                continue;
            }
            let here = places.iter().filter_map(|place| found.get(*place as usize));
            let mut part = lock(part);
            let touched = here.map(|(key, _)| part.level.touch(*key).wrapping_add(part.all.touch(*key)));
            black_box(touched.fold(0, u64::wrapping_add));
            for place in places {
                let Some((key, before)) = found.get(*place as usize) else { continue };
                let is_new = part.find(*key, *before);
                new.get_mut(*place as usize).into_iter().for_each(|new| *new = is_new);
            }
        }
    }

    /// The smallest key before a key of the level that is being found.
    pub(crate) fn before(&self, key: u64) -> Option<u64> {
        lock(self.0.get(part(key))?).level.get(key)
    }

    /// All of a level is found: gives the states before its states, by their keys, in order of these, of some of the parts one
    /// after the other. What is found from now on is of the next level.
    pub(crate) fn close(&self, parts: Range<usize>, mut give: impl FnMut(Vec<Edge>)) {
        for part in self.0.get(parts).unwrap_or_default() {
            let mut part = lock(part);
            // The next level has about as many: a table that grew from nothing would be copied again and again.
            let next = Table::with_room(part.level.len());
            let level = mem::replace(&mut part.level, next);
            drop(part);
            if level.len() > 0 {
                let mut edges = Vec::with_capacity(level.len());
                edges.extend(level.into_all());
                give(edges);
            }
        }
    }
}

impl Part {
    /// A key was found. Whether it is new.
    fn find(&mut self, key: u64, before: u64) -> bool {
        match self.level.find(key) {
            Place::Taken(at) => {
                if let Some(known) = self.level.value(at) {
                    *known = before.min(*known);
                }
                false
            }
            Place::Free(at) if self.all.add(key, ()) => {
                self.level.put(key, at, before);
                true
            }
            Place::Free(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::thread;

    /// Which of these are new.
    fn new(seen: &Seen, found: &[Edge]) -> Vec<bool> {
        // What was looked up before is forgotten.
        let mut look_up = LookUp { places: vec![7; 9], new: vec![true; 9] };
        seen.look_up(found, &mut look_up);
        (0..found.len()).map(|place| look_up.is_new(place)).collect()
    }

    const HIGH: u64 = 9 << 56;

    #[test]
    fn a_key_is_new_once_and_keeps_the_smallest_one_before_it() {
        let seen = Seen::new();
        seen.know(4);
        let found = [(HIGH, 7), (2, 5), (4, 1), (HIGH, 6), (2, 8), (u64::MAX, 1)];
        assert_eq!(new(&seen, &found), [true, true, false, false, false, true]);
        assert_eq!(new(&seen, &found), [false; 6]);
        assert_eq!((seen.before(HIGH), seen.before(2), seen.before(4)), (Some(6), Some(5), None));
        let closed = |parts| {
            let mut closed = Vec::new();
            seen.close(parts, |edges| closed.push(edges));
            closed
        };
        assert_eq!(closed(0..PARTS / 2), [[(2, 5)], [(HIGH, 6)]]);
        assert_eq!(closed(PARTS / 2..PARTS), [[(u64::MAX, 1)]]);
        // On the next level they are known, and have nothing before them.
        assert_eq!(new(&seen, &found), [false; 6]);
        assert_eq!(seen.before(2), None);
    }

    #[test]
    fn of_several_threads_that_find_a_key_one_has_it_as_new() {
        let seen = Seen::new();
        let keys =
            |thread: u64| (0..20_000_u64).map(move |n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15), thread + 1));
        let found = thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|thread| {
                    let (seen, found) = (&seen, keys(thread).collect::<Vec<_>>());
                    scope.spawn(move || {
                        found.chunks(100).map(|some| new(seen, some)).collect::<Vec<_>>().concat()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        for key in 0..20_000 {
            assert_eq!(found.iter().filter(|new| new[key]).count(), 1, "{key}");
        }
        let mut edges = Vec::new();
        seen.close(0..PARTS, |part| edges.extend(part));
        assert_eq!(edges.len(), 20_000);
        assert!(edges.is_sorted() && edges.iter().all(|(_, before)| *before == 1));
    }
}
