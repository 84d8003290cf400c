//! Frames on a connection: their length in four bytes, the highest first, and then their bytes. An empty frame says that
//! its sender is there.

use crate::config::Limits;
use crate::reason::Reason;
use crate::stream::BoxStream;
use bytes::{Bytes, BytesMut};
use core::time::Duration;
use figure2::codec::Frame;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

/// As many bytes must be accepted within `write_timeout`; what is small is gathered up to here.
const PIECE: usize = 64 << 10;

/// What is longer is written where it lies, and not copied.
const SMALL: usize = 16 << 10;

/// Reads frames.
pub(crate) struct Reader {
    stream: ReadHalf<BoxStream>,
    codec: LengthDelimitedCodec,
    buffer: BytesMut,
    limit: usize,
    idle: Duration,
}

/// Writes frames.
pub(crate) struct Writer {
    stream: WriteHalf<BoxStream>,
    buffer: BytesMut,
    within: Duration,
}

/// A connection's two directions. Frames may have `limit` bytes.
pub(crate) fn frames(stream: BoxStream, limit: usize, limits: &Limits) -> (Reader, Writer) {
    let (read, write) = split(stream);
    let codec = LengthDelimitedCodec::builder().max_frame_length(limit).new_codec();
    let idle = limits.idle_timeout;
    let reader = Reader { stream: read, codec, buffer: BytesMut::new(), limit, idle };
    (reader, Writer { stream: write, buffer: BytesMut::new(), within: limits.write_timeout })
}

impl Reader {
    /// From now on frames may have so many bytes.
    pub(crate) fn allow(&mut self, limit: usize) {
        self.limit = limit;
        self.codec.set_max_frame_length(limit);
    }

    /// The next frame. Dropped before it is done, it has lost nothing.
    pub(crate) async fn next(&mut self) -> Result<Bytes, Reason> {
        loop {
            match self.codec.decode(&mut self.buffer) {
                Ok(Some(frame)) => return Ok(frame.freeze()),
                Ok(None) => {}
                Err(_) => return Err(Reason::FrameTooLong(self.limit)),
            }
            // The codec has made room for the rest of a frame whose length it knows.
            if self.buffer.capacity() - self.buffer.len() < SMALL / 2 {
                self.buffer.reserve(SMALL);
            }
            match timeout(self.idle, self.stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err(Reason::Closed),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err(Reason::Silent(self.idle)),
            }
        }
    }
}

impl Writer {
    /// Writes frames, and sees them off.
    pub(crate) async fn send(&mut self, frames: &[Frame]) -> Result<(), Reason> {
        for frame in frames {
            self.put_length(frame.len())?;
            for chunk in frame.chunks() {
                self.put(chunk).await?;
            }
        }
        self.finish().await
    }

    /// Writes one frame of two pieces.
    pub(crate) async fn send_pieces(&mut self, head: &[u8], rest: &[u8]) -> Result<(), Reason> {
        self.put_length(head.len() + rest.len())?;
        self.put(head).await?;
        self.put(rest).await?;
        self.finish().await
    }

    fn put_length(&mut self, length: usize) -> Result<(), Reason> {
        let length = u32::try_from(length).map_err(|_| Reason::FrameTooLong(u32::MAX as usize))?;
        self.buffer.extend_from_slice(&length.to_be_bytes());
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        if bytes.len() <= SMALL {
            self.buffer.extend_from_slice(bytes);
            return if self.buffer.len() >= PIECE { self.drain().await } else { Ok(()) };
        }
        self.drain().await?;
        for piece in bytes.chunks(PIECE) {
            within(self.within, self.stream.write_all(piece)).await?;
        }
        Ok(())
    }

    async fn drain(&mut self) -> Result<(), Reason> {
        within(self.within, self.stream.write_all(&self.buffer)).await?;
        self.buffer.clear();
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Reason> {
        self.drain().await?;
        within(self.within, self.stream.flush()).await
    }

    /// Says, within the time that a write has, that no more will come. TLS says so, too: the other side can tell it from a
    /// connection that broke.
    pub(crate) async fn close(mut self) {
        let _ = timeout(self.within, self.stream.shutdown()).await;
    }
}

async fn within(time: Duration, write: impl Future<Output = io::Result<()>>) -> Result<(), Reason> {
    match timeout(time, write).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(Reason::SlowReader(time)),
    }
}
