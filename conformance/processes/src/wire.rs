//! What a server's process and the harness tell each other, over the process's standard input and output.

use bincode::config;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

/// To a server's process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToServer {
    /// An encoded message of another server.
    Message(Vec<u8>),
    /// A client's request.
    Request {
        /// The answer carries it, too.
        id: u64,
        command: Vec<u8>,
    },
}

/// From a server's process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromServer {
    /// The server has recovered, and runs; over TCP, where it listens.
    Ready { listens: Option<SocketAddr> },
    /// Over TCP: how the server stands, each time that it has changed.
    Stands {
        /// Index of the last entry that it has handed to its service.
        applied: u64,
        /// Whether it is a leader.
        leads: bool,
        /// The servers to which it can send.
        connected: BTreeSet<u64>,
        /// The servers that it refuses for good, and those that refuse it.
        refused: BTreeSet<u64>,
    },
    /// An encoded message for another server.
    Message { to: u64, frame: Vec<u8> },
    /// What became of a request.
    Answer { id: u64, answer: Answer },
    /// The server has stopped by itself, or its service has found something wrong.
    Failed(String),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is committed, and this is the service's reply.
    Reply(figure2_store::Reply),
    /// The server did not take it.
    NotTaken,
    /// It may be committed or not.
    Unknown,
}

/// More bytes than this, no process says at once.
const LIMIT: usize = 128 << 20;

/// Writes one thing that is told.
///
/// # Errors
/// When the other end is gone.
pub(crate) fn tell(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let body = bincode::serde::encode_to_vec(what, config::standard()).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&body)?;
    to.flush()
}

/// Reads one thing; none when the other end is gone.
///
/// # Errors
/// When what is read makes no sense.
pub(crate) fn hear<T: for<'a> Deserialize<'a>>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LIMIT {
        return Err(io::Error::other(format!("{length} bytes at once, of at most {LIMIT}")));
    }
    let mut body = vec![0; length];
    match from.read_exact(&mut body) {
        // It was killed while it spoke.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (told, used) =
        bincode::serde::decode_from_slice(&body, config::standard()).map_err(io::Error::other)?;
    if used == length { Ok(Some(told)) } else { Err(io::Error::other("bytes too many")) }
}
