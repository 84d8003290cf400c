//! What need not be in memory, in files: the states of a level that wait, and the keys of the levels before. They are of this
//! search only, and removed at its end; who wants to go on later makes checkpoints.

use crate::level::Edge;
use crate::plan::Spills;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = "spill-";

/// Edges that are read at once.
const AT_ONCE: usize = 1 << 14;

/// A directory for a search's files.
#[derive(Clone, Debug)]
pub(crate) struct Spill {
    directory: PathBuf,
    /// So many states of a level wait in memory.
    pub waiting: usize,
    /// Bytes in the files.
    bytes: Arc<AtomicU64>,
}

/// Bytes in a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    offset: u64,
    bytes: u64,
}

/// A file that is written from the front to the back, and read anywhere.
pub(crate) struct Spilled {
    path: PathBuf,
    file: File,
    len: u64,
    all: Arc<AtomicU64>,
}

impl From<SpillError> for String {
    fn from(error: SpillError) -> String {
        error.to_string()
    }
}

/// A file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("--spill: {file}: {error}")]
pub struct SpillError {
    /// Which one.
    pub file: PathBuf,
    /// Why.
    pub error: io::Error,
}

fn failed(file: &Path) -> impl Fn(io::Error) -> SpillError + use<> {
    let file = file.to_path_buf();
    move |error| SpillError { file: file.clone(), error }
}

impl Spill {
    /// A directory of this process' own, empty but for what an earlier search left when it was killed.
    pub(crate) fn open(spills: &Spills, process: usize) -> Result<Spill, SpillError> {
        let directory = &spills.directory.join(process.to_string());
        let failed = failed(directory);
        fs::create_dir_all(directory).map_err(&failed)?;
        for entry in fs::read_dir(directory).map_err(&failed)? {
            let name = entry.map_err(&failed)?.file_name();
            if !name.to_string_lossy().starts_with(PREFIX) {
                let other = format!("{} is in it: choose an empty directory", name.to_string_lossy());
                return Err(failed(io::Error::other(other)));
            }
            fs::remove_file(directory.join(name)).map_err(&failed)?;
        }
        Ok(Spill { directory: directory.clone(), waiting: spills.waiting, bytes: Arc::default() })
    }

    /// A new file.
    pub(crate) fn file(&self, name: &str) -> Result<Spilled, SpillError> {
        let path = self.directory.join(format!("{PREFIX}{name}"));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(failed(&path))?;
        Ok(Spilled { path, file, len: 0, all: self.bytes.clone() })
    }

    /// Bytes in all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Spilled {
    /// Appends some bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<Extent, SpillError> {
        let offset = self.len;
        let written = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.write_all(bytes));
        written.map_err(failed(&self.path))?;
        self.len += bytes.len() as u64;
        self.all.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(Extent { offset, bytes: bytes.len() as u64 })
    }

    /// The error of what is wrong with the file.
    pub(crate) fn failed(&self, error: io::Error) -> SpillError {
        failed(&self.path)(error)
    }

    /// Reads what was appended.
    pub(crate) fn read(&self, extent: Extent) -> Result<Vec<u8>, SpillError> {
        let mut bytes = vec![0; usize::try_from(extent.bytes).unwrap_or_default()];
        let mut file = &self.file;
        let read = file.seek(SeekFrom::Start(extent.offset)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(failed(&self.path))?;
        Ok(bytes)
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        self.all.fetch_sub(self.len, Ordering::Relaxed);
        // What cannot be removed is removed by the next search.
        let _ = fs::remove_file(&self.path);
    }
}

/// Some edges of a level, in the order of keys.
enum Chunk {
    Here(Vec<Edge>),
    /// In the file.
    There(Extent),
}

/// The keys of all levels that are closed, with the keys before them.
#[derive(Default)]
pub(crate) struct Edges {
    levels: Vec<Vec<Chunk>>,
    file: Option<Spilled>,
}

/// Edges as they are in files.
pub(crate) fn bytes_of(edges: &[Edge]) -> Vec<u8> {
    edges.iter().flat_map(|(key, before)| [key.to_le_bytes(), before.to_le_bytes()]).flatten().collect()
}

fn edges_of(bytes: &[u8]) -> Vec<Edge> {
    let (numbers, _) = bytes.as_chunks::<8>();
    let (pairs, _) = numbers.as_chunks::<2>();
    pairs.iter().map(|[key, before]| (u64::from_le_bytes(*key), u64::from_le_bytes(*before))).collect()
}

