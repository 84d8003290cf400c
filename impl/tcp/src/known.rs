//! Which disk each peer has: kept durably, so that a peer that comes back with another one is refused.
//!
//! The file is text, one line for each server, with a checksum at the end:
//!
//! ```text
//! figure2 known disks, version 1
//! owner: server 1 of group 0
//! server 1: 0000000000000000000000000000d15c
//! server 2: 5a0f2f6f2b5e4c1f8f7f3c0a9e8d7c6b
//! checksum: 8c3f1a2b9d4e5f60
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use twox_hash::XxHash3_64;

const TITLE: &str = "figure2 known disks, version ";

/// The version that is written.
const VERSION: u32 = 1;

/// Why the file of known disks cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KnownError {
    /// The system says so.
    #[error(
        "{file}: {what}; see that its directory is there and can be written, then start the server again"
    )]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        what: String,
    },
    /// It is not what was written.
    #[error(
        "{file}: {what}. Nothing was changed. Restore it from a copy; or, if you know that no peer has lost its disk since it \
         was written, remove it: each peer's disk is then learnt anew"
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is of a version that this build does not know.
    #[error("{file}: version {found}, and this build knows {VERSION}: update this server")]
    Version {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: String,
    },
    /// It is another server's.
    #[error("{file} is that of {found}, and this is {expected}: give each server a file of its own")]
    OtherServer {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        found: String,
        /// Who was to use it.
        expected: String,
    },
    /// This server itself has another disk than before.
    #[error(
        "this server, {server}, has disk {found:032x}, and had disk {known:032x}: its peers refuse it for good, for it may \
         have forgotten a vote. Start it on its old disk, or take it out of the cluster and add it under a new id"
    )]
    OwnDisk {
        /// The server.
        server: u64,
        /// Its disk as it was.
        known: u128,
        /// Its disk now.
        found: u128,
    },
}

/// The disks that are known, and the file that keeps them.
#[derive(Debug)]
pub(crate) struct Known {
    path: Option<PathBuf>,
    owner: String,
    disks: Mutex<BTreeMap<u64, u128>>,
}

/// What is known of a server's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the one that it had.
    Same,
    /// It had this one.
    Other(u128),
    /// It was never heard of before.
    New,
}

impl Known {
    /// Reads the file, or makes it with this server's own disk in it.
    ///
    /// # Errors
    /// When it cannot be read or made, is damaged, or says that this server had another disk.
    pub(crate) fn open(
        path: Option<&Path>,
        group: u64,
        server: u64,
        disk: u128,
    ) -> Result<Known, KnownError> {
        let owner = format!("server {server} of group {group}");
        let disks = match path {
            None => BTreeMap::new(),
            Some(path) => match fs::read(path) {
                Ok(bytes) => read(path, &bytes, &owner)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
                Err(error) => return Err(failed(path)(error)),
            },
        };
        let known = Known { path: path.map(Path::to_owned), owner, disks: Mutex::new(disks) };
        match known.verdict(server, disk) {
            Verdict::Same => {}
            Verdict::Other(known) => return Err(KnownError::OwnDisk { server, known, found: disk }),
            Verdict::New => known.add(server, disk)?,
        }
        Ok(known)
    }

    /// What is known of this disk.
    pub(crate) fn verdict(&self, server: u64, disk: u128) -> Verdict {
        match self.disks.lock().unwrap_or_else(PoisonError::into_inner).get(&server) {
            Some(known) if *known == disk => Verdict::Same,
            Some(known) => Verdict::Other(*known),
            None => Verdict::New,
        }
    }

    /// Keeps a server's disk, durably when it returns. A disk that is known already stays. Blocks as a write to a file does.
    ///
    /// # Errors
    /// When it may not be durable: it is not known then.
    pub(crate) fn add(&self, server: u64, disk: u128) -> Result<(), KnownError> {
        // Held while the file is written: two writers would use the same temporary name.
        let mut disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = disks.clone();
        after.entry(server).or_insert(disk);
        if let Some(path) = &self.path {
            write(path, &text(&self.owner, &after)).map_err(failed(path))?;
        }
        *disks = after;
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> KnownError {
    move |error| KnownError::Io { file: path.to_owned(), what: error.to_string() }
}

/// After a crash the file is the earlier one or the later one, and never a mixture.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push("-new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn text(owner: &str, disks: &BTreeMap<u64, u128>) -> String {
    let mut text = format!("{TITLE}{VERSION}\nowner: {owner}\n");
    for (server, disk) in disks {
        text.push_str(&format!("server {server}: {disk:032x}\n"));
    }
    let sum = XxHash3_64::oneshot(text.as_bytes());
    text.push_str(&format!("checksum: {sum:016x}\n"));
    text
}

fn read(path: &Path, bytes: &[u8], owner: &str) -> Result<BTreeMap<u64, u128>, KnownError> {
    let file = || path.to_owned();
    let damaged = |what: &str| KnownError::Damaged { file: file(), what: what.to_owned() };
    let found = core::str::from_utf8(bytes).map_err(|_| damaged("it is no text"))?;
    let mut lines = found.lines();
    let version = lines.next().and_then(|line| line.strip_prefix(TITLE));
    let version = version.ok_or_else(|| damaged("it does not begin as such a file does"))?;
    if version != VERSION.to_string() {
        return Err(KnownError::Version { file: file(), found: version.to_owned() });
    }
    let of = lines.next().and_then(|line| line.strip_prefix("owner: "));
    let of = of.ok_or_else(|| damaged("it does not say whose it is"))?;
    let mut disks = BTreeMap::new();
    for line in lines.take_while(|line| !line.starts_with("checksum: ")) {
        let parsed = line
            .strip_prefix("server ")
            .and_then(|line| line.split_once(": "))
            .and_then(|(id, disk)| Some((id.parse::<u64>().ok()?, u128::from_str_radix(disk, 16).ok()?)));
        let (server, disk) = parsed.ok_or_else(|| damaged("a line of it is no server and disk"))?;
        disks.insert(server, disk);
    }
    // What is read must be, to the byte, what would be written: so the checksum is checked, and all else.
    if text(of, &disks) != found {
        return Err(damaged("its checksum does not fit: it was changed"));
    }
    if of != owner {
        return Err(KnownError::OtherServer {
            file: file(),
            found: of.to_owned(),
            expected: owner.to_owned(),
        });
    }
    Ok(disks)
}

#[cfg(test)]
mod tests;
