//! A connection's bytes: counted until its hello is accepted, and read in larger pieces from then on.

use crate::reason::Reason;
use core::ops::Range;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection is, below and above TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

pub(crate) type BoxStream = Box<dyn Stream>;

/// How many more bytes may arrive.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    left: Arc<AtomicU64>,
    /// What was given at first, for the reason.
    most: u64,
}

impl Allowance {
    pub(crate) fn new(most: u64) -> Allowance {
        Allowance { left: Arc::new(AtomicU64::new(most)), most }
    }

    /// The hello is accepted: frames have caps of their own from here on.
    pub(crate) fn lift(&self) {
        self.left.store(u64::MAX, Ordering::Relaxed);
    }
}

/// As many bytes are read ahead at once, once the hello is accepted.
const AHEAD: usize = 32 << 10;

/// A stream from which no more can be read than it is allowed. It lies below TLS, so what TLS reads counts.
///
/// TLS reads 4 KiB at a time, each with a call of the system. Once all may be read, this reads more at once, and TLS has it
/// from here. Before, it does not: bytes that TLS has not asked for must not count.
pub(crate) struct Limited {
    stream: BoxStream,
    allowance: Allowance,
    /// Made when it is first needed. The bytes of `unread` were read ahead.
    ahead: Vec<u8>,
    unread: Range<usize>,
}

impl Limited {
    pub(crate) fn new(stream: BoxStream, allowance: Allowance) -> Limited {
        Limited { stream, allowance, ahead: Vec::new(), unread: 0..0 }
    }

    /// Hands over what was read ahead; false if there is nothing.
    fn take(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let Some(left) = self.ahead.get(self.unread.clone()).filter(|left| !left.is_empty()) else {
            return false;
        };
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(left.get(..count).unwrap_or_default());
        self.unread.start += count;
        true
    }

    /// Reads ahead; nothing is left of what was read before.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ahead.resize(AHEAD, 0);
        let mut piece = ReadBuf::new(&mut self.ahead);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        self.unread = 0..piece.filled().len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.take(buffer) {
            return Poll::Ready(Ok(()));
        }
        let left = self.allowance.left.load(Ordering::Relaxed);
        if left == u64::MAX {
            if buffer.remaining() >= AHEAD {
                return Pin::new(&mut self.stream).poll_read(cx, buffer);
            }
            ready!(self.poll_ahead(cx))?;
            self.take(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = (buffer.filled().len() - before) as u64;
        if read > left {
            return Poll::Ready(Err(Reason::TooMuchBeforeHello(self.allowance.most).into()));
        }
        self.allowance.left.store(left - read, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    /// TLS hands over several records at once: they are written with one call of the system.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test fails by panicking

    use super::*;
    use std::sync::Mutex;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// What the system was asked for: bytes that a read had room for, pieces of a write.
    type Calls = Arc<Mutex<Vec<usize>>>;

    /// Has bytes to be read, and forgets what is written.
    struct Counted {
        bytes: Vec<u8>,
        calls: Calls,
    }

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.calls.lock().unwrap().push(buffer.remaining());
            let count = buffer.remaining().min(self.bytes.len());
            buffer.put_slice(&self.bytes.drain(..count).collect::<Vec<_>>());
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.calls.lock().unwrap().push(1);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.calls.lock().unwrap().push(pieces.len());
            Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn limited(bytes: Vec<u8>, most: u64) -> (Limited, Allowance, Calls) {
        let (calls, allowance) = (Calls::default(), Allowance::new(most));
        let stream = Box::new(Counted { bytes, calls: calls.clone() });
        (Limited::new(stream, allowance.clone()), allowance, calls)
    }

    #[tokio::test]
    async fn before_the_hello_no_more_is_read_than_is_asked_for_and_after_it_much_at_once() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        let (mut stream, allowance, calls) = limited(bytes.clone(), 8);
        let mut read = vec![0; 8];
        stream.read_exact(&mut read).await.unwrap();
        assert_eq!(*calls.lock().unwrap(), [8]);
        allowance.lift();
        calls.lock().unwrap().clear();
        // As TLS reads; and the end is seen.
        let mut piece = [0; 4096];
        loop {
            match stream.read(&mut piece).await.unwrap() {
                0 => break,
                count => read.extend_from_slice(&piece[..count]),
            }
        }
        assert_eq!(read, bytes);
        assert_eq!(*calls.lock().unwrap(), [AHEAD; 5], "four with bytes, and the end");
    }

    #[tokio::test]
    async fn what_was_read_ahead_comes_before_what_a_large_buffer_reads() {
        let bytes: Vec<u8> = (0..80_000_u32).map(|number| (number % 251) as u8).collect();
        let (mut stream, allowance, _) = limited(bytes.clone(), 8);
        allowance.lift();
        let mut read = vec![0; 80_000];
        stream.read_exact(&mut read[..10]).await.unwrap();
        stream.read_exact(&mut read[10..]).await.unwrap();
        assert_eq!(read, bytes);
    }

    #[tokio::test]
    async fn more_than_is_allowed_is_refused() {
        let (mut stream, _, _) = limited(vec![1; 100], 8);
        let error = stream.read(&mut [0; 9]).await.unwrap_err();
        assert!(matches!(Reason::from(error), Reason::TooMuchBeforeHello(8)));
    }

    #[tokio::test]
    async fn pieces_are_written_with_one_call() {
        let (mut stream, _, calls) = limited(Vec::new(), 8);
        assert!(stream.is_write_vectored());
        let pieces = [IoSlice::new(b"one"), IoSlice::new(b"two")];
        assert_eq!(stream.write_vectored(&pieces).await.unwrap(), 6);
        assert_eq!(*calls.lock().unwrap(), [2]);
    }
}
