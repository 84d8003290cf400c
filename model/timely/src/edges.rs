//! The keys of all levels that are closed, with the keys before them: in memory, or in files.
//!
//! In a file each chunk begins with its level, and how many edges it has; then the edges follow, each as two numbers of 8 bytes.

use crate::checkpoint::Mark;
use crate::level::Edge;
use crate::spill::{Extent, SpillError, Spilled};
use sha2::{Digest, Sha256};
use std::io;

/// Edges that are read at once.
const AT_ONCE: usize = 1 << 14;

const EDGE: u64 = size_of::<Edge>() as u64;

/// A chunk's level and size, in bytes.
const HEAD: u64 = 12;

/// Some edges of a level, in the order of keys.
enum Chunk {
    Here(Vec<Edge>),
    /// In one of the files.
    There(usize, Extent),
}

/// The keys of all levels that are closed, with the keys before them.
#[derive(Default)]
pub(crate) struct Edges {
    levels: Vec<Vec<Chunk>>,
    /// The first one is written, if there is any; the others are of earlier searches.
    files: Vec<Spilled>,
    digest: Sha256,
}

fn bytes_of(edges: &[Edge]) -> Vec<u8> {
    edges.iter().flat_map(|(key, before)| [key.to_le_bytes(), before.to_le_bytes()]).flatten().collect()
}

fn edges_of(bytes: &[u8]) -> Vec<Edge> {
    let (numbers, _) = bytes.as_chunks::<8>();
    let (pairs, _) = numbers.as_chunks::<2>();
    pairs.iter().map(|[key, before]| (u64::from_le_bytes(*key), u64::from_le_bytes(*before))).collect()
}

impl Edges {
    /// In memory, or in a file.
    pub(crate) fn new(file: Option<Spilled>) -> Edges {
        Edges { files: file.into_iter().collect(), ..Edges::default() }
    }

    /// How many levels there are.
    pub(crate) fn levels(&self) -> u32 {
        u32::try_from(self.levels.len()).unwrap_or(u32::MAX)
    }

    /// Takes what an earlier search wrote.
    pub(crate) fn attach(&mut self, file: Spilled) -> Result<(), SpillError> {
        let (mut offset, place) = (0, self.files.len());
        while offset < file.len() {
            let head = file.read(Extent { offset, bytes: HEAD })?;
            let damaged = || file.failed(io::Error::from(io::ErrorKind::InvalidData));
            let (level, many) = head.split_first_chunk::<4>().ok_or_else(damaged)?;
            let (many, _) = many.split_first_chunk::<8>().ok_or_else(damaged)?;
            let bytes = u64::from_le_bytes(*many).checked_mul(EDGE).ok_or_else(damaged)?;
            let extent = Extent { offset: offset + HEAD, bytes };
            offset = extent.offset.checked_add(bytes).filter(|end| *end <= file.len()).ok_or_else(damaged)?;
            self.put(u32::from_le_bytes(*level), Chunk::There(place, extent));
        }
        self.files.push(file);
        Ok(())
    }

    fn put(&mut self, level: u32, chunk: Chunk) {
        while self.levels() <= level {
            self.levels.push(Vec::new());
        }
        if let Some(level) = self.levels.get_mut(level as usize) {
            level.push(chunk);
        }
    }

    /// Adds some edges of a level, which are in order.
    pub(crate) fn add(&mut self, level: u32, edges: Vec<Edge>) -> Result<(), SpillError> {
        let Some(file) = self.files.first_mut() else {
            self.put(level, Chunk::Here(edges));
            return Ok(());
        };
        let mut head = level.to_le_bytes().to_vec();
        head.extend((edges.len() as u64).to_le_bytes());
        self.digest.update(&head);
        file.append(&head)?;
        let mut whole = Extent { offset: file.len(), bytes: 0 };
        for some in edges.chunks(AT_ONCE) {
            let bytes = bytes_of(some);
            self.digest.update(&bytes);
            whole.bytes += file.append(&bytes)?.bytes;
        }
        self.put(level, Chunk::There(0, whole));
        Ok(())
    }

    /// Makes the file durable that is written. Its name, length and checksum.
    pub(crate) fn sync(&self) -> Result<Option<(String, Mark)>, SpillError> {
        let Some(file) = self.files.first() else { return Ok(None) };
        let (name, bytes) = file.sync()?;
        Ok(Some((name, Mark::new(bytes, self.digest.clone()))))
    }

