//! A transport within a process, for the examples. `transport.rs` shows one over TCP.

use figure2::codec::Frame;
use figure2::{Peer, Raft, Replies};
use std::sync::{Arc, Mutex, PoisonError};

/// The way to a server of the same process, while it runs. A real one sends the request over a network, and the reply back.
#[derive(Clone, Default)]
pub struct Link(Arc<Mutex<Option<Raft>>>);

impl Link {
    /// From now on requests go to this server, or nowhere.
    pub fn connect(&self, raft: Option<Raft>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = raft;
    }

    fn target(&self) -> Option<Raft> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Peer for Link {
    fn send(&self, request: Frame, replies: &Replies) {
        let (target, replies) = (self.target(), replies.clone());
        tokio::spawn(async move {
            if let Some(raft) = target
                && let Some(reply) = raft.call(request).await
            {
                replies.deliver(reply);
            }
        });
    }
}

/// The ways from a server to all others, by their ids.
pub fn others(links: &[Link], me: u64) -> impl Iterator<Item = (u64, Link)> {
    (0..).zip(links.iter().cloned()).filter(move |(id, _)| *id != me)
}
