//! The writer: the only task that writes to the storage and sends to the peers.

use super::signal::yield_now;
use super::{Envelope, Monitor, Tag, Timers};
use crate::{Command, Failure, SnapshotData, Storage};
use figure2_core::Released;

/// The way to the peers.
pub trait Link: Send {
    /// Sends a request to its addressee. Must not block.
    fn send(&self, envelope: Envelope);
}

/// Takes all that waits in the outbox, makes it durable with one save, tells the server, and only then sends and
/// answers; until the node stops.
///
/// A leader's AppendEntries leave before the save that they overlap with: they carry no promise of this server (see
/// [`figure2_core::Effects::take_early`]). Heartbeats wait for the save before them, though: a leader whose disk hangs
/// falls silent, and the others elect one whose disk works.
pub async fn run<T: Timers>(monitor: &Monitor<T>, mut storage: impl Storage, link: impl Link) {
    let _stop_at_end = monitor.stop_at_end();
    while !monitor.is_stopped() {
        while let Some((early, batch)) = monitor.take_outbox() {
            send_all(monitor, &link, early);
            // The node stops before the batch goes: whoever waits for an answer of it then finds out why.
            let save = async |record| {
                let saved = storage.save(record).await;
                saved.inspect_err(|error| monitor.fail(Failure::Storage(error.clone())))
            };
            let Ok(durable) = batch.persist_by(save).await else { return };
            if !monitor.persisted(durable.persisted, &durable.released) {
                return;
            }
            for released in durable.released {
                release(monitor, &link, released);
            }
            // What others add meanwhile shares the next save.
            yield_now().await;
        }
        monitor.writer.wait().await;
    }
}

/// What a step's write held back leaves.
fn release<T: Timers>(
    monitor: &Monitor<T>,
    link: &impl Link,
    released: Released<Command, SnapshotData, Tag>,
) {
    match (released.tag, released.reply) {
        (Tag::Caller(caller), Some(reply)) if !monitor.is_stopped() => {
            tell_sent(monitor, &reply);
            caller.send(reply);
        }
        (Tag::Installer { installed, answer, .. }, _) if !monitor.is_stopped() => answer.send(installed),
        // Dropped, a tag answers that there is no answer: a message was rejected, or the node stopped.
        _ => {}
    }
    send_all(monitor, link, released.messages);
}

fn send_all<T: Timers>(monitor: &Monitor<T>, link: &impl Link, envelopes: Vec<Envelope>) {
    for envelope in envelopes {
        if monitor.is_stopped() {
            return;
        }
        tell_sent(monitor, &envelope);
        link.send(envelope);
    }
}

/// Before it leaves: in a recording, nothing is received that was not sent.
fn tell_sent<T: Timers>(monitor: &Monitor<T>, envelope: &Envelope) {
    if let Some(recorded) = monitor.recorded {
        recorded.sent(envelope);
    }
}
