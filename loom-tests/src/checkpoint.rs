//! Where loom keeps its place in a long exploration.
//!
//! loom overwrites its file in place: a process that is interrupted just then leaves half a file, and the place is lost.
//! So loom writes to a file of its own, and each place that is complete takes the place of the last one at once.

use std::fs;
use std::io;
use std::path::PathBuf;

/// The place of one exploration.
pub struct Checkpoint {
    /// Always complete.
    kept: PathBuf,
    /// loom's.
    written: PathBuf,
}

impl Checkpoint {
    /// Has loom go on from what was kept, or begin if nothing was.
    pub fn open(kept: PathBuf) -> io::Result<Checkpoint> {
        let written = kept.with_extension("part");
        if kept.exists() {
            fs::copy(&kept, &written)?;
        } else if written.exists() {
            fs::remove_file(&written)?;
        }
        Ok(Checkpoint { kept, written })
    }

    /// The file that loom reads and writes.
    pub fn file(&self) -> PathBuf {
        self.written.clone()
    }

    /// Keeps what loom has just written. A process that cannot do so ends: it would go on for hours in vain.
    pub fn keep(&self) {
        if let Err(error) = fs::rename(&self.written, &self.kept) {
            eprintln!("{}: the place cannot be kept: {error}", self.kept.display());
            std::process::exit(2);
        }
    }
}
