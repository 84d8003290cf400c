//! Messages on a connection between two processes: a length in bytes, and the message.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// A longer message is refused.
const LONGEST: u32 = 1 << 20;

/// Sends a message.
pub(super) fn send<T: Serialize>(mut stream: &TcpStream, message: &T) -> io::Result<()> {
    let encoded = bincode::serde::encode_to_vec(message, bincode::config::standard());
    let encoded = encoded.map_err(io::Error::other)?;
    let length = u32::try_from(encoded.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other(format!("{} bytes in a message", encoded.len())))?;
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend(encoded);
    stream.write_all(&frame)
}

/// Receives a message.
pub(super) fn receive<T: DeserializeOwned>(mut stream: &TcpStream) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no process of a check"));
    }
    let mut encoded = vec![0; length as usize];
    stream.read_exact(&mut encoded)?;
    let (message, read) = bincode::serde::decode_from_slice(&encoded, bincode::config::standard())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if read != encoded.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is longer than it should be"));
    }
    Ok(message)
}
