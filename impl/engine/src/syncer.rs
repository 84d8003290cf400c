//! The syncer: the only task that writes to the storage.

use crate::signal::yield_now;
use crate::state::Installer;
use crate::{Batch, Durable, Failure, Storage};
use crate::{Monitor, Timers};

/// Takes all that waits for a write, makes it durable with one save, tells the server, and only then hands over to the
/// [sender](crate::sender) what may leave, and answers the service that asked for a snapshot; until the node stops.
pub async fn run<T: Timers>(monitor: &Monitor<T>, mut storage: impl Storage) {
    let _stop_at_end = monitor.stop_at_end();
    let mut submitted = Vec::new();
    while !monitor.is_stopped() {
        while let Some(batch) = monitor.take_outbox(&mut submitted) {
            let Some(durable) = save(monitor, &mut storage, batch).await else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
            answer_all(monitor, answers);
            // What others add meanwhile shares the next save.
            yield_now().await;
        }
        monitor.syncer.wait().await;
    }
}

/// Makes a batch durable; none when that failed.
pub(crate) async fn save<T: Timers>(
    monitor: &Monitor<T>,
    storage: &mut impl Storage,
    batch: Batch,
) -> Option<Durable> {
    // The node stops before the batch goes: whoever waits for an answer of it then finds out why.
    let save = async |record| {
        let saved = storage.save(record).await;
        saved.inspect_err(|error| monitor.fail(Failure::Storage(error.clone())))
    };
    batch.persist_by(save).await.ok()
}

/// Answers the service that asked for a snapshot.
pub(crate) fn answer_all<T: Timers>(monitor: &Monitor<T>, answers: Vec<Installer>) {
    for Installer { installed, answer, .. } in answers {
        // Dropped, it says that there is no answer.
        if !monitor.is_stopped() {
            answer.send(installed);
        }
    }
}
