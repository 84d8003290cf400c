//! The service side: what the tester does with what a server applies.

use super::cluster::{Applying, Cluster, State};
use super::failure::{Failure, show};
use super::snapshot;
use crate::raft::Raft;
use bytes::Bytes;
use figure2::{ApplyMsg, Index, SnapshotData, Term};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// The service takes a snapshot after each index whose successor is a multiple of this.
pub const SNAPSHOT_INTERVAL: u64 = 10;

/// One server's service. Ends when the server, killed, closes the channel.
pub(super) struct Applier {
    pub(super) cluster: Cluster,
    pub(super) server: usize,
    /// Which start of the server this service belongs to.
    pub(super) generation: u32,
    pub(super) raft: Raft,
    /// What the 2021 edition's service remembers itself; the later editions' tester keeps it, across restarts.
    pub(super) last_applied: Index,
}

impl Applier {
    /// Applies until the channel ends. After a failure it keeps reading, so that the server never waits in vain.
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<ApplyMsg>) {
        while let Some(message) = messages.recv().await {
            if let Err(failure) = self.take(message).await {
                self.cluster.fail(failure);
            }
        }
    }

    async fn take(&mut self, message: ApplyMsg) -> Result<(), Failure> {
        self.trace(&message);
        match (self.cluster.applying(), message) {
            (Applying::Plain, ApplyMsg::Command { index, command, .. }) => {
                self.record(index, command).await.map(|_| ())
            }
            (Applying::Plain, ApplyMsg::Snapshot { index, .. }) => {
                Err(self.bad_snapshot(index, "nobody took a snapshot in this test"))
            }
            (Applying::Conditional, ApplyMsg::Command { index, command, .. }) => {
                self.apply_in_2021(index, command).await
            }
            (Applying::Conditional, ApplyMsg::Snapshot { index, term, data }) => {
                let data = self.read(index, &data)?;
                self.offer_in_2021(index, term, data).await
            }
            (Applying::Automatic, ApplyMsg::Command { index, command, .. }) => {
                self.apply_strictly(index, command).await
            }
            (Applying::Automatic, ApplyMsg::Snapshot { index, data, .. }) => {
                let data = self.read(index, &data)?;
                self.switch(index, data).await
            }
        }
    }

    fn read(&self, index: Index, data: &SnapshotData) -> Result<Bytes, Failure> {
        data.to_bytes().map_err(|error| self.bad_snapshot(index, format!("it cannot be read: {error}")))
    }

    /// Records an applied command; false when this service's server is no longer the one that runs.
    async fn record(&self, index: Index, command: Bytes) -> Result<bool, Failure> {
        let mut state = self.cluster.lock().await;
        if !self.is_current(&state) {
            // What a killed server still delivers was committed all the same, so it must agree with the others.
            state.logs.compare(self.server, index, &command)?;
            return Ok(false);
        }
        state.logs.apply(self.server, index, command)?;
        Ok(true)
    }

    /// 2021: what is covered already is silently ignored; the snapshot is the command, taken on the task that reads
    /// the channel, so a server that waits for the channel in `snapshot` waits for ever.
    async fn apply_in_2021(&mut self, index: Index, command: Bytes) -> Result<(), Failure> {
        if index <= self.last_applied {
            return Ok(());
        }
        if !self.record(index, command.clone()).await? {
            return Ok(());
        }
        self.last_applied = index;
        if index.next().0.is_multiple_of(SNAPSHOT_INTERVAL) {
            self.raft.snapshot(index, command);
        }
        Ok(())
    }

    /// 2021: asks the server whether to switch *while holding the tester's lock*: a server that waits for its
    /// service, or holds its own lock while it delivers, waits for ever.
    async fn offer_in_2021(&mut self, index: Index, term: Term, data: Bytes) -> Result<(), Failure> {
        let mut state = self.cluster.lock().await;
        if !self.raft.cond_install_snapshot(term, index, data.clone()).await || !self.is_current(&state) {
            return Ok(());
        }
        if index <= self.last_applied {
            return Err(self.bad_snapshot(index, format!("{} is applied already", self.last_applied)));
        }
        state.logs.replace(self.server, BTreeMap::from([(index, data)]))?;
        self.last_applied = index;
        Ok(())
    }

    /// Later editions: an index must be exactly the last applied one + 1; a snapshot holds all commands.
    async fn apply_strictly(&mut self, index: Index, command: Bytes) -> Result<(), Failure> {
        let data = {
            let mut state = self.cluster.lock().await;
            if !self.is_current(&state) {
                return state.logs.compare(self.server, index, &command);
            }
            let expected = state.members[self.server].last_applied.next();
            if index != expected {
                return Err(Failure::ApplyOutOfOrder { server: self.server, index, expected });
            }
            state.logs.apply(self.server, index, command)?;
            state.members[self.server].last_applied = index;
            if !index.next().0.is_multiple_of(SNAPSHOT_INTERVAL) {
                return Ok(());
            }
            snapshot::encode(index, state.logs.of(self.server))
        };
        let data = data.ok_or_else(|| self.bad_snapshot(index, "the log has a gap"))?;
        self.raft.snapshot(index, data);
        Ok(())
    }

    /// Later editions: Raft has switched already, and so must the service.
    async fn switch(&mut self, index: Index, data: Bytes) -> Result<(), Failure> {
        let mut state = self.cluster.lock().await;
        if !self.is_current(&state) {
            return Ok(());
        }
        let applied = state.members[self.server].last_applied;
        if index <= applied {
            return Err(self.bad_snapshot(index, format!("{applied} is applied already")));
        }
        load(&mut state, self.server, &data, Some(index))
    }

    fn is_current(&self, state: &State) -> bool {
        let member = &state.members[self.server];
        member.raft.is_some() && member.generation == self.generation
    }

    fn bad_snapshot(&self, index: Index, reason: impl Into<String>) -> Failure {
        Failure::BadSnapshot { server: self.server, index, reason: reason.into() }
    }

    fn trace(&self, message: &ApplyMsg) {
        let server = self.server;
        match message {
            ApplyMsg::Command { index, term, command } => self
                .cluster
                .record(format_args!("S{server} delivers index {index}, term {term}: {}", show(command))),
            ApplyMsg::Snapshot { index, term, data } => self.cluster.record(format_args!(
                "S{server} delivers the snapshot at index {index}, term {term}: {} bytes",
                data.len()
            )),
        }
    }
}

/// Later editions: the service takes over a snapshot, delivered or (with no `expected` index) found at its start.
pub(super) fn load(
    state: &mut State,
    server: usize,
    data: &Bytes,
    expected: Option<Index>,
) -> Result<(), Failure> {
    let bad = |index, reason: &str| Failure::BadSnapshot { server, index, reason: reason.into() };
    let Some((index, log)) = snapshot::decode(data.clone()) else {
        return Err(bad(expected.unwrap_or(Index::ZERO), "it is not what a service wrote"));
    };
    if expected.is_some_and(|expected| expected != index) {
        return Err(bad(index, "it was delivered under another index"));
    }
    state.logs.replace(server, log)?;
    state.members[server].last_applied = index;
    Ok(())
}

#[cfg(test)]
mod tests;
