//! A directory of the operating system.

use crate::fs::Fs;
use crate::names;
use rand::TryRngCore as _;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A directory of the operating system, locked as long as this lives: a second process, or a second storage of this one,
/// is refused. The system gives the lock back when the process ends, however it ends.
#[derive(Debug)]
pub struct StdFs {
    path: PathBuf,
    /// The directory itself, to sync it.
    directory: File,
    /// Holds the lock. None for who only looks.
    lock: Option<File>,
}

impl StdFs {
    /// Opens a directory and locks it. One that is not there is made, in a directory that is.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another one has the lock, and when the directory cannot be opened or made.
    pub fn open(path: impl AsRef<Path>) -> io::Result<StdFs> {
        let path = path.as_ref().to_owned();
        match std::fs::create_dir(&path) {
            Ok(()) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).open(path.join(names::LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(StdFs { directory: File::open(&path)?, path, lock: Some(lock) })
    }

    /// Opens a directory to look at what it holds, without the lock and without any change: a server may be running on it.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn look(path: impl AsRef<Path>) -> io::Result<StdFs> {
        let path = path.as_ref().to_owned();
        Ok(StdFs { directory: File::open(&path)?, path, lock: None })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Fs for StdFs {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.path)?;
        // A name that is no text is none of ours.
        entries
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.path(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(self.lock.is_some()).open(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.directory.sync_all()
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn random(&self) -> io::Result<u128> {
        let mut bytes = [0; 16];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        Ok(u128::from_le_bytes(bytes))
    }
}
