//! An encoded message.

use bytes::Bytes;

/// An encoded message: a small head, and the commands or the snapshot that follow it. These are the very bytes that the log
/// holds: they are shared by all peers, not copied.
///
/// A transport that can write several pieces at once sends [`chunks`](Self::chunks); any other one sends
/// [`into_bytes`](Self::into_bytes). Where it arrives it is one piece, which a [`Frame`] can be made from: the commands then
/// are parts of it, and are not copied either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub(super) head: Bytes,
    pub(super) payload: Vec<Bytes>,
}

impl Frame {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.payload.iter().map(Bytes::len).fold(self.head.len(), usize::saturating_add)
    }

    /// Whether it has no bytes at all: then it is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its pieces, to be sent one after the other.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        core::iter::once(&self.head).chain(&self.payload)
    }

    /// All of it in one piece. Copies, unless it is one piece already.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.payload.is_empty() {
            return self.head;
        }
        let mut bytes = Vec::with_capacity(self.len());
        self.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
        bytes.into()
    }
}

impl From<Bytes> for Frame {
    fn from(head: Bytes) -> Frame {
        Frame { head, payload: Vec::new() }
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Frame {
        Frame::from(Bytes::from(bytes))
    }
}

/// Shares the bytes.
impl From<&Bytes> for Frame {
    fn from(bytes: &Bytes) -> Frame {
        Frame::from(bytes.clone())
    }
}

/// Shares the bytes.
impl From<&Frame> for Frame {
    fn from(frame: &Frame) -> Frame {
        frame.clone()
    }
}

/// Copies the bytes.
impl From<&[u8]> for Frame {
    fn from(bytes: &[u8]) -> Frame {
        Frame::from(Bytes::copy_from_slice(bytes))
    }
}
