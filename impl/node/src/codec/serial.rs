//! The one place that knows serde and bincode: a head, which says which format it is, and the bytes that follow it.
//!
//! ```text
//! format  version  length of the head   head        payload
//! 1 byte  1 byte   4 bytes, the lowest   bincode 2   commands or a snapshot, one after the other:
//!                  first                             the head says how long each is
//! ```

use super::{CodecError, Frame, Versions};
use bincode::config::{self, Config};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes in front of the head.
pub(super) const PREFIX: usize = 6;

/// A head's encoding, with what stands in front of it.
///
/// # Errors
/// Only if serde fails, or the head is longer than 4 GiB: no limit lets it become so.
pub(super) fn write(
    format: u8,
    version: u8,
    head: &impl Serialize,
    room: usize,
) -> Result<Bytes, CodecError> {
    let mut bytes = start(format, version, room);
    bincode::serde::encode_into_std_write(head, &mut bytes, config::standard())
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    finish(bytes)
}

/// What stands in front of a head, which is to be appended, and room for that.
pub(super) fn start(format: u8, version: u8, room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PREFIX + room);
    bytes.extend_from_slice(&[format, version, 0, 0, 0, 0]);
    bytes
}

/// The head is appended.
///
/// # Errors
/// When the head is longer than 4 GiB: no limit lets it become so.
pub(super) fn finish(mut bytes: Vec<u8>) -> Result<Bytes, CodecError> {
    let length = bytes.len() - PREFIX;
    let length =
        u32::try_from(length).map_err(|_| CodecError::TooLong { length, limit: u32::MAX as usize })?;
    if let Some(place) = bytes.get_mut(2..PREFIX) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(bytes.into())
}

/// What was read of the beginning of a frame.
pub(super) struct Begun {
    /// The version that the head is of.
    pub(super) version: u8,
    /// The first piece of the frame, in which the head ends here.
    first: Bytes,
    end: usize,
    payload: Payload,
}

/// Looks at what stands in front of a head.
///
/// # Errors
/// When it is of another format, of an unknown version, or cut short.
pub(super) fn begin(format: u8, versions: Versions, frame: Frame) -> Result<Begun, CodecError> {
    let Frame { head: first, payload: chunks } = frame;
    match first.first() {
        Some(found) if *found == format => {}
        found => return Err(CodecError::Format { found: found.copied(), expected: format }),
    }
    match first.get(1) {
        Some(version) if versions.contains(*version) => {}
        Some(version) => return Err(CodecError::Version { found: *version, versions }),
        None => return Err(CodecError::Malformed("it ends after its first byte".to_owned())),
    }
    let version = first[1];
    let length = first.get(2..PREFIX).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes);
    let Some(length) = length.map(|length| length as usize).filter(|length| *length <= first.len() - PREFIX)
    else {
        return Err(CodecError::Malformed("it ends before its head does".to_owned()));
    };
    let end = PREFIX + length;
    // To share the bytes costs more than to look at them: most messages have nothing after their heads.
    let rest = if end < first.len() { first.slice(end..) } else { Bytes::new() };
    Ok(Begun { version, first, end, payload: Payload { rest, chunks: chunks.into_iter() } })
}

impl Begun {
    /// The bytes of the head, and what follows it.
    pub(super) fn parts(&mut self) -> (&[u8], &mut Payload) {
        (self.first.get(PREFIX..self.end).unwrap_or_default(), &mut self.payload)
    }

    /// The head, and what follows it.
    ///
    /// # Errors
    /// When its bytes are not exactly one of the possible values.
    pub(super) fn read<T: DeserializeOwned>(mut self) -> Result<(T, Payload), CodecError> {
        let (head, _) = self.parts();
        Ok((read_head(head)?, self.payload))
    }
}

/// The bytes after a head.
#[derive(Default)]
pub(super) struct Payload {
    rest: Bytes,
    chunks: std::vec::IntoIter<Bytes>,
}

impl Payload {
    /// The next so many of them, without a copy where they are in one piece.
    ///
    /// # Errors
    /// When there are not as many.
    pub(super) fn take(&mut self, length: u64) -> Result<Bytes, CodecError> {
        let short = || CodecError::Malformed(format!("it ends before {length} bytes that it announces"));
        let length = usize::try_from(length).map_err(|_| short())?;
        if self.rest.is_empty() && length > 0 {
            self.rest = self.chunks.next().ok_or_else(short)?;
        }
        if length <= self.rest.len() {
            return Ok(self.rest.split_to(length));
        }
        // In several pieces, as no encoder of ours leaves it. What is missing is known before anything is claimed.
        let there =
            self.chunks.as_slice().iter().map(Bytes::len).fold(self.rest.len(), usize::saturating_add);
        if there < length {
            return Err(short());
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&core::mem::take(&mut self.rest));
        while bytes.len() < length {
            let mut chunk = self.chunks.next().ok_or_else(short)?;
            let missing = length - bytes.len();
            bytes.extend_from_slice(&chunk.split_to(missing.min(chunk.len())));
            self.rest = chunk;
        }
        Ok(bytes.into())
    }

    /// Whether all of them are taken.
    ///
    /// # Errors
    /// When some are left.
    pub(super) fn end(self) -> Result<(), CodecError> {
        let left = self.chunks.as_slice().iter().map(Bytes::len).fold(self.rest.len(), usize::saturating_add);
        if left == 0 { Ok(()) } else { Err(CodecError::TrailingBytes(left)) }
    }
}

/// Decodes a head that takes all the bytes.
fn read_head<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    // bincode's limit is a constant and counts what is claimed: 8 bytes for an integer that takes one. So each size
    // of input has a limit of 8 times the largest of its size: enough for every honest input, and never more than
    // 8 * 16 times what was received (32 KiB at least).
    let standard = config::standard();
    match bytes.len() {
        0..=0xFFF => decode_all(bytes, standard.with_limit::<{ 8 << 12 }>()),
        0x1000..=0xFFFF => decode_all(bytes, standard.with_limit::<{ 8 << 16 }>()),
        0x1_0000..=0xF_FFFF => decode_all(bytes, standard.with_limit::<{ 8 << 20 }>()),
        0x10_0000..=0xFF_FFFF => decode_all(bytes, standard.with_limit::<{ 8 << 24 }>()),
        0x100_0000..=0xFFF_FFFF => decode_all(bytes, standard.with_limit::<{ claims(28) }>()),
        _ => decode_all(bytes, standard.with_limit::<{ claims(32) }>()),
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
