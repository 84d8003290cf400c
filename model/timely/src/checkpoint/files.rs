//! The files of a checkpoint: appended to, with their lengths and checksums; and the manifest, which is written last.

use super::{CheckpointError, FORMAT};
use figure2_model::Counted;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest";

/// Bytes that are read or written at once.
const BUFFER: usize = 1 << 20;

/// A file's length and checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub bytes: u64,
    pub sha256: String,
}

impl Mark {
    pub(crate) fn new(bytes: u64, digest: Sha256) -> Mark {
        Mark { bytes, sha256: hex(digest) }
    }
}

/// Files by their names.
pub(crate) type Marks = BTreeMap<String, Mark>;

/// Where a search stood, and which files say more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub format: u32,
    pub space: String,
    /// How many searches had gone on from earlier checkpoints: each writes files of its own.
    pub generation: u64,
    /// The level that is yet to be expanded.
    pub level: u32,
    /// How many states each level before has.
    pub levels: Vec<u64>,
    pub counted: Counted,
    pub files: Marks,
}

pub(super) fn failed(file: &Path) -> impl Fn(io::Error) -> CheckpointError + use<> {
    let file = file.to_path_buf();
    move |error| CheckpointError::File { file: file.clone(), error }
}

pub(super) fn damaged(file: &Path, what: impl ToString) -> CheckpointError {
    CheckpointError::Damaged { file: file.to_path_buf(), what: what.to_string() }
}

/// Makes a directory's entries durable.
pub(super) fn sync_directory(directory: &Path) -> Result<(), CheckpointError> {
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed(directory))
}

/// A new file to which is only appended, with its checksum so far.
pub(super) struct Appended {
    name: String,
    file: PathBuf,
    writer: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl Appended {
    /// Opens a file, empty: what may be in it was left by a search that no manifest tells of.
    pub(super) fn create(directory: &Path, name: String) -> Result<Appended, CheckpointError> {
        let file = directory.join(&name);
        let opened = File::create(&file).map_err(failed(&file))?;
        let writer = BufWriter::with_capacity(BUFFER, opened);
        Ok(Appended { name, file, writer, digest: Sha256::new(), bytes: 0 })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(failed(&self.file))
    }

    pub(super) fn append_record<T: Serialize>(&mut self, record: &T) -> Result<(), CheckpointError> {
        let encoded = bincode::serde::encode_to_vec(record, bincode::config::standard());
        self.append(&encoded.map_err(|error| damaged(&self.file, error))?)
    }

    /// Makes all of it durable.
    pub(super) fn sync(&mut self) -> Result<(String, Mark), CheckpointError> {
        let synced = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        synced.map_err(failed(&self.file))?;
        Ok((self.name.clone(), Mark::new(self.bytes, self.digest.clone())))
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

/// Gives the records of a file, all that it has until its mark.
pub(super) fn records<T: DeserializeOwned>(
    file: &Path,
    mark: &Mark,
    mut give: impl FnMut(T) -> Result<(), CheckpointError>,
) -> Result<(), CheckpointError> {
    let opened = File::open(file).map_err(failed(file))?;
    // Each record takes a byte at least, so a length that is a lie does not make a reader wait for more.
    let mut bytes = BufReader::with_capacity(BUFFER, opened).take(mark.bytes);
    while bytes.limit() > 0 {
        let record = bincode::serde::decode_from_std_read(&mut bytes, bincode::config::standard());
        give(record.map_err(|error| damaged(file, error))?)?;
    }
    Ok(())
}

impl Manifest {
    /// The manifest of a directory, if it has one: a line with the checksum of the rest, and the rest.
    pub(super) fn read(directory: &Path) -> Result<Option<Manifest>, CheckpointError> {
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
        let any: serde_json::Value = serde_json::from_str(rest).map_err(|error| damaged(&file, error))?;
        let format = any.get("format").and_then(serde_json::Value::as_u64).unwrap_or_default();
        if format != u64::from(FORMAT) {
            return Err(CheckpointError::Format { directory: directory.to_path_buf(), found: format });
        }
        let manifest = serde_json::from_value(any).map_err(|error| damaged(&file, error))?;
        Ok(Some(manifest))
    }

    /// Makes this the manifest, when all else is durable.
    pub(super) fn write(&self, directory: &Path) -> Result<(), CheckpointError> {
        sync_directory(directory)?;
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
    pub(super) fn verify(&self, directory: &Path) -> Result<(), CheckpointError> {
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

    /// Cuts off what was appended to the files behind their marks.
    pub(super) fn cut(&self, directory: &Path) -> Result<(), CheckpointError> {
        for (name, mark) in &self.files {
            let file = directory.join(name);
            let mut opened = OpenOptions::new().write(true).open(&file).map_err(failed(&file))?;
            if opened.seek(SeekFrom::End(0)).map_err(failed(&file))? > mark.bytes {
                opened.set_len(mark.bytes).map_err(failed(&file))?;
            }
        }
        Ok(())
    }
}