    /// Edges of a file, from one on.
    fn read(&self, file: usize, extent: Extent, from: u64, many: u64) -> Result<Vec<Edge>, SpillError> {
        let Some(file) = self.files.get(file) else { return Ok(Vec::new()) };
        let many = many.min((extent.bytes / EDGE).saturating_sub(from));
        Ok(edges_of(&file.read(Extent { offset: extent.offset + from * EDGE, bytes: many * EDGE })?))
    }

    /// The key before a key of a level.
    pub(crate) fn before(&self, level: u32, key: u64) -> Result<Option<u64>, SpillError> {
        for chunk in self.levels.get(level as usize).into_iter().flatten() {
            let found = match chunk {
                Chunk::Here(edges) => {
                    let at = edges.binary_search_by_key(&key, |(key, _)| *key).ok();
                    at.and_then(|at| edges.get(at)).copied()
                }
                Chunk::There(file, extent) => {
                    let (mut from, mut until) = (0, extent.bytes / EDGE);
                    while until - from > 1 {
                        let middle = from.midpoint(until);
                        let at = self.read(*file, *extent, middle, 1)?;
                        if at.first().is_some_and(|(other, _)| *other <= key) {
                            from = middle;
                        } else {
                            until = middle;
                        }
                    }
                    let found = self.read(*file, *extent, from, 1)?;
                    found.first().copied().filter(|(other, _)| *other == key)
                }
            };
            if let Some((_, before)) = found {
                return Ok(Some(before));
            }
        }
        Ok(None)
    }

    /// All edges of a level, some at a time.
    pub(crate) fn of_level(&self, level: u32, mut give: impl FnMut(&[Edge])) -> Result<(), SpillError> {
        for chunk in self.levels.get(level as usize).into_iter().flatten() {
            match chunk {
                Chunk::Here(edges) => give(edges),
                Chunk::There(file, extent) => {
                    for from in (0..extent.bytes / EDGE).step_by(AT_ONCE) {
                        give(&self.read(*file, *extent, from, AT_ONCE as u64)?);
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs;
    use std::io::Write;

    /// Three levels of two workers each, with keys in order.
    fn filled(mut edges: Edges) -> Edges {
        for level in 0..3 {
            for worker in 0..2 {
                let keys = (0..40_000).map(|number| number * 12 + u64::from(level) * 4 + worker);
                edges.add(level, keys.map(|key| (key, key + 1)).collect()).unwrap();
            }
        }
        edges
    }

    fn all(edges: &Edges, level: u32) -> Vec<Edge> {
        let mut all = Vec::new();
        edges.of_level(level, |some| all.extend_from_slice(some)).unwrap();
        all
    }

    #[test]
    fn edges_in_files_are_those_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| Spilled::kept(directory.path().join(name)).unwrap();
        let (here, there) = (filled(Edges::new(None)), filled(Edges::new(Some(file("edges")))));
        let (name, mark) = there.sync().unwrap().unwrap();
        assert_eq!((name.as_str(), mark.bytes), ("edges", 6 * (40_000 * 16 + 12)));
        // What is appended behind the mark does not count.
        let path = directory.path().join(name);
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[7; 100]).unwrap();
        let mut attached = Edges::new(Some(file("new")));
        attached.attach(Spilled::there(path.clone(), mark.bytes).unwrap()).unwrap();
        attached.add(3, vec![(5, 6)]).unwrap();
        for edges in [&here, &there, &attached] {
            for key in [0, 1, 12, 39_999 * 12, 39_999 * 12 + 1] {
                assert_eq!(edges.before(0, key).unwrap(), Some(key + 1), "{key}");
            }
            for (level, key) in [(0, 2), (0, 4), (1, 0), (3, 0), (0, 40_000 * 12), (2, u64::MAX)] {
                assert_eq!(edges.before(level, key).unwrap(), None, "{key} on {level}");
            }
            for level in 0..3 {
                assert_eq!(all(edges, level), all(&here, level));
            }
        }
        assert_eq!((here.levels(), attached.levels()), (3, 4));
        assert_eq!((all(&there, 1).len(), all(&attached, 3)), (80_000, vec![(5, 6)]));
        let mut damaged = Edges::new(None);
        let error = damaged.attach(Spilled::there(path, mark.bytes + 100).unwrap()).unwrap_err();
        assert!(error.to_string().contains("edges"), "{error}");
    }
}
