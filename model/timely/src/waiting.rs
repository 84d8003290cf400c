//! The states of a level that wait to be expanded: in memory, and beyond a few of them in a file, where one is given.

use crate::spill::{Extent, Spill, SpillError, Spilled};
use figure2_model::{Changed, PackedState, Space, State};
use std::collections::VecDeque;
use std::io;
use std::mem;

/// So many states lie together at most, and are put in order before they are expanded.
const CHUNK: usize = 1 << 15;

/// Of the states that may wait in memory, a chunk has at most one in so many.
const STAY: usize = 4;

/// A state of a level, to be judged and expanded.
pub(crate) struct Entry {
    pub state: State,
    /// What differs from the state from which it was found.
    pub changed: Changed,
}

enum Chunk {
    Here(Vec<Entry>),
    There(Extent),
}

/// Where states go that are too many, and the name of the file.
pub(crate) type Place = (Spill, String);

/// States that wait.
pub(crate) struct Waiting {
    chunks: VecDeque<Chunk>,
    /// How many chunks are in memory.
    here: usize,
    /// How many states a chunk has, and how many chunks may be in memory.
    chunk: (usize, usize),
    place: Option<Place>,
    file: Option<Spilled>,
    /// Something could not be written or read: then nothing waits any more.
    failure: Option<String>,
}

impl Waiting {
    pub(crate) fn new(place: Option<Place>) -> Waiting {
        let waiting = place.as_ref().map_or(usize::MAX, |(spill, _)| spill.waiting);
        let chunk = (waiting / STAY).clamp(1, CHUNK);
        let chunk = (chunk, (waiting / chunk).max(1));
        Waiting { chunks: VecDeque::new(), here: 0, chunk, place, file: None, failure: None }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        match self.chunks.back_mut() {
            Some(Chunk::Here(chunk)) if chunk.len() < self.chunk.0 => chunk.push(entry),
            _ => {
                if self.here >= self.chunk.1
                    && let Err(error) = self.put_away()
                {
                    self.failure.get_or_insert(error.to_string());
                }
                self.chunks.push_back(Chunk::Here(vec![entry]));
                self.here += 1;
            }
        }
    }

    /// What could not be written.
    pub(crate) fn failure(&self) -> Option<&String> {
        self.failure.as_ref()
    }

    /// Writes the last chunk into the file, if there is one to be used.
    fn put_away(&mut self) -> Result<(), SpillError> {
        let Some((spill, name)) = &self.place else { return Ok(()) };
        if self.file.is_none() {
            self.file = Some(spill.file(name)?);
        }
        let (Some(file), Some(Chunk::Here(entries))) = (&mut self.file, self.chunks.back_mut()) else {
            return Ok(());
        };
        let packed: Vec<PackedState> =
            mem::take(entries).iter().map(|entry| PackedState::new(&entry.state, entry.changed)).collect();
        let encoded = bincode::serde::encode_to_vec(&packed, bincode::config::standard());
        let encoded = encoded.map_err(|error| file.failed(io::Error::other(error)))?;
        let extent = file.append(&encoded)?;
        self.chunks.pop_back();
        self.chunks.push_back(Chunk::There(extent));
        self.here -= 1;
        Ok(())
    }

    fn read(&self, extent: Extent, space: &Space) -> Result<Vec<Entry>, String> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let bytes = file.read(extent).map_err(|error| error.to_string())?;
        let decoded = bincode::serde::decode_from_slice(&bytes, bincode::config::standard());
        let damaged = |what: &dyn ToString| file.failed(io::Error::other(what.to_string())).to_string();
        let (packed, _): (Vec<PackedState>, usize) = decoded.map_err(|error| damaged(&error))?;
        let entry = |packed: &PackedState| {
            let (state, changed) = space.own(packed).map_err(|error| damaged(&error))?;
            Ok(Entry { state, changed })
        };
        packed.iter().map(entry).collect()
    }

    /// Gives each state, and they still wait.
    pub(crate) fn each(
        &self,
        space: &Space,
        mut give: impl FnMut(&Entry) -> Result<(), String>,
    ) -> Result<(), String> {
        for chunk in &self.chunks {
            match chunk {
                Chunk::Here(entries) => entries.iter().try_for_each(&mut give)?,
                Chunk::There(extent) => self.read(*extent, space)?.iter().try_for_each(&mut give)?,
            }
        }
        Ok(())
    }

    /// Some states that wait no more; none when no others do.
    pub(crate) fn take(&mut self, space: &Space) -> Result<Option<Vec<Entry>>, String> {
        match self.chunks.pop_front() {
            None => Ok(None),
            Some(Chunk::Here(entries)) => {
                self.here -= 1;
                Ok(Some(entries))
            }
            Some(Chunk::There(extent)) => self.read(extent, space).map(Some),
        }
    }
}
