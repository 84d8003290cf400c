//! Work on files: where it is done.

use tokio::task::{JoinError, spawn_blocking};

/// Where files are read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileWork {
    /// On the runtime's threads for blocking work, so that a slow disk holds up nothing else.
    #[default]
    Threads,
    /// In the task itself. For simulations in virtual time, which are repeated exactly only if no other thread takes part.
    InPlace,
}

impl FileWork {
    /// Does it.
    ///
    /// # Errors
    /// When its thread was lost.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        match self {
            FileWork::Threads => spawn_blocking(work).await,
            FileWork::InPlace => Ok(work()),
        }
    }
}
