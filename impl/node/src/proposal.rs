//! What a node gives to whoever waits: for the outcome of a command, and for changes of the status.

use crate::timer::Deadlines;
use crate::{Position, ProposalOutcome, Status};
use core::future::{Future, IntoFuture};
use core::pin::Pin;
use core::task::{Context, Poll};
use figure2_core::{Index, Term};
use figure2_engine::{AwaitOutcome, Monitor, Watch};
use std::sync::Arc;

/// A command that a leader has taken: the answer of [`Raft::propose`](crate::Raft::propose). Awaited, it tells what became of the command.
#[derive(Clone)]
pub struct Proposal {
    /// Where the command will stand if it is ever committed.
    pub index: Index,
    /// The leader's term. If an entry of another term is applied at that index, the command is lost.
    pub term: Term,
    pub(crate) monitor: Arc<Monitor<Deadlines>>,
}

impl Proposal {
    /// Waits until this server's service has an entry at that index, or the server has stopped. A leader that was deposed
    /// may wait for long: whoever cannot, sets a limit. A command is never taken for another at the same index.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// use figure2::ProposalOutcome;
    /// use std::time::Duration;
    ///
    /// let proposal = raft.propose("set x 1".into())?;
    /// match tokio::time::timeout(Duration::from_secs(5), proposal.outcome()).await {
    ///     Ok(ProposalOutcome::Applied) => println!("the service has it"),
    ///     Ok(ProposalOutcome::Lost) => println!("propose it again"),
    ///     Ok(ProposalOutcome::Unknown) | Err(_) => println!("ask the service"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn outcome(&self) -> ProposalOutcome {
        let Proposal { index, term, .. } = *self;
        self.monitor.outcome(Position { index, term }).await
    }
}

impl IntoFuture for Proposal {
    type Output = ProposalOutcome;
    type IntoFuture = ProposalFuture;

    fn into_future(self) -> ProposalFuture {
        let Proposal { index, term, monitor } = self;
        ProposalFuture(monitor.outcome(Position { index, term }))
    }
}

impl core::fmt::Debug for Proposal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Proposal")
            .field("index", &self.index)
            .field("term", &self.term)
            .finish_non_exhaustive()
    }
}

/// The future of a [`Proposal`]: as [`Proposal::outcome`].
#[must_use = "futures do nothing unless awaited"]
pub struct ProposalFuture(AwaitOutcome<Deadlines>);

impl Future for ProposalFuture {
    type Output = ProposalOutcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ProposalOutcome> {
        Pin::new(&mut self.0).poll(context)
    }
}

/// Sees the changes of a server's status: see [`Raft::watch`](crate::Raft::watch).
pub struct StatusWatch(pub(crate) Watch<Deadlines>);

impl StatusWatch {
    /// The status that was seen last; at first that of the moment in which the watch began.
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// Waits until the status is another than the one seen last, and returns it: what comes and goes in between is not
    /// seen. None when the server has stopped, and its last status was seen.
    pub async fn changed(&mut self) -> Option<Status> {
        self.0.changed().await
    }
}
