//! Frames: the length, in four bytes, and then the message; and the hello, which both ends send first.

use figure2::codec::{Frame, Hello, MESSAGE_LIMIT, Versions};
use figure2::{Cluster, Raft};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Reads one.
pub async fn read_frame(from: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await? as usize;
    if length > MESSAGE_LIMIT {
        return Err(io::Error::other("a frame that is longer than any message"));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame).await.map(|_| frame)
}

/// Writes one, piece by piece: the commands in it are not copied.
pub async fn write_frame(to: &mut (impl AsyncWriteExt + Unpin), frame: Frame) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes()).await?;
    for chunk in frame.chunks() {
        to.write_all(chunk).await?;
    }
    Ok(())
}

/// Calls a server: the version of the messages that both agree on.
pub async fn call(stream: &mut TcpStream, cluster: &Cluster, me: u64, to: u64) -> io::Result<u8> {
    let ours = Hello::new(Versions::KNOWN, cluster, me, to);
    write_frame(stream, ours.encode().map_err(io::Error::other)?).await?;
    let theirs = Hello::decode(read_frame(stream).await?).map_err(io::Error::other)?;
    ours.agree(&theirs).map_err(io::Error::other)
}

/// Answers a server that calls: only one of the same cluster, that means this one.
pub async fn pick_up(stream: &mut TcpStream, raft: &Raft, me: u64) -> io::Result<u8> {
    let theirs = Hello::decode(read_frame(stream).await?).map_err(io::Error::other)?;
    let ours = Hello::new(Versions::KNOWN, raft.cluster(), me, theirs.from());
    write_frame(stream, ours.encode().map_err(io::Error::other)?).await?;
    ours.agree(&theirs).map_err(io::Error::other)
}
