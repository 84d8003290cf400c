//! Checkpoints: where a search stands between two levels, in files, so that a later one goes on from there, on as many workers
//! and processes as it likes.
//!
//! | file | what it holds |
//! |---|---|
//! | `parts-G-P` | how the parts of process P's states came to be ([`Birth`]), in order; only ever appended to. Who goes on gives the parts other numbers, so each search, by its generation G, writes its own |
//! | `edges-G-P` | the keys that process P owned of the levels that this search explored, each with the key of a state before it, 16 bytes a state; only ever appended to |
//! | `frontier-L-P-W` | the states of level L that worker W of process P owned: they are yet to be judged and expanded |
//! | `manifest` | the level, what was counted, and how long each file is and what its checksum is |
//!
//! The manifest is written last, by the first process, when all processes' files are durable, and put in the place of the one
//! before at once. Whatever was appended after it is cut off by who goes on. So a crash at any moment leaves the checkpoint
//! before or the new one.

mod files;
mod writer;

pub(crate) use files::Marks;
pub(crate) use writer::{Writer, no_checkpoint};

use crate::level::Edge;
use figure2_model::{Birth, Counted, PackedState};
use files::{Manifest, damaged, failed, opened, records};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The version of the files' format.
const FORMAT: u32 = 2;

const PARTS: &str = "parts-";
const FRONTIER: &str = "frontier-";
const EDGES: &str = "edges-";

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

/// A state of the frontier, and the key of the state before it.
pub(crate) type Waiting = (PackedState, u64);

/// What a process told: how its parts came to be, and the states that it owned.
#[derive(Default)]
pub(crate) struct Told {
    pub births: Vec<Birth>,
    pub frontier: Vec<Waiting>,
}

/// Where a search stood.
pub(crate) struct Resumed {
    /// The level that is yet to be expanded.
    pub level: u32,
    /// How many states each level before has.
    pub levels: Vec<u64>,
    /// What was counted until then.
    pub counted: Counted,
    /// The states of each level before, with those before them, in order.
    pub edges: Vec<Vec<Edge>>,
    /// What each process told.
    pub told: Vec<Told>,
}

fn is_ours(name: &str) -> bool {
    [PARTS, EDGES, FRONTIER].iter().any(|prefix| name.starts_with(prefix)) || name == "manifest.new"
}

/// What the files of a manifest say.
fn resumed(manifest: &Manifest, directory: &Path) -> Result<Resumed, CheckpointError> {
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    let mut edges: Vec<Vec<Edge>> = manifest.levels.iter().map(|_| Vec::new()).collect();
    for (name, mark) in &manifest.files {
        let file = directory.join(name);
        // Of `parts-G-P` and `frontier-L-P-W`, the process.
        let process = name.split('-').nth(2).unwrap_or_default();
        if name.starts_with(PARTS) {
            told.entry(process).or_default().births = records(&file, mark)?;
        } else if name.starts_with(FRONTIER) {
            told.entry(process).or_default().frontier.extend(records::<Waiting>(&file, mark)?);
        } else {
            let mut bytes = opened(&file, mark)?;
            while bytes.limit() > 0 {
                read_edges(&mut bytes, &mut edges).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => damaged(&file, error),
                    _ => failed(&file)(error),
                })?;
            }
        }
    }
    for (level, states) in edges.iter_mut().zip(&manifest.levels) {
        if level.len() as u64 != *states {
            return Err(damaged(
                &directory.join("manifest"),
                "it tells of states that the files do not have",
            ));
        }
        // They were written by several workers, each in the order of keys.
        level.sort_unstable();
    }
    Ok(Resumed {
        level: manifest.level,
        levels: manifest.levels.clone(),
        counted: manifest.counted.clone(),
        edges,
        told: told.into_values().collect(),
    })
}

/// Some edges of a level: the level, how many, and then they.
fn read_edges(bytes: &mut impl Read, edges: &mut [Vec<Edge>]) -> io::Result<()> {
    let (mut of, mut many) = ([0; 4], [0; 8]);
    bytes.read_exact(&mut of)?;
    bytes.read_exact(&mut many)?;
    let level = edges.get_mut(u32::from_le_bytes(of) as usize).ok_or(io::ErrorKind::InvalidData)?;
    for _ in 0..u64::from_le_bytes(many) {
        let mut edge = [[0; 8]; 2];
        for half in &mut edge {
            bytes.read_exact(half)?;
        }
        level.push((u64::from_le_bytes(edge[0]), u64::from_le_bytes(edge[1])));
    }
    Ok(())
}
