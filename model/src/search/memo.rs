//! Each thread's cache of results, by a key that stands for the question. A step of a node, and a verdict on a part
//! of a state, depend only on their arguments, and the same ones come up again and again: most of a search is looking
//! them up. Each thread has its own cache, so no thread waits for another.

use crate::search::hashed::mix;

/// Results by key: a table in which a key is looked for from its place on. A table of a library would do, but for that it does
/// not tell the place: the search reads the places of many keys at once, which is most of what a look costs.
#[derive(Default)]
pub struct Cache {
    /// The keys, inverted, for 0 stands for none; a power of two of them.
    slots: Vec<(u64, u32)>,
    len: usize,
}

/// Slots of a table with one key.
const SMALLEST: usize = 64;

impl Cache {
    /// Reads where the key would be; what it says is of no use.
    pub fn touch(&self, memo_key: u64) -> u64 {
        self.slots.get(self.home(memo_key)).map_or(0, |(other, _)| *other)
    }

    fn home(&self, memo_key: u64) -> usize {
        let last = self.slots.len().saturating_sub(1);
        usize::try_from(mix(memo_key) >> 8).unwrap_or_default() & last
    }

    /// The slots from a key's place on, round to those before it.
    fn slots_from_home(&self, memo_key: u64) -> impl Iterator<Item = (usize, &(u64, u32))> {
        let home = self.home(memo_key);
        let (before, behind) = self.slots.split_at_checked(home).unwrap_or_default();
        (home..).zip(behind).chain((0..).zip(before))
    }

    /// The result, if it was computed before.
    pub fn get(&self, memo_key: u64) -> Option<u32> {
        let (_, (other, answer)) =
            self.slots_from_home(memo_key).find(|(_, (other, _))| *other == !memo_key || *other == 0)?;
        (*other != 0).then_some(*answer)
    }

    /// All questions that were asked, with their answers.
    pub fn all(&self) -> impl Iterator<Item = (u64, u32)> {
        self.slots.iter().filter(|(other, _)| *other != 0).map(|(other, answer)| (!other, *answer))
    }

    /// Remembers an answer to a question that was not asked before.
    pub fn insert(&mut self, memo_key: u64, answer: u32) {
        // At most half of the slots are taken: so there is always one that ends a look.
        if (self.len + 1) * 2 > self.slots.len() {
            let larger = vec![(0, 0); (self.slots.len() * 2).max(SMALLEST)];
            let old = std::mem::replace(&mut self.slots, larger);
            old.into_iter()
                .filter(|(other, _)| *other != 0)
                .for_each(|(other, answer)| self.put(!other, answer));
        }
        self.put(memo_key, answer);
        self.len += 1;
    }

    fn put(&mut self, memo_key: u64, answer: u32) {
        let free = self.slots_from_home(memo_key).find(|(_, (other, _))| *other == 0).map(|(at, _)| at);
        if let Some(slot) = free.and_then(|at| self.slots.get_mut(at)) {
            *slot = (!memo_key, answer);
        }
    }
}

/// The answers to all kinds of questions.
#[derive(Default)]
pub struct Memo {
    /// Step by node and event.
    pub steps: Cache,
    /// History by history and step.
    pub histories: Cache,
    /// CommitCheck by node and history.
    pub commit_checks: Cache,
    /// What two nodes break between them.
    pub pairs: Cache,
}

/// The key of what depends on two numbers.
pub fn memo_key(one: u32, other: u32) -> u64 {
    u64::from(one) << 32 | u64::from(other)
}

/// The two numbers of a key.
pub fn key_parts(memo_key: u64) -> (u32, u32) {
    let bytes = memo_key.to_le_bytes();
    let number =
        |from: usize| bytes.iter().skip(from).take(4).rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    (number(4), number(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_remembered_under_its_key_and_no_other() {
        let mut cache = Cache::default();
        assert_eq!((cache.get(7), cache.touch(7)), (None, 0));
        let keys = |from: u32| (from..from + 3000).map(move |n| memo_key(n % 50, n));
        for (answer, key) in (0..).zip(keys(0)) {
            cache.insert(key, answer);
        }
        for (answer, key) in (0..).zip(keys(0)) {
            assert_eq!(cache.get(key), Some(answer), "{key}");
        }
        assert!(keys(3000).all(|key| cache.get(key).is_none()));
        let mut all: Vec<(u64, u32)> = cache.all().collect();
        all.sort_unstable_by_key(|(_, answer)| *answer);
        assert_eq!(all, keys(0).zip(0..).collect::<Vec<_>>());
    }
}
