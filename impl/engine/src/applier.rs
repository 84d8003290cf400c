//! The applier: the only task that hands entries and snapshots to the service. It holds no lock meanwhile, because
//! the service may be slow and may call the node.

use crate::{Apply, Monitor, Snapshot, Timers};
use crate::{ApplyMsg, Failure, Install};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use figure2_core::Index;

/// The way to the service.
pub trait Service: Send {
    /// Hands over a message; waits while the service is busy. False when the service is gone.
    fn deliver(&mut self, message: ApplyMsg) -> impl Future<Output = bool> + Send;

    /// Whether entries are handed over many at a time: that costs less, and the service is seen to have the first of them no
    /// sooner than the last.
    fn takes_batches(&self) -> bool {
        false
    }

    /// Hands over several messages at once, in their order; waits while the service is busy. False when the service is gone.
    fn deliver_batch(&mut self, messages: Vec<ApplyMsg>) -> impl Future<Output = bool> + Send {
        async move {
            for message in messages {
                if !self.deliver(message).await {
                    return false;
                }
            }
            true
        }
    }
}

/// How a delivery ended without the message being delivered.
pub enum Undelivered {
    /// The service is gone.
    ServiceGone,
    /// The node stopped.
    Stopped,
}

/// Hands over what is committed, in order, until the node stops.
pub async fn run<T: Timers>(monitor: &Monitor<T>, install: Install, mut service: impl Service) {
    let _stop_at_end = monitor.stop_at_end();
    while !monitor.is_stopped() {
        let mut next = monitor.next_apply(install);
        while let Some(apply) = next {
            next = match deliver_all(monitor, install, &mut service, apply).await {
                Ok(Some(last)) => monitor.applied_then_next(last, install),
                Ok(None) => monitor.next_apply(install),
                Err(Undelivered::ServiceGone) => return monitor.fail(Failure::ServiceGone),
                Err(Undelivered::Stopped) => return,
            };
        }
        monitor.applier.wait().await;
    }
}

/// Hands over one thing that is due: entries, or a snapshot.
///
/// # Errors
/// When it was not delivered.
pub async fn hand_over<T: Timers>(
    monitor: &Monitor<T>,
    install: Install,
    service: &mut impl Service,
    apply: Apply,
) -> Result<(), Undelivered> {
    if let Some(last) = deliver_all(monitor, install, service, apply).await? {
        monitor.applied(last);
    }
    Ok(())
}

/// Delivers one thing that is due. If it is entries, the index of the last one, which is still to be told to the monitor: not
/// before the service has them, so that last_applied never runs ahead of it.
async fn deliver_all<T: Timers>(
    monitor: &Monitor<T>,
    install: Install,
    service: &mut impl Service,
    apply: Apply,
) -> Result<Option<Index>, Undelivered> {
    match (apply, install) {
        (Apply::Entries { first_index, entries }, _) => {
            let mut index = first_index.prev();
            let mut messages = entries.into_iter().map(|entry| {
                index = index.next();
                ApplyMsg::Command { index, term: entry.term, command: entry.command }
            });
            if service.takes_batches() {
                deliver_batch(monitor, service, messages.by_ref().collect()).await?;
            } else {
                for message in messages {
                    deliver(monitor, service, message).await?;
                }
            }
            Ok(Some(index))
        }
        (Apply::Snapshot(snapshot), Install::Conditional) => {
            deliver(monitor, service, snapshot_message(snapshot)).await.map(|()| None)
        }
        (Apply::Snapshot(snapshot), Install::Automatic) => match monitor.install(snapshot.clone()).await {
            Some(true) => deliver(monitor, service, snapshot_message(snapshot)).await.map(|()| None),
            Some(false) => Ok(None),
            None => Err(Undelivered::Stopped),
        },
    }
}

fn snapshot_message(snapshot: Snapshot) -> ApplyMsg {
    let Snapshot { last_included_index: index, last_included_term: term, data } = snapshot;
    ApplyMsg::Snapshot { index, term, data }
}

/// Waits for the service or for the stop, whichever comes first; after the stop nothing is delivered.
async fn deliver<T: Timers>(
    monitor: &Monitor<T>,
    service: &mut impl Service,
    message: ApplyMsg,
) -> Result<(), Undelivered> {
    tell(monitor, core::slice::from_ref(&message));
    unless_stopped(monitor, service.deliver(message)).await
}

async fn deliver_batch<T: Timers>(
    monitor: &Monitor<T>,
    service: &mut impl Service,
    messages: Vec<ApplyMsg>,
) -> Result<(), Undelivered> {
    tell(monitor, &messages);
    unless_stopped(monitor, service.deliver_batch(messages)).await
}

/// Tells what is handed over. Before it is: in a recording, nothing follows from what was not delivered.
fn tell<T: Timers>(monitor: &Monitor<T>, messages: &[ApplyMsg]) {
    if let Some(recorded) = monitor.recorded.filter(|_| !monitor.is_stopped()) {
        messages.iter().for_each(|message| recorded.deliver(message));
    }
}

/// Waits for the end of a delivery, or of the node.
async fn unless_stopped<T: Timers>(
    monitor: &Monitor<T>,
    delivery: impl Future<Output = bool>,
) -> Result<(), Undelivered> {
    let mut stopped = pin!(monitor.applier_stop.wait());
    let mut delivered = pin!(delivery);
    poll_fn(|cx| {
        if monitor.is_stopped() {
            return Poll::Ready(Err(Undelivered::Stopped));
        }
        match delivered.as_mut().poll(cx) {
            Poll::Ready(true) => Poll::Ready(Ok(())),
            Poll::Ready(false) => Poll::Ready(Err(Undelivered::ServiceGone)),
            // Only a service that is busy is waited for: most are not, and cost no wake-up.
            Poll::Pending => stopped.as_mut().poll(cx).map(|()| Err(Undelivered::Stopped)),
        }
    })
    .await
}
