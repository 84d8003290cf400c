//! The states of a level, which are all equally many steps away from the start: those that one worker has found.

use crate::waiting::{self, Entry, Waiting};
use figure2_model::Space;

/// A key and the key of a state before it, of several the smallest.
pub(crate) type Edge = (u64, u64);

/// The states of a level that a worker has found.
pub(crate) struct Level {
    waiting: Waiting,
    /// States that are in order, the last of which are expanded next.
    ready: Vec<Entry>,
    len: u64,
}

impl Level {
    /// `place` is where its states go that are too many for the memory.
    pub(crate) fn new(place: Option<waiting::Place>) -> Level {
        Level { waiting: Waiting::new(place), ready: Vec::new(), len: 0 }
    }

    /// Adds a state that is new.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.waiting.push(entry);
        self.len += 1;
    }

    /// How many states it has, or had before some were expanded.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// What could not be written of its states.
    pub(crate) fn failure(&self) -> Option<&String> {
        self.waiting.failure()
    }

    /// Gives all states, before any is expanded.
    pub(crate) fn each(
        &self,
        space: &Space,
        give: impl FnMut(&Entry) -> Result<(), String>,
    ) -> Result<(), String> {
        self.waiting.each(space, give)
    }

    /// The next states to be expanded, at most so many. Those with the same nodes are together: what is known of these nodes is needed for all
    /// of them, and is at hand then.
    pub(crate) fn pop(&mut self, space: &Space, turn: usize) -> Result<Option<Vec<Entry>>, String> {
        if self.ready.is_empty() {
            let Some(mut chunk) = self.waiting.take(space)? else { return Ok(None) };
            chunk.sort_by_cached_key(|entry| entry.state.order());
            chunk.reverse();
            self.ready = chunk;
        }
        let at = self.ready.len().saturating_sub(turn.max(1));
        Ok(Some(self.ready.split_off(at)))
    }
}
