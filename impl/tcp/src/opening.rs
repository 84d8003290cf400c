//! What is said on a connection beside messages: the opening, and the transfer of a snapshot.
//!
//! ```text
//! 0x54    layout  kind    fields
//! 1 byte  1       1 byte  numbers have their lowest byte first
//! ```
//!
//! No message begins with this byte. All lengths follow from the length of the frame, so nothing here claims memory by a
//! number that it reads.

use bytes::{Buf, Bytes};
use figure2::codec::{CodecError, Frame, Hello};

/// First byte of all frames of the transport's own.
pub(crate) const FORMAT: u8 = 0x54;

/// The layout of these frames.
const LAYOUT: u8 = 1;

/// Longest frame before the hello is accepted, in bytes: a hello of 64 servers has less than 700.
pub(crate) const OPENING_LIMIT: usize = 2048;

/// Most bytes of a refusal's text.
const TEXT: usize = 1024;

/// Bytes of a chunk of a snapshot.
pub(crate) const CHUNK: usize = 256 << 10;

/// Longest frame of the connection of a snapshot: a chunk, or the message at the end.
pub(crate) const CHUNK_LIMIT: usize = CHUNK + 64;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Messages,
    Snapshots,
}

impl Lane {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lane::Messages => "messages",
            Lane::Snapshots => "snapshots",
        }
    }
}

/// A frame of the transport's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Who speaks, with which disk, and what for. Each side says it once.
    Hello { lane: Lane, disk: u128, hello: Hello },
    /// The connection will be closed, and why; whether only an operator can help.
    Refused { for_good: bool, text: String },
    /// Who dialled has accepted the other's hello: messages follow.
    Ready,
    /// A snapshot follows: a number that its sender drew for this transfer, index and term of the last entry that it covers,
    /// and its length in bytes.
    Begin { transfer: u64, index: u64, term: u64, length: u64 },
    /// So many bytes of it are there already: go on from here.
    Resume { offset: u64 },
    /// The next bytes of it.
    Chunk(Bytes),
    /// The message that brings it, without its data, which has all arrived.
    End(Bytes),
    /// It was handed to the node.
    Done,
}

/// The head of a frame of this kind.
pub(crate) const fn head(kind: u8) -> [u8; 3] {
    [FORMAT, LAYOUT, kind]
}

/// The kind of a chunk, whose bytes are not copied into a frame.
pub(crate) const CHUNK_KIND: u8 = 6;

/// The kind of the end of a snapshot.
pub(crate) const END_KIND: u8 = 7;

impl Said {
    pub(crate) fn encode(&self) -> Result<Frame, CodecError> {
        let with = |kind, fields: &[&[u8]]| [&head(kind)[..], &fields.concat()].concat();
        let bytes = match self {
            Said::Hello { lane, disk, hello } => {
                let lane = u8::from(*lane == Lane::Snapshots);
                with(1, &[&[lane], &disk.to_le_bytes(), &hello.encode()?.into_bytes()])
            }
            Said::Refused { for_good, text } => {
                let end = (0..=TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
                with(2, &[&[u8::from(*for_good)], &text.as_bytes()[..end.unwrap_or_default()]])
            }
            Said::Ready => with(3, &[]),
            Said::Begin { transfer, index, term, length } => {
                let fields = [transfer, index, term, length].map(|number| number.to_le_bytes());
                with(4, &[&fields.concat()])
            }
            Said::Resume { offset } => with(5, &[&offset.to_le_bytes()]),
            Said::Chunk(bytes) => with(CHUNK_KIND, &[bytes]),
            Said::End(message) => with(END_KIND, &[message]),
            Said::Done => with(8, &[]),
        };
        Ok(Frame::from(bytes))
    }

    /// Reads one, of any bytes.
    ///
    /// # Errors
    /// When they are not exactly one.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<Said, CodecError> {
        let malformed = |what: &str| CodecError::Malformed(what.to_owned());
        match bytes.first() {
            Some(&FORMAT) => {}
            found => return Err(CodecError::Format { found: found.copied(), expected: FORMAT }),
        }
        let (Some(&layout), Some(&kind)) = (bytes.get(1), bytes.get(2)) else {
            return Err(malformed("it ends before its kind"));
        };
        if layout != LAYOUT {
            return Err(malformed(&format!(
                "layout {layout}, and this build knows {LAYOUT}: update this server"
            )));
        }
        bytes.advance(3);
        let exactly = |bytes: &Bytes, length: usize| match bytes.len() {
            found if found == length => Ok(()),
            found => Err(malformed(&format!("{found} bytes of fields, and not {length}"))),
        };
        Ok(match kind {
            1 => {
                if bytes.len() < 17 {
                    return Err(malformed("it ends before its hello"));
                }
                let lane = match bytes.get_u8() {
                    0 => Lane::Messages,
                    1 => Lane::Snapshots,
                    _ => return Err(malformed("a connection for something unknown")),
                };
                let disk = bytes.get_u128_le();
                Said::Hello { lane, disk, hello: Hello::decode(bytes)? }
            }
            2 => {
                if bytes.is_empty() || bytes.len() > 1 + TEXT {
                    return Err(malformed("a refusal without a reason, or with too long a one"));
                }
                let for_good = match bytes.get_u8() {
                    0 => false,
                    1 => true,
                    _ => return Err(malformed("a refusal of an unknown kind")),
                };
                let text =
                    String::from_utf8(bytes.into()).map_err(|_| malformed("a refusal that is no text"))?;
                // It goes to the log, where it must not look like another line.
                if text.chars().any(char::is_control) {
                    return Err(malformed("a refusal with control characters"));
                }
                Said::Refused { for_good, text }
            }
            3 => exactly(&bytes, 0).map(|()| Said::Ready)?,
            4 => {
                exactly(&bytes, 32)?;
                let mut number = || bytes.get_u64_le();
                let (transfer, index, term, length) = (number(), number(), number(), number());
                Said::Begin { transfer, index, term, length }
            }
            5 => {
                exactly(&bytes, 8)?;
                Said::Resume { offset: bytes.get_u64_le() }
            }
            CHUNK_KIND if !bytes.is_empty() && bytes.len() <= CHUNK => Said::Chunk(bytes),
            CHUNK_KIND => return Err(malformed("a chunk of no bytes, or of too many")),
            END_KIND => Said::End(bytes),
            8 => exactly(&bytes, 0).map(|()| Said::Done)?,
            _ => return Err(malformed("a frame of an unknown kind: update this server")),
        })
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
