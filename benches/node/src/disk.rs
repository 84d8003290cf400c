//! The logs on disk: all systems write through the same one, `figure2-wal`, so that what is compared is what they make of
//! it. What it asks of the file system is counted.

mod counted;
mod group;
mod log;
mod medium;

pub use counted::{Counted, Counts};
pub use group::GroupWriter;
pub use log::{LogWriter, Prepared, Work, put};
pub use medium::{Medium, Place, check, file_system};
