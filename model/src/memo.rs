//! What a thread remembers: results by a number that stands for the question. A step of a machine, and a verdict on a
//! part of a state, depend on nothing but their arguments, and the same ones come up again and again: most of a
//! search is looking them up. Each thread remembers for itself, so that none waits for another.

use crate::hashed::mix;
use hashbrown::HashTable;

/// Answers by question.
#[derive(Default)]
pub struct Answers(HashTable<(u64, u32)>);

impl Answers {
    /// The answer, if the question was asked before.
    pub fn get(&self, question: u64) -> Option<u32> {
        self.0.find(mix(question), |(other, _)| *other == question).map(|(_, answer)| *answer)
    }

    /// All questions that were asked, with their answers.
    pub fn all(&self) -> impl Iterator<Item = (u64, u32)> {
        self.0.iter().copied()
    }

    /// Remembers an answer.
    pub fn insert(&mut self, question: u64, answer: u32) {
        self.0.insert_unique(mix(question), (question, answer), |(question, _)| mix(*question));
    }
}

/// The answers to all kinds of questions.
#[derive(Default)]
pub struct Memo {
    /// Step by machine and event.
    pub steps: Answers,
    /// History by history and step.
    pub histories: Answers,
    /// Standing by machine and history.
    pub standings: Answers,
    /// What two machines break between them.
    pub pairs: Answers,
}

/// A question about two numbers.
pub fn question(one: u32, other: u32) -> u64 {
    u64::from(one) << 32 | u64::from(other)
}

/// The two numbers of a question.
pub fn asked_about(question: u64) -> (u32, u32) {
    let bytes = question.to_le_bytes();
    let number =
        |from: usize| bytes.iter().skip(from).take(4).rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    (number(4), number(0))
}
