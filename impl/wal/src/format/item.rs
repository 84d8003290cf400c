//! What a frame's body says: changes of one group's state, in their order.

use super::bytes::Reader;
use bytes::Bytes;
use std::sync::Arc;

const CHECKPOINT: u8 = 1;
const TERM_AND_VOTE: u8 = 2;
const APPEND: u8 = 3;
const TRUNCATE: u8 = 4;
const SNAPSHOT: u8 = 5;

/// An entry that carries a command. Others are for later versions.
const COMMAND: u8 = 0;

/// Bytes of an entry beside its command.
const ENTRY: usize = 21;

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The term in which a leader received it.
    pub term: u64,
    /// The command.
    pub command: Bytes,
}

/// Which file holds a snapshot, and of what it is one. It counts from the moment at which the log's record names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRef {
    /// The file's number: it is named after it.
    pub number: u64,
    /// The snapshot replaces all entries up through and including this index.
    pub index: u64,
    /// Term of the entry at `index`.
    pub term: u64,
    /// Length of the data in bytes.
    pub length: u64,
    /// A checksum over the checksums of the file's blocks: no other file of the same number is taken for it.
    pub seal: u64,
    /// The ids of the voters under which it was taken.
    pub voters: Arc<[u64]>,
}

/// What is known of a group beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// The current term.
    pub term: u64,
    /// The id of the server that got the vote in that term.
    pub vote: Option<u64>,
    /// The snapshot that stands for the prefix of the log.
    pub snapshot: Option<SnapshotRef>,
    /// Index of the last entry, stored or covered by the snapshot.
    pub last_index: u64,
}

/// One change of a group's state, or, at the beginning of a segment, all of it but the entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The state before the write: with it, segments before this one are needed for their entries only.
    Checkpoint(GroupState),
    /// A new term, and the vote in it.
    TermAndVote {
        /// The current term.
        term: u64,
        /// The id of the server that got the vote.
        vote: Option<u64>,
    },
    /// Entries at the end of the log.
    Append {
        /// Index of the first.
        first: u64,
        /// The entries.
        entries: Vec<Entry>,
    },
    /// The entry at this index and all that follow are deleted.
    Truncate {
        /// First index to go.
        from: u64,
    },
    /// A snapshot takes the place of the prefix that it covers.
    Snapshot {
        /// The snapshot.
        snapshot: SnapshotRef,
        /// Whether the entries after it stay.
        keep_suffix: bool,
    },
}

impl Item {
    pub(crate) fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Item::Checkpoint(state) => {
                to.push(CHECKPOINT);
                put_term_and_vote(to, state.term, state.vote);
                to.extend_from_slice(&state.last_index.to_le_bytes());
                to.push(state.snapshot.is_some().into());
                if let Some(snapshot) = &state.snapshot {
                    put_snapshot(to, snapshot);
                }
            }
            Item::TermAndVote { term, vote } => {
                to.push(TERM_AND_VOTE);
                put_term_and_vote(to, *term, *vote);
            }
            // Nothing changes, so nothing is written.
            Item::Append { entries, .. } if entries.is_empty() => {}
            Item::Append { first, entries } => {
                to.push(APPEND);
                // A list that is longer than its count can say is longer than a frame can be, which is refused.
                to.extend_from_slice(&(entries.len() as u32).to_le_bytes());
                for (index, entry) in (*first..).zip(entries) {
                    to.extend_from_slice(&index.to_le_bytes());
                    to.extend_from_slice(&entry.term.to_le_bytes());
                    to.push(COMMAND);
                    to.extend_from_slice(&(entry.command.len() as u32).to_le_bytes());
                    to.extend_from_slice(&entry.command);
                }
            }
            Item::Truncate { from } => {
                to.push(TRUNCATE);
                to.extend_from_slice(&from.to_le_bytes());
            }
            Item::Snapshot { snapshot, keep_suffix } => {
                to.push(SNAPSHOT);
                to.push((*keep_suffix).into());
                put_snapshot(to, snapshot);
            }
        }
    }
}

