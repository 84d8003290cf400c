//! A level: all states that are equally many steps away from the start, as far as a worker owns them.

use crate::table::{Place, Table};
use crate::waiting::{self, Entry, Waiting};
use figure2_model::Space;

/// So many are expanded before other workers' states have their turn.
const TURN: usize = 1024;

/// A key and the key of a state before it, of several the smallest.
pub(crate) type Edge = (u64, u64);

/// The states of a level that a worker owns.
pub(crate) struct Level {
    waiting: Waiting,
    /// States that are in order, the last of which are expanded next.
    ready: Vec<Entry>,
    before: Table<u64>,
    /// The states that were sent to other processes, each with the smallest key before it of which these know.
    sent: Table<u64>,
}

/// Whether another process is told of a state.
pub(crate) enum Telling {
    /// It was not told yet.
    State,
    /// It has the state, and not this key before it.
    Before,
    /// It knows as much.
    Nothing,
}

impl Level {
    /// `place` is where its states go that are too many for the memory.
    pub(crate) fn new(place: Option<waiting::Place>) -> Level {
        Level { waiting: Waiting::new(place), ready: Vec::new(), before: Table::new(), sent: Table::new() }
    }

    /// Reads what [`find`](Self::find) will look at.
    pub(crate) fn touch(&self, key: u64) -> u64 {
        self.before.touch(key)
    }

    /// A key was found from `before`. Where it is to be put if it is new: neither of this level, nor seen.
    pub(crate) fn find(&mut self, key: u64, before: u64, seen: &mut Table<()>) -> bool {
        match self.before.find(key) {
            Place::Taken(at) => {
                if let Some(known) = self.before.value(key, at) {
                    *known = before.min(*known);
                }
                false
            }
            Place::Free(at) => {
                let is_new = seen.add(key, ());
                if is_new {
                    self.before.put(key, at, before);
                }
                is_new
            }
        }
    }

    /// Another process' key was found from `before`. What the other process is told.
    pub(crate) fn tell(&mut self, key: u64, before: u64) -> Telling {
        match self.sent.find(key) {
            Place::Free(at) => {
                self.sent.put(key, at, before);
                Telling::State
            }
            Place::Taken(at) => match self.sent.value(key, at) {
                Some(known) if before < *known => {
                    *known = before;
                    Telling::Before
                }
                _ => Telling::Nothing,
            },
        }
    }

    /// Adds a state that is new.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.waiting.push(entry);
    }

    /// What could not be written of its states.
    pub(crate) fn failure(&self) -> Option<&String> {
        self.waiting.failure()
    }

    /// How many states it has.
    pub(crate) fn len(&self) -> u64 {
        self.before.len()
    }

    /// Gives all states, before any is expanded, each with the key of the state before it.
    pub(crate) fn each(
        &self,
        space: &Space,
        mut give: impl FnMut(&Entry, u64) -> Result<(), String>,
    ) -> Result<(), String> {
        let before = |entry: &Entry| self.before.get(entry.state.key()).unwrap_or_default();
        self.waiting.each(space, |entry| give(entry, before(entry)))
    }

    /// All is here: the states before the level's, by their keys, in order of these.
    pub(crate) fn close(&mut self) -> Vec<Edge> {
        let len = usize::try_from(self.before.len()).unwrap_or_default();
        let mut edges = Vec::with_capacity(len);
        edges.extend(std::mem::replace(&mut self.before, Table::new()).drain());
        self.sent = Table::new();
        edges
    }

    /// Whether all states were expanded.
    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.ready.is_empty()
    }

    /// The next states to be expanded. Those with the same nodes are together: what is known of these nodes is needed for all
    /// of them, and is at hand then.
    pub(crate) fn pop(&mut self, space: &Space) -> Result<Option<Vec<Entry>>, String> {
        if self.ready.is_empty() {
            let Some(mut chunk) = self.waiting.take(space)? else { return Ok(None) };
            chunk.sort_by_cached_key(|entry| entry.state.order());
            chunk.reverse();
            self.ready = chunk;
        }
        let at = self.ready.len().saturating_sub(TURN);
        Ok(Some(self.ready.split_off(at)))
    }
}
