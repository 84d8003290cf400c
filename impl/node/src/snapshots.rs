//! Snapshots of the service: it takes them, begins with them, and switches to those of the leader.

use crate::raft::{Raft, lock};
use crate::{SnapshotData, SnapshotWriter};
use figure2_core::{Index, Term};
use figure2_engine::Snapshot;
use std::io;

impl Raft {
    /// Begins a snapshot, to be written piece by piece. With a storage on disk it goes to a file, so that a state of any size
    /// needs little memory; writing then blocks as a write to a file does, so call it where blocking is allowed
    /// (`tokio::task::spawn_blocking`).
    ///
    /// # Errors
    /// When the storage cannot begin one, or the server was stopped.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// use std::io::Write;
    ///
    /// let proposal = raft.propose("set x 1".into())?;
    /// # let index = proposal.index;
    /// # proposal.await;
    /// // The service has applied it: its state takes the place of the log up to there.
    /// let mut writer = raft.snapshot_writer()?;
    /// writer.write_all(b"x = 1")?;
    /// raft.snapshot(index, writer.finish()?);
    /// assert_eq!(raft.status().snapshot_index, index);
    /// # Ok(())
    /// # }
    /// ```
    pub fn snapshot_writer(&self) -> io::Result<SnapshotWriter> {
        if self.is_stopped() {
            return Err(io::Error::other("the server has stopped: its failure says why; start it again"));
        }
        let store = lock(&self.snapshots).clone();
        SnapshotWriter::to(store.as_deref())
    }

    /// The service's state after the entry at `index`: the log up to there is discarded. Never waits. Without effect if a
    /// snapshot of this or a later index exists, the entry is not committed, or this server leads and keeps the entries for a
    /// follower that lacks them ([`max_retained_bytes`](crate::Options::max_retained_bytes)): a later snapshot will do.
    ///
    /// A small state can be given at once; a large one is written with [`snapshot_writer`](Self::snapshot_writer).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let proposal = raft.propose("set x 1".into())?;
    /// # let index = proposal.index;
    /// # proposal.await;
    /// raft.snapshot(index, "x = 1");
    /// assert_eq!(raft.status().snapshot_index, index);
    /// # Ok(())
    /// # }
    /// ```
    pub fn snapshot(&self, index: Index, data: impl Into<SnapshotData>) {
        self.monitor.snapshot(index, data.into());
    }

    /// The snapshot that stands for the beginning of this server's log, if there is one: index and term of the last entry that
    /// it covers, and the service's state after it. A service that starts again begins with it.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// let proposal = raft.propose("set x 1".into())?;
    /// # let index = proposal.index;
    /// # proposal.await;
    /// assert!(raft.latest_snapshot().is_none());
    /// raft.snapshot(index, "x = 1");
    /// let snapshot = raft.latest_snapshot().ok_or("there is one")?;
    /// assert_eq!(snapshot.data.to_bytes()?, "x = 1");
    /// # Ok(())
    /// # }
    /// ```
    pub fn latest_snapshot(&self) -> Option<Snapshot> {
        self.monitor.look(|server| server.log().snapshot().cloned())
    }

    /// The service, offered a snapshot, asks whether it may switch to it (the lab's CondInstallSnapshot). True, and only once
    /// that is durable: it must switch, and the next message is for the entry after the snapshot. False: the snapshot is old
    /// (or the server stopped), and the service must stay as it is.
    ///
    /// Each offer must be answered, for nothing else is handed over meanwhile. Not for
    /// [`Install::Automatic`](crate::Install::Automatic), where Raft has already switched.
    pub async fn cond_install_snapshot(
        &self,
        last_included_term: Term,
        last_included_index: Index,
        data: impl Into<SnapshotData>,
    ) -> bool {
        let snapshot = Snapshot { last_included_index, last_included_term, data: data.into() };
        self.monitor.install(snapshot).await.unwrap_or(false)
    }
}
