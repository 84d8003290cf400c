//! The writer: sender and syncer in one task, for a storage that does not block.
//!
//! Most such saves end at once and leave nothing to overlap with, and each task more is a wake-up more on the way of every
//! command and every reply. Each turn takes all there is under one lock, sends what may leave, saves what is to be saved,
//! tells the server, and sends what that has released. Where a save does not end at once, it goes on sending meanwhile.

use crate::sender::send_all;
use crate::syncer::{answer_all, save};
use crate::{Durable, Helped, Link, Monitor, Storage, Timers};
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;

/// Sends and saves until the node stops: see [`sender::run`](crate::sender::run) and [`syncer::run`](crate::syncer::run).
pub async fn run<T: Timers>(
    monitor: &Monitor<T>,
    mut storage: impl Storage,
    link: impl Link,
    applier: &Helped,
) {
    let _stop_at_end = monitor.stop_at_end();
    monitor.has_one_task();
    let (mut submitted, mut is_patient) = (Vec::new(), false);
    while !monitor.is_stopped() {
        if is_patient {
            // What others propose meanwhile shares the messages and the save.
            link.pause().await;
        }
        let Some((mut turn, batch)) = monitor.take_turn(&mut submitted) else { return };
        is_patient = turn.leads;
        if let Some(batch) = batch {
            send_all(monitor, &link, turn.ready);
            answer_all(monitor, turn.answers);
            let mut saving = pin!(save(monitor, &mut storage, batch));
            let mut saved = poll_once(saving.as_mut()).await;
            while saved.is_none() {
                // The storage takes its time after all: what may leave does not wait for it.
                while let Some(ready) = monitor.take_ready(&mut submitted) {
                    send_all(monitor, &link, ready);
                    link.pause().await;
                }
                if monitor.is_stopped() {
                    // Whoever waits for a message learns at once that there is none, however long the save takes.
                    drop(link);
                    saving.await;
                    return;
                }
                saved = saved_or_woken(monitor, saving.as_mut()).await;
            }
            let Some(durable) = saved.flatten() else { return };
            let Some(released) = monitor.release(durable) else { return };
            turn = released;
        }
        send_all(monitor, &link, turn.ready);
        answer_all(monitor, turn.answers);
        if turn.applies && !monitor.apply_here(applier) {
            monitor.applier.notify();
        }
        if !turn.is_more_due && monitor.nothing_submitted() {
            monitor.sender.wait().await;
            is_patient &= !monitor.is_helped();
        }
    }
}

/// What a future yields, if it is there already.
async fn poll_once<R>(mut future: Pin<&mut impl Future<Output = R>>) -> Option<R> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits for the end of the save, or until something may leave: then none.
async fn saved_or_woken<T: Timers>(
    monitor: &Monitor<T>,
    mut saving: Pin<&mut impl Future<Output = Option<Durable>>>,
) -> Option<Option<Durable>> {
    let mut woken = pin!(monitor.sender.wait());
    poll_fn(|context| match saving.as_mut().poll(context) {
        Poll::Ready(saved) => Poll::Ready(Some(saved)),
        Poll::Pending => woken.as_mut().poll(context).map(|()| None),
    })
    .await
}
