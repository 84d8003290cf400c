//! Interned values: a value that many states share is stored once. A state holds numbers instead, so it is small, it
//! is copied without counting references, and two states are equal exactly when their numbers are.

use hashbrown::HashTable;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

/// The number of a value in its [`Interner`]. Numbers are given out in the order in which values first come up, so
/// they differ from run to run when several threads search; nothing that is reported depends on them.
pub struct Id<T> {
    number: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// The number.
    pub fn number(self) -> u32 {
        self.number
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Id<T> {}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.number);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)
    }
}

/// All values of a kind. They are added and never taken out; reading one does not wait for whoever adds another.
pub struct Interner<T> {
    values: boxcar::Vec<T>,
    numbers: Mutex<HashTable<(u64, u32)>>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Interner { values: boxcar::Vec::new(), numbers: Mutex::new(HashTable::new()) }
    }
}

impl<T> Interner<T> {
    /// The number of the value that `is_same` as the content, which has this hash; `make` makes it of the content when
    /// there is none.
    pub fn intern<Q>(
        &self,
        hash: u64,
        content: Q,
        is_same: impl Fn(&T, &Q) -> bool,
        make: impl FnOnce(Q) -> T,
    ) -> Id<T> {
        // A thread that panicked here has not left anything half-way: a value is complete before it gets its number.
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |(other, number): &(u64, u32)| *other == hash && is_same(self.value(*number), &content);
        let number = match numbers.find(hash, known) {
            Some((_, number)) => *number,
            None => {
                // More than 2^32 values would be some terabytes.
                let number = u32::try_from(self.values.push(make(content))).unwrap_or(u32::MAX);
                numbers.insert_unique(hash, (hash, number), |(hash, _)| *hash);
                number
            }
        };
        Id { number, of: PhantomData }
    }

    /// The [`Id`] of a number that an id of this interner had.
    pub fn id(&self, number: u32) -> Id<T> {
        Id { number, of: PhantomData }
    }

    /// The value of a number that [`intern`](Self::intern) of this interner gave out.
    pub fn get(&self, id: Id<T>) -> &T {
        self.value(id.number)
    }

    fn value(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::hashed::digest;

    #[test]
    fn equal_values_have_one_number_and_others_do_not_even_if_their_hashes_collide() {
        let words: Interner<&str> = Interner::default();
        let number =
            |hash, word: &'static str| words.intern(hash, word, |other, word| other == word, |word| word);
        let (one, same, other) = (number(7, "one"), number(7, "one"), number(7, "other"));
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_eq!((*words.get(one), *words.get(other), words.len()), ("one", "other", 2));
        assert_ne!(digest(&one), digest(&other));
    }
}