fn put_term_and_vote(to: &mut Vec<u8>, term: u64, vote: Option<u64>) {
    to.extend_from_slice(&term.to_le_bytes());
    to.push(vote.is_some().into());
    if let Some(vote) = vote {
        to.extend_from_slice(&vote.to_le_bytes());
    }
}

fn put_snapshot(to: &mut Vec<u8>, snapshot: &SnapshotRef) {
    let SnapshotRef { number, index, term, length, seal, voters } = snapshot;
    for field in [number, index, term, length, seal] {
        to.extend_from_slice(&field.to_le_bytes());
    }
    to.extend_from_slice(&(voters.len() as u32).to_le_bytes());
    for voter in voters.iter() {
        to.extend_from_slice(&voter.to_le_bytes());
    }
}

/// Reads a frame's body. The commands share its bytes.
///
/// # Errors
/// What is wrong with it. Its checksum fitted: it was written so, by another version or by an error.
pub(crate) fn decode(body: &Bytes) -> Result<Vec<Item>, String> {
    let mut reader = Reader::new(body);
    let mut items = Vec::new();
    while let Some(kind) = reader.u8() {
        let item = match kind {
            CHECKPOINT => checkpoint(&mut reader),
            TERM_AND_VOTE => term_and_vote(&mut reader).map(|(term, vote)| Item::TermAndVote { term, vote }),
            APPEND => append(&mut reader, body)?,
            TRUNCATE => reader.u64().map(|from| Item::Truncate { from }),
            SNAPSHOT => flag(&mut reader)
                .zip(snapshot(&mut reader))
                .map(|(keep_suffix, snapshot)| Item::Snapshot { snapshot, keep_suffix }),
            other => return Err(format!("a change of the unknown kind {other}: update this server")),
        };
        items.push(item.ok_or_else(|| format!("a change of kind {kind} ends early"))?);
    }
    Ok(items)
}

fn flag(reader: &mut Reader<'_>) -> Option<bool> {
    match reader.u8()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn term_and_vote(reader: &mut Reader<'_>) -> Option<(u64, Option<u64>)> {
    let term = reader.u64()?;
    let vote = if flag(reader)? { Some(reader.u64()?) } else { None };
    Some((term, vote))
}

fn snapshot(reader: &mut Reader<'_>) -> Option<SnapshotRef> {
    let (number, index, term) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let (length, seal) = (reader.u64()?, reader.u64()?);
    let count = reader.count(8)?;
    let voters = (0..count).map(|_| reader.u64()).collect::<Option<_>>()?;
    Some(SnapshotRef { number, index, term, length, seal, voters })
}

fn checkpoint(reader: &mut Reader<'_>) -> Option<Item> {
    let (term, vote) = term_and_vote(reader)?;
    let last_index = reader.u64()?;
    let snapshot = if flag(reader)? { Some(snapshot(reader)?) } else { None };
    Some(Item::Checkpoint(GroupState { term, vote, snapshot, last_index }))
}

fn append(reader: &mut Reader<'_>, body: &Bytes) -> Result<Option<Item>, String> {
    let Some(count) = reader.count(ENTRY) else { return Ok(None) };
    let mut entries = Vec::with_capacity(count);
    let mut first = None;
    for number in 0..count as u64 {
        let mut fields = || Some((reader.u64()?, reader.u64()?, reader.u8()?, reader.count(1)?));
        let Some((index, term, kind, length)) = fields() else { return Ok(None) };
        if kind != COMMAND {
            return Err(format!(
                "entry {index} carries something of the unknown kind {kind}: update this server"
            ));
        }
        let first = *first.get_or_insert(index);
        if first.checked_add(number) != Some(index) {
            return Err(format!("entry {index} stands where {first} + {number} should"));
        }
        let Some(command) = reader.take(length) else { return Ok(None) };
        entries.push(Entry { term, command: body.slice_ref(command) });
    }
    Ok(first.map(|first| Item::Append { first, entries }))
}
