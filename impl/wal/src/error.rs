//! Why the log cannot go on.

use crate::format::VERSION;
use figure2_engine::StorageError;
use std::io;
use std::sync::Arc;

/// Why a log could not be opened, written or read. It names the file, and says what the operator can do where there is
/// something to do.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// The file system failed: a read, a write, a sync, or the disk is full.
    #[error(
        "{file}: {action} failed: {source}; repair it or make room, then start the server again on the same directory"
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: String,
        /// What the file system said.
        source: Arc<io::Error>,
    },
    /// What was durable is not what was written: the disk, or somebody, has changed it since.
    #[error(
        "{file}, byte {offset}: {what}. Nothing was changed. Do not start a server on this directory or on an older copy \
         of it, which may have forgotten a vote: replace the server by one with a new id and an empty directory, which \
         gets the state from the leader"
    )]
    Damaged {
        /// The file.
        file: String,
        /// The first byte of what is damaged.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// It is of a format that this build does not know.
    #[error("{file}: format version {found}, and this build knows {VERSION}: update this server")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
    },
    /// Another process, or another storage of this one, has the directory.
    #[error(
        "{directory} is locked: another server runs on it; stop that one first, or give this one a directory of its own"
    )]
    Locked {
        /// The directory.
        directory: String,
    },
    /// A record that no server writes: its entries do not follow the log, its term goes back, or the vote went to nobody of
    /// the cluster.
    #[error("a record that cannot be written: {0}")]
    Rejected(String),
    /// It was not loaded before.
    #[error("it was not loaded before: call load first, which says whose it is")]
    NotLoaded,
}

impl WalError {
    pub(crate) fn io(action: &'static str, file: &str) -> impl FnOnce(io::Error) -> WalError {
        move |source| WalError::Io { action, file: file.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn damaged(file: &str, offset: u64, what: impl Into<String>) -> WalError {
        WalError::Damaged { file: file.to_owned(), offset, what: what.into() }
    }
}

impl From<WalError> for StorageError {
    fn from(error: WalError) -> StorageError {
        match error {
            WalError::Damaged { file, offset, what } => {
                StorageError::Damaged(format!("{file}, byte {offset}: {what}"))
            }
            error => StorageError::failed(error),
        }
    }
}
