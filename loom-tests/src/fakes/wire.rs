//! The way to the peers.

use super::{Disk, Monitor};
use crate::setup::{S1, append_succeeded};
use figure2_core::Message;
use figure2_engine::{Envelope, Link};
use std::sync::Arc;

/// The way to the peers: S1 answers, within the call that sends, that it has what it was sent.
pub struct Wire {
    pub monitor: Arc<Monitor>,
    pub disk: Disk,
    /// What was sent. (Only the sender changes it: nothing to explore.)
    pub sent: Arc<std::sync::Mutex<Sent>>,
}

/// What each server was sent.
#[derive(Clone, Copy, Default)]
pub struct Sent {
    /// The last index.
    pub last: [u64; 3],
    /// The highest commit_index.
    pub committed: [u64; 3],
    /// How often it was asked for a vote.
    pub votes: [u64; 3],
    /// How often it was granted one.
    pub granted: [u64; 3],
    /// How many replies.
    pub replies: [u64; 3],
}

impl Link for Wire {
    fn send(&self, envelope: Envelope) {
        self.disk.assert_holds(&envelope);
        let to = usize::from(envelope.to.0);
        let last = {
            let Ok(mut sent) = self.sent.lock() else { return };
            match &envelope.message {
                Message::AppendEntries(message) => {
                    let last = sent.last[to];
                    assert!(message.prev_log_index.0 == last, "sent in another order than that of the lock");
                    sent.last[to] = last + message.entries.len() as u64;
                    sent.committed[to] = sent.committed[to].max(message.leader_commit.0);
                }
                Message::RequestVote(_) => sent.votes[to] += 1,
                Message::RequestVoteReply(reply) => sent.granted[to] += u64::from(reply.vote_granted),
                _ => {}
            }
            sent.replies[to] += u64::from(!envelope.message.is_request());
            sent.last[to]
        };
        if envelope.to == S1 && matches!(envelope.message, Message::AppendEntries(_)) {
            self.disk.was_sent(last);
            // The node may have stopped meanwhile.
            let _ = self.monitor.receive(append_succeeded(S1, last));
        }
    }
}
