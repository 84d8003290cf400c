//! How messages leave: the transport is the caller's. How they come in is [`Raft::handle`](crate::Raft::handle).

use crate::Snapshot;
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

    /// Sends a snapshot as a stream, so that it is never in memory as a whole: `message` is the encoded InstallSnapshot
    /// without the snapshot's data, which is to be read from `snapshot` and follows it. Where both have arrived, they go to
    /// [`Raft::handle_snapshot`](crate::Raft::handle_snapshot). Must not block, so it must not read the data either.
    ///
    /// A leader that hears nothing of a snapshot sends it again after
    /// [`snapshot_patience`](crate::Options::snapshot_patience), perhaps in a later term: whoever is still streaming it goes
    /// on, and uses the later message.
    ///
    /// False: this transport does not stream. The node then reads the data into memory, and [sends](Self::send) one frame.
    fn send_snapshot(&self, message: Frame, snapshot: &Snapshot) -> bool {
        let _ = (message, snapshot);
        false
    }
}
