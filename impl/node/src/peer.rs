//! How requests leave and replies come in: the transport is the caller's.

use crate::raft::Raft;
use bytes::Bytes;

/// The way to one peer. A node is made with one per server of the cluster, its own place included (and unused).
pub trait Peer: Send + Sync + 'static {
    /// Sends an encoded request to this peer: there it goes to [`Raft::call`], and what that returns, if it arrives,
    /// is handed to `replies`. Must not block. Requests and replies may be lost, delayed, repeated or reordered.
    fn send(&self, request: Bytes, replies: &Replies);
}

/// Takes the replies to a node's requests.
#[derive(Clone)]
pub struct Replies {
    pub(crate) raft: Raft,
}

impl Replies {
    /// Takes in an encoded reply. Does nothing once the node is killed; bytes that are no reply are logged and
    /// dropped.
    pub fn deliver(&self, reply: &[u8]) {
        self.raft.deliver(reply);
    }
}
