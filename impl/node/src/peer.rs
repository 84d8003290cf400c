//! How messages leave: the transport is the caller's. How they come in is [`Raft::handle`](crate::Raft::handle).

use crate::codec::{FIRST_VERSION, Frame};

/// The way to one peer: a node has one for each other server of its cluster.
pub trait Peer: Send + Sync + 'static {
    /// Sends an encoded message, a request or a reply, to this peer: there it goes to [`Raft::handle`](crate::Raft::handle).
    /// Must not block. Messages may be lost, delayed, repeated or reordered: no reply is paired with its request.
    fn send(&self, frame: Frame);

    /// The version of the messages to this peer: what both servers' [hello](crate::codec::Hello) agreed on; as long as
    /// nothing is agreed on, the first one, which every build knows. A message that the version does not have is not sent.
    fn version(&self) -> u8 {
        FIRST_VERSION
    }
}
