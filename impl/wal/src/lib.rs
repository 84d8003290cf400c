//! # figure2-wal
//!
//! A server's log on disk: [`DiskStorage`] keeps what must survive a crash in a directory, with one write and one sync for
//! each record. docs/storage.md has the format, byte by byte, and says what is promised and what cannot be.
//!
//! - What was acknowledged is there after a crash: after `kill -9`, a loss of power, a full disk, a failed sync.
//! - What is there after a crash is a state that was written: of each record all, or nothing.
//! - Damage to what was durable stops the server with an error that names the file and the byte. It is never cut off
//!   silently.
//!
//! All that it asks of a file system goes through the trait [`Fs`]. So tests run it on a disk that crashes where they say
//! (`figure2-testing`, module `disk`).

mod ahead;
mod error;
mod format;
mod fs;
mod helper;
mod inspect;
mod log;
mod names;
mod options;
mod prepare;
mod recover;
mod report;
pub mod rules;
mod scan;
mod segment;
mod snapshot;
mod state;
mod std_fs;
mod storage;

pub use error::WalError;
pub use format::DiskId;
pub use format::files::DiskIdentity;
pub use fs::Fs;
pub use inspect::{Inspection, SnapshotView, inspect, inspect_on};
pub use options::Options;
pub use report::Recovery;
pub use scan::{Cut, SegmentView};
pub use std_fs::StdFs;
pub use storage::DiskStorage;
