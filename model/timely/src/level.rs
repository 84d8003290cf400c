//! A level: all states that are equally many steps away from the start, as far as a worker owns them.

use crate::table::{Place, Table};
use figure2_model::{Changed, State};
use std::collections::VecDeque;

/// So many states lie together, and are put in order before they are expanded.
const CHUNK: usize = 1 << 15;

/// So many are expanded before other workers' states have their turn.
const TURN: usize = 1024;

/// A state of a level, to be judged and expanded.
pub(crate) struct Entry {
    pub state: State,
    /// What differs from the state from which it was found.
    pub changed: Changed,
}

/// A key and the key of a state before it, of several the smallest.
pub(crate) type Edge = (u64, u64);

/// The states of a level that a worker owns.
pub(crate) struct Level {
    chunks: VecDeque<Vec<Entry>>,
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
    pub(crate) fn new() -> Level {
        Level { chunks: VecDeque::new(), ready: Vec::new(), before: Table::new(), sent: Table::new() }
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
        match self.chunks.back_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(entry),
            None => {
                self.chunks.push_back(vec![entry]);
            }
        }
    }

    /// How many states it has.
    pub(crate) fn len(&self) -> u64 {
        self.before.len()
    }

    /// All states, before any is expanded, each with the key of the state before it.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (&Entry, u64)> {
        let entries = self.chunks.iter().flatten();
        entries.map(|entry| (entry, self.before.get(entry.state.key()).unwrap_or_default()))
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
        self.chunks.is_empty() && self.ready.is_empty()
    }

    /// The next states to be expanded. Those with the same nodes are together: what is known of these nodes is needed for all
    /// of them, and is at hand then.
    pub(crate) fn pop(&mut self) -> Option<Vec<Entry>> {
        if self.ready.is_empty() {
            let mut chunk = self.chunks.pop_front()?;
            chunk.sort_by_cached_key(|entry| entry.state.order());
            chunk.reverse();
            self.ready = chunk;
        }
        let at = self.ready.len().saturating_sub(TURN);
        Some(self.ready.split_off(at))
    }
}
