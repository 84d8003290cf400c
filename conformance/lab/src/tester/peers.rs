//! How a node and the simulated network see each other.

use crate::labrpc::{ClientEnd, EndName, Handler, Handling};
use bytes::Bytes;
use figure2::codec::Frame;
use figure2::{Peer, Raft, Replies};

/// A way to another server, as a node sees it.
pub(super) struct LabPeer(pub(super) ClientEnd);

impl Peer for LabPeer {
    fn send(&self, request: Frame, replies: &Replies) {
        let replies = replies.clone();
        self.0.call_in_background(request.into_bytes(), move |reply| replies.deliver(&reply));
    }
}

/// A server, as the network sees it.
pub(super) struct Service(pub(super) Raft);

impl Handler for Service {
    fn handle(&self, request: Bytes) -> Handling {
        let raft = self.0.clone();
        Box::pin(async move { raft.call(&request).await.map(Frame::into_bytes) })
    }
}

/// A server's name on the network.
pub(super) fn id(server: usize) -> u32 {
    u32::try_from(server).unwrap_or(u32::MAX)
}

/// The end on which a server, in its current generation, calls another.
pub(super) fn end_name(from: usize, generation: u32, to: usize) -> EndName {
    EndName { caller: id(from), target: id(to), generation }
}
