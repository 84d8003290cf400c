//! What the log asks of a file system.

use std::io;

/// A directory that the log has for itself, and the files in it.
///
/// It is all that the log asks of a file system, so a test can put a disk in its place that loses what was not synced.
/// The promises are POSIX's, and no more:
///
/// - What was written to a file is durable after [`sync_data`](Self::sync_data) of that file returned `Ok`, its length
///   included. Before that, any part of it may be there after a loss of power, and not in the order of the writes.
/// - That a name is there, is gone or has changed is durable after [`sync_dir`](Self::sync_dir) returned `Ok`.
/// - A rename happens or does not happen; nothing in between is seen.
/// - A sync that failed says nothing, and neither does a later one that succeeds: what was not written may still be
///   readable, and will never be written.
///
/// Names are plain: no separators, no directories in the directory.
pub trait Fs: Send + Sync + 'static {
    /// An open file. Dropping it closes it.
    type File: Send + Sync + 'static;

    /// All names in the directory, in any order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a file, empty and open for reading and writing.
    ///
    /// # Errors
    /// When there is one of this name, or none can be made.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and, unless the directory was opened for reading only, for writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none, and when it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name. A file that has this other name already is lost.
    ///
    /// # Errors
    /// When it was not renamed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it was not removed.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable, as they are.
    ///
    /// # Errors
    /// When they may not be durable.
    fn sync_dir(&self) -> io::Result<()>;

    /// Length of a file in bytes.
    ///
    /// # Errors
    /// When it cannot be told.
    fn length(&self, file: &Self::File) -> io::Result<u64>;

    /// Fills the buffer from the file, beginning at `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file ends before the buffer is full, and when it cannot be read.
    fn read_at(&self, file: &Self::File, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of the bytes, beginning at `offset`. The file grows where it must.
    ///
    /// # Errors
    /// When not all of it was written; a part may be.
    fn write_at(&self, file: &Self::File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes durable what was written to the file, and its length.
    ///
    /// # Errors
    /// When it may not be durable.
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;

    /// Random bytes, for what must not be like anything else: the name of a disk, the epoch of a segment.
    ///
    /// # Errors
    /// When there are none.
    fn random(&self) -> io::Result<u128>;

    /// Whether calls may block their thread, as those of a real disk do.
    fn blocks(&self) -> bool {
        true
    }
}
