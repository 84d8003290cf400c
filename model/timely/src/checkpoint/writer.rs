//! What writes checkpoints, in each process its own files, and in the first one the manifest.

use super::files::{Appended, Manifest, Marks, failed};
use super::{CheckpointError, Checkpoints, EDGES, FORMAT, FRONTIER, LOCK, PARTS, Resumed, Waiting, is_ours};
use crate::edges::Edges;
use crate::level::Level;
use crate::shared::Shared;
use crate::spill::Spilled;
use figure2_model::{Counted, PackedState, Space};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Writes the checkpoints of a search.
pub(crate) struct Writer {
    directory: PathBuf,
    every: Duration,
    last: Instant,
    process: usize,
    space: String,
    generation: u64,
    parts: Appended,
    /// How many parts are in the file.
    written: usize,
    /// The level with which the search began.
    level: u32,
    /// It is locked until the search is over.
    lock: Option<File>,
}

impl Writer {
    /// Opens the directory, and reads the checkpoint that is in it.
    pub(crate) fn open(
        checkpoints: &Checkpoints,
        space: &Space,
        process: usize,
    ) -> Result<(Writer, Option<Resumed>), CheckpointError> {
        let directory = checkpoints.directory.clone();
        fs::create_dir_all(&directory).map_err(failed(&directory))?;
        let file = directory.join(format!("{LOCK}{process}"));
        let lock = File::create(&file).map_err(failed(&file))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(CheckpointError::Used(directory)),
            Err(error) => return Err(failed(&file)(error.into())),
        }
        let manifest = Manifest::read(&directory)?;
        let expected = space.identity();
        let found = match &manifest {
            None => {
                let mut others = fs::read_dir(&directory).map_err(failed(&directory))?;
                // What a search has left that ended before its first checkpoint is no reason to refuse.
                if others.any(|file| file.is_ok_and(|file| !is_ours(&file.file_name().to_string_lossy()))) {
                    return Err(CheckpointError::NotEmpty(directory));
                }
                None
            }
            Some(manifest) => {
                if manifest.space != expected {
                    let found = manifest.space.clone();
                    return Err(CheckpointError::Foreign { directory, found, expected });
                }
                manifest.verify(&directory)?;
                if process == 0 {
                    manifest.cut(&directory)?;
                }
                Some(Resumed { manifest: manifest.clone(), directory: directory.clone() })
            }
        };
        let generation = manifest.as_ref().map_or(0, |manifest| manifest.generation + 1);
        let writer = Writer {
            parts: Appended::create(&directory, format!("{PARTS}{generation}-{process}"))?,
            directory,
            every: checkpoints.every,
            last: Instant::now(),
            process,
            space: expected,
            generation,
            written: 0,
            level: manifest.as_ref().map_or(0, |manifest| manifest.level),
            lock: Some(lock),
        };
        Ok((writer, found))
    }

    /// Which checkpoint it went on from: all processes of a search go on from the same one.
    pub(crate) fn began_with(&self) -> String {
        format!("generation {}, level {}", self.generation, self.level)
    }

    /// Leaves the directory to the next search: this one writes nothing more.
    pub(crate) fn release(&mut self) {
        self.lock = None;
    }

    /// Whether the last checkpoint is old enough.
    pub(crate) fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// Writes the states of a level that a worker of this process has found.
    pub(crate) fn frontier(
        (directory, process): (&Path, usize),
        depth: u32,
        worker: u64,
        level: &Level,
        shared: &Shared,
    ) -> Result<Marks, String> {
        let name = format!("{FRONTIER}{depth}-{process}-{worker}");
        let mut file = Appended::create(directory, name).map_err(no_checkpoint)?;
        level.each(&shared.space, |entry| {
            let before = shared.seen.before(entry.state.key()).unwrap_or_default();
            let waiting: Waiting = (PackedState::new(&entry.state, entry.changed), before);
            file.append_record(&waiting).map_err(no_checkpoint)
        })?;
        Ok(Marks::from([file.sync().map_err(no_checkpoint)?]))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file for the edges of this search.
    pub(crate) fn edges(&self) -> Result<Spilled, CheckpointError> {
        let name = format!("{EDGES}{}-{}", self.generation, self.process);
        Ok(Spilled::kept(self.directory.join(name))?)
    }

    /// Makes durable what this process has added since the last checkpoint: parts, and the edges of the levels before this one.
    pub(crate) fn add(&mut self, space: &Space, edges: &Edges) -> Result<Marks, CheckpointError> {
        for birth in space.births(self.written) {
            self.parts.append_record(&birth)?;
            self.written += 1;
        }
        self.last = Instant::now();
        let parts = self.parts.sync()?;
        Ok([parts].into_iter().chain(edges.sync()?).collect())
    }

    /// Completes the checkpoint of a level, once all processes have written theirs.
    pub(crate) fn complete(
        &self,
        levels: &[u64],
        files: Marks,
        counted: Counted,
    ) -> Result<(), CheckpointError> {
        let mut files = files;
        // What earlier searches told of the levels before still holds.
        if let Some(before) = Manifest::read(&self.directory)? {
            let own = format!("{EDGES}{}-", self.generation);
            let is_earlier = |name: &String| name.starts_with(EDGES) && !name.starts_with(&own);
            files.extend(before.files.into_iter().filter(|(name, _)| is_earlier(name)));
        }
        let manifest = Manifest {
            format: FORMAT,
            space: self.space.clone(),
            generation: self.generation,
            level: u32::try_from(levels.len()).unwrap_or(u32::MAX),
            levels: levels.to_vec(),
            counted,
            files,
        };
        manifest.write(&self.directory)?;
        self.remove_others(&manifest)
    }

    pub(crate) fn process(&self) -> usize {
        self.process
    }

    /// Removes the states of earlier levels, parts by other numbers, and what searches left that made no checkpoint.
    fn remove_others(&self, manifest: &Manifest) -> Result<(), CheckpointError> {
        for entry in fs::read_dir(&self.directory).map_err(failed(&self.directory))? {
            let name = entry.map_err(failed(&self.directory))?.file_name().to_string_lossy().into_owned();
            if is_ours(&name) && !name.starts_with(LOCK) && !manifest.files.contains_key(&name) {
                let file = self.directory.join(name);
                fs::remove_file(&file).map_err(failed(&file))?;
            }
        }
        Ok(())
    }
}

/// What a search says when a checkpoint could not be made.
pub(crate) fn no_checkpoint(error: CheckpointError) -> String {
    format!("no checkpoint could be made: {error}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use figure2_model::{CheckOptions, System, profile};

    #[test]
    fn a_directory_is_free_for_the_next_search_once_it_is_released() {
        let directory = tempfile::tempdir().unwrap();
        let profile = profile("election").unwrap();
        let space = Space::new(&System::default(), &profile, &CheckOptions::default()).unwrap();
        let checkpoints = Checkpoints { directory: directory.path().to_path_buf(), every: Duration::ZERO };
        let open = |process| Writer::open(&checkpoints, &space, process).map(|(writer, _)| writer);
        let mut first = open(0).unwrap();
        assert!(matches!(open(0), Err(CheckpointError::Used(_))));
        // The others of one search have files of their own.
        open(1).unwrap();
        first.release();
        open(0).unwrap();
    }
}
