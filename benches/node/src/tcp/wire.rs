//! What goes over the connections of clients, and between the voters of the floor.
//!
//! All of it is frames: the length in four bytes, the highest first, and then as many bytes. A client's request is a
//! number of eight bytes and the command; the answer is the same number, and then nothing if the command is applied, else
//! the reason why not.

use anyhow::{Result, bail};
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// Most bytes of a frame between a client and a server.
pub const CLIENT_LIMIT: usize = 64 << 10;

/// Bytes of a request's number.
const NUMBER: usize = 8;

/// A request or an answer: its number, and what comes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The number of the request, chosen by the client.
    pub number: u64,
    /// The command; or why it was not done.
    pub rest: Vec<u8>,
}

/// Appends a frame to a buffer.
pub fn put(buffer: &mut Vec<u8>, number: u64, rest: &[u8]) {
    let length = u32::try_from(NUMBER + rest.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(&number.to_be_bytes());
    buffer.extend_from_slice(rest);
}

/// The next one; none when the other side has closed the connection.
///
/// # Errors
/// When the connection breaks, or what arrives is none.
pub async fn next(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Numbered>> {
    if stream.fill_buf().await?.is_empty() {
        return Ok(None);
    }
    let length = stream.read_u32().await? as usize;
    if !(NUMBER..=CLIENT_LIMIT).contains(&length) {
        bail!("a frame of {length} bytes: it must have {NUMBER} to {CLIENT_LIMIT}");
    }
    let number = stream.read_u64().await?;
    let mut rest = vec![0; length - NUMBER];
    stream.read_exact(&mut rest).await?;
    Ok(Some(Numbered { number, rest }))
}

/// A frame without a number, from a stream that blocks: its bytes take the place of what is in the buffer.
///
/// # Errors
/// When the connection breaks or ends, or the frame has more bytes than `limit`.
pub fn read_blocking(stream: &mut impl io::Read, limit: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    buffer.resize(length, 0);
    stream.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut bytes: &[u8]) -> Result<Vec<Numbered>> {
        let mut read = Vec::new();
        while let Some(numbered) = next(&mut bytes).await? {
            read.push(numbered);
        }
        Ok(read)
    }

    #[tokio::test]
    async fn what_is_put_is_read_again() {
        let sent = [(7, vec![1; 128]), (u64::MAX, Vec::new()), (0, vec![2; CLIENT_LIMIT - NUMBER])];
        let mut bytes = Vec::new();
        sent.iter().for_each(|(number, rest)| put(&mut bytes, *number, rest));
        let expected: Vec<_> = sent.into_iter().map(|(number, rest)| Numbered { number, rest }).collect();
        assert_eq!(all(&bytes).await.unwrap(), expected);
        // Cut anywhere but between two frames, it is an error.
        assert!(all(&bytes[..bytes.len() - 1]).await.is_err());
        assert!(all(&bytes[..2]).await.is_err());
    }

    #[tokio::test]
    async fn a_frame_has_its_limits() {
        for length in [0, NUMBER - 1, CLIENT_LIMIT + 1, u32::MAX as usize] {
            let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
            bytes.extend([0; 16]);
            let outcome = all(&bytes).await;
            let told = outcome.as_ref().is_err_and(|error| error.to_string().contains(&length.to_string()));
            assert!(told, "{length}: {outcome:?}");
        }
    }

    #[test]
    fn a_frame_without_a_number_is_its_bytes() {
        let mut buffer = vec![9; 2];
        let bytes = [0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 9];
        let mut stream = &bytes[..];
        read_blocking(&mut stream, 3, &mut buffer).unwrap();
        assert_eq!(buffer, [1, 2, 3]);
        let kind =
            |limit, mut bytes: &[u8]| read_blocking(&mut bytes, limit, &mut Vec::new()).unwrap_err().kind();
        assert_eq!(kind(8, stream), io::ErrorKind::InvalidData);
        assert_eq!(kind(9, stream), io::ErrorKind::UnexpectedEof);
    }
}
