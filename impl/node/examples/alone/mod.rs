// A cluster of one server, for the examples in the documentation.

use figure2::codec::Frame;
use figure2::{ApplyMsg, MakeError, Options, Peer, Persister, Raft};
use tokio::sync::mpsc;

/// The way to nobody: the server has no peers.
pub struct Nowhere;

impl Peer for Nowhere {
    fn send(&self, _frame: Frame) {}
}

/// Starts the server and waits until it leads; what it commits comes out of the channel.
pub async fn leader() -> Result<(Raft, mpsc::Receiver<ApplyMsg>), MakeError> {
    let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
    let nobody = std::iter::empty::<(u64, Nowhere)>();
    let raft = Raft::new(1, nobody, Persister::new(), apply, Options::default()).await?;
    let mut status = raft.watch();
    while !raft.term_and_leadership().1 {
        status.changed().await;
    }
    Ok((raft, applied))
}
