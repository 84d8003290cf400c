//! The connection that carries messages to a peer: made, used, and made again.

use crate::backoff::Backoff;
use crate::connection::{Connection, call};
use crate::framing::{Reader, Writer};
use crate::opening::{Lane, Said};
use crate::queue::Line;
use crate::reason::Reason;
use crate::shared::Shared;
use figure2::codec::Frame;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Keeps a connection to a peer for as long as the transport runs.
pub(crate) async fn keep(shared: Arc<Shared>, peer: u64, line: Arc<Line>) {
    let mut backoff = Backoff::new(&shared.config.limits, shared.random());
    loop {
        let called = tokio::select! {
            biased;
            called = call(&shared, peer, Lane::Messages) => called,
            () = shared.stopped() => return,
        };
        let mut lasted = Duration::ZERO;
        let reason = match called {
            Err(reason) => reason,
            Ok(connection) => {
                let begun = Instant::now();
                let (server, version) = (shared.config.server, connection.version);
                tracing::info!(server, peer, version, "connected");
                line.set_version(connection.version);
                line.queue.set_connected(true);
                shared.note(peer, |status| {
                    status.connected = true;
                    status.connections += 1;
                    status.refused_for_good = false;
                });
                let reason = carry(&shared, &line, connection).await;
                line.queue.set_connected(false);
                lasted = begun.elapsed();
                reason
            }
        };
        tell(&shared, peer, &reason);
        if matches!(reason, Reason::Stopped) && *shared.stop.borrow() {
            return;
        }
        let wait = backoff.after(&reason, lasted);
        tokio::select! {
            biased;
            () = sleep(wait) => {}
            // A peer that was away and has dialled is there; one that refuses this server is no reason to hurry.
            () = line.is_there.notified(), if !reason.for_good() => {}
            () = shared.stopped() => return,
        }
    }
}

/// Logs why a connection ended, or was not made: as an error what only an operator can help with, and quietly what was
/// said the time before.
fn tell(shared: &Shared, peer: u64, reason: &Reason) {
    let again = shared.note(peer, |status| {
        status.connected = false;
        status.refused_for_good = reason.for_good();
        status.last_reason.replace(reason.clone()).as_ref() == Some(reason)
    });
    let server = shared.config.server;
    if reason.for_good() {
        tracing::error!(server, peer, %reason, "refused for good");
    } else if reason.is_usual() {
        tracing::info!(server, peer, %reason, "disconnected");
    } else if again {
        tracing::debug!(server, peer, %reason, "disconnected");
    } else {
        tracing::warn!(server, peer, %reason, "disconnected");
    }
}

/// Sends what waits for the peer, until the connection ends.
async fn carry(shared: &Shared, line: &Line, connection: Connection) -> Reason {
    let Connection { mut reader, mut writer, generation, .. } = connection;
    let keepalive = shared.config.limits.keepalive;
    let reason = tokio::select! {
        biased;
        reason = send(line, &mut writer, keepalive) => reason,
        reason = listen(&mut reader) => reason,
        // What is being written then is given up, and the connection with it.
        reason = shared.end_of(generation) => reason,
    };
    if reason.is_usual() {
        writer.close().await;
    }
    reason
}

async fn send(line: &Line, writer: &mut Writer, keepalive: Duration) -> Reason {
    loop {
        let frames = timeout(keepalive, line.queue.take()).await;
        // Nothing to send: an empty frame says that this side is there.
        let frames = frames.unwrap_or_else(|_| vec![Frame::default()]);
        if let Err(reason) = writer.send(&frames).await {
            return reason;
        }
    }
}

/// The other side says nothing here, but that it is there, or why it goes.
async fn listen(reader: &mut Reader) -> Reason {
    loop {
        match reader.next().await {
            Ok(frame) if frame.is_empty() => {}
            Ok(frame) => {
                return match Said::decode(frame) {
                    Ok(Said::Refused { for_good, text }) => Reason::Refused { for_good, text },
                    Ok(_) => Reason::Garbage("a frame that has no place here".to_owned()),
                    Err(error) => error.into(),
                };
            }
            Err(reason) => return reason,
        }
    }
}
