//! The syncer: the only task that writes to the storage, and that answers those who wait for a write.

use crate::signal::yield_now;
use crate::{Envelope, Monitor, Tag, Timers};
use crate::{Failure, Storage};

/// Takes all that waits for a write, makes it durable with one save, tells the server, and only then answers, and hands
/// over to the [sender](crate::sender) what may leave; until the node stops.
pub async fn run<T: Timers>(monitor: &Monitor<T>, mut storage: impl Storage) {
    let _stop_at_end = monitor.stop_at_end();
    while !monitor.is_stopped() {
        while let Some(batch) = monitor.take_outbox() {
            // The node stops before the batch goes: whoever waits for an answer of it then finds out why.
            let save = async |record| {
                let saved = storage.save(record).await;
                saved.inspect_err(|error| monitor.fail(Failure::Storage(error.clone())))
            };
            let Ok(durable) = batch.persist_by(save).await else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
            for (tag, reply) in answers {
                answer(monitor, tag, reply);
            }
            // What others add meanwhile shares the next save.
            yield_now().await;
        }
        monitor.syncer.wait().await;
    }
}

/// Tells whoever waited for a step's write.
fn answer<T: Timers>(monitor: &Monitor<T>, tag: Tag, reply: Option<Envelope>) {
    match (tag, reply) {
        (Tag::Caller(caller), Some(reply)) if !monitor.is_stopped() => {
            monitor.tell_sent(&reply);
            caller.send(reply);
        }
        (Tag::Installer { installed, answer, .. }, _) if !monitor.is_stopped() => answer.send(installed),
        // Dropped, a tag answers that there is no answer: a message was rejected, or the node stopped.
        _ => {}
    }
}
