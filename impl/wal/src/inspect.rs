//! What a directory holds, for an operator.

use crate::error::WalError;
use crate::format::files::DiskIdentity;
use crate::fs::Fs;
use crate::names::Name;
use crate::rules::AsWritten;
use crate::scan::{Cut, Scan, SegmentView, read_length};
use crate::snapshot::{InUse, SnapshotFile, SnapshotReader};
use crate::std_fs::StdFs;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A snapshot's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotView {
    /// Its file.
    pub file: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// The index through which it covers the log, and the term of the entry there. None for one that the log does not name:
    /// the next start removes it.
    pub covers: Option<(u64, u64)>,
}

/// What a directory holds. Its text is for an operator, one fact a line.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inspection {
    /// Whose directory it is; none if nothing was ever written.
    pub identity: Option<DiskIdentity>,
    /// The segments of the log, as far as they were read.
    pub segments: Vec<SegmentView>,
    /// The snapshots.
    pub snapshots: Vec<SnapshotView>,
    /// Files that are kept to become segments, and what a crash left: a start uses or removes them.
    pub others: Vec<String>,
    /// How many writes there were.
    pub writes: u64,
    /// The current term.
    pub term: u64,
    /// The id of the server that got the vote in that term.
    pub vote: Option<u64>,
    /// Indexes of the first and the last entry that is stored, if there is one.
    pub entries: Option<(u64, u64)>,
    /// What a start would cut off at the end, and report.
    pub cut: Vec<Cut>,
    /// Why a start would be refused, with the file and the first byte of what is damaged.
    pub refusal: Option<WalError>,
}

/// Reads a directory, and changes nothing. A server may be running on it; then its last write may be seen in part.
///
/// # Errors
/// When there is no such directory. What is wrong with its contents is in [`Inspection::refusal`].
pub fn inspect(directory: impl AsRef<Path>) -> Result<Inspection, WalError> {
    let name = directory.as_ref().display().to_string();
    let fs = StdFs::look(directory).map_err(WalError::io("opening it", &name))?;
    Ok(inspect_on(&Arc::new(fs)))
}

/// [`inspect`] for a directory of some file system.
pub fn inspect_on<F: Fs>(fs: &Arc<F>) -> Inspection {
    let mut scan = Scan::default();
    let read = scan.read(&**fs, &AsWritten);
    let mut refusal = read.and_then(|()| scan.tail.map_or(Ok(()), |_| check_snapshot(fs, &scan))).err();
    let current = scan.replay.state.snapshot.as_ref();
    let mut snapshots = Vec::new();
    let mut others = Vec::new();
    for (name, file) in &scan.names {
        match name {
            Name::Snapshot(number) => {
                let covers = current.filter(|snapshot| snapshot.number == *number);
                let bytes = read_length(&**fs, file).unwrap_or_else(|error| {
                    refusal.get_or_insert(error);
                    0
                });
                let covers = covers.map(|snapshot| (snapshot.index, snapshot.term));
                snapshots.push(SnapshotView { file: file.clone(), bytes, covers });
            }
            Name::Spare(_) | Name::IdentityNew => others.push(file.clone()),
            Name::Segment(place) if !scan.segments.iter().any(|segment| segment.place == *place) => {
                others.push(file.clone());
            }
            Name::Segment(_) | Name::Lock | Name::Identity | Name::Other => {}
        }
    }
    let state = &scan.replay.state;
    let stored = scan.replay.entries.len() as u64;
    Inspection {
        identity: scan.identity,
        snapshots,
        others,
        writes: scan.number,
        term: state.term,
        vote: state.vote,
        entries: (stored > 0).then(|| (state.last_index - stored + 1, state.last_index)),
        segments: scan.segments,
        cut: scan.cuts,
        refusal,
    }
}

/// Reads the snapshot to its end.
fn check_snapshot<F: Fs>(fs: &Arc<F>, scan: &Scan) -> Result<(), WalError> {
    let (Some(identity), Some(snapshot)) = (&scan.identity, &scan.replay.state.snapshot) else {
        return Ok(());
    };
    let file = SnapshotFile::named(snapshot, InUse::default());
    SnapshotReader::open(fs.clone(), &AsWritten, identity.disk, &file)?.check()
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(DiskIdentity { disk, group, server, voters }) => {
                writeln!(
                    f,
                    "identity: server {server} of the servers {voters:?} of group {group}; disk {disk}"
                )?;
            }
            None => writeln!(f, "identity: none, nothing was ever written")?,
        }
        for segment in &self.segments {
            let SegmentView { file, bytes, recycled, writes, entries, end, .. } = segment;
            write!(f, "segment {file}: {bytes} bytes, {}", if *recycled { "recycled" } else { "new" })?;
            match writes {
                Some((first, last)) => write!(f, ", writes {first} to {last}, which end at byte {end}")?,
                None => write!(f, ", prepared, without a write")?,
            }
            match entries {
                Some((first, last)) => writeln!(f, ", with entries {first} to {last}")?,
                None => writeln!(f)?,
            }
        }
        for SnapshotView { file, bytes, covers } in &self.snapshots {
            match covers {
                Some((index, term)) => {
                    writeln!(f, "snapshot {file}: {bytes} bytes, through entry {index} of term {term}")?;
                }
                None => writeln!(f, "snapshot {file}: {bytes} bytes, not in use: the next start removes it")?,
            }
        }
        if !self.others.is_empty() {
            writeln!(f, "not in use: {}", self.others.join(", "))?;
        }
        let vote = self.vote.map_or("no vote".to_owned(), |vote| format!("voted for server {vote}"));
        writeln!(f, "state after {} writes: term {}, {vote}", self.writes, self.term)?;
        match self.entries {
            Some((first, last)) => writeln!(f, "entries: {first} to {last}")?,
            None => writeln!(f, "entries: none")?,
        }
        for cut in &self.cut {
            let what = "a start cuts this off, since no later write proves that it was durable";
            writeln!(f, "first damaged byte: {} of {} ({cut}): {what}", cut.offset, cut.file)?;
        }
        match &self.refusal {
            Some(refusal) => write!(f, "a start would be refused: {refusal}"),
            None => write!(f, "a start would be accepted"),
        }
    }
}

impl Inspection {
    /// The file of the snapshot in use, if there is one.
    #[must_use]
    pub fn snapshot(&self) -> Option<&SnapshotView> {
        self.snapshots.iter().find(|snapshot| snapshot.covers.is_some())
    }
}
