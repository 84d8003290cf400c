//! Checkpoints: where a search stands between two levels, in files, so that a later one goes on from there, on as many workers
//! and processes as it likes.
//!
//! | file | what it holds |
//! |---|---|
//! | `parts-G-P` | how the parts of process P's states came to be ([`Birth`]), in order; only ever appended to. Who goes on gives the parts other numbers, so each search, by its generation G, writes its own |
//! | `edges-G-P` | the keys that process P owned of the levels that this search explored, each with the key of a state before it, 16 bytes a state; only ever appended to |
//! | `frontier-L-P-W` | the states of level L that worker W of process P has found: they are yet to be judged and expanded |
//! | `lock-P` | nothing: process P has it locked, so no other search writes there |
//! | `manifest` | the level, what was counted, and how long each file is and what its checksum is |
//!
//! The manifest is written last, by the first process, when all processes' files are durable, and put in the place of the one
//! before at once. Whatever was appended after it is cut off by who goes on. So a crash at any moment leaves the checkpoint
//! before or the new one.

mod files;
mod writer;

pub(crate) use files::{Mark, Marks};
pub(crate) use writer::{Writer, no_checkpoint};

use crate::spill::{SpillError, Spilled};
use figure2_model::{Birth, Changed, Counted, PackedState, Space, State};
use files::{Manifest, damaged, records};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The version of the files' format.
const FORMAT: u32 = 2;

const PARTS: &str = "parts-";
const FRONTIER: &str = "frontier-";
const EDGES: &str = "edges-";
const LOCK: &str = "lock-";

/// Where checkpoints are, and how often one is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The directory: empty or missing, or with a checkpoint of the same space, from which the search goes on.
    pub directory: PathBuf,
    /// At the end of a level, a checkpoint is made when the last one is so old.
    pub every: Duration,
}

/// What a checkpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The level with which a search goes on.
    pub level: u32,
    /// How many states the levels before have.
    pub states: u64,
}

impl Checkpoints {
    /// What is in the directory; none if there is no checkpoint, or none that can be read: the search itself says why.
    pub fn kept(&self) -> Option<Kept> {
        let manifest = Manifest::read(&self.directory).ok()??;
        Some(Kept { level: manifest.level, states: manifest.levels.iter().sum() })
    }
}

/// Why a search does not begin, or does not go on, with the checkpoints that it was told.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read or written.
    #[error("{file}: {error}")]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another search writes there.
    #[error("{0} is used by another search: choose another directory, or wait for its end")]
    Used(PathBuf),
    /// There is a directory with other files.
    #[error("{0} has files in it, and no checkpoint: choose an empty directory")]
    NotEmpty(PathBuf),
    /// A file is not as it was written.
    #[error("{file} is damaged ({what}): this checkpoint is of no use; begin anew with an empty directory")]
    Damaged {
        /// Which one.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The checkpoint is of another version of the format.
    #[error(
        "{directory} has a checkpoint of format {found}, and this build reads {FORMAT}: go on with the build that made it"
    )]
    Format {
        /// The directory.
        directory: PathBuf,
        /// Its version.
        found: u64,
    },
    /// The checkpoint is of another space.
    #[error(
        "{directory} has a checkpoint of another search\n  it is of: {found}\n  this is:  {expected}\ngo on with the build and the options that made it, or choose an empty directory"
    )]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// What it is of.
        found: String,
        /// What it should be of.
        expected: String,
    },
}

impl From<SpillError> for CheckpointError {
    fn from(error: SpillError) -> CheckpointError {
        CheckpointError::File { file: error.file, error: error.error }
    }
}

/// A state of the frontier, and the key of the state before it.
pub(crate) type Waiting = (PackedState, u64);

/// Where a search stood, and the files that say more.
pub(crate) struct Resumed {
    manifest: Manifest,
    directory: PathBuf,
}

fn is_ours(name: &str) -> bool {
    [PARTS, EDGES, FRONTIER, LOCK].iter().any(|prefix| name.starts_with(prefix)) || name == "manifest.new"
}

impl Resumed {
    /// The level that is yet to be expanded.
    pub(crate) fn level(&self) -> u32 {
        self.manifest.level
    }

    /// How many states each level before has.
    pub(crate) fn levels(&self) -> &[u64] {
        &self.manifest.levels
    }

    /// What was counted until then.
    pub(crate) fn counted(&self) -> &Counted {
        &self.manifest.counted
    }

    /// The files whose names begin so; of `parts-G-P` and `frontier-L-P-W` the process, too.
    fn files(&self, prefix: &str) -> impl Iterator<Item = (&str, PathBuf, &Mark)> {
        let files = self.manifest.files.iter().filter(move |(name, _)| name.starts_with(prefix));
        files
            .map(|(name, mark)| (name.split('-').nth(2).unwrap_or_default(), self.directory.join(name), mark))
    }

    /// The edges of the levels before.
    pub(crate) fn edges(&self) -> Result<Vec<Spilled>, CheckpointError> {
        let opened = self.files(EDGES).map(|(_, file, mark)| Spilled::there(file, mark.bytes));
        opened.map(|opened| opened.map_err(CheckpointError::from)).collect()
    }

    /// The states of the level that are wanted, each with the key of a state before it.
    pub(crate) fn states(
        &self,
        space: &Space,
        is_wanted: impl Fn(u64) -> bool,
        mut give: impl FnMut(State, Changed, u64),
    ) -> Result<(), CheckpointError> {
        for (process, parts, mark) in self.files(PARTS) {
            let mut known = space.known();
            records(&parts, mark, |birth: Birth| {
                space.learn(&mut known, &birth).map_err(|foreign| damaged(&parts, foreign))
            })?;
            for (_, file, mark) in self.files(FRONTIER).filter(|(other, ..)| *other == process) {
                records(&file, mark, |(packed, before): Waiting| {
                    if is_wanted(packed.key()) {
                        let unpacked = space.unpacked(&known, &packed);
                        let (state, changed) = unpacked.map_err(|foreign| damaged(&file, foreign))?;
                        give(state, changed, before);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}
