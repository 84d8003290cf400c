//! The one place where messages and persistent state become bytes and back.
//!
//! Both have explicit structs here, a set for each version, apart from the core's types. [`Versions`] says which a build
//! knows; a [`Hello`] agrees on one for each connection; an unknown one is refused with what to do. What is small and has
//! a structure is a *head*, encoded by serde and bincode 2 (its `standard()` configuration: little endian, integers in one
//! byte up to 250 and a tag byte with 2, 4 or 8 bytes above that, variants by their place). Commands and snapshots follow
//! it as they are. So a [`Frame`] shares the bytes of the log with all peers, and what is decoded shares those of the frame.
//! Golden bytes under test hold each version fast. Each message names its group, and its servers by ids of 64 bits.
//!
//! What is read may be hostile, or rotten. A message longer than [`MESSAGE_LIMIT`] is refused, unless it brings a snapshot;
//! while decoding, no more memory is claimed than a small multiple of the input's length, whatever lengths it names; and
//! the input must be used up to its last byte. A snapshot may be as large as memory allows, and so may a persistent state:
//! what was accepted must not become impossible to send or to store.

mod append;
mod disk;
mod frame;
mod hello;
mod serial;
mod wire;

pub use frame::Frame;
pub use hello::{Hello, HelloError, Versions};

use crate::{Command, SnapshotData};
use bytes::Bytes;
use disk::StateHead;
use figure2_core::{Envelope, Persistent};
pub use figure2_engine::{Cluster, Identity};
use wire::Head;

/// First byte of a message.
const MESSAGE_FORMAT: u8 = 0x12;

/// First byte of a persistent state.
const STATE_FORMAT: u8 = 0x21;

/// The version of a persistent state that is written.
const STATE_VERSION: u8 = 1;

/// The version of messages that every build since the first knows.
pub const FIRST_VERSION: u8 = 1;

/// Longest message but InstallSnapshot, in bytes: 64 MiB. [`Options`](crate::Options) are refused by which an AppendEntries
/// could be longer.
pub const MESSAGE_LIMIT: usize = 64 << 20;

/// Bytes that a head takes beside its entries and its servers, at most.
const HEAD: usize = 96;

/// Bytes that the head of an entry takes, at most.
const ENTRY: usize = 20;

/// Why bytes could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Longer than the cap.
    #[error(
        "{length} bytes, of at most {limit}: make the service's snapshots smaller; if a peer sent it, see what runs there"
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The cap.
        limit: usize,
    },
    /// The first byte names another format, or there is none.
    #[error(
        "format byte {found:?}, expected {expected}: this is something else, or of a version before the first"
    )]
    Format {
        /// What stands there.
        found: Option<u8>,
        /// What should.
        expected: u8,
    },
    /// It is of a version that this build does not know.
    #[error(
        "version {found}, and this build knows {versions}: update this server, or let the hello of both servers agree on a \
         version that both know"
    )]
    Version {
        /// Its version.
        found: u8,
        /// Those that this build knows.
        versions: Versions,
    },
    /// The bytes end early, or are none of the possible values.
    #[error("{0}: what was sent arrived changed, or a newer build sent it")]
    Malformed(String),
    /// Bytes follow the end.
    #[error("{0} bytes too many at the end: what was sent arrived changed, or a newer build sent it")]
    TrailingBytes(usize),
    /// It is of another group.
    #[error(
        "of group {found}, and this server is of group {expected}: correct the address that it was sent to"
    )]
    Group {
        /// Its group.
        found: u64,
        /// This server's.
        expected: u64,
    },
    /// It names a server that is not of the cluster.
    #[error("it names server {0}, which is not of this cluster: give all servers the same list of servers")]
    UnknownServer(u64),
    /// A snapshot was taken under another configuration.
    #[error(
        "a snapshot of the servers {found:?}, and the servers are {expected:?}: give all servers the same list"
    )]
    Configuration {
        /// The servers that it was taken under.
        found: Vec<u64>,
        /// The servers as they are.
        expected: Vec<u64>,
    },
    /// The snapshot that the message brings cannot be read from the storage.
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(String),
    /// An entry carries something else than a command.
    #[error("an entry without a command, which this build does not know yet: update this server")]
    NoCommand,
}

/// Encodes a message of a cluster, in a version that its addressee knows.
///
/// # Errors
/// When it would be longer than [`MESSAGE_LIMIT`] and brings no snapshot, the version is unknown, a server is not of
/// the cluster, or the snapshot cannot be read.
pub fn encode(
    cluster: &Cluster,
    version: u8,
    envelope: &Envelope<Command, SnapshotData>,
) -> Result<Frame, CodecError> {
    encode_owned(cluster, version, envelope.clone())
}

/// The same, without a copy of the entries.
pub(crate) fn encode_owned(
    cluster: &Cluster,
    version: u8,
    envelope: Envelope<Command, SnapshotData>,
) -> Result<Frame, CodecError> {
    if !Versions::KNOWN.contains(version) {
        return Err(CodecError::Version { found: version, versions: Versions::KNOWN });
    }
    let room = HEAD + ENTRY * entries_of(&envelope);
    let mut bytes = serial::start(MESSAGE_FORMAT, version, room);
    let (frame, brings_snapshot) = if append::write(&mut bytes, cluster, &envelope) {
        (Frame { head: serial::finish(bytes)?, payload: append::commands(envelope) }, false)
    } else {
        let (head, payload) = Head::split(envelope, cluster)?;
        let room = if head.brings_snapshot() { 9 * cluster.voters().len() } else { 0 };
        let bytes = serial::write(MESSAGE_FORMAT, version, &head, HEAD + room)?;
        (Frame { head: bytes, payload }, head.brings_snapshot())
    };
    let length = frame.len();
    if length > MESSAGE_LIMIT && !brings_snapshot {
        return Err(CodecError::TooLong { length, limit: MESSAGE_LIMIT });
    }
    Ok(frame)
}

