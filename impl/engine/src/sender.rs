//! The sender: the only task that hands messages to the peers. It never waits for the storage.

use crate::signal::yield_now;
use crate::{Envelope, Monitor, Timers};

/// The way to the peers.
pub trait Link: Send {
    /// Sends a message to its addressee. Must not block.
    fn send(&self, envelope: Envelope);

    /// Lets the other tasks run, before the [writer](crate::writer) of a leader takes in what is proposed: what is proposed
    /// meanwhile shares the messages.
    fn pause(&self) -> impl Future<Output = ()> + Send {
        yield_now()
    }
}

/// Sends what may leave, in the order in which it became free to, until the node stops.
///
/// A leader's AppendEntries and InstallSnapshot may leave as soon as they are made, whatever the storage is doing: they
/// carry no promise of this server (see [`figure2_core::Effects::take_early`]). All else is here only once the
/// [syncer](crate::syncer) has made durable what it says.
pub async fn run<T: Timers>(monitor: &Monitor<T>, link: impl Link) {
    let _stop_at_end = monitor.stop_at_end();
    let mut submitted = Vec::new();
    while !monitor.is_stopped() {
        while let Some(ready) = monitor.take_ready(&mut submitted) {
            send_all(monitor, &link, ready);
            // What others propose meanwhile shares the next messages.
            yield_now().await;
        }
        monitor.sender.wait().await;
    }
}

pub(crate) fn send_all<T: Timers>(monitor: &Monitor<T>, link: &impl Link, envelopes: Vec<Envelope>) {
    for envelope in envelopes {
        if monitor.is_stopped() {
            return;
        }
        monitor.tell_sent(&envelope);
        link.send(envelope);
    }
}
