//! Checkpoints: where a search stands between two levels, in files, so that a later one goes on from there, on as many workers
//! as it likes.
//!
//! | file | what it holds |
//! |---|---|
//! | `parts-N` | how the parts of states came to be ([`Birth`]), in order; only ever appended to. Who goes on gives the parts other numbers, and begins the next one |
//! | `edges` | the keys of all levels before, each with the key of a state before it, 16 bytes a state; only ever appended to |
//! | `frontier-L-W` | the states of level L that worker W owned: they are yet to be judged and expanded |
//! | `manifest` | the level, what was counted, and how long each file is and what its checksum is |
//!
//! The manifest is written last, when all else is durable, and put in the place of the one before at once. Whatever was
//! appended after it is cut off by who goes on. So a crash at any moment leaves the checkpoint before or the new one.

use crate::level::Edge;
use figure2_model::{Birth, Counted, PackedState, Space};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The version of the files' format.
const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest";
const PARTS: &str = "parts-";
const FRONTIER: &str = "frontier-";
const EDGES: &str = "edges";

/// Bytes that are read or written at once.
const BUFFER: usize = 1 << 20;

/// Where checkpoints are, and how often one is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The directory: empty or missing, or with a checkpoint of the same space, from which the search goes on.
    pub directory: PathBuf,
    /// At the end of a level, a checkpoint is made when the last one is so old.
    pub every: Duration,
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
        found: u32,
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

/// A file's length and checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    bytes: u64,
    sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    space: String,
    /// The level that is yet to be expanded.
    level: u32,
    /// How many states each level before has.
    levels: Vec<u64>,
    counted: Counted,
    files: BTreeMap<String, Mark>,
}

/// A state of the frontier, and the key of the state before it.
pub(crate) type Waiting = (PackedState, u64);

/// Where a search stood.
pub(crate) struct Resumed {
    /// The level that is yet to be expanded.
    pub level: u32,
    /// What was counted until then.
    pub counted: Counted,
    /// The states of each level before, with those before them.
    pub edges: Vec<Vec<Edge>>,
    /// How the parts of states came to be.
    pub births: Vec<Birth>,
    /// The states of the level.
    pub frontier: Vec<Waiting>,
}

/// A file to which is only appended, with its checksum so far.
struct Appended {
    file: PathBuf,
    writer: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

/// What writes checkpoints.
pub(crate) struct Writer {
    directory: PathBuf,
    every: Duration,
    last: Instant,
    space: String,
    parts: Appended,
    edges: Appended,
    /// How many parts and levels are in the files.
    written: (usize, usize),
}

fn failed(file: &Path) -> impl Fn(io::Error) -> CheckpointError + use<> {
    let file = file.to_path_buf();
    move |error| CheckpointError::File { file: file.clone(), error }
}

fn damaged(file: &Path, what: impl ToString) -> CheckpointError {
    CheckpointError::Damaged { file: file.to_path_buf(), what: what.to_string() }
}

/// Makes a directory's entries durable.
fn sync_directory(directory: &Path) -> Result<(), CheckpointError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed(directory))
}

