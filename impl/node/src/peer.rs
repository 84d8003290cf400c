//! How requests leave and replies come in: the transport is the caller's.

use crate::codec::{FIRST_VERSION, Frame};
use crate::raft::Raft;

/// The way to one peer: a node has one for each other server of its cluster.
pub trait Peer: Send + Sync + 'static {
    /// Sends an encoded request to this peer: there it goes to [`Raft::call`], and what that returns, if it arrives,
    /// is handed to `replies`. Must not block. Requests and replies may be lost, delayed, repeated or reordered.
    fn send(&self, request: Frame, replies: &Replies);

    /// The version of the messages to this peer: what both servers' [hello](crate::codec::Hello) agreed on; as long as
    /// nothing is agreed on, the first one, which every build knows. A message that the version does not have is not sent.
    fn version(&self) -> u8 {
        FIRST_VERSION
    }
}

/// Takes the replies to a node's requests.
#[derive(Clone)]
pub struct Replies {
    pub(crate) raft: Raft,
}

impl Replies {
    /// Takes in an encoded reply. Does nothing once the node is killed; bytes that are no reply are logged and
    /// dropped.
    pub fn deliver(&self, reply: impl Into<Frame>) {
        self.raft.deliver(reply.into());
    }
}
