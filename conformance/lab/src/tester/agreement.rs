//! Whether commands are agreed on: how many servers applied them, and waiting until enough have.

use super::cluster::Cluster;
use super::failure::Failure;
use bytes::Bytes;
use figure2::{Index, Term};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long [`Cluster::one`] tries in all.
const ONE_BUDGET: Duration = Duration::from_secs(10);
/// How long it waits for a command that a leader took.
const ONE_PATIENCE: Duration = Duration::from_secs(2);
/// [`Cluster::wait`] polls this often, at first after `WAIT_FIRST`, then doubling while below `WAIT_DOUBLING`.
const WAIT_POLLS: usize = 30;
const WAIT_FIRST: Duration = Duration::from_millis(10);
const WAIT_DOUBLING: Duration = Duration::from_secs(1);

/// What [`Cluster::wait`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Enough servers applied this command.
    Applied(Bytes),
    /// A server moved on to a later term: the command may never be applied at that index.
    TermPassed,
}

impl Cluster {
    /// How many servers applied the index, and what; servers that are down or cut off count too.
    ///
    /// # Errors
    /// [`Failure::ApplyMismatch`].
    pub async fn committed(&self, index: Index) -> Result<(usize, Option<Bytes>), Failure> {
        self.lock().await.logs.committed(index)
    }

    /// Checks that nothing is applied at `index`; `when` says why nothing must be.
    ///
    /// # Errors
    /// [`Failure::PrematureCommit`].
    pub async fn none_committed(&self, index: Index, when: &'static str) -> Result<(), Failure> {
        match self.committed(index).await? {
            (0, _) => Ok(()),
            (applied, _) => Err(Failure::PrematureCommit { index, applied, when }),
        }
    }

    /// Waits until `servers` have applied the index. Gives up when a server's term passes `term`.
    ///
    /// # Errors
    /// [`Failure::TooFewApplied`].
    pub async fn wait(&self, index: Index, servers: usize, term: Option<Term>) -> Result<Waited, Failure> {
        let mut pause = WAIT_FIRST;
        for _ in 0..WAIT_POLLS {
            if self.committed(index).await?.0 >= servers {
                break;
            }
            sleep(pause).await;
            if pause < WAIT_DOUBLING {
                pause *= 2;
            }
            if let Some(term) = term
                && self.claims().await.iter().any(|claim| claim.term > term)
            {
                return Ok(Waited::TermPassed);
            }
        }
        match self.committed(index).await? {
            (applied, Some(command)) if applied >= servers => Ok(Waited::Applied(command)),
            (applied, _) => Err(Failure::TooFewApplied { index, applied, wanted: servers }),
        }
    }

    /// As [`wait`](Self::wait) without a term; the command.
    ///
    /// # Errors
    /// [`Failure::TooFewApplied`].
    pub async fn wait_for(&self, index: Index, servers: usize) -> Result<Bytes, Failure> {
        match self.wait(index, servers, None).await? {
            Waited::Applied(command) => Ok(command),
            Waited::TermPassed => Err(Failure::TooFewApplied { index, applied: 0, wanted: servers }),
        }
    }

    /// Reaches agreement on a command: submits it to whichever connected server takes it, and waits until at least
    /// `servers` applied that very command at the index the leader promised. With `retry` it is submitted again when
    /// that does not happen within 2 s: a leader may fail, or lose its leadership, before it has replicated it.
    ///
    /// # Errors
    /// [`Failure::NoAgreement`] after 10 s, or without `retry` after the first 2 s that were in vain.
    pub async fn one(
        &self,
        command: impl Into<Bytes>,
        servers: usize,
        retry: bool,
    ) -> Result<Index, Failure> {
        let command = command.into();
        let started = Instant::now();
        let mut at = 0;
        while started.elapsed() < ONE_BUDGET {
            let Some(index) = self.submit_to_any(&command, &mut at).await else {
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let promised = Instant::now();
            while promised.elapsed() < ONE_PATIENCE {
                let (applied, found) = self.committed(index).await?;
                if applied >= servers.max(1) && found.as_ref() == Some(&command) {
                    return Ok(index);
                }
                sleep(Duration::from_millis(20)).await;
            }
            if !retry {
                break;
            }
        }
        Err(Failure::NoAgreement { command, expected: servers, retry })
    }

    /// Submits the command to the connected servers in turn, from the one after `at`, until one takes it.
    async fn submit_to_any(&self, command: &Bytes, at: &mut usize) -> Option<Index> {
        for _ in 0..self.servers() {
            *at = (*at + 1) % self.servers();
            if !self.is_connected(*at).await {
                continue;
            }
            let Some(raft) = self.raft(*at).await else { continue };
            let started = raft.start(command.clone());
            if started.is_leader {
                return Some(started.index);
            }
        }
        None
    }
}
