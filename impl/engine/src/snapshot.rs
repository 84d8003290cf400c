//! Snapshots: what the service wrote, as a handle that is cheap to copy, however large the state is.

use bytes::Bytes;
use core::any::Any;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

/// A snapshot of the service's state, as the service wrote it: a handle, cheap to clone. Raft never looks inside.
///
/// The bytes are in memory, or in a file of the storage that the service wrote with a [`SnapshotWriter`]. A file stays as
/// long as a handle to it, or a [reader](Self::reader), is left.
///
/// ```
/// use figure2_engine::SnapshotData;
/// use std::io::Read;
///
/// let data = SnapshotData::from("x = 1");
/// let mut state = String::new();
/// data.reader()?.read_to_string(&mut state)?;
/// assert_eq!((state.as_str(), data.len()), ("x = 1", 5));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SnapshotData(Place);

#[derive(Clone)]
enum Place {
    Memory(Bytes),
    Storage(Arc<dyn StoredSnapshot>),
}

/// A snapshot that a storage keeps, in a file for instance.
pub trait StoredSnapshot: Any + Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> u64;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads it from its beginning.
    ///
    /// # Errors
    /// When it cannot be opened. The reader reports damage when it comes to it.
    fn reader(&self) -> io::Result<Box<dyn Read + Send>>;
}

impl SnapshotData {
    /// A snapshot that a storage keeps.
    pub fn stored(snapshot: impl StoredSnapshot) -> SnapshotData {
        SnapshotData(Place::Storage(Arc::new(snapshot)))
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Place::Memory(bytes) => bytes.len() as u64,
            Place::Storage(stored) => stored.len(),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads it from its beginning. May block, where it is in a file.
    ///
    /// # Errors
    /// When it cannot be opened. The reader reports damage when it comes to it, and never gives wrong bytes.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.0 {
            Place::Memory(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Place::Storage(stored) => stored.reader(),
        }
    }

    /// All of it, in memory. Copies nothing if it is there already; else it may block.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        match &self.0 {
            Place::Memory(bytes) => Ok(bytes.clone()),
            Place::Storage(stored) => {
                let mut bytes = Vec::with_capacity(usize::try_from(stored.len()).unwrap_or(0));
                stored.reader()?.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }

    /// Its bytes, if they are in memory.
    #[must_use]
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.0 {
            Place::Memory(bytes) => Some(bytes),
            Place::Storage(_) => None,
        }
    }

    /// The storage's own type, by which a storage recognises what it wrote itself.
    #[must_use]
    pub fn as_stored<T: StoredSnapshot>(&self) -> Option<&T> {
        match &self.0 {
            Place::Memory(_) => None,
            Place::Storage(stored) => {
                let stored: &dyn Any = &**stored;
                stored.downcast_ref()
            }
        }
    }
}

impl Default for SnapshotData {
    fn default() -> Self {
        SnapshotData::from(Bytes::new())
    }
}

impl From<Bytes> for SnapshotData {
    fn from(bytes: Bytes) -> Self {
        SnapshotData(Place::Memory(bytes))
    }
}

impl From<Vec<u8>> for SnapshotData {
    fn from(bytes: Vec<u8>) -> Self {
        SnapshotData::from(Bytes::from(bytes))
    }
}

impl From<String> for SnapshotData {
    fn from(text: String) -> Self {
        SnapshotData::from(Bytes::from(text))
    }
}

impl From<&'static str> for SnapshotData {
    fn from(text: &'static str) -> Self {
        SnapshotData::from(Bytes::from(text))
    }
}

impl From<&'static [u8]> for SnapshotData {
    fn from(bytes: &'static [u8]) -> Self {
        SnapshotData::from(Bytes::from(bytes))
    }
}

/// Compares the bytes. It reads those that are not in memory, and what cannot be read is equal to nothing: this is for tests.
impl PartialEq for SnapshotData {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Place::Memory(ours), Place::Memory(theirs)) => ours == theirs,
            _ => {
                self.len() == other.len()
                    && matches!((self.to_bytes(), other.to_bytes()), (Ok(ours), Ok(theirs)) if ours == theirs)
            }
        }
    }
}

impl Eq for SnapshotData {}

impl fmt::Debug for SnapshotData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Memory(bytes) => fmt::Debug::fmt(bytes, f),
            Place::Storage(stored) => write!(f, "<a stored snapshot of {} bytes>", stored.len()),
        }
    }
}

/// As its bytes: a recording has all of it.
impl Serialize for SnapshotData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_bytes().map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SnapshotData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(SnapshotData::from).map_err(de::Error::custom)
    }
}

/// Where a storage has its services write snapshots, so that these are never in memory as a whole.
pub trait SnapshotStore: Send + Sync {
    /// Begins a snapshot.
    ///
    /// # Errors
    /// When it cannot be begun.
    fn create(&self) -> io::Result<Box<dyn WriteSnapshot>>;
}

/// A snapshot that is being written. Dropped before it is finished, it leaves nothing.
pub trait WriteSnapshot: Write + Send {
    /// Makes it durable.
    ///
    /// # Errors
    /// When it may not be durable. It is removed then, and never used.
    fn finish(self: Box<Self>) -> io::Result<SnapshotData>;
}

/// Writes a snapshot: bytes through [`Write`], then [`finish`](Self::finish). With a storage on disk, writing blocks as a
/// write to a file does, and needs a small amount of memory, however large the snapshot is. Dropped before it is finished,
/// it leaves nothing.
pub struct SnapshotWriter(Box<dyn WriteSnapshot>);

impl SnapshotWriter {
    /// A writer to memory.
    #[must_use]
    pub fn to_memory() -> SnapshotWriter {
        SnapshotWriter(Box::new(Memory(Vec::new())))
    }

    /// A writer to a storage, or to memory if the storage has no place for snapshots of its own.
    ///
    /// # Errors
    /// When the storage cannot begin one.
    pub fn to(store: Option<&dyn SnapshotStore>) -> io::Result<SnapshotWriter> {
        store.map_or_else(|| Ok(SnapshotWriter::to_memory()), |store| store.create().map(SnapshotWriter))
    }

    /// Makes the snapshot durable, and gives the handle with which Raft is told of it. It counts once Raft has taken it.
    ///
    /// # Errors
    /// When it may not be durable. It is removed then, and never used.
    pub fn finish(self) -> io::Result<SnapshotData> {
        self.0.finish()
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Memory(Vec<u8>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteSnapshot for Memory {
    fn finish(self: Box<Self>) -> io::Result<SnapshotData> {
        Ok(self.0.into())
    }
}
