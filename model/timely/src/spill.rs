//! What need not be in memory, in files: the states of a level that wait, and the keys of the levels before. They are of this
//! search only, and removed at its end; who wants to go on later makes checkpoints.

use crate::plan::Spills;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = "spill-";

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
    pub offset: u64,
    pub bytes: u64,
}

/// A file that is written from the front to the back, and read anywhere.
pub(crate) struct Spilled {
    path: PathBuf,
    file: File,
    len: u64,
    all: Arc<AtomicU64>,
    /// Whether it stays when nobody uses it any more.
    is_kept: bool,
}

impl From<SpillError> for String {
    fn from(error: SpillError) -> String {
        error.to_string()
    }
}

/// A file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {error}")]
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
        Ok(Spilled { path, file, len: 0, all: self.bytes.clone(), is_kept: false })
    }

    /// Bytes in all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Spilled {
    /// A new file that stays.
    pub(crate) fn kept(path: PathBuf) -> Result<Spilled, SpillError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(failed(&path))?;
        Ok(Spilled { path, file, len: 0, all: Arc::default(), is_kept: true })
    }

    /// A file of so many bytes that is there, and stays; it is only read.
    pub(crate) fn there(path: PathBuf, len: u64) -> Result<Spilled, SpillError> {
        let file = File::open(&path).map_err(failed(&path))?;
        Ok(Spilled { path, file, len, all: Arc::default(), is_kept: true })
    }

    /// Makes it durable. Its name and its bytes.
    pub(crate) fn sync(&self) -> Result<(String, u64), SpillError> {
        self.file.sync_all().map_err(failed(&self.path))?;
        Ok((self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(), self.len))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

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
        if self.is_kept {
            return;
        }
        self.all.fetch_sub(self.len, Ordering::Relaxed);
        // What cannot be removed is removed by the next search.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn spills(directory: &Path) -> Spills {
        Spills { directory: directory.to_path_buf(), waiting: 1 }
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