const EDGE: u64 = size_of::<Edge>() as u64;

impl Edges {
    /// In memory, or in a file.
    pub(crate) fn new(file: Option<Spilled>) -> Edges {
        Edges { levels: Vec::new(), file }
    }

    /// How many levels there are.
    pub(crate) fn levels(&self) -> u32 {
        u32::try_from(self.levels.len()).unwrap_or(u32::MAX)
    }

    /// Adds a worker's edges of a level, which are in order.
    pub(crate) fn add(&mut self, level: u32, edges: Vec<Edge>) -> Result<(), SpillError> {
        let chunk = match &mut self.file {
            None => Chunk::Here(edges),
            Some(file) => {
                let mut whole = Extent { offset: file.len, bytes: 0 };
                for some in edges.chunks(AT_ONCE) {
                    whole.bytes += file.append(&bytes_of(some))?.bytes;
                }
                Chunk::There(whole)
            }
        };
        while self.levels() <= level {
            self.levels.push(Vec::new());
        }
        if let Some(level) = self.levels.get_mut(level as usize) {
            level.push(chunk);
        }
        Ok(())
    }

    /// Edges of a file, from one on.
    fn read(&self, extent: Extent, from: u64, many: u64) -> Result<Vec<Edge>, SpillError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
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
                Chunk::There(extent) => {
                    let (mut from, mut until) = (0, extent.bytes / EDGE);
                    while until - from > 1 {
                        let middle = from.midpoint(until);
                        let at = self.read(*extent, middle, 1)?;
                        if at.first().is_some_and(|(other, _)| *other <= key) {
                            from = middle;
                        } else {
                            until = middle;
                        }
                    }
                    self.read(*extent, from, 1)?.first().copied().filter(|(other, _)| *other == key)
                }
            };
            if let Some((_, before)) = found {
                return Ok(Some(before));
            }
        }
        Ok(None)
    }

    /// All edges of a level, some at a time.
    pub(crate) fn of_level<E: From<SpillError>>(
        &self,
        level: u32,
        mut give: impl FnMut(&[Edge]) -> Result<(), E>,
    ) -> Result<(), E> {
        for chunk in self.levels.get(level as usize).into_iter().flatten() {
            match chunk {
                Chunk::Here(edges) => give(edges)?,
                Chunk::There(extent) => {
                    let many = extent.bytes / EDGE;
                    for from in (0..many).step_by(AT_ONCE) {
                        give(&self.read(*extent, from, AT_ONCE as u64)?)?;
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

    fn spills(directory: &Path) -> Spills {
        Spills { directory: directory.to_path_buf(), waiting: 1 }
    }

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

    #[test]
    fn edges_in_a_file_are_those_in_memory() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spill::open(&spills(directory.path()), 3).unwrap();
        let (here, there) =
            (filled(Edges::new(None)), filled(Edges::new(Some(spill.file("edges").unwrap()))));
        assert_eq!(spill.bytes(), 6 * 40_000 * 16);
        for edges in [&here, &there] {
            assert_eq!(edges.levels(), 3);
            for key in [0, 1, 12, 39_999 * 12, 39_999 * 12 + 1] {
                assert_eq!(edges.before(0, key).unwrap(), Some(key + 1), "{key}");
            }
            for (level, key) in [(0, 2), (0, 4), (1, 0), (3, 0), (0, 40_000 * 12), (2, u64::MAX)] {
                assert_eq!(edges.before(level, key).unwrap(), None, "{key} on {level}");
            }
        }
        let all = |edges: &Edges, level| {
            let mut all = Vec::new();
            edges.of_level(level, |some| Ok::<(), SpillError>(all.extend_from_slice(some))).unwrap();
            all
        };
        for level in 0..4 {
            assert_eq!(all(&here, level), all(&there, level));
        }
        assert_eq!(all(&there, 1).len(), 80_000);
        drop(there);
        assert_eq!((spill.bytes(), fs::read_dir(directory.path().join("3")).unwrap().count()), (0, 0));
    }

    #[test]
    fn only_what_an_earlier_search_left_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("0");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("spill-edges"), "left").unwrap();
        Spill::open(&spills(directory.path()), 0).unwrap();
        assert_eq!(fs::read_dir(&own).unwrap().count(), 0);
        fs::write(own.join("letter.txt"), "mine").unwrap();
        let error = Spill::open(&spills(directory.path()), 0).unwrap_err().to_string();
        assert!(error.contains("letter.txt is in it"), "{error}");
        assert!(own.join("letter.txt").exists());
    }
}