/// An InstallSnapshot without the data of its snapshot, which the transport sends beside it. The head says how long the
/// data is, as in the whole message: the bytes are the beginning of [`encode`]'s.
///
/// # Errors
/// When it brings no snapshot, the version is unknown, or a server is not of the cluster.
pub(crate) fn encode_without_data(
    cluster: &Cluster,
    version: u8,
    envelope: &Envelope<Command, SnapshotData>,
) -> Result<Frame, CodecError> {
    if !Versions::KNOWN.contains(version) {
        return Err(CodecError::Version { found: version, versions: Versions::KNOWN });
    }
    let head = Head::of_snapshot(envelope, cluster)?;
    serial::write(MESSAGE_FORMAT, version, &head, HEAD + 9 * cluster.voters().len()).map(Frame::from)
}

/// Decodes what [`encode_without_data`] wrote, to a server of this cluster, and joins the data to it.
///
/// # Errors
/// As those of [`decode`]; also when it brings no snapshot, or one of another length.
pub(crate) fn decode_with_data(
    cluster: &Cluster,
    message: Frame,
    data: SnapshotData,
) -> Result<Envelope<Command, SnapshotData>, CodecError> {
    let begun = serial::begin(MESSAGE_FORMAT, Versions::KNOWN, message)?;
    let (head, payload) = match begun.version {
        FIRST_VERSION => begun.read::<Head>()?,
        found => return Err(CodecError::Version { found, versions: Versions::KNOWN }),
    };
    payload.end()?;
    head.with_data(data, cluster)
}

fn entries_of(envelope: &Envelope<Command, SnapshotData>) -> usize {
    match &envelope.message {
        figure2_core::Message::AppendEntries(message) => message.entries.len(),
        _ => 0,
    }
}

/// Decodes a message to a server of this cluster.
///
/// # Errors
/// When the bytes are not exactly one message, or it is of another cluster. Whether it makes sense is for the core to say.
pub fn decode(
    cluster: &Cluster,
    frame: impl Into<Frame>,
) -> Result<Envelope<Command, SnapshotData>, CodecError> {
    read(Some(cluster), frame.into())
}

/// Decodes a message of any cluster, for who only looks on: the ids of its servers must be small, and are taken for places.
///
/// # Errors
/// When the bytes are not exactly one message.
pub fn decode_message(frame: impl Into<Frame>) -> Result<Envelope<Command, SnapshotData>, CodecError> {
    read(None, frame.into())
}

fn read(cluster: Option<&Cluster>, frame: Frame) -> Result<Envelope<Command, SnapshotData>, CodecError> {
    let length = frame.len();
    let mut begun = serial::begin(MESSAGE_FORMAT, Versions::KNOWN, frame)?;
    if begun.version == FIRST_VERSION && length <= MESSAGE_LIMIT {
        let (head, payload) = begun.parts();
        let following = length.saturating_sub(serial::PREFIX + head.len());
        if let Some(read) = append::read(cluster, head, payload, following) {
            return read;
        }
    }
    let (head, mut payload) = match begun.version {
        FIRST_VERSION => begun.read::<Head>()?,
        found => return Err(CodecError::Version { found, versions: Versions::KNOWN }),
    };
    if length > MESSAGE_LIMIT && !head.brings_snapshot() {
        return Err(CodecError::TooLong { length, limit: MESSAGE_LIMIT });
    }
    let envelope = head.join(&mut payload, cluster)?;
    payload.end()?;
    Ok(envelope)
}

/// Encodes whose state it is, term, vote, all of the snapshot but its data, and the entries after it.
///
/// # Errors
/// When the vote went to nobody of the cluster.
pub fn encode_state(
    me: &Identity,
    persistent: &Persistent<Command, SnapshotData>,
) -> Result<Bytes, CodecError> {
    let unknown = || CodecError::UnknownServer(persistent.voted_for.map_or(0, |server| server.0.into()));
    let (head, payload) = StateHead::split(me, persistent).ok_or_else(unknown)?;
    let room = ENTRY * persistent.log.entries().len() + 18 * me.cluster.voters().len();
    let head = serial::write(STATE_FORMAT, STATE_VERSION, &head, HEAD + room)?;
    Ok(Frame { head, payload }.into_bytes())
}

/// Decodes whose state it is, and the state: everything but the snapshot's data, which stands empty where there is a
/// snapshot.
///
/// # Errors
/// When the bytes are not exactly one state.
pub fn decode_state(bytes: &Bytes) -> Result<(Identity, Persistent<Command, ()>), CodecError> {
    let (head, mut payload) =
        serial::begin(STATE_FORMAT, Versions::KNOWN, bytes.into())?.read::<StateHead>()?;
    let state = head.join(&mut payload)?;
    payload.end()?;
    Ok(state)
}

#[cfg(test)]
mod tests;
