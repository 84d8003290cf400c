//! Frames: the length, in four bytes, and then the message.

use figure2::codec::MESSAGE_LIMIT;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Reads one.
pub async fn read_frame(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await? as usize;
    if length > MESSAGE_LIMIT {
        return Err(io::Error::other("a frame that is longer than any message"));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame).await.map(|_| frame)
}

/// Writes one.
pub async fn write_frame(to: &mut (impl AsyncWriteExt + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(frame).await
}
