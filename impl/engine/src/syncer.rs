//! The syncer: the only task that writes to the storage.

use crate::signal::yield_now;
use crate::state::Installer;
use crate::{Failure, Storage};
use crate::{Monitor, Timers};

/// Takes all that waits for a write, makes it durable with one save, tells the server, and only then hands over to the
/// [sender](crate::sender) what may leave, and answers the service that asked for a snapshot; until the node stops.
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
            for Installer { installed, answer, .. } in answers {
                // Dropped, it says that there is no answer.
                if !monitor.is_stopped() {
                    answer.send(installed);
                }
            }
            // What others add meanwhile shares the next save.
            yield_now().await;
        }
        monitor.syncer.wait().await;
    }
}
