//! Packs operations that were read and are not judged yet: some ten bytes each instead of two hundred, because a
//! history of a gigabyte has ten million of them. The operations of one key are unpacked when that key is judged.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::history::{Operation, Outcome};

/// All but the key: process, invocation, time to the completion, action and outcome.
type Written<A> = (u64, u64, Option<u64>, A, Outcome);

/// Operations by key.
#[derive(Clone, Debug)]
pub struct Packed<A> {
    keys: BTreeMap<String, Vec<u8>>,
    count: usize,
    of: PhantomData<A>,
}

impl<A> Default for Packed<A> {
    fn default() -> Self {
        Self { keys: BTreeMap::new(), count: 0, of: PhantomData }
    }
}

/// Operations cannot be packed, or unpacked: a defect of the reader.
#[derive(Debug, thiserror::Error)]
#[error("operations cannot be kept ({0}): a defect of the reader")]
pub struct Damaged(String);

impl Damaged {
    fn by(error: impl std::error::Error) -> Self {
        Self(error.to_string())
    }
}

impl<A> Packed<A> {
    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

impl<A: Serialize + DeserializeOwned> Packed<A> {
    /// Adds operations, in any order.
    ///
    /// # Errors
    /// [`Damaged`], which cannot happen.
    pub(crate) fn add(&mut self, operations: Vec<Operation<A>>) -> Result<(), Damaged> {
        for Operation { process, key, action, outcome, invoked, completed } in operations {
            let taken = completed.map(|completed| completed.saturating_sub(invoked));
            let written: Written<A> = (process, invoked, taken, action, outcome);
            // The name of a key is kept once.
            let bytes = match self.keys.get_mut(&key) {
                Some(bytes) => bytes,
                None => self.keys.entry(key).or_default(),
            };
            bincode::serde::encode_into_std_write(&written, bytes, bincode::config::standard())
                .map_err(Damaged::by)?;
            self.count += 1;
        }
        Ok(())
    }

    /// The operations of a key, in the order of their invocations; none if there is no such key.
    ///
    /// # Errors
    /// [`Damaged`], which cannot happen.
    pub fn of(&self, key: &str) -> Result<Vec<Operation<A>>, Damaged> {
        let mut rest = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        let mut operations = Vec::new();
        while !rest.is_empty() {
            let (written, length): (Written<A>, usize) =
                bincode::serde::decode_from_slice(rest, bincode::config::standard()).map_err(Damaged::by)?;
            let (process, invoked, taken, action, outcome) = written;
            let completed = taken.map(|taken| invoked + taken);
            operations.push(Operation { process, key: key.to_owned(), action, outcome, invoked, completed });
            rest = rest.get(length..).unwrap_or_default();
        }
        // They were packed as they completed.
        operations.sort_unstable_by_key(|operation| operation.invoked);
        Ok(operations)
    }

    /// All operations, in the order of their invocations.
    ///
    /// # Errors
    /// [`Damaged`], which cannot happen.
    pub fn all(&self) -> Result<Vec<Operation<A>>, Damaged> {
        let mut all = Vec::with_capacity(self.count);
        for key in self.keys() {
            all.append(&mut self.of(key)?);
        }
        all.sort_unstable_by_key(|operation| operation.invoked);
        Ok(all)
    }
}
