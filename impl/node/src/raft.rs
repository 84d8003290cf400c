//! The node.
use crate::error::MakeError;
use crate::peer::Peer;
use crate::status::*;
use crate::storage::Storage;
use crate::{Command, Options, SnapshotData, Failure};
use bytes::Bytes;
use figure2_core::{Index, ServerId, Term};
use tokio::sync::mpsc;

/// A node.
#[derive(Clone)]
pub struct Raft {}

#[allow(unused, missing_docs)]
impl Raft {
    pub fn make<P: Peer>(peers: Vec<P>, me: ServerId, storage: impl Storage, apply: mpsc::Sender<ApplyMsg>, options: Options) -> Result<Raft, MakeError> {
        options.check()?;
        Ok(Raft {})
    }
    pub fn start(&self, command: Command) -> Started { Started { index: Index::ZERO, term: Term::ZERO, is_leader: false } }
    pub fn get_state(&self) -> (Term, bool) { (Term::ZERO, false) }
    pub fn snapshot(&self, index: Index, data: SnapshotData) {}
    pub async fn cond_install_snapshot(&self, last_included_term: Term, last_included_index: Index, data: SnapshotData) -> bool { false }
    pub fn kill(&self) {}
    pub fn is_killed(&self) -> bool { false }
    pub async fn call(&self, request: &[u8]) -> Option<Bytes> { None }
    pub fn status(&self) -> Status { Status { id: ServerId(0), role: RoleName::Follower, term: Term::ZERO, leader: None, commit_index: Index::ZERO, last_applied: Index::ZERO, last_log_index: Index::ZERO, snapshot_index: Index::ZERO } }
    pub fn failure(&self) -> Option<Failure> { None }
    pub(crate) fn deliver(&self, reply: &[u8]) {}
}
