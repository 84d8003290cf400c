//! Where a service writes its snapshots, with the faults of its disk.

use super::super::nemesis::Nemesis;
use figure2::{SnapshotData, SnapshotStore, WriteSnapshot};
use std::io::{self, Write};
use std::sync::Arc;

/// The log's own place for snapshots, on a disk that may fail.
pub(super) struct Snapshots {
    pub(super) server: u8,
    pub(super) nemesis: Nemesis,
    pub(super) store: Arc<dyn SnapshotStore>,
}

/// A snapshot that is being written there.
struct Writing {
    server: u8,
    nemesis: Nemesis,
    writer: Box<dyn WriteSnapshot>,
}

fn works(nemesis: &Nemesis, server: u8) -> io::Result<()> {
    if nemesis.fails_writes(server) {
        nemesis.failed_snapshot();
        return Err(io::Error::other("the simulated disk fails"));
    }
    Ok(())
}

impl SnapshotStore for Snapshots {
    fn create(&self) -> io::Result<Box<dyn WriteSnapshot>> {
        works(&self.nemesis, self.server)?;
        let (server, nemesis, writer) = (self.server, self.nemesis.clone(), self.store.create()?);
        Ok(Box::new(Writing { server, nemesis, writer }))
    }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        works(&self.nemesis, self.server)?;
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl WriteSnapshot for Writing {
    fn finish(self: Box<Self>) -> io::Result<SnapshotData> {
        works(&self.nemesis, self.server)?;
        let data = self.writer.finish()?;
        self.nemesis.written_snapshot();
        Ok(data)
    }
}
