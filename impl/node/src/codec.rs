//! The one place where messages and persistent state become bytes and back.
//!
//! The format is serde's data model in bincode 2 with these choices, which golden bytes under test hold fast: little
//! endian, integers in one byte up to 250 and a tag byte with 2, 4 or 8 bytes above that (bincode's `standard()`),
//! enum variants by their place, byte strings as a length and the bytes. One byte in front names the format, so that
//! a later one can be told apart.
//!
//! What is read may be hostile, or rotten. Three guards stand in front of it, in this order: a message longer than
//! [`MESSAGE_LIMIT`] is refused unread, unless it brings a snapshot; while decoding, no more memory is claimed than a
//! small multiple of the input's length, whatever lengths it names; and the input must be used up to its last byte.
//! A snapshot may be as large as memory allows, and so may a persistent state: what was accepted must not become
//! impossible to send or to store.

use crate::{Command, SnapshotData};
use bincode::config::{self, Config};
use bytes::Bytes;
use figure2_core::{Entry, Envelope, Index, Log, Message, Persistent, ServerId, Snapshot, Term};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// First byte of a message.
const MESSAGE_FORMAT: u8 = 0x12;

/// First byte of a persistent state.
const STATE_FORMAT: u8 = 0x21;

/// Longest message but InstallSnapshot, in bytes: 64 MiB. [`Options`](crate::Options) are refused by which an AppendEntries
/// could be longer.
pub const MESSAGE_LIMIT: usize = 64 << 20;

/// No limit but memory's: no object in it is longer.
const NO_LIMIT: usize = isize::MAX.cast_unsigned();

/// Where the kind of message stands, after the format, the sender and the addressee, each of one byte.
const KIND: usize = 3;

/// The kind of InstallSnapshot.
const INSTALL_SNAPSHOT: u8 = 4;

/// Bytes that a value's encoding takes beside its commands, entries and snapshots, at most.
const HEADER: usize = 96;

/// Why bytes could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Longer than the cap.
    #[error("{length} bytes, of at most {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The cap.
        limit: usize,
    },
    /// The first byte names another format, or there is none.
    #[error("format byte {found:?}, expected {expected}: not ours, or of another version")]
    Format {
        /// What stands there.
        found: Option<u8>,
        /// What should.
        expected: u8,
    },
    /// The bytes end early, or are none of the possible values.
    #[error("{0}")]
    Malformed(String),
    /// Bytes follow the end.
    #[error("{0} bytes too many at the end")]
    TrailingBytes(usize),
}

/// Encodes a message.
///
/// # Errors
/// When it would be longer than [`MESSAGE_LIMIT`] and brings no snapshot.
pub fn encode_message(envelope: &Envelope<Command, SnapshotData>) -> Result<Bytes, CodecError> {
    let (limit, payload) = match &envelope.message {
        Message::AppendEntries(message) => (MESSAGE_LIMIT, room_for(&message.entries)),
        Message::InstallSnapshot(message) => (NO_LIMIT, message.snapshot.data.len()),
        _ => (MESSAGE_LIMIT, 0),
    };
    encode(MESSAGE_FORMAT, limit, payload, envelope)
}

/// Bytes that the encoding of these entries takes, at most.
fn room_for(entries: &[Entry<Command>]) -> usize {
    entries.iter().map(|entry| entry.command.len() + Entry::<Command>::OVERHEAD as usize).sum()
}

/// Decodes a message.
///
/// # Errors
/// When the bytes are not exactly one message. Whether the message makes sense is for the core to say.
pub fn decode_message(bytes: &[u8]) -> Result<Envelope<Command, SnapshotData>, CodecError> {
    let limit = if bytes.get(KIND) == Some(&INSTALL_SNAPSHOT) { NO_LIMIT } else { MESSAGE_LIMIT };
    decode(MESSAGE_FORMAT, limit, bytes)
}

/// The persistent state without the snapshot's data, which is kept beside it.
#[derive(Serialize, Deserialize)]
struct State<Entries> {
    current_term: Term,
    voted_for: Option<ServerId>,
    /// Index and term of the snapshot's last entry.
    base: Option<(Index, Term)>,
    entries: Entries,
}

