//! Where the logs of a cluster are.

use crate::system::VOTERS;
use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the logs of a cluster are.
#[derive(Clone, Debug, PartialEq)]
pub enum Medium {
    /// Nowhere but in memory.
    Memory,
    /// In files.
    Disk {
        /// The directory that has one for each voter.
        directory: PathBuf,
        /// Bytes of a segment.
        segment_bytes: u64,
    },
}

/// Where the log of a voter is.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Which voter, from 0.
    pub voter: u8,
    parent: PathBuf,
    segment_bytes: u64,
}

impl Medium {
    /// Where the log of this voter is, counted from 0; none in memory.
    pub fn place(&self, voter: u8) -> Option<Place> {
        match self {
            Medium::Memory => None,
            Medium::Disk { directory, segment_bytes } => {
                Some(Place { voter, parent: directory.clone(), segment_bytes: *segment_bytes })
            }
        }
    }

    /// After so many entries each voter of each system discards what it has applied: without it the longest run would be
    /// the one with the largest log. (In memory it is what openraft does by default. On disk it costs a few syncs, and a
    /// service would not do it as often.)
    pub fn compact_every(&self) -> u64 {
        match self {
            Medium::Memory => 5_000,
            Medium::Disk { .. } => 100_000,
        }
    }

    /// Waits until the logs that have begun have their next segments, too: zeroing them has no part in what is measured.
    pub async fn settle(&self) {
        for place in (0..VOTERS).filter_map(|voter| self.place(voter)) {
            if place.file(1).exists() {
                place.segment(2).await;
            }
        }
    }
}

impl Place {
    /// The voter's own directory.
    pub fn directory(&self) -> PathBuf {
        self.parent.join(format!("voter-{}", self.voter))
    }

    /// How its log is kept.
    pub fn options(&self) -> figure2_wal::Options {
        figure2_wal::Options::default().segment_bytes(self.segment_bytes)
    }

    /// Waits until this segment can be written. Not for ever: the log does without if it must.
    pub async fn segment(&self, number: u64) {
        for _ in 0..10_000 {
            if self.file(number).exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn file(&self, number: u64) -> PathBuf {
        self.directory().join(format!("log-{number:016x}"))
    }
}

/// Type and source of the file system that has a directory, as Linux tells it; none where it does not.
pub fn file_system(directory: &Path) -> Option<(String, String)> {
    let directory = directory.canonicalize().ok()?;
    of_mounts(&fs::read_to_string("/proc/self/mounts").ok()?, &directory)
}

fn of_mounts(mounts: &str, directory: &Path) -> Option<(String, String)> {
    let found = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (source, at, kind) = (words.next()?, words.next()?, words.next()?);
        directory.starts_with(at).then_some((at.len(), kind, source))
    });
    // Of those at the same place the last one is seen.
    let (_, kind, source) = found.max_by_key(|(length, ..)| *length)?;
    Some((kind.to_owned(), source.to_owned()))
}

/// Refuses a directory that is no disk.
///
/// # Errors
/// When it is in memory.
pub fn check(directory: &Path) -> Result<()> {
    if let Some((kind, _)) = file_system(directory)
        && matches!(kind.as_str(), "tmpfs" | "ramfs" | "devtmpfs")
    {
        bail!(
            "{} is in memory ({kind}), and a sync there costs nothing: name a directory on a disk with --dir",
            directory.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_has_the_directory() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/b /run/disk xfs rw 0 0\n";
        let of = |directory| of_mounts(mounts, Path::new(directory)).map(|(kind, _)| kind);
        assert_eq!(of("/home").as_deref(), Some("ext4"));
        assert_eq!(of("/run/x").as_deref(), Some("tmpfs"));
        assert_eq!(of("/run/disk/x").as_deref(), Some("xfs"));
        assert_eq!(of("/running").as_deref(), Some("ext4"));
    }

    #[test]
    fn memory_is_no_disk() {
        let Some((kind, _)) = file_system(Path::new("/dev/shm")) else { return };
        assert_eq!(check(Path::new("/dev/shm")).is_err(), kind == "tmpfs");
    }
}
