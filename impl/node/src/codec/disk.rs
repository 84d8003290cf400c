//! Version 1 of a persistent state: a struct of its own, apart from the core's types. The snapshot's data is kept beside it.

use super::serial::Payload;
use super::wire::{EntryHead, SnapshotHead, join, split};
use super::{Cluster, CodecError};
use crate::{Command, SnapshotData};
use bytes::Bytes;
use figure2_core::{Log, Persistent, ServerId, Term};
use figure2_engine::Identity;
use serde::{Deserialize, Serialize};

/// Term, vote and log of a server. The commands follow.
#[derive(Serialize, Deserialize)]
pub(super) struct StateHead {
    group: u64,
    server: u64,
    voters: Vec<u64>,
    current_term: u64,
    voted_for: Option<u64>,
    snapshot: Option<SnapshotHead>,
    /// Those after the snapshot.
    entries: Vec<EntryHead>,
}

impl StateHead {
    /// The head of a state, and the commands. None when the vote went to nobody of the cluster.
    pub(super) fn split(
        me: &Identity,
        persistent: &Persistent<Command, SnapshotData>,
    ) -> Option<(StateHead, Vec<Bytes>)> {
        let (log, cluster) = (&persistent.log, &me.cluster);
        let voted_for = match persistent.voted_for {
            None => None,
            Some(server) => Some(cluster.id(server)?),
        };
        let (entries, commands) = split(log.entries());
        let head = StateHead {
            group: cluster.group(),
            server: me.server,
            voters: cluster.voters().to_vec(),
            current_term: persistent.current_term.0,
            voted_for,
            snapshot: log.snapshot().map(|snapshot| SnapshotHead::of(snapshot, cluster)),
            entries,
        };
        Some((head, commands))
    }

    /// Whose state it is, and the state without the snapshot's data.
    pub(super) fn join(
        self,
        payload: &mut Payload,
    ) -> Result<(Identity, Persistent<Command, ()>), CodecError> {
        let cluster = Cluster::new(self.group, &self.voters.iter().copied().collect());
        let place = |id: u64| cluster.place(id).ok_or(CodecError::UnknownServer(id));
        let voted_for: Option<ServerId> = self.voted_for.map(place).transpose()?;
        if let Some(snapshot) = self.snapshot.as_ref().filter(|snapshot| snapshot.voters != cluster.voters())
        {
            let (found, expected) = (snapshot.voters.clone(), cluster.voters().to_vec());
            return Err(CodecError::Configuration { found, expected });
        }
        let snapshot = self.snapshot.map(|snapshot| snapshot.with(()));
        let log = Log::from_parts(snapshot, join(self.entries, payload)?);
        let persistent = Persistent { current_term: Term(self.current_term), voted_for, log };
        Ok((Identity { server: self.server, cluster }, persistent))
    }
}