impl Appended {
    /// Opens a file, and cuts off what is behind its mark; without one, all of it.
    fn open(file: PathBuf, mark: Option<&Mark>) -> Result<Appended, CheckpointError> {
        let failed = failed(&file);
        let mut opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)
            .map_err(&failed)?;
        let bytes = mark.map_or(0, |mark| mark.bytes);
        let digest = digest_of((&mut opened).take(bytes)).map_err(&failed)?;
        opened.set_len(bytes).map_err(&failed)?;
        opened.seek(SeekFrom::Start(bytes)).map_err(&failed)?;
        Ok(Appended { file, writer: BufWriter::with_capacity(BUFFER, opened), digest, bytes })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(failed(&self.file))
    }

    /// Makes all of it durable.
    fn sync(&mut self) -> Result<Mark, CheckpointError> {
        let synced = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        synced.map_err(failed(&self.file))?;
        Ok(Mark { bytes: self.bytes, sha256: hex(self.digest.clone()) })
    }
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest_of(mut bytes: impl Read) -> io::Result<Sha256> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
    loop {
        match bytes.read(&mut buffer)? {
            0 => return Ok(digest),
            read => digest.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

fn encoded<T: Serialize>(value: &T) -> Result<Vec<u8>, CheckpointError> {
    let encoded = bincode::serde::encode_to_vec(value, bincode::config::standard());
    encoded.map_err(|error| damaged(Path::new("a record to be written"), error))
}

/// The records of a file, all that it has until its mark.
fn decoded<T: DeserializeOwned>(file: &Path, mark: &Mark) -> Result<Vec<T>, CheckpointError> {
    let opened = File::open(file).map_err(failed(file))?;
    // Each record takes a byte at least, so a length that is a lie does not make a reader wait for more.
    let mut bytes = BufReader::with_capacity(BUFFER, opened).take(mark.bytes);
    let mut records = Vec::new();
    while bytes.limit() > 0 {
        let record = bincode::serde::decode_from_std_read(&mut bytes, bincode::config::standard());
        records.push(record.map_err(|error| damaged(file, error))?);
    }
    Ok(records)
}

impl Manifest {
    /// The manifest of a directory, if it has one: a line with the checksum of the rest, and the rest.
    fn read(directory: &Path) -> Result<Option<Manifest>, CheckpointError> {
        let file = directory.join(MANIFEST);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&file)(error)),
        };
        let (checksum, rest) = text.split_once('\n').unwrap_or_default();
        if hex(Sha256::new_with_prefix(rest)) != checksum {
            return Err(damaged(&file, "its checksum does not fit"));
        }
        let manifest: Manifest = serde_json::from_str(rest).map_err(|error| damaged(&file, error))?;
        Ok(Some(manifest))
    }

    fn write(&self, directory: &Path) -> Result<(), CheckpointError> {
        let file = directory.join(MANIFEST);
        let new = directory.join("manifest.new");
        let text = serde_json::to_string_pretty(self).map_err(|error| damaged(&file, error))?;
        let write = || -> io::Result<()> {
            let mut opened = File::create(&new)?;
            opened.write_all(format!("{}\n{text}", hex(Sha256::new_with_prefix(&text))).as_bytes())?;
            opened.sync_all()?;
            fs::rename(&new, &file)
        };
        write().map_err(failed(&file))?;
        sync_directory(directory)
    }

    /// Whether all files are as they were written; what is behind their marks does not count.
    fn verify(&self, directory: &Path) -> Result<(), CheckpointError> {
        for (name, mark) in &self.files {
            let file = directory.join(name);
            let opened = File::open(&file).map_err(failed(&file))?;
            let length = opened.metadata().map_err(failed(&file))?.len();
            if length < mark.bytes {
                return Err(damaged(&file, format!("{length} bytes, and {} were written", mark.bytes)));
            }
            let digest = digest_of(opened.take(mark.bytes)).map_err(failed(&file))?;
            if hex(digest) != mark.sha256 {
                return Err(damaged(&file, "its checksum does not fit"));
            }
        }
        Ok(())
    }

    /// The number of the file with the parts.
    fn generation(&self) -> Option<u64> {
        self.files.keys().find_map(|name| name.strip_prefix(PARTS)?.parse().ok())
    }

    fn resumed(&self, directory: &Path) -> Result<Resumed, CheckpointError> {
        let edges_and_parts =
            (self.files.get(EDGES), self.files.iter().find(|(name, _)| name.starts_with(PARTS)));
        let (Some(_), Some((parts, mark_of_parts))) = edges_and_parts else {
            return Err(damaged(&directory.join(MANIFEST), "files are missing in it"));
        };
        let file = directory.join(EDGES);
        let mut bytes = BufReader::with_capacity(BUFFER, File::open(&file).map_err(failed(&file))?);
        let mut edges = Vec::new();
        for states in &self.levels {
            let mut level = Vec::new();
            for _ in 0..*states {
                let mut edge = [[0; 8]; 2];
                for half in &mut edge {
                    bytes.read_exact(half).map_err(failed(&file))?;
                }
                level.push((u64::from_le_bytes(edge[0]), u64::from_le_bytes(edge[1])));
            }
            // They were written by several workers, each in the order of keys.
            level.sort_unstable();
            edges.push(level);
        }
        let mut frontier = Vec::new();
        for (name, mark) in self.files.iter().filter(|(name, _)| name.starts_with(FRONTIER)) {
            frontier.extend(decoded::<Waiting>(&directory.join(name), mark)?);
        }
        let births = decoded(&directory.join(parts), mark_of_parts)?;
        Ok(Resumed { level: self.level, counted: self.counted.clone(), edges, births, frontier })
    }
}

