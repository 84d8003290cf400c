//! Each thread's cache of results, by a key that stands for the question. A step of a node, and a verdict on a part
//! of a state, depend only on their arguments, and the same ones come up again and again: most of a search is looking
//! them up. Each thread has its own cache, so no thread waits for another.

use crate::search::hashed::mix;
use hashbrown::HashTable;

/// Results by key.
#[derive(Default)]
pub struct Cache(HashTable<(u64, u32)>);

impl Cache {
    /// The result, if it was computed before.
    pub fn get(&self, memo_key: u64) -> Option<u32> {
        self.0.find(mix(memo_key), |(other, _)| *other == memo_key).map(|(_, answer)| *answer)
    }

    /// All questions that were asked, with their answers.
    pub fn all(&self) -> impl Iterator<Item = (u64, u32)> {
        self.0.iter().copied()
    }

    /// Remembers an answer.
    pub fn insert(&mut self, memo_key: u64, answer: u32) {
        self.0.insert_unique(mix(memo_key), (memo_key, answer), |(memo_key, _)| mix(*memo_key));
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
