//! The pieces of a recording: `NAME.1`, `NAME.2`, ..., each a capture of at most a stated size, that are read as one.

use super::capture;
use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// How a recording is divided into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotation {
    /// Most bytes of a file. An event that is longer has a file of its own, which is longer, too.
    pub max_bytes: u64,
    /// How many files are kept, the latest ones; at least 1. None keeps all. With the oldest file goes all that it shows: the
    /// steps of a server that runs on cannot be replayed or audited before its next start, because nothing tells what
    /// it held.
    pub keep: Option<u64>,
}

impl Default for Rotation {
    /// Files of 256 MiB, all of them kept.
    fn default() -> Rotation {
        Rotation { max_bytes: 256 << 20, keep: None }
    }
}

impl Rotation {
    /// Files of at most so many bytes, all of them kept.
    #[must_use]
    pub fn of_bytes(max_bytes: u64) -> Rotation {
        Rotation { max_bytes, keep: None }
    }

    /// Keeps only the latest files.
    #[must_use]
    pub fn keep(self, files: u64) -> Rotation {
        Rotation { keep: Some(files.max(1)), ..self }
    }
}

/// The file that is being written, and those to come.
pub(super) struct Writer {
    file: File,
    /// What comes after it, if there may be more than one.
    rotation: Option<(PathBuf, Rotation)>,
    began: u64,
    piece: u64,
    /// Bytes in this file, and records in all.
    bytes: u64,
    records: u64,
}

impl Writer {
    /// Makes a new file: a recording never overwrites one.
    pub(super) fn create(path: &Path, rotation: Option<Rotation>, began: u64) -> io::Result<Writer> {
        let rotation = rotation.map(|rotation| (path.to_owned(), rotation));
        let file = match &rotation {
            Some(_) if path.exists() || !numbers(path)?.is_empty() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Some(_) => File::create_new(piece(path, 1))?,
            None => File::create_new(path)?,
        };
        Ok(Writer { file, rotation, began, piece: 1, bytes: 0, records: 0 })
    }

    /// Before the first record.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        let beginning = capture::beginning(self.began, self.piece, self.records);
        self.bytes = beginning.len() as u64;
        self.file.write_all(&beginning)
    }

    /// Writes whole records.
    pub(super) fn write(&mut self, mut records: &[u8]) -> io::Result<()> {
        loop {
            let room = match &self.rotation {
                Some((_, Rotation { max_bytes, .. })) => max_bytes.saturating_sub(self.bytes + capture::MARK),
                None => u64::MAX,
            };
            let is_new = self.bytes == capture::BEGINNING;
            let (fits, count) = capture::fitting(records, room, is_new);
            let (now, later) = records.split_at(fits);
            self.file.write_all(now)?;
            self.bytes += now.len() as u64;
            self.records += count;
            if later.is_empty() {
                return Ok(());
            }
            records = later;
            self.next()?;
        }
    }

    /// After the last record.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.file.write_all(&capture::ending(self.records))
    }

    fn next(&mut self) -> io::Result<()> {
        let Some((path, rotation)) = &self.rotation else { return Ok(()) };
        self.file.write_all(&capture::going_on(self.records))?;
        self.piece += 1;
        self.file = File::create_new(piece(path, self.piece))?;
        if let Some(oldest) =
            rotation.keep.and_then(|keep| self.piece.checked_sub(keep)).filter(|old| *old > 0)
        {
            std::fs::remove_file(piece(path, oldest))?;
        }
        self.begin()
    }
}

/// The pieces of a recording, to be read in their order.
pub(super) struct Pieces {
    path: PathBuf,
    left: std::vec::IntoIter<u64>,
}

impl Pieces {
    /// Those of a recording of this name; none if there are none.
    pub(super) fn find(path: &Path) -> io::Result<Option<Pieces>> {
        let numbers = numbers(path)?;
        let found = !numbers.is_empty();
        Ok(found.then(|| Pieces { path: path.to_owned(), left: numbers.into_iter() }))
    }

    /// The next one; none after the last.
    pub(super) fn next(&mut self) -> io::Result<Option<BufReader<File>>> {
        let Some(number) = self.left.next() else { return Ok(None) };
        Ok(Some(BufReader::with_capacity(1 << 16, File::open(piece(&self.path, number))?)))
    }
}

/// The file of a piece.
fn piece(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The numbers of the pieces that are there, in order.
fn numbers(path: &Path) -> io::Result<Vec<u64>> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(Vec::new()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut numbers = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?.file_name();
        let number = entry.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.'));
        let number = number.filter(|number| !number.starts_with(['0', '+']));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
