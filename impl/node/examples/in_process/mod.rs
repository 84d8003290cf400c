//! A transport within a process, for the examples. `transport.rs` shows one over TCP.

use figure2::codec::Frame;
use figure2::{Peer, Raft};
use std::sync::{Arc, Mutex, PoisonError};

/// The way to a server of the same process, while it runs. A real one sends it over a network.
#[derive(Clone, Default)]
pub struct Link(Arc<Mutex<Option<Raft>>>);

impl Link {
    /// From now on messages go to this server, or nowhere.
    pub fn connect(&self, raft: Option<Raft>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = raft;
    }
}

impl Peer for Link {
    fn send(&self, frame: Frame) {
        let target = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(raft) = target {
            // What it does not take is lost, and sent again where that matters.
            let _ = raft.handle(frame);
        }
    }
}

/// The ways from a server to all others, by their ids.
pub fn others(links: &[Link], me: u64) -> impl Iterator<Item = (u64, Link)> {
    (0..).zip(links.iter().cloned()).filter(move |(id, _)| *id != me)
}