/// Encodes term, vote, the snapshot's index and term, and the entries after it.
///
/// # Errors
/// Only if serde fails, which it does not for these types.
pub fn encode_state(persistent: &Persistent<Command, SnapshotData>) -> Result<Bytes, CodecError> {
    let log = &persistent.log;
    let state = State {
        current_term: persistent.current_term,
        voted_for: persistent.voted_for,
        base: log.snapshot().map(|s| (s.last_included_index, s.last_included_term)),
        entries: log.entries(),
    };
    encode(STATE_FORMAT, NO_LIMIT, room_for(log.entries()), &state)
}

/// Decodes a persistent state: everything but the snapshot's data, which stands empty where there is a snapshot.
///
/// # Errors
/// When the bytes are not exactly one state.
pub fn decode_state(bytes: &[u8]) -> Result<Persistent<Command, ()>, CodecError> {
    let state: State<Vec<Entry<Command>>> = decode(STATE_FORMAT, NO_LIMIT, bytes)?;
    let snapshot = state.base.map(|(last_included_index, last_included_term)| Snapshot {
        last_included_index,
        last_included_term,
        data: (),
    });
    Ok(Persistent {
        current_term: state.current_term,
        voted_for: state.voted_for,
        log: Log::from_parts(snapshot, state.entries),
    })
}

/// `payload`: how many bytes, at most, it takes beyond [`HEADER`], so that the buffer need not grow.
fn encode<T: Serialize>(format: u8, limit: usize, payload: usize, value: &T) -> Result<Bytes, CodecError> {
    let mut bytes = Vec::with_capacity(HEADER + payload);
    bytes.push(format);
    bincode::serde::encode_into_std_write(value, &mut bytes, config::standard())
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    if bytes.len() > limit {
        return Err(CodecError::TooLong { length: bytes.len(), limit });
    }
    Ok(bytes.into())
}

fn decode<T: DeserializeOwned>(format: u8, limit: usize, bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > limit {
        return Err(CodecError::TooLong { length: bytes.len(), limit });
    }
    let body = match bytes.split_first() {
        Some((first, body)) if *first == format => body,
        first => return Err(CodecError::Format { found: first.map(|(first, _)| *first), expected: format }),
    };
    // bincode's limit is a constant and counts what is claimed: 8 bytes for an integer that takes one. So each size
    // of input has a limit of 8 times the largest of its size: enough for every honest input, and never more than
    // 8 * 16 times what was received (32 KiB at least).
    let standard = config::standard();
    match body.len() {
        0..=0xFFF => decode_all(body, standard.with_limit::<{ 8 << 12 }>()),
        0x1000..=0xFFFF => decode_all(body, standard.with_limit::<{ 8 << 16 }>()),
        0x1_0000..=0xF_FFFF => decode_all(body, standard.with_limit::<{ 8 << 20 }>()),
        0x10_0000..=0xFF_FFFF => decode_all(body, standard.with_limit::<{ 8 << 24 }>()),
        0x100_0000..=0xFFF_FFFF => decode_all(body, standard.with_limit::<{ claims(28) }>()),
        0x1000_0000..=0xFFFF_FFFF => decode_all(body, standard.with_limit::<{ claims(32) }>()),
        _ => decode_all(body, standard.with_limit::<{ claims(36) }>()),
    }
}

/// 8 times 2 to that power, or as much as an address can be.
const fn claims(power: u32) -> usize {
    if power + 3 < usize::BITS { 8 << power } else { usize::MAX }
}

/// Decodes one value that takes all the bytes.
fn decode_all<T: DeserializeOwned>(bytes: &[u8], config: impl Config) -> Result<T, CodecError> {
    let (value, consumed) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    match bytes.len().saturating_sub(consumed) {
        0 => Ok(value),
        extra => Err(CodecError::TrailingBytes(extra)),
    }
}

#[cfg(test)]
mod tests;
