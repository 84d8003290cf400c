//! Where writes lag, this keeps what the node has still to do: tell its service that a snapshot is installed, and
//! send messages that the model has sent already but that wait behind the node's current save.

use super::difference::Differing;
use super::journal::Seen;
use figure2::SnapshotData;
use figure2_core::Snapshot;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

type Answer = Pin<Box<dyn Future<Output = Option<bool>> + Send>>;

/// What a node still owes.
#[derive(Default)]
pub struct Pending {
    install: Option<(Answer, Snapshot<SnapshotData>)>,
    /// Sent in the model, and not yet by the node: a network could have delayed them as long.
    unsent: Vec<Seen>,
}

impl Pending {
    /// The service waits to hear whether the snapshot is installed.
    pub fn for_installed(
        &mut self,
        installed: impl Future<Output = Option<bool>> + Send + 'static,
        snapshot: Snapshot<SnapshotData>,
    ) {
        self.install = Some((Box::pin(installed), snapshot));
    }

    /// The snapshot that turned out to be installed.
    pub fn installed(&mut self) -> Option<Snapshot<SnapshotData>> {
        let (installed, _) = self.install.as_mut()?;
        let Poll::Ready(installed) = now(installed) else { return None };
        let (_, snapshot) = self.install.take()?;
        (installed == Some(true)).then_some(snapshot)
    }

    /// Whether the service waits to hear about a snapshot.
    pub fn installs(&self) -> bool {
        self.install.is_some()
    }

    /// Whether the service waits to hear about a snapshot with this content.
    pub fn installs_content(&self, content: &[u8]) -> bool {
        self.install
            .as_ref()
            .is_some_and(|(_, snapshot)| snapshot.data.to_bytes().is_ok_and(|data| data == content))
    }

    /// The node is no more: nobody waits.
    pub fn end(&mut self) {
        self.install = None;
    }

    /// What the node has yet to send, it never will.
    pub fn lose_unsent(&mut self) {
        self.unsent.clear();
    }

    /// What the model says of a step, against what was seen of the node. The node may send later than the model, as
    /// long as its writer has something to do (`is_idle`: it has not), and never what the model has not sent; and what
    /// waits for a write must come after it.
    pub fn compare(&mut self, model: Vec<Seen>, node: Vec<Seen>, is_idle: bool) -> Option<Differing> {
        let told = [self.unsent.clone(), model.clone()].concat();
        let (mut saved, sent): (Vec<Seen>, Vec<Seen>) =
            model.into_iter().partition(|seen| matches!(seen, Seen::Saved(_)));
        let mut after_write = Vec::new();
        if saved.is_empty() {
            self.unsent.extend(sent);
        } else {
            after_write = sent;
        }
        let is_possible = node.iter().all(|seen| {
            let expected = if matches!(seen, Seen::Saved(_)) { &mut saved } else { &mut self.unsent };
            let Some(place) = expected.iter().position(|other| other == seen) else { return false };
            expected.remove(place);
            if saved.is_empty() {
                self.unsent.append(&mut after_write);
            }
            true
        });
        let is_all = saved.is_empty() && (!is_idle || self.unsent.is_empty());
        (!(is_possible && is_all)).then(|| Differing::new("sent and saved", &told, &node))
    }
}

fn now(answer: &mut Answer) -> Poll<Option<bool>> {
    answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}