impl Writer {
    /// Opens the directory, and reads the checkpoint that is in it.
    pub(crate) fn open(
        checkpoints: &Checkpoints,
        space: &Space,
    ) -> Result<(Writer, Option<Resumed>), CheckpointError> {
        let directory = checkpoints.directory.clone();
        fs::create_dir_all(&directory).map_err(failed(&directory))?;
        let manifest = Manifest::read(&directory)?;
        let expected = space.identity();
        let resumed = match &manifest {
            None => {
                let mut others = fs::read_dir(&directory).map_err(failed(&directory))?;
                let is_ours = |name: &str| {
                    name.starts_with(PARTS)
                        || name == EDGES
                        || name.starts_with(FRONTIER)
                        || name == "manifest.new"
                };
                // What a search has left that ended before its first checkpoint is no reason to refuse.
                if others.any(|file| file.is_ok_and(|file| !is_ours(&file.file_name().to_string_lossy()))) {
                    return Err(CheckpointError::NotEmpty(directory));
                }
                None
            }
            Some(manifest) => {
                if manifest.format != FORMAT {
                    return Err(CheckpointError::Format { directory, found: manifest.format });
                }
                if manifest.space != expected {
                    return Err(CheckpointError::Foreign {
                        directory,
                        found: manifest.space.clone(),
                        expected,
                    });
                }
                manifest.verify(&directory)?;
                Some(manifest.resumed(&directory)?)
            }
        };
        let generation = manifest.as_ref().and_then(Manifest::generation).map_or(0, |last| last + 1);
        let edges = manifest.as_ref().and_then(|manifest| manifest.files.get(EDGES));
        let writer = Writer {
            parts: Appended::open(directory.join(format!("{PARTS}{generation}")), None)?,
            edges: Appended::open(directory.join(EDGES), edges)?,
            directory,
            every: checkpoints.every,
            last: Instant::now(),
            space: expected,
            written: (0, manifest.as_ref().map_or(0, |manifest| manifest.levels.len())),
        };
        Ok((writer, resumed))
    }

    /// Whether the last checkpoint is old enough.
    pub(crate) fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// Writes the states of a level that a worker owns.
    pub(crate) fn frontier(
        directory: &Path,
        level: u32,
        worker: u64,
        states: impl Iterator<Item = Waiting>,
    ) -> Result<(), CheckpointError> {
        let mut file = Appended::open(directory.join(frontier_name(level, worker)), None)?;
        for state in states {
            file.append(&encoded(&state)?)?;
        }
        file.sync().map(|_| ())
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Completes the checkpoint of a level, once all workers have written their states of it.
    pub(crate) fn complete(
        &mut self,
        space: &Space,
        (level, workers): (u32, u64),
        edges: &[Vec<Vec<Edge>>],
    ) -> Result<(), CheckpointError> {
        for birth in space.births(self.written.0) {
            self.parts.append(&encoded(&birth)?)?;
            self.written.0 += 1;
        }
        let before = edges.get(..level as usize).unwrap_or(edges);
        for (key, before) in before.iter().skip(self.written.1).flatten().flatten() {
            self.edges.append(&key.to_le_bytes())?;
            self.edges.append(&before.to_le_bytes())?;
        }
        self.written.1 = before.len();
        let mut files = BTreeMap::new();
        let parts = self.parts.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(parts, self.parts.sync()?);
        files.insert(EDGES.to_owned(), self.edges.sync()?);
        for worker in 0..workers {
            let name = frontier_name(level, worker);
            let file = self.directory.join(&name);
            let bytes = fs::metadata(&file).map_err(failed(&file))?.len();
            let digest = File::open(&file).and_then(digest_of).map_err(failed(&file))?;
            files.insert(name, Mark { bytes, sha256: hex(digest) });
        }
        let count = |chunks: &Vec<Vec<Edge>>| chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let manifest = Manifest {
            format: FORMAT,
            space: self.space.clone(),
            level,
            levels: before.iter().map(count).collect(),
            counted: space.counted(),
            files,
        };
        sync_directory(&self.directory)?;
        manifest.write(&self.directory)?;
        self.remove_others(&manifest)?;
        self.last = Instant::now();
        Ok(())
    }

    /// Removes the states of earlier levels, and parts by other numbers.
    fn remove_others(&self, manifest: &Manifest) -> Result<(), CheckpointError> {
        for entry in fs::read_dir(&self.directory).map_err(failed(&self.directory))? {
            let name = entry.map_err(failed(&self.directory))?.file_name().to_string_lossy().into_owned();
            let is_old = name.starts_with(FRONTIER) || name.starts_with(PARTS);
            if is_old && !manifest.files.contains_key(&name) {
                let file = self.directory.join(name);
                fs::remove_file(&file).map_err(failed(&file))?;
            }
        }
        Ok(())
    }
}

fn frontier_name(level: u32, worker: u64) -> String {
    format!("{FRONTIER}{level}-{worker}")
}
